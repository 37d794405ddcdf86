"""What can be wrong with a bill's file: one closed enum, and where it was seen first."""

from enum import StrEnum


class FaultCode(StrEnum):
    """Why a bill is refused whole. These names are part of what `bill import` answers."""

    TOO_LARGE = "too_large"
    ARCHIVE_INVALID = "archive_invalid"
    ENCODING_INVALID = "encoding_invalid"
    LINE_TOO_LONG = "line_too_long"
    XML_INVALID = "xml_invalid"
    HEADER_MISSING = "header_missing"
    COLUMN_MISSING = "column_missing"
    COLUMN_DOUBLED = "column_doubled"
    CELLS_WRONG = "cells_wrong"
    LENGTH_WRONG = "length_wrong"
    KIND_UNKNOWN = "kind_unknown"
    STATE_UNKNOWN = "state_unknown"
    CURRENCY_UNKNOWN = "currency_unknown"
    NUMBER_INVALID = "number_invalid"
    AMOUNT_INVALID = "amount_invalid"
    AMOUNT_TOO_LARGE = "amount_too_large"
    TIME_INVALID = "time_invalid"
    TOTAL_MISSING = "total_missing"
    TOTAL_WRONG = "total_wrong"
    BALANCE_BROKEN = "balance_broken"
    UNEXPECTED_LINE = "unexpected_line"
    DATE_DIFFERS = "date_differs"


class Fault(Exception):
    """The first thing that is wrong. `line` counts the file's lines from 1; 0: the file itself."""

    def __init__(self, line: int, code: FaultCode, detail: str) -> None:
        super().__init__(f"line {line}: {code.value}: {detail}")
        self.line = line
        self.code = code
        self.detail = detail
