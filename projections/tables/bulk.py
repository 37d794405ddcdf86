"""Whole batches of rows into, and out of, a read model's tables, on either database.

Rows are plain tuples; their values are str, int, bool, date, bytes or None, as the column's type
says. A key may stand in a batch once only: deltas are dicts by key. PostgreSQL takes a batch as one
array per column (or through COPY), SQLite as one prepared statement run for each row.

PostgreSQL's statements go to the driver itself, which may be in a pipeline: then they are on their
way when a function returns, and what is wrong with one is raised by whatever waits next.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.pq import PipelineStatus
from psycopg.rows import tuple_row
from sqlalchemy import Column, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql

from domain.eventstore import arrays
from domain.eventstore.arrays import Kind
from projections.tables.kinds import kind_of

Row = tuple[Any, ...]
_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
COPY_FROM = 200  # Rows from which COPY is cheaper than arrays. A pipeline has no COPY.


class Lookup(NamedTuple):
    """The full rows of those keys that are there: tuples of the `key` columns' values, none
    twice."""

    table: Table
    key: tuple[str, ...]
    keys: Sequence[Row]


class Since(NamedTuple):
    """The full rows of the last date up to `first`, and of all dates after it, by a date column."""

    table: Table
    column: str
    first: date


Wanted = Lookup | Since


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add rows that are not there yet, each with every column of the table, in its order.

    Raises IntegrityError, SQLAlchemy's or (from COPY) the driver's, when a key is there already.
    """
    if not rows:
        return
    columns = tuple(column.name for column in table.columns)
    if connection.dialect.name == "sqlite":
        _sqlite_many(connection, _insert_sqlite(table), _kinds(table, columns), rows)
    elif len(rows) < COPY_FROM or pipelined(connection):
        _postgres_arrays(connection, _insert_postgres(table), _kinds(table, columns), rows)
    else:
        _copy(connection, table, rows)


def upsert_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Add full rows; where the key is there, set the `update` columns (none: leave it as it is)."""
    merge_rows(connection, table, rows, key, replace=update)


def add_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    add: Sequence[str],
) -> None:
    """Add full rows; where the key is there, add to the numbers in the `add` columns.

    Raises IntegrityError, or the DataError of PostgreSQL's driver, when a sum is no 64-bit number
    any more.
    """
    merge_rows(connection, table, rows, key, add=add)


def merge_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    *,
    replace: Sequence[str] = (),
    add: Sequence[str] = (),
) -> None:
    """Add full rows; where the key is there, set the `replace` and add to the `add` columns."""
    if not rows:
        return
    kinds = _kinds(table, tuple(column.name for column in table.columns))
    server = connection.dialect.name == "postgresql"
    conflict = _on_conflict(table, tuple(key), tuple(replace), tuple(add), server)
    if not server:
        _sqlite_many(connection, _insert_sqlite(table) + conflict, kinds, rows)
    else:
        _postgres_arrays(connection, _insert_postgres(table) + conflict, kinds, rows)


def update_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Set the `update` columns of rows that are there; each row: key values, then new values."""
    if not rows:
        return
    kinds = _kinds(table, (*key, *update))
    if connection.dialect.name == "sqlite":
        turned = [(*row[len(key) :], *row[: len(key)]) for row in rows]
        turned_kinds = (*kinds[len(key) :], *kinds[: len(key)])
        sql = _update_sqlite(table, tuple(key), tuple(update))
        _sqlite_many(connection, sql, turned_kinds, turned)
    else:
        sql = _update_postgres(table, tuple(key), tuple(update))
        _postgres_arrays(connection, sql, kinds, rows)


def fetch_rows(
    connection: Connection, table: Table, key: Sequence[str], keys: Iterable[Row]
) -> list[Row]:
    """The full rows of those keys that are there, in no particular order.

    `keys` are tuples of the `key` columns' values, none twice; values come back as the types say.
    """
    return look_up(connection, Lookup(table, tuple(key), list(keys)))()


def delete_rows(
    connection: Connection, table: Table, key: Sequence[str], keys: Sequence[Row]
) -> None:
    """Remove the rows of those keys, which are unique as `fetch_rows` has them."""
    if not keys:
        return
    kinds = _kinds(table, tuple(key))
    if connection.dialect.name == "sqlite":
        where = " AND ".join(f"{quoted(name)} = ?" for name in key)
        sql = f"DELETE FROM {quoted(table.name)} WHERE {where}"  # noqa: S608
        _sqlite_many(connection, sql, kinds, keys)
        return
    where = " AND ".join(f"t.{quoted(name)} = w.{quoted(name)}" for name in key)
    sql = (
        f"DELETE FROM {quoted(table.name)} AS t USING "  # noqa: S608
        f"unnest({_array_marks(table, tuple(key))}) AS w ({_listed(key)}) WHERE {where}"
    )
    _postgres_arrays(connection, sql, kinds, keys)


