"""A mapping (账单映射): how a channel's own CSV or fixed-width file is read. Data, not code.

It is a TOML or JSON file, described with every word in docs/reconciliation.md, and checked whole
before a bill is read by it. Those that ship are in `maps/`.
"""

import codecs
import re
import tomllib
from functools import cached_property
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from domain.reconciliation.bills.line import BillKind, Kind, State
from domain.refusals import Code, Refused

MOST_BYTES = 64 << 10
MOST_FIXED = 32 << 10  # Bytes of a fixed-width line.

Short = Annotated[str, Meta(min_length=1, max_length=100)]
Encoding = Literal["utf-8", "gbk", "gb18030", "big5", "ascii"]


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a field stands in a fixed-width line: `width` bytes from byte `at`, the first is 1."""

    at: Annotated[int, Meta(ge=1, le=MOST_FIXED)]
    width: Annotated[int, Meta(ge=1, le=1_000)]


Column = Short | Place


class Columns(Struct, frozen=True, forbid_unknown_fields=True):
    """Which column holds what: its title in a CSV file, its place in a fixed-width one.

    `number` is ours of a payment; a refund's is `refund_number`, or `number` where there is no such
    column. `money_in` and `money_out` are two columns for one amount, where a file has them.
    """

    number: Column
    amount: Column | None = None
    money_in: Column | None = None
    money_out: Column | None = None
    kind: Column | None = None
    refund_number: Column | None = None
    serial: Column | None = None
    state: Column | None = None
    fee: Column | None = None
    currency: Column | None = None
    time: Column | None = None
    balance: Column | None = None


class Figure(Struct, frozen=True, forbid_unknown_fields=True):
    """What a figure of a total is: how many lines, or the sum of a column; of all or of one kind.
    Signs of the column are left out."""

    of: Literal["lines", "payment", "refund", "in", "out", "fee"] = "lines"
    column: Short | None = None


class Total(Struct, frozen=True, forbid_unknown_fields=True):
    """A line that says what the others add up to; it begins with `starting`.

    With `text` it reads as that does, each `{name}` being the figure of that name. Without, every
    figure in it must be one that the lines give: their number, or the sum of amounts or fees, of
    payments, refunds, both, or the difference.
    """

    starting: Short
    text: Annotated[str, Meta(max_length=400)] = ""
    figures: dict[str, Figure] = {}


class Mapping(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """`header_within`: the header of a CSV file is the first of so many lines that has every column
    named here. `skip`: lines that begin so are no rows. `end`: a line that contains this must come
    after the rows. `kinds` and `states`: what the file's words mean. `archive_members`: one of
    them stands in the name of the file that is wanted out of an archive."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    kind: BillKind
    layout: Literal["csv", "fixed"]
    encoding: Encoding
    columns: Columns
    kinds: dict[str, Kind] = {}
    states: dict[str, State] = {}
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Meta(max_length=1)] = '"'
    header_within: Annotated[int, Meta(ge=1, le=100)] = 1
    width: Annotated[int, Meta(ge=1, le=MOST_FIXED)] | None = None
    preamble: Annotated[int, Meta(ge=0, le=100)] = 0
    skip: tuple[Short, ...] = ()
    end: str = ""
    totals: tuple[Total, ...] = ()
    amounts: Literal["yuan", "fen"] = "yuan"
    grouping: Annotated[str, Meta(max_length=1)] = ""
    amount_sign: Literal["positive", "absolute", "by_kind", "direction"] = "positive"
    fee_sign: Literal["charged_positive", "charged_negative", "by_kind"] = "charged_positive"
    time_format: Annotated[str, Meta(max_length=40)] = "YYYY-MM-DD hh:mm:ss"
    currency: Literal["CNY"] = "CNY"
    archive_members: tuple[Short, ...] = ()

    @cached_property
    def time_pattern(self) -> "re.Pattern[str]":
        return _time_pattern(self.time_format)


GROUPING = (",", "'", "’", " ", "_")  # What stands between thousands somewhere.
IN_AMOUNTS = "+-.\r\n\0"
FIGURE = r"\{([^{}]*)\}"  # In the text of a total.
_touching = re.compile(r"\}[0-9+,.-]*\{", re.ASCII).search
TOKENS = {"YYYY": "20[0-9]{2}", "MM": "[0-9]{2}", "DD": "[0-9]{2}", "hh": "[0-9]{2}",
          "mm": "[0-9]{2}", "ss": "[0-9]{2}"}  # fmt: skip
FIELDS = ("YYYY", "MM", "DD", "hh", "mm", "ss")
_token = re.compile("YYYY|MM|DD|hh|mm|ss")


