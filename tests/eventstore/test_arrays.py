"""The one encoder of arrays: PostgreSQL reads back what was given, NULL and nothing included."""

import struct
from datetime import date
from typing import Any

import psycopg
import pytest

from domain.eventstore import arrays
from domain.eventstore.arrays import Kind

VALUES: dict[Kind, tuple[str, list[Any]]] = {
    "text": ("text", ["", "三只松鼠", '"{},\\\n', "x" * 70_000]),
    "bytes": ("bytea", [b"", b"\0\xff", b"x" * 70_000]),
    "bool": ("bool", [True, False]),
    "date": ("date", [date(1, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31)]),
    "int2": ("smallint", [0, -(2**15), 2**15 - 1]),
    "int4": ("integer", [0, -(2**31), 2**31 - 1]),
    "int8": ("bigint", [0, -(2**63), 2**63 - 1]),
}
WRONG: list[tuple[Kind, Any]] = [
    ("text", b"x"),
    ("text", 1),
    ("bytes", 1),
    ("bool", 7),
    ("date", "2010-12-01"),
    ("int2", 2**15),
    ("int4", 2**31),
    ("int8", 2**63),
    ("int8", "1"),
    ("int8", 1.0),
]


@pytest.mark.postgresql
@pytest.mark.parametrize("kind", VALUES)
def test_the_server_reads_back_what_was_given(postgres_url: str, kind: Kind) -> None:
    name, values = VALUES[kind]
    lists = [[], values, [None], [None, *values], [*values, None], [None, None]]
    with psycopg.connect(postgres_url) as connection:
        for given in lists:
            query = f"SELECT ARRAY(SELECT unnest(%s)), pg_typeof(%s)::text, %s::{name}[] IS NULL"
            row = connection.execute(query, (arrays.array(kind, given),) * 3).fetchone()
            assert row == (given, f"{name if name != 'bool' else 'boolean'}[]", False)


def test_columns_without_null_are_the_same_arrays() -> None:
    for kind, special in (
        ("text", arrays.texts),
        ("bytes", arrays.byteas),
        ("int8", arrays.bigints),
    ):
        values = VALUES[kind][1]
        one, other = special(values), arrays.array(kind, values)  # type: ignore[operator]
        assert (type(one), one.data) == (type(other), other.data)


@pytest.mark.parametrize(("kind", "value"), WRONG)
@pytest.mark.parametrize("beside", [[], [None]])
def test_a_value_of_another_kind_is_no_array(kind: Kind, value: Any, beside: list[None]) -> None:
    with pytest.raises((struct.error, TypeError, AttributeError, KeyError)):
        arrays.array(kind, [value, *beside])