def look_up(connection: Connection, wanted: Wanted) -> Callable[[], list[Row]]:
    """Ask for rows. What is returned waits for them and gives them, in no particular order: several
    can be asked for before the first is waited for."""
    if isinstance(wanted, Since):
        return _look_since(connection, wanted)
    table, key, keys = wanted
    if not keys:
        return list
    if connection.dialect.name == "sqlite":
        parameter = msgspec.json.encode(keys).decode()  # Dates become ISO text, as stored.
        return _sqlite_rows(connection, table, _fetch_sqlite(table, key), parameter)
    return _postgres_arrays(connection, _fetch_postgres(table, key), _kinds(table, key), keys)


def _look_since(connection: Connection, wanted: Since) -> Callable[[], list[Row]]:
    table, first = wanted.table, wanted.first
    if connection.dialect.name == "sqlite":
        sql = _since_sql(table, wanted.column, "?")
        return _sqlite_rows(connection, table, sql, first.isoformat(), first.isoformat())
    return _postgres(connection, _since_sql(table, wanted.column, "%s::DATE"), (first, first))


def driver_of(connection: Connection) -> "psycopg.Connection[Any]":
    """PostgreSQL's driver under a connection."""
    driver: Any = connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]


def pipelined(connection: Connection) -> bool:
    """Whether the driver is in a pipeline, where SQLAlchemy's own statements do not work."""
    if connection.dialect.name != "postgresql":
        return False
    return driver_of(connection).pgconn.pipeline_status != PipelineStatus.OFF


def read_back(table: Table, rows: list[Row]) -> list[Row]:
    """Rows as SQLite's driver gives them, with dates and booleans as such again."""
    kinds = _kinds(table, tuple(column.name for column in table.columns))
    special = [(i, kind) for i, kind in enumerate(kinds) if kind in ("date", "bool")]
    if not special:
        return rows
    turned = []
    for row in rows:
        values = list(row)
        for i, kind in special:
            if values[i] is not None:
                values[i] = date.fromisoformat(values[i]) if kind == "date" else bool(values[i])
        turned.append(tuple(values))
    return turned


def quoted(name: str) -> str:
    """An identifier in double quotes. Ours are plain words; anything else is a mistake."""
    if not name.replace("_", "a").isalnum() or not name.isascii():
        raise ValueError(f"{name!r} is no name of a table or column")
    return f'"{name}"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


@lru_cache(maxsize=1000)
def _kinds(table: Table, columns: tuple[str, ...]) -> tuple[Kind, ...]:
    return tuple(kind_of(table.columns[name].type) for name in columns)


@lru_cache(maxsize=1000)
def _insert_sqlite(table: Table) -> str:
    names = [column.name for column in table.columns]
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {quoted(table.name)} ({_listed(names)}) VALUES ({marks})"  # noqa: S608


@lru_cache(maxsize=1000)
def _insert_postgres(table: Table) -> str:
    names = [column.name for column in table.columns]
    return (
        f"INSERT INTO {quoted(table.name)} ({_listed(names)}) "  # noqa: S608
        f"SELECT * FROM unnest({_array_marks(table, tuple(names))})"
    )


@lru_cache(maxsize=1000)
def _on_conflict(
    table: Table,
    key: tuple[str, ...],
    replace: tuple[str, ...],
    add: tuple[str, ...],
    server: bool,
) -> str:
    sets = [f"{quoted(name)} = excluded.{quoted(name)}" for name in replace]
    for name in add:
        total = f"{quoted(table.name)}.{quoted(name)} + excluded.{quoted(name)}"
        if not server:
            # Beyond 64 bits SQLite goes on with a REAL, which is not the sum. Its NULL is refused
            # by the column, as PostgreSQL refuses the sum itself.
            if table.columns[name].nullable:
                raise TypeError(f"{table.name}.{name} is added to: it must be NOT NULL")
            total = f"iif(typeof({total}) = 'integer', {total}, NULL)"
        sets.append(f"{quoted(name)} = {total}")
    target = f" ON CONFLICT ({_listed(key)}) "
    return target + (f"DO UPDATE SET {', '.join(sets)}" if sets else "DO NOTHING")


