"""The digest of a read model: equal rows have equal digests, on either database.

SHA-256 over the tables in the model's order; of each its columns, then its rows in the order of the
primary key, one line of JSON each (numbers bare, text quoted, dates as ISO text, booleans 0 and 1,
bytes as base64). Rows are streamed: memory does not grow with the table.

Of PostgreSQL a row is asked for as the line it is to be, as a driver reads one string faster than
many values; where a text has characters that JSON escapes, value by value after all.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Table

from projections.engine.folding import Target
from projections.engine.model import ReadModel, Tables
from projections.tables.bulk import Row, quoted
from projections.tables.kinds import kind_of

PAGE = 5_000
NULL = "\x1f"  # Instead of text that is NULL, so that the quotes of a page can be counted.
_USUAL = bytes({*range(32, 256), ord("\n"), ord(NULL)} - {ord("\\")})
_encoder = msgspec.json.Encoder()


class Difference(NamedTuple):
    """The first row, by primary key, that is not the same; None where there is no such row."""

    table: str
    key: Row
    live: Row | None
    expected: Row | None


def digest(connection: Connection, target: Target) -> str:
    """The digest, in hex, of a model's rows as this transaction sees them."""
    total = hashlib.sha256()
    for table in target.model.tables:
        physical, part = target.tables[table.name], None
        if connection.dialect.name == "postgresql":
            part = _of_lines(connection, physical, table)
        total.update(part or _of_rows(connection, physical, table))
    return total.hexdigest()


def _of_rows(connection: Connection, physical: Table, table: Table) -> bytes:
    part = hashlib.sha256(_header(table))
    for rows in pages(connection, physical, table):
        part.update(_encoder.encode_lines(rows))
    return part.digest()


def _of_lines(connection: Connection, physical: Table, table: Table) -> bytes | None:
    """The same, of lines that PostgreSQL makes; None when a text is not what it is in JSON."""
    kinds = [kind_of(column.type) for column in table.columns]
    if "bytes" in kinds:
        return None
    quotes = 2 * sum(kind in ("text", "date") for kind in kinds)
    connection.exec_driver_sql("SELECT set_config('datestyle', 'ISO, YMD', true)")
    part = hashlib.sha256(_header(table))
    for rows in _ordered(connection, physical, table, _line(table)):
        page = "".join([line for (line,) in rows]).encode()
        # No text can hide: one with a quote, or with the mark of NULL, makes the sum too large.
        if (
            page.count(b'"') != len(rows) * quotes - 2 * page.count(NULL.encode())
            or page.count(b"\n") != len(rows)
            or page.translate(None, _USUAL)
        ):
            return None
        part.update(page.replace(NULL.encode(), b"null"))
    return part.digest()


def _line(table: Table) -> str:
    """The expression of a row as a line of JSON, in PostgreSQL."""
    marks, values = [], []
    for column in table.columns:
        value, kind = quoted(column.name), kind_of(column.type)
        if kind == "bool":
            value += "::int"
        if kind not in ("text", "date"):
            values.append(f"coalesce({value}::text, 'null')" if column.nullable else value)
            marks.append("%s")
        elif column.nullable:
            values.append(f"coalesce('\"' || {value} || '\"', '{NULL}')")
            marks.append("%s")
        else:
            values.append(value)
            marks.append('"%s"')
    return f"format(E'[{','.join(marks)}]\\n', {', '.join(values)})"


def first_difference(
    model: ReadModel, live: Connection, live_tables: Tables, fresh: Connection, fresh_tables: Tables
) -> Difference | None:
    """The first row in which two sets of a model's tables differ, or None."""
    for table in model.tables:
        width = len(table.primary_key.columns)
        names = [column.name for column in table.columns]
        order = [names.index(column.name) for column in table.primary_key.columns]
        ours = _single(pages(live, live_tables[table.name], table))
        theirs = _single(pages(fresh, fresh_tables[table.name], table))
        mine, yours = next(ours, None), next(theirs, None)
        while mine is not None or yours is not None:
            if mine != yours:
                keys = [_key(row, order) for row in (mine, yours) if row is not None]
                first = min(keys, key=_bytes)
                assert len(first) == width
                return Difference(
                    table.name,
                    first,
                    mine if mine is not None and _key(mine, order) == first else None,
                    yours if yours is not None and _key(yours, order) == first else None,
                )
            mine, yours = next(ours, None), next(theirs, None)
    return None


def pages(connection: Connection, physical: Table, table: Table) -> Iterator[list[Row]]:
    """The rows in the order of the primary key, their values as both databases can give them."""
    server = connection.dialect.name == "postgresql"
    columns = [
        f"{quoted(c.name)}::int" if server and kind_of(c.type) == "bool" else quoted(c.name)
        for c in table.columns
    ]
    return _ordered(connection, physical, table, ", ".join(columns))


def _ordered(
    connection: Connection, physical: Table, table: Table, columns: str
) -> Iterator[list[Row]]:
    server = connection.dialect.name == "postgresql"
    if not table.primary_key.columns:
        raise TypeError(f"{table.name} has no primary key: its rows have no order")
    order = []
    for column in table.primary_key.columns:
        collated = server and kind_of(column.type) == "text"
        order.append(f'{quoted(column.name)} COLLATE "C"' if collated else quoted(column.name))
    sql = f"SELECT {columns} FROM {quoted(physical.name)} ORDER BY {', '.join(order)}"  # noqa: S608
    driver: Any = connection.connection.driver_connection
    if not connection.in_transaction():
        connection.begin()
    if server:
        with driver.cursor(name=f"digest_{physical.name}"[:60]) as cursor:
            cursor.execute(sql)
            yield from iter(lambda: cursor.fetchmany(PAGE), [])
    else:
        cursor = driver.execute(sql)
        try:
            yield from iter(lambda: cursor.fetchmany(PAGE), [])
        finally:
            cursor.close()


@contextmanager
def snapshot(engine: Engine, tables: list[Table]) -> Iterator[Connection]:
    """One view of some tables, for as many statements as one likes, whatever happens meanwhile.

    On PostgreSQL a rebuild may swap tables between two statements; what a transaction then found
    under the name would be rows that its snapshot does not yet know. So the tables are locked
    (against nothing but the swap) before the snapshot is taken.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                names = ", ".join(quoted(table.name) for table in tables)
                if names:
                    connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
                yield connection
        else:
            with connection.begin():
                yield connection


def _header(table: Table) -> bytes:
    key = [str(column.name) for column in table.primary_key.columns]
    columns = [(str(column.name), kind_of(column.type)) for column in table.columns]
    return _encoder.encode([str(table.name), columns, key]) + b"\n"


def _single(found: Iterator[list[Row]]) -> Iterator[Row]:
    # As the digest sees them: a date of one database and its text of the other are the same.
    for page in found:
        for line in _encoder.encode_lines(page).splitlines():
            yield tuple(msgspec.json.decode(line))


def _key(row: Row, order: list[int]) -> Row:
    return tuple(row[i] for i in order)


def _bytes(key: Row) -> list[Any]:
    return [value.encode() if isinstance(value, str) else value for value in key]
