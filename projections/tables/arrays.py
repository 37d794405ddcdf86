"""PostgreSQL arrays and their elements in the server's binary form, one column at a time.

Beside the arrays of `domain/eventstore`, these know NULL and the types of read-model columns.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain, repeat
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import types

_HEADER = Struct(">iiIii")  # dimensions, has nulls, element type, length, lower bound
_length = Struct(">i").pack
_SIZED = {2: Struct(">ih").pack, 4: Struct(">ii").pack, 8: Struct(">iq").pack}
_NULL = _length(-1)
_BOOLS = {None: _NULL, True: b"\0\0\0\1\1", False: b"\0\0\0\1\0"}
_EPOCH = date(2000, 1, 1).toordinal()  # Day 0 of PostgreSQL's dates.

# Kind -> element type, array type (both fixed in PostgreSQL's catalogue), bytes of a number.
_TYPES = {
    "text": (25, 1009, 0),
    "bytes": (17, 1001, 0),
    "bool": (16, 1000, 0),
    "date": (1082, 1182, 4),
    "int2": (21, 1005, 2),
    "int4": (23, 1007, 4),
    "int8": (20, 1016, 8),
}


def kind_of(type_: types.TypeEngine[Any]) -> str:
    """What a column holds: text, bytes, bool, date, int2, int4 or int8. Raises TypeError."""
    match type_:
        case types.Enum():
            pass
        case types.String():
            return "text"
        case types.LargeBinary():
            return "bytes"
        case types.Boolean():
            return "bool"
        case types.Date():
            return "date"
        case types.BigInteger():
            return "int8"
        case types.SmallInteger():
            return "int2"
        case types.Integer():
            return "int4"
    raise TypeError(f"{type_!r}: a read model keeps text, bytes, booleans, dates and integers")


def element_type(kind: str) -> int:
    """The number of a kind's type in PostgreSQL's catalogue."""
    return _TYPES[kind][0]


class _Array(bytes):
    """An array as the server reads it; one subclass for each element type."""


def array(kind: str, values: Sequence[Any]) -> bytes:
    """A column's values as one parameter. struct.error, TypeError: a value is not of its kind."""
    has_null = None in values
    element, _, size = _TYPES[kind]
    parts: Iterable[bytes]
    if kind == "text":
        parts = _sized([None if v is None else v.encode() for v in values], has_null)
    elif kind == "bytes":
        parts = _sized(values, has_null)
    elif kind == "bool":
        parts = map(_BOOLS.__getitem__, values)
    else:
        if kind == "date":
            values = [None if v is None else v.toordinal() - _EPOCH for v in values]
        pack = _SIZED[size]
        if has_null:
            parts = (_NULL if v is None else pack(size, v) for v in values)
        else:
            parts = map(pack, repeat(size), values)
    header = _HEADER.pack(1, has_null, element, len(values), 1)
    return _CLASSES[kind](header + b"".join(parts))


def _sized(values: Sequence[Any], has_null: bool) -> Iterable[bytes]:
    if has_null:
        return (_NULL if v is None else _length(len(v)) + v for v in values)
    return chain.from_iterable(zip(map(_length, map(len, values)), values, strict=True))


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return obj


_CLASSES: dict[str, type[_Array]] = {}
for _kind, (_, _oid, _) in _TYPES.items():
    _CLASSES[_kind] = type(f"_Array_{_kind}", (_Array,), {})
    # Registered for every connection made from now on; no one else has values of this class.
    psycopg.adapters.register_dumper(
        _CLASSES[_kind], type(f"_Ready_{_kind}", (_Ready,), {"oid": _oid})
    )
