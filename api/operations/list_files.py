"""The file of a list, as its publisher or an operator writes it: CSV, or JSON.

    entry_no,kind,name,identity,action        kind person or enterprise; identity may be empty;
    QDi-001,person,张三,,stop                 action stop or review

    {"list_name": "UNSC", "version": 3, "entries": [{"entry_no": …, "kind": …, …}]}

What is wrong is said by line, never by what stood there: names and numbers stay out of messages.
"""

import csv
import io
from typing import NamedTuple

import msgspec
from msgspec import Struct

from domain.fields import checked_text
from domain.member.particulars import checked_document
from domain.refusals import Code, Refused
from domain.screening.entries import MOST_ENTRIES, Action, Kind
from domain.screening.names import normalised

COLUMNS = ("entry_no", "kind", "name", "identity", "action")
MOST_BYTES = 256 << 20


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry in clear. Printed, it shows its number alone."""

    entry_no: str
    kind: Kind
    name: str = ""
    identity: str = ""
    action: Action = "stop"

    def __repr__(self) -> str:
        return f"Line({self.entry_no}, …)"


class ListFile(Struct, frozen=True, forbid_unknown_fields=True):
    list_name: str
    version: int
    entries: tuple[Line, ...]


class Read(NamedTuple):
    """`list_name` "" and `version` 0 where the file does not say them."""

    list_name: str
    version: int
    lines: tuple[Line, ...]


def read_list(raw: bytes) -> Read:
    """A list from its file. Raises Refused(LIST_INVALID)."""
    if len(raw) > MOST_BYTES:
        raise _wrong(f"it is larger than {MOST_BYTES} bytes")
    try:
        whole = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(f"byte {error.start} is not UTF-8") from None
    if whole.lstrip().startswith("{"):
        found = _json(whole)
        return Read(found.list_name, found.version, _checked(found.entries))
    return Read("", 0, _checked(_csv(whole)))


def _json(text: str) -> ListFile:
    try:
        return msgspec.json.decode(text, type=ListFile)
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at `$")[2].removesuffix("`")
        raise _wrong(f"{where or 'the file'} is not as it should be") from None
    except (msgspec.DecodeError, RecursionError):
        raise _wrong("no JSON") from None


def _csv(text: str) -> tuple[Line, ...]:
    rows = csv.reader(io.StringIO(text, newline=""))
    lines = []
    try:
        header = tuple(next(rows, []))
        if header != COLUMNS:
            raise _wrong(f"line 1: the columns {','.join(COLUMNS)} are needed")
        for row in rows:
            if len(row) != len(COLUMNS):
                raise _wrong(f"line {rows.line_num}: {len(row)} columns")
            given = dict(zip(COLUMNS, row, strict=True))
            given["action"] = given["action"] or "stop"
            try:
                lines.append(msgspec.convert(given, Line))
            except msgspec.ValidationError:
                raise _wrong(f"line {rows.line_num}: kind or action is none there is") from None
    except csv.Error:
        raise _wrong(f"line {rows.line_num}: no CSV") from None
    return tuple(lines)


def _checked(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    if not 1 <= len(lines) <= MOST_ENTRIES:
        raise _wrong(f"1 to {MOST_ENTRIES} entries are needed, {len(lines)} were given")
    seen: set[str] = set()
    for place, one in enumerate(lines, 1):
        try:
            checked_document(one.entry_no, "entry_no")
            for told in (one.name, one.identity):
                if told:
                    checked_text(told, "name")
        except Refused:
            raise _wrong(f"entry {place}: its number, name or identity cannot be taken") from None
        if not one.entry_no or one.entry_no in seen:
            raise _wrong(f"entry {place}: it has no number of its own")
        if not (normalised(one.name) or normalised(one.identity)):
            raise _wrong(f"entry {place}: neither a name nor an identity")
        seen.add(one.entry_no)
    return lines


def _wrong(detail: str) -> Refused:
    return Refused(Code.LIST_INVALID, "list", detail)
