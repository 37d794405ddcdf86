"""PostgreSQL arrays in the server's binary form, made whole columns at a time.

A commit of hundreds of rows goes in as one array per column. Dumping their elements one by one
through the driver costs several times as much as joining them here, and a third of what a commit
costs altogether.
"""

from collections.abc import Sequence
from itertools import repeat
from struct import Struct
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BIGINT, _BYTEA, _TEXT = 20, 17, 25  # Types' numbers, fixed in PostgreSQL's catalogue.
_dimension = Struct(">iiIii").pack  # how many, has nulls, element type, length, lower bound
_length = Struct(">i").pack
_bigint = Struct(">iq").pack


class BigintArray(NamedTuple):
    """A bigint[] as the server reads it."""

    data: bytes


class TextArray(NamedTuple):
    """A text[] as the server reads it."""

    data: bytes


class ByteaArray(NamedTuple):
    """A bytea[] as the server reads it."""

    data: bytes


def bigints(values: Sequence[int]) -> BigintArray:
    """Numbers of 64 bits. Raises struct.error when one does not fit."""
    return BigintArray(b"".join((_header(_BIGINT, values), *map(_bigint, repeat(8), values))))


def texts(values: Sequence[str]) -> TextArray:
    """Texts, as UTF-8."""
    return TextArray(_joined(_TEXT, list(map(str.encode, values))))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    """Byte strings as they are."""
    return ByteaArray(_joined(_BYTEA, values))


def _header(element_type: int, values: Sequence[Any]) -> bytes:
    return _dimension(1, 0, element_type, len(values), 1)


def _joined(element_type: int, values: Sequence[bytes]) -> bytes:
    # One join and no other copy: a commit is hundreds of kilobytes.
    parts: list[bytes] = [b""] * (2 * len(values) + 1)
    parts[0] = _header(element_type, values)
    parts[1::2] = map(_length, map(len, values))
    parts[2::2] = values
    return b"".join(parts)


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: BigintArray | TextArray | ByteaArray) -> bytes:
        return obj.data


class _ReadyBigints(_Ready):
    oid = 1016


class _ReadyTexts(_Ready):
    oid = 1009


class _ReadyByteas(_Ready):
    oid = 1001


def register(connection: psycopg.Connection[Any]) -> None:
    """Let this connection take the three arrays as parameters."""
    connection.adapters.register_dumper(BigintArray, _ReadyBigints)
    connection.adapters.register_dumper(TextArray, _ReadyTexts)
    connection.adapters.register_dumper(ByteaArray, _ReadyByteas)