@lru_cache(maxsize=1000)
def _update_sqlite(table: Table, key: tuple[str, ...], update: tuple[str, ...]) -> str:
    sets = ", ".join(f"{quoted(name)} = ?" for name in update)
    where = " AND ".join(f"{quoted(name)} = ?" for name in key)
    return f"UPDATE {quoted(table.name)} SET {sets} WHERE {where}"  # noqa: S608


@lru_cache(maxsize=1000)
def _update_postgres(table: Table, key: tuple[str, ...], update: tuple[str, ...]) -> str:
    sets = ", ".join(f"{quoted(name)} = w.{quoted(name)}" for name in update)
    where = " AND ".join(f"t.{quoted(name)} = w.{quoted(name)}" for name in key)
    columns = (*key, *update)
    return (
        f"UPDATE {quoted(table.name)} AS t SET {sets} "  # noqa: S608
        f"FROM unnest({_array_marks(table, columns)}) AS w ({_listed(columns)}) WHERE {where}"
    )


@lru_cache(maxsize=1000)
def _fetch_sqlite(table: Table, key: tuple[str, ...]) -> str:
    on = " AND ".join(
        f"t.{quoted(name)} = json_extract(w.value, '$[{i}]')" for i, name in enumerate(key)
    )
    names = ", ".join(f"t.{quoted(column.name)}" for column in table.columns)
    # CROSS JOIN fixes the order: each row is looked up by its key.
    return (
        f"SELECT {names} FROM json_each(?) AS w "  # noqa: S608
        f"CROSS JOIN {quoted(table.name)} AS t WHERE {on}"
    )


@lru_cache(maxsize=1000)
def _since_sql(table: Table, column: str, mark: str) -> str:
    names, on = _listed(one.name for one in table.columns), quoted(column)
    last = f"SELECT coalesce(max({on}), {mark}) FROM {quoted(table.name)} WHERE {on} <= {mark}"  # noqa: S608
    return f"SELECT {names} FROM {quoted(table.name)} WHERE {on} >= ({last})"  # noqa: S608


@lru_cache(maxsize=1000)
def _fetch_postgres(table: Table, key: tuple[str, ...]) -> str:
    on = " AND ".join(f"t.{quoted(name)} = w.{quoted(name)}" for name in key)
    names = ", ".join(f"t.{quoted(column.name)}" for column in table.columns)
    return (
        f"SELECT {names} FROM unnest({_array_marks(table, key)}) AS w ({_listed(key)}) "  # noqa: S608
        f"JOIN {quoted(table.name)} AS t ON {on}"
    )


def _array_marks(table: Table, columns: tuple[str, ...]) -> str:
    return ", ".join(f"%s::{_postgres_type(table.columns[name])}[]" for name in columns)


def _postgres_type(column: Column[Any]) -> str:
    # Without its collation, which is no part of a cast.
    return column.type.compile(dialect=_POSTGRESQL).partition(" COLLATE")[0]


def _sqlite_many(
    connection: Connection, sql: str, kinds: Sequence[Kind], rows: Sequence[Row]
) -> None:
    dates = [i for i, kind in enumerate(kinds) if kind == "date"]
    if dates:
        rows = [_iso(row, dates) for row in rows]
    connection.exec_driver_sql(sql, list(rows))


def _sqlite_rows(
    connection: Connection, table: Table, sql: str, *parameters: str
) -> Callable[[], list[Row]]:
    found = connection.exec_driver_sql(sql, parameters).all()
    rows = read_back(table, [tuple(row) for row in found])
    return lambda: rows


def _iso(row: Row, dates: list[int]) -> Row:
    values = list(row)
    for i in dates:
        if values[i] is not None:
            values[i] = values[i].isoformat()
    return tuple(values)


def _postgres_arrays(
    connection: Connection, sql: str, kinds: Sequence[Kind], rows: Sequence[Row]
) -> Callable[[], list[Row]]:
    columns = zip(kinds, zip(*rows, strict=True), strict=True)
    return _postgres(connection, sql, tuple(arrays.array(kind, values) for kind, values in columns))


def _postgres(
    connection: Connection, sql: str, parameters: tuple[Any, ...]
) -> Callable[[], list[Row]]:
    cursor = driver_of(connection).cursor(row_factory=tuple_row, binary=True)
    cursor.execute(sql.encode(), parameters)
    return cursor.fetchall


def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.columns]
    sql = f"COPY {quoted(table.name)} ({_listed(names)}) FROM STDIN (FORMAT BINARY)"
    with driver_of(connection).cursor() as cursor, cursor.copy(sql.encode()) as copy:
        copy.set_types([arrays.element_type(kind) for kind in _kinds(table, tuple(names))])
        for row in rows:
            copy.write_row(row)
