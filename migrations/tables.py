"""Tables of read models in a migration: made, or left as a rebuild has already made them.

A read model may be registered and rebuilt before its migration runs. Its tables are there then,
with rows. What has the columns wanted is kept; what has others is replaced, and its model begins
anew.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Connection

from projections.registry import READ_MODELS

CHECKPOINTS = "projection_checkpoints"

log = logging.getLogger("zhangfang.migrations")


def create_table(name: str, *columns: Column[Any]) -> bool:
    """Make a table, unless it is there with these columns and this key, or with those of today: a
    rebuild has made what later migrations would add, too. True when there was none of this name."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    if inspector.has_table(name):
        there = _there(connection, name)
        if there in (_all_described(connection, columns), _of_today(connection, name)):
            return False
        log.warning("%s had other columns: it was replaced, and its rows are made anew", name)
        op.drop_table(name)
        begin_anew(connection, name)
        op.create_table(name, *columns)
        return False
    op.create_table(name, *columns)
    return True


def add_column(table: str, column: Column[Any]) -> None:
    """Add a column, unless the table has it; one of another type is replaced."""
    connection = op.get_bind()
    there = {described[0]: described for described in _there(connection, table)}
    if column.name in there:
        if there[column.name] == _described(connection, column):
            return
        log.warning("%s.%s was another column: it was replaced", table, column.name)
        op.drop_column(table, column.name)
        begin_anew(connection, table)
    op.add_column(table, column)


def create_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Make an index, unless the table has it; a rebuild gives its name a number (`__g1`)."""
    inspector = sa.inspect(op.get_bind())
    names = [index["name"] or "" for index in inspector.get_indexes(table)]
    if any(one.rpartition("__g")[0] == name or one == name for one in names):
        return
    partial = sa.text(where) if where else None
    op.create_index(name, table, list(columns), sqlite_where=partial, postgresql_where=partial)


def drop_index(name: str, table: str) -> None:
    """Drop an index, if the table has it, also under the name that a rebuild gave it."""
    for index in sa.inspect(op.get_bind()).get_indexes(table):
        there = index["name"] or ""
        if there == name or there.rpartition("__g")[0] == name:
            op.drop_index(there, table)


def drop_table(name: str) -> None:
    """Drop a table that no read model has any more, with what rebuilds have beside it."""
    for suffix in ("", "__next", "__old"):
        op.execute(f'DROP TABLE IF EXISTS "{name}{suffix}"')


def _there(connection: Connection, table: str) -> list[tuple[str, str, bool, bool]]:
    inspector = sa.inspect(connection)
    key = inspector.get_pk_constraint(table)["constrained_columns"]
    return [
        (
            column["name"],
            _type(connection, column["type"]),
            column["nullable"],
            column["name"] in key,
        )
        for column in inspector.get_columns(table)
    ]


def _of_today(connection: Connection, name: str) -> list[tuple[str, str, bool, bool]] | None:
    """The table of a read model, as this version's rebuild makes it; None: it has none."""
    tables = [table for model in READ_MODELS.values() for table in model.tables]
    found = next((table for table in tables if table.name == name), None)
    return None if found is None else _all_described(connection, found.columns)


def _all_described(
    connection: Connection, columns: Iterable[Column[Any]]
) -> list[tuple[str, str, bool, bool]]:
    return [_described(connection, column) for column in columns]


def _described(connection: Connection, column: Column[Any]) -> tuple[str, str, bool, bool]:
    nullable = bool(column.nullable) and not column.primary_key
    return column.name, _type(connection, column.type), nullable, column.primary_key


def _type(connection: Connection, type_: sa.types.TypeEngine[Any]) -> str:
    return type_.compile(connection.dialect).partition(" COLLATE")[0]


def begin_anew(connection: Connection, table: str) -> None:
    """Empty the other tables of the model a table belongs to, and forget how far it had come."""
    there = set(sa.inspect(connection).get_table_names())
    for model in READ_MODELS.values():
        if table not in {one.name for one in model.tables}:
            continue
        for one in model.tables:
            if one.name in there:
                connection.execute(sa.delete(sa.table(one.name)))
        if CHECKPOINTS in there:
            checkpoints = sa.table(CHECKPOINTS, sa.column("name"))
            connection.execute(sa.delete(checkpoints).where(checkpoints.c.name == model.name))
