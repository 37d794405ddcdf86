"""The read models under test, and how a test runs one: facts in, rows out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.kernel import Recorded
from projections.engine.model import ReadModel
from projections.engine.writing import write_together
from projections.registry import READ_MODELS

MODELS: tuple[ReadModel, ...] = tuple(READ_MODELS.values())

Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection in a transaction that may write; committed at the end."""
    engine = sqlalchemy_engine(parse_database_url(url))
    try:
        with (
            engine.connect().execution_options(**{IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            yield connection
    finally:
        engine.dispose()


def apply(
    connection: Connection, model: ReadModel, facts: Sequence[Recorded], size: int | None = None
) -> None:
    """Fold and write the facts in batches of a size (None: all in one), as the engine does."""
    tables = {table.name: table for table in model.tables}
    size = size or max(len(facts), 1)
    for start in range(0, len(facts), size):
        delta = model.new_delta()
        for recorded in facts[start : start + size]:
            fold = model.folds.get(type(recorded.fact))
            if fold is not None:
                fold(delta, recorded)
        write_together(connection, [(model, tables, delta)], lambda: None)


def rows_of(connection: Connection, model: ReadModel) -> Rows:
    """Every row of a model's tables, by key."""
    return {
        table.name: [
            tuple(row)
            for row in connection.execute(select(table).order_by(*table.primary_key.columns))
        ]
        for table in model.tables
    }


def clear(connection: Connection, model: ReadModel) -> None:
    for table in model.tables:
        connection.execute(table.delete())
