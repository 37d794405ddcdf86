"""Rows go in and come back the same on both databases, in small batches and in large ones."""

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.exc import IntegrityError

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from projections.tables.bulk import (
    COPY_FROM,
    Row,
    Since,
    add_rows,
    delete_rows,
    fetch_rows,
    insert_rows,
    look_up,
    merge_rows,
    quoted,
    update_rows,
    upsert_rows,
)
from projections.tables.kinds import kind_of

TABLE = Table(
    "things",
    MetaData(),
    Column("day", Date, primary_key=True),
    Column("name", Text(), primary_key=True),
    Column("amount_fen", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("rank", SmallInteger),
    Column("open", Boolean),
    Column("until", Date),
    Column("note", Text),
    Column("hash", LargeBinary),
)
KEY = ("day", "name")
DAY = date(2010, 12, 1)
FULL = (
    DAY,
    '三只松鼠 "q" \\ {,}\n\t\'',
    -(2**62),
    2**31 - 1,
    -3,
    True,
    date(1999, 2, 28),
    "",
    b"\0",
)
EMPTY = (DAY, "b", 0, 0, None, None, None, None, None)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = sqlalchemy_engine(parse_database_url(database_url))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            schema = parse_database_url(database_url).schema
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
        TABLE.metadata.create_all(connection)
        yield connection
    engine.dispose()


def stored(connection: Connection) -> list[Row]:
    return [tuple(row) for row in connection.execute(TABLE.select().order_by(*KEY))]


def many(count: int) -> list[Row]:
    return [(DAY, f"n{i:06d}", i, -i, i % 9, i % 2 == 0, DAY, None, None) for i in range(count)]


@pytest.mark.parametrize("count", [1, COPY_FROM - 3, COPY_FROM + 3])
def test_rows_come_back_as_they_went_in(connection: Connection, count: int) -> None:
    rows = sorted([FULL, EMPTY, *many(count)], key=lambda row: (row[0], row[1]))
    insert_rows(connection, TABLE, rows)
    assert sorted(stored(connection), key=lambda row: (row[0], row[1])) == rows
    assert sorted(fetch_rows(connection, TABLE, KEY, [row[:2] for row in rows])) == sorted(rows)
    assert fetch_rows(connection, TABLE, KEY, [(DAY, "missing"), FULL[:2]]) == [FULL]


def test_rows_since_a_date_begin_with_the_last_one_before_it(connection: Connection) -> None:
    days = [date(2026, 1, n) for n in (1, 3, 3, 5)]
    rows = [(day, f"n{n}", *EMPTY[2:]) for n, day in enumerate(days)]
    insert_rows(connection, TABLE, rows)
    first = date(2026, 1, 1)
    for days_on, found in ((-9, rows), (1, rows), (2, rows[1:]), (3, rows[1:]), (9, rows[3:])):
        since = Since(TABLE, "day", first + timedelta(days=days_on))
        assert sorted(look_up(connection, since)()) == found


def test_rows_go_by_their_keys(connection: Connection) -> None:
    insert_rows(connection, TABLE, [FULL, *many(3)])
    delete_rows(connection, TABLE, KEY, [(DAY, "n000001"), FULL[:2], (DAY, "missing")])
    assert stored(connection) == [many(3)[0], many(3)[2]]


def test_nothing_to_do_is_nothing(connection: Connection) -> None:
    delete_rows(connection, TABLE, KEY, [])
    insert_rows(connection, TABLE, [])
    merge_rows(connection, TABLE, [], KEY)
    update_rows(connection, TABLE, [], KEY, ("note",))
    assert fetch_rows(connection, TABLE, KEY, []) == stored(connection) == []


def test_an_upsert_sets_only_what_it_names(connection: Connection) -> None:
    insert_rows(connection, TABLE, [FULL])
    other = (*FULL[:2], 5, 6, None, False, None, "new", b"\1")
    upsert_rows(connection, TABLE, [other, EMPTY], KEY, ("amount_fen", "note", "rank"))
    changed = (*FULL[:2], 5, FULL[3], None, *FULL[5:7], "new", FULL[8])
    assert sorted(stored(connection)) == sorted([changed, EMPTY])


def test_an_upsert_of_no_column_keeps_the_row(connection: Connection) -> None:
    insert_rows(connection, TABLE, [EMPTY])
    upsert_rows(connection, TABLE, [(*EMPTY[:2], 5, 6, None, None, None, None, None)], KEY, ())
    assert stored(connection) == [EMPTY]


def test_numbers_are_added(connection: Connection) -> None:
    rows = many(COPY_FROM * 2)
    add_rows(connection, TABLE, rows, KEY, ("amount_fen", "count"))
    add_rows(connection, TABLE, rows, KEY, ("amount_fen", "count"))
    assert stored(connection) == [(*r[:2], r[2] * 2, r[3] * 2, *r[4:]) for r in rows]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_beyond_64_bits_is_refused_and_never_becomes_another_number(
    connection: Connection, sign: int
) -> None:
    most = 2**63 - 1 if sign > 0 else -(2**63)
    row = (*EMPTY[:2], most - sign, *EMPTY[3:])
    one = (*EMPTY[:2], sign, *EMPTY[3:])
    add_rows(connection, TABLE, [row], KEY, ("amount_fen",))
    add_rows(connection, TABLE, [one], KEY, ("amount_fen",))
    assert stored(connection) == [(*EMPTY[:2], most, *EMPTY[3:])]
    with pytest.raises((IntegrityError, psycopg.DataError)), connection.begin_nested():
        add_rows(connection, TABLE, [one], KEY, ("amount_fen",))


def test_only_a_column_that_is_never_null_is_added_to(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        with pytest.raises(TypeError, match="NOT NULL"):
            add_rows(connection, TABLE, [FULL], KEY, ("rank",))


def test_one_batch_adds_to_some_columns_and_sets_others(connection: Connection) -> None:
    insert_rows(connection, TABLE, [EMPTY])
    again = (*EMPTY[:2], 7, 1, 2, True, DAY, "x", None)
    merge_rows(connection, TABLE, [again], KEY, replace=("until", "open"), add=("amount_fen",))
    assert stored(connection) == [(*EMPTY[:2], 7, 0, None, True, DAY, None, None)]


def test_an_update_leaves_out_what_is_not_there(connection: Connection) -> None:
    insert_rows(connection, TABLE, [EMPTY, FULL])
    new = [(DAY, "b", DAY, "said", True), (DAY, "missing", None, "no", None)]
    update_rows(connection, TABLE, new, KEY, ("until", "note", "open"))
    assert sorted(stored(connection)) == sorted(
        [FULL, (*EMPTY[:2], 0, 0, None, True, DAY, "said", None)]
    )


@pytest.mark.parametrize("count", [2, COPY_FROM + 1])
def test_a_row_that_is_there_already_is_an_error(connection: Connection, count: int) -> None:
    insert_rows(connection, TABLE, many(1))
    with pytest.raises((IntegrityError, psycopg.IntegrityError)), connection.begin_nested():
        insert_rows(connection, TABLE, many(count))


def test_only_plain_names_and_types_are_taken() -> None:
    with pytest.raises(ValueError, match="no name"):
        quoted('a"; DROP TABLE events')
    with pytest.raises(TypeError, match="read model keeps"):
        kind_of(Float())