def _time_pattern(format_: str) -> "re.Pattern[str]":
    pattern, at = "", 0
    for found in _token.finditer(format_):
        pattern += re.escape(format_[at : found.start()])
        pattern += f"(?P<{found[0]}>{TOKENS[found[0]]})"
        at = found.end()
    return re.compile(pattern + re.escape(format_[at:]), re.ASCII)


def read_mapping(raw: bytes) -> Mapping:
    """A mapping from its file, TOML or JSON, checked. Raises Refused(BILL_MAP_INVALID)."""
    if len(raw) > MOST_BYTES:
        raise _wrong(f"it is larger than {MOST_BYTES} bytes")
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        if text.lstrip().startswith("{"):
            found = msgspec.json.decode(text, type=Mapping)
        else:
            found = msgspec.convert(tomllib.loads(text), Mapping)
    except UnicodeDecodeError as error:
        raise _wrong(f"byte {error.start + 1} is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # Also a number too long.
        raise _wrong(f"neither TOML nor JSON: {error}") from None
    _check(found)
    return found


def _check(found: Mapping) -> None:
    _check_places(found)
    _check_amounts(found)
    columns = found.columns
    if columns.balance is not None and found.kind == "trade":
        raise _wrong("columns.balance: of a fund bill or a statement only")
    if columns.state is not None and not found.states:
        raise _wrong("states: the words of the column state are needed")
    tokens = _token.findall(found.time_format)
    if columns.time is not None and not {"YYYY", "MM", "DD"} <= set(tokens):
        raise _wrong("time_format: YYYY, MM and DD are needed")
    if len(tokens) != len(set(tokens)):
        raise _wrong("time_format: each part once")
    if found.layout == "csv" and found.separator in ('"', "\n", "\r", found.quote):
        raise _wrong("separator: another character is needed")
    _check_marks(found)
    for total in found.totals:
        _check_total(found, total)


def _check_marks(found: Mapping) -> None:
    """A mark that may stand in an amount would make another amount of it."""
    if found.grouping and found.grouping not in GROUPING:
        raise _wrong(f"grouping: one of {' '.join(map(repr, GROUPING))} is needed")
    for name in ("separator", "quote"):
        mark = getattr(found, name)
        if found.layout == "csv" and mark and (mark.isalnum() or mark in IN_AMOUNTS):
            raise _wrong(f"{name}: no letter, no digit, and none of + - . nor a line's end")


def _check_places(found: Mapping) -> None:
    wanted = Place if found.layout == "fixed" else str
    if wanted is Place and found.width is None:
        raise _wrong("width: how many bytes a line has is needed in a fixed file")
    for name in found.columns.__struct_fields__:
        column = getattr(found.columns, name)
        if column is not None and not isinstance(column, wanted):
            how = "a place {at, width}" if wanted is Place else "a title"
            raise _wrong(f"columns.{name}: {how} is needed in a {found.layout} file")
        ends = column.at + column.width - 1 if isinstance(column, Place) else 0
        if found.width is not None and ends > found.width:
            raise _wrong(f"columns.{name}: it ends after byte {found.width}")


def _check_amounts(found: Mapping) -> None:
    columns = found.columns
    pair = (columns.money_in, columns.money_out)
    both = None not in pair
    if both == (columns.amount is not None) or (not both and any(pair)):
        raise _wrong("columns: either amount, or money_in and money_out together")
    if (columns.kind is None) == bool(found.kinds):
        raise _wrong("columns.kind and kinds: the one needs the other")
    if columns.kind is None and not both and found.amount_sign != "direction":
        raise _wrong("without a column kind, amount_sign must be direction, or money_in be there")
    allowed = ("payment", "refund") if found.kind == "trade" else ("in", "out", "fee")
    for word, kind in found.kinds.items():
        if kind not in allowed:
            raise _wrong(f"kinds: {word!r}: a {found.kind} bill has no {kind}")


def _check_total(found: Mapping, total: Total) -> None:
    named = re.findall(FIGURE, total.text)
    if not all(map(str.isidentifier, named)):
        raise _wrong(f"totals: {total.starting!r}: a figure's name is letters, digits and _")
    if _touching(total.text):
        raise _wrong(f"totals: {total.starting!r}: a word is needed between two figures")
    if set(named) != set(total.figures) or len(named) != len(set(named)):
        raise _wrong(f"totals: {total.starting!r}: text and figures must name the same, each once")
    for one in total.figures.values():
        if one.column is not None and found.layout != "csv":
            raise _wrong("totals: figures of columns are for csv; of a fixed file name none")


def _wrong(detail: str) -> Refused:
    return Refused(Code.BILL_MAP_INVALID, "map", " ".join(detail.split())[:300])
