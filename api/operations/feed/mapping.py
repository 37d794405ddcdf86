"""How another program's files become a feed: data (TOML or JSON), checked before it is used.

One table each for merchants, orders and refunds; all fields are optional. `docs/feed-map.md` has an
example. What a row says is converted to the feed's own spelling, and then checked like any other.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from api.operations.feed import rows
from api.operations.feed.encoding import checked_encoding
from domain.refusals import Code, Refused

SettingsT = TypeVar("SettingsT")
MOST_BYTES = 1 << 20
DELIMITERS = (",", ";", "\t", "|")
TIMES, AMOUNTS = ("placed_at", "requested_at"), ("amount",)
# A good row of each table: what a map puts in for one column is checked among these.
SAMPLES: dict[str, dict[str, str]] = {
    "merchants": dict(zip(rows.MERCHANT_COLUMNS, ("M1", "Shop", "60", "T+1"), strict=True)),
    "orders": dict(
        zip(
            rows.ORDER_COLUMNS,
            ("A1", "2011-01-04T10:00:00+08:00", "B1", "M1", "1", "1", "nuts", "JD_PAY"),
            strict=True,
        )
    ),
    "refunds": dict(
        zip(
            rows.REFUND_COLUMNS,
            ("R1", "2011-01-04T10:00:00+08:00", "A1", "M1", "1"),
            strict=True,
        )
    ),
}
_PARSERS: dict[str, Callable[[list[str]], Any]] = {
    "merchants": rows.parse_merchant,
    "orders": lambda fields: rows.parse_order(0, fields, ""),
    "refunds": lambda fields: rows.parse_refund("", 0, fields, ""),
}

# What a time format is made of. All else stands for itself, but letters other than T are refused:
# they would be slips.
_TOKENS = {
    "YYYY": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d\d)",
    "DD": r"(?P<day>\d\d)",
    "hh": r"(?P<hour>\d\d)",
    "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)",
    "ZZ": r"(?P<zone>Z|[+-]\d\d:\d\d)",
    "M": r"(?P<month>\d\d?)",
    "D": r"(?P<day>\d\d?)",
    "h": r"(?P<hour>\d\d?)",
    "f": r"(?P<fraction>\d{1,6})",
}
_NEEDED = {
    "year": "YYYY",
    "month": "MM or M",
    "day": "DD or D",
    "hour": "hh or h",
    "minute": "mm",
}
_SPLIT = re.compile("(" + "|".join(_TOKENS) + ")")
_OFFSET = re.compile(r"Z|[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)
_YUAN = re.compile(r"(\d{1,17})(?:\.(\d{1,2}))?", re.ASCII)


class TableMap(Struct, frozen=True, forbid_unknown_fields=True):
    """How one table's files are read.

    `columns`: our column -> theirs; `constants`: our column -> its text in every row; `ignored`:
    columns of theirs that are left out; `values`: our column -> their text -> ours. `time_format`
    is made of YYYY MM M DD D hh h mm ss f ZZ, `utc_offset` holds where it has no ZZ.
    """

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    ignored: tuple[str, ...] = ()
    values: dict[str, dict[str, str]] = {}
    delimiter: str = ","
    encoding: str | None = None
    time_format: str | None = None
    utc_offset: str | None = None
    amount_unit: Literal["fen", "yuan"] = "fen"

    @property
    def is_plain(self) -> bool:
        """Whether rows need no conversion."""
        plain = TableMap(delimiter=self.delimiter, encoding=self.encoding)
        return self == plain

    def wrong_columns(self, found: Sequence[str], columns: Sequence[str]) -> str:
        """What is wrong with a header; columns nobody knows too: their data must not be dropped."""
        wanted = [self.columns.get(name, name) for name in columns if name not in self.constants]
        wrong = [f"column {name} is missing" for name in wanted if name not in found]
        known = {*wanted, *self.ignored}
        wrong += [f"column {name[:40]!r} is unknown" for name in found if name not in known]
        twice = dict.fromkeys(name for name in wanted if found.count(name) > 1)
        wrong += [f"column {name} stands twice" for name in twice]
        return "; ".join(wrong[: len(columns)])

    def places(self, found: Sequence[str], columns: Sequence[str]) -> list[int]:
        """Where each of our columns stands in a header; -1 for a constant."""
        return [
            -1 if name in self.constants else found.index(self.columns.get(name, name))
            for name in columns
        ]

    def converted(
        self, columns: Sequence[str], fields: Sequence[str], places: Sequence[int]
    ) -> list[str]:
        """A row's fields in our order and spelling. Raises Refused, naming our column."""
        found = []
        for name, place in zip(columns, places, strict=True):
            if place < 0:
                found.append(self.constants[name])
                continue
            text = fields[place]
            if name in self.values:
                text = self.values[name].get(text, text)
            if self.time_format is not None and name in TIMES:
                text = iso_text(text, self.time_format, self.utc_offset or "", name)
            elif self.amount_unit == "yuan" and name in AMOUNTS:
                text = fen_text(text, name)
            found.append(text)
        return found


