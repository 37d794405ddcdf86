"""What a feed had that was refused, and the file that says so."""

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from domain.refusals import Code

HEADER = ("file", "line", "code", "field", "detail", "row")


class Reject(Struct, frozen=True, gc=False):
    """A refused row: its file's name, the line it begins on (the header is 1), reason, exact text.

    `field` is a column of the feed, empty when the row as a whole is wrong.
    """

    file: str
    line: int
    code: Code
    field: str
    detail: str
    row_text: str


def write_rejected(path: Path, rejects: Iterable[Reject]) -> None:
    """Write the refused rows as CSV, by file and line, replacing the old file in one step.

    Columns: file, line, code, field, detail, row. Without rejects there is only the header, so that
    no reason of an earlier import stays behind. Bytes that were no UTF-8 show as `\\udcXX`.
    Raises OSError.
    """
    ordered = sorted(rejects, key=lambda reject: (reject.file, reject.line))
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            out.write(csv_row(HEADER))
            for one in ordered:
                cells = (one.file, str(one.line), one.code, one.field, one.detail, one.row_text)
                out.write(csv_row(cells))
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def csv_row(cells: Iterable[str]) -> str:
    """One line of CSV. Ours, because the library's quotes a lone CR in some versions only."""
    return ",".join(map(_cell, cells)) + "\n"


def _cell(text: str) -> str:
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
