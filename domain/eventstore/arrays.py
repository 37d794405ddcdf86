"""PostgreSQL arrays in the server's binary form, made whole columns at a time.

A commit of hundreds of rows goes in as one array per column, and so does what a read model writes.
Dumping their elements one by one through the driver costs several times as much as joining them
here, and a third of what a commit costs altogether.
"""

from collections.abc import Sequence
from datetime import date
from itertools import repeat
from struct import Struct
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

Kind = Literal["text", "bytes", "bool", "date", "int2", "int4", "int8"]


class _Type(NamedTuple):
    """A type's numbers in PostgreSQL's catalogue, where they are fixed: its own, its array's."""

    element: int
    array: int


_TYPES: dict[Kind, _Type] = {
    "text": _Type(25, 1009),
    "bytes": _Type(17, 1001),
    "bool": _Type(16, 1000),
    "date": _Type(1082, 1182),
    "int2": _Type(21, 1005),
    "int4": _Type(23, 1007),
    "int8": _Type(20, 1016),
}
_dimension = Struct(">iiIii").pack  # how many, has nulls, element type, length, lower bound
_length = Struct(">i").pack
_bigint = Struct(">iq").pack
# A number of each kind: its size in bytes, and what writes that size and then the number.
_NUMBERS: dict[Kind, tuple[int, Any]] = {
    "int2": (2, Struct(">ih").pack),
    "int4": (4, Struct(">ii").pack),
    "int8": (8, _bigint),
    "date": (4, Struct(">ii").pack),
}
_NULL = _length(-1)
_BOOLS = {None: _NULL, True: b"\0\0\0\1\1", False: b"\0\0\0\1\0"}
_EPOCH = date(2000, 1, 1).toordinal()  # Day 0 of PostgreSQL's dates.


class Array:
    """An array as the server reads it. Each kind has a subclass, so that the driver knows it."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


def element_type(kind: Kind) -> int:
    """The number of a kind's type in PostgreSQL's catalogue."""
    return _TYPES[kind].element


# Columns without NULL, for commits.


def bigints(values: Sequence[int]) -> Array:
    """Numbers of 64 bits. Raises struct.error when one does not fit."""
    return _BIGINTS(b"".join((_header("int8", values), *map(_bigint, repeat(8), values))))


def texts(values: Sequence[str]) -> Array:
    """Texts, as UTF-8."""
    return _TEXTS(_joined(_header("text", values), list(map(str.encode, values))))


def byteas(values: Sequence[bytes]) -> Array:
    """Byte strings as they are."""
    return _BYTEAS(_joined(_header("bytes", values), values))


def array(kind: Kind, values: Sequence[Any]) -> Array:
    """Values of any kind, None among them or not.

    Raises struct.error, TypeError or AttributeError when a value is not of its kind.
    """
    if None in values:
        return _CLASSES[kind](_with_nulls(kind, values))
    if kind == "int8":
        return bigints(values)
    if kind == "text":
        return texts(values)
    if kind == "bytes":
        return byteas(values)
    header = _header(kind, values)
    if kind == "bool":
        return _CLASSES[kind](b"".join((header, *map(_BOOLS.__getitem__, values))))
    if kind == "date":
        values = [day.toordinal() - _EPOCH for day in values]
    size, pack = _NUMBERS[kind]
    return _CLASSES[kind](b"".join((header, *map(pack, repeat(size), values))))


def _header(kind: Kind, values: Sequence[Any], has_null: bool = False) -> bytes:
    return _dimension(1, has_null, _TYPES[kind].element, len(values), 1)


def _joined(header: bytes, values: Sequence[bytes]) -> bytes:
    # One join and no other copy: a commit is hundreds of kilobytes.
    parts: list[bytes] = [header] * (2 * len(values) + 1)
    parts[1::2] = map(_length, map(len, values))
    parts[2::2] = values
    return b"".join(parts)


def _with_nulls(kind: Kind, values: Sequence[Any]) -> bytes:
    parts = [_header(kind, values, has_null=True)]
    if kind == "bool":
        parts += map(_BOOLS.__getitem__, values)
    elif kind in ("text", "bytes"):
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                whole = value.encode() if kind == "text" else value
                parts += (_length(len(whole)), whole)
    else:
        size, pack = _NUMBERS[kind]
        if kind == "date":
            values = [None if day is None else day.toordinal() - _EPOCH for day in values]
        parts += [_NULL if value is None else pack(size, value) for value in values]
    return b"".join(parts)


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


_CLASSES: dict[Kind, type[Array]] = {}
for _kind, (_, _oid) in _TYPES.items():
    _CLASSES[_kind] = type(f"_Array_{_kind}", (Array,), {"__slots__": ()})
    # For every connection made from now on; nobody else has values of these classes.
    psycopg.adapters.register_dumper(
        _CLASSES[_kind], type(f"_Ready_{_kind}", (_Ready,), {"oid": _oid})
    )
_BIGINTS, _TEXTS, _BYTEAS = _CLASSES["int8"], _CLASSES["text"], _CLASSES["bytes"]