class FeedMap(Struct, frozen=True, forbid_unknown_fields=True):
    """The maps of a feed's tables; what none is given for is spelled as the feed is."""

    merchants: TableMap = TableMap()
    orders: TableMap = TableMap()
    refunds: TableMap = TableMap()


PLAIN = FeedMap()


def read_map(path: Path) -> FeedMap:
    """A map from its file, checked. Raises Refused(REQUEST_INVALID) naming the field that is wrong,
    for example `map.orders.columns.amount`."""
    found = read_settings(path, "map", FeedMap)
    return checked_map(found)


def read_settings(path: Path, name: str, kind: type[SettingsT]) -> SettingsT:
    """A small file of settings, in TOML or JSON by its name's ending. What is wrong with it is said
    under `name`. Raises Refused(REQUEST_INVALID)."""
    decode: dict[str, Callable[[bytes], Any]] = {
        ".json": msgspec.json.decode,
        ".toml": lambda raw: tomllib.loads(raw.decode("utf-8-sig")),
    }
    if path.suffix not in decode:
        raise _refused(name, f"{path.name}: a name that ends in .toml or .json is needed")
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise _refused(name, f"{path.name} is larger than {MOST_BYTES} bytes")
        return msgspec.convert(decode[path.suffix](raw), kind)
    except OSError as error:
        raise _refused(name, f"{path.name} cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise _refused(name + where.removesuffix("`"), what) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _refused(name, f"{path.name}: {error}") from None


def checked_map(found: FeedMap) -> FeedMap:
    """The map itself, if it can be used. Raises Refused(REQUEST_INVALID) naming the field."""
    for table, columns in (
        ("merchants", rows.MERCHANT_COLUMNS),
        ("orders", rows.ORDER_COLUMNS),
        ("refunds", rows.REFUND_COLUMNS),
    ):
        _check_table(f"map.{table}", table, columns, getattr(found, table))
    return found


def _check_table(at: str, table: str, columns: tuple[str, ...], mapping: TableMap) -> None:
    for part in ("columns", "constants", "values"):
        for name in getattr(mapping, part):
            if name not in columns:
                raise _refused(f"{at}.{part}.{name[:40]}", f"{table} have no such column")
    for name in mapping.constants:
        if name in mapping.columns or name in mapping.values:
            raise _refused(f"{at}.constants.{name}", "it is read from a column too")
    theirs = [mapping.columns.get(name, name) for name in columns if name not in mapping.constants]
    for name in mapping.ignored:
        if name in theirs:
            raise _refused(f"{at}.ignored", f"column {name[:40]!r} is read")
    if mapping.delimiter not in DELIMITERS:
        raise _refused(f"{at}.delimiter", "one of , ; | or a tab is needed")
    if mapping.amount_unit == "yuan" and not any(name in AMOUNTS for name in columns):
        raise _refused(f"{at}.amount_unit", f"{table} have no amount")
    _check_times(at, table, columns, mapping)
    for name, text in mapping.constants.items():
        _check_text(f"{at}.constants.{name}", table, name, text)
    for name, known in mapping.values.items():
        plain = name not in TIMES and name not in AMOUNTS
        if not plain:
            raise _refused(f"{at}.values.{name}", "times and amounts are converted, not listed")
        for text in known.values():
            _check_text(f"{at}.values.{name}", table, name, text)
    try:
        checked_encoding(mapping.encoding, f"{at}.encoding")
    except Refused as no:
        raise _refused(no.field, no.detail) from None


def _check_times(at: str, table: str, columns: tuple[str, ...], mapping: TableMap) -> None:
    if mapping.time_format is None:
        if mapping.utc_offset is not None:
            raise _refused(f"{at}.utc_offset", "it goes with a time_format")
        return
    field = f"{at}.time_format"
    if not any(name in TIMES for name in columns):
        raise _refused(field, f"{table} have no time")
    zoned = "zone" in _compiled(mapping.time_format, field).groupindex
    offset = mapping.utc_offset
    if zoned and offset is not None:
        raise _refused(f"{at}.utc_offset", "the time_format has a ZZ")
    if not zoned and (offset is None or not _OFFSET.fullmatch(offset)):
        raise _refused(f"{at}.utc_offset", "without ZZ an offset like +08:00 is needed")


def _check_text(at: str, table: str, name: str, text: str) -> None:
    """What the map puts into a column must be good there."""
    sample: Mapping[str, str] = SAMPLES[table] | {name: text}
    try:
        _PARSERS[table](list(sample.values()))
    except Refused as no:
        raise _refused(at, no.detail) from None


@lru_cache(maxsize=64)
def _compiled(time_format: str, field: str) -> "re.Pattern[str]":
    pattern, seen = "", set[str]()
    for piece in _SPLIT.split(time_format):
        token = _TOKENS.get(piece)
        if token is None:
            if any(mark.isascii() and mark.isalnum() and mark != "T" for mark in piece):
                known = " ".join(_TOKENS)
                raise _refused(field, f"{piece[:40]!r} is none of {known}")
            pattern += re.escape(piece)
            continue
        name = token[len("(?P<") : token.index(">")]
        if name in seen:
            raise _refused(field, f"the {name} stands twice")
        seen.add(name)
        pattern += token
    for name, spelled in _NEEDED.items():
        if name not in seen:
            raise _refused(field, f"{spelled} is missing")
    return re.compile(pattern, re.ASCII)


@lru_cache(maxsize=1024)  # Rows of one checkout share their time.
def iso_text(text: str, time_format: str, offset: str, field: str) -> str:
    """A time in the feed's own spelling. Raises Refused(DATE_INVALID)."""
    match = _compiled(time_format, field).fullmatch(text)
    if match is None:
        raise Refused(Code.DATE_INVALID, field, f"{text[:40]!r} is not a time as {time_format}")
    parts: dict[str, str | None] = {"second": None, "fraction": None, "zone": None}
    parts |= match.groupdict()
    date = f"{parts['year']}-{parts['month']:0>2}-{parts['day']:0>2}"
    second = parts["second"] or "00"
    fraction = f".{parts['fraction']}" if parts["fraction"] else ""
    zone = parts["zone"] or offset
    return f"{date}T{parts['hour']:0>2}:{parts['minute']}:{second}{fraction}{zone}"


def fen_text(text: str, field: str) -> str:
    """Yuan with up to two decimals, `15.3`, as fen, `1530`. Raises Refused(AMOUNT_INVALID)."""
    match = _YUAN.fullmatch(text)
    if match is None:
        detail = f"{text[:40]!r} is not an amount of yuan like 15.30"
        raise Refused(Code.AMOUNT_INVALID, field, detail)
    return str(int(match[1]) * 100 + int(f"{match[2] or '0':0<2}"))


def _refused(field: str, detail: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, field, detail)
