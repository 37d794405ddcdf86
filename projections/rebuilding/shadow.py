"""The tables beside the live ones: made for a rebuild, put in place, put aside, taken back.

    <table>__next ──swap──▶ <table> ──swap──▶ <table>__old      (and back: rollback)

DDL is transactional on both databases: readers see one complete set of tables or the other.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Index, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable
from sqlalchemy.sql import quoted_name

from domain.events import NAMES
from projections.engine.folding import Target
from projections.engine.model import ReadModel
from projections.tables.bulk import quoted

NEXT, OLD = "__next", "__old"
_ASIDE = "__aside"  # Only within a transaction.


def beside(model: ReadModel, suffix: str = NEXT) -> Target:
    """The model's tables under names with a suffix, and the checkpoint of the same suffix."""
    return Target(
        model, model.name + suffix, {table.name: _copy(table, suffix) for table in model.tables}
    )


def _copy(table: Table, suffix: str) -> Table:
    if table.foreign_keys:
        raise TypeError(f"{table.name}: a read-model table has no foreign keys")
    copy = table.to_metadata(MetaData(), name=table.name + suffix)
    for column in copy.primary_key.columns:
        column.autoincrement = False  # Keys come from facts; no sequence is needed.
    for constraint in copy.constraints:
        # Their indexes would have the live ones' names; without one, the database finds a free one.
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            constraint.name = None
    return copy


def fingerprint(model: ReadModel) -> str:
    """What rows are made by: the tables' definition, the facts wanted, the code of its file.

    A rebuild that was stopped goes on only with the same; otherwise it begins anew.
    """
    parts = [str(CreateTable(table)) for table in model.tables]
    parts += sorted(NAMES[fact] for fact in model.folds)
    functions = [*model.folds.values(), model.new_delta, model.write]
    files = {f.__code__.co_filename for f in functions if hasattr(f, "__code__")}
    parts += [Path(file).read_text("utf-8") for file in sorted(files) if Path(file).is_file()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def exist(connection: Connection, target: Target) -> bool:
    """Whether all of a target's tables are there, with the columns the model has."""
    inspector = sa.inspect(connection)
    for table in target.tables.values():
        if not inspector.has_table(table.name):
            return False
        there = [column["name"] for column in inspector.get_columns(table.name)]
        if there != [column.name for column in table.columns]:
            return False
    return True


def create(connection: Connection, target: Target) -> None:
    """Make a target's tables, empty and without the secondary indexes its writes can do without."""
    drop(connection, target)
    for table in target.tables.values():
        connection.execute(CreateTable(table))
    _make_indexes(connection, target, target.model.looks_up)


def drop(connection: Connection, target: Target) -> None:
    for table in target.tables.values():
        connection.execute(DropTable(table, if_exists=True))


def index(connection: Connection, target: Target) -> None:
    """Make the secondary indexes that are missing, and let PostgreSQL count rows for its plans.

    Only in the columns that rows are looked up by: autovacuum comes round to the others.
    """
    _make_indexes(connection, target)
    if connection.dialect.name == "postgresql":
        for table in target.tables.values():
            counted = dict.fromkeys(column.name for column in table.primary_key.columns)
            for one in sorted(table.indexes, key=_name):
                counted |= dict.fromkeys(column.name for column in one.columns)
            names = ", ".join(map(quoted, counted))
            connection.exec_driver_sql(f"ANALYZE {quoted(table.name)} ({names})")


def _make_indexes(
    connection: Connection, target: Target, only: Sequence[str] | None = None
) -> None:
    """Names of indexes belong to the whole schema, and the live ones have theirs: ours get a
    number."""
    inspector = sa.inspect(connection)
    taken = _index_names(connection)
    for table in target.tables.values():
        there = {name for i in inspector.get_indexes(table.name) if (name := i["name"])}
        for index in sorted(table.indexes, key=_name):
            base = _name(index)
            made = any(name.rpartition("__g")[0] == base for name in there)
            if not made and (only is None or base in only):
                number = next(n for n in range(1, 10**9) if f"{base}__g{n}" not in taken)
                index.name = quoted_name(f"{base}__g{number}", None)
                connection.execute(CreateIndex(index))
                index.name = quoted_name(base, None)


def _index_names(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'index'"
    else:
        sql = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    return {row[0] for row in connection.exec_driver_sql(sql)}


def _name(index: Index) -> str:
    if index.name is None:
        raise TypeError("an index of a read model needs a name")
    return str(index.name)


def put_in_place(connection: Connection, models: Sequence[ReadModel]) -> None:
    """`__next` becomes live, live becomes `__old`; what was `__old` is gone. In a transaction."""
    for model in models:
        drop(connection, beside(model, OLD))
        for table in model.tables:
            if sa.inspect(connection).has_table(table.name):
                _rename(connection, table.name, table.name + OLD)
            _rename(connection, table.name + NEXT, table.name)


def take_back(connection: Connection, model: ReadModel) -> None:
    """`__old` becomes live, and live becomes `__old`. In a transaction."""
    for table in model.tables:
        _rename(connection, table.name, table.name + _ASIDE)
        _rename(connection, table.name + OLD, table.name)
        _rename(connection, table.name + _ASIDE, table.name + OLD)


def _rename(connection: Connection, name: str, to: str) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(to)}")
