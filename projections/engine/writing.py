"""One page's rows into the database, in a transaction and, on PostgreSQL, in a pipeline.

    BEGIN, settings, checkpoints moved, what the writes want to see ──▶  one exchange; the fence
    every row of every read model, the notification, COMMIT         ──▶  another

A statement of its own for each table, each waited for, is what a small page took its time for. A
page too large for that goes one statement after another, for it has COPY.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.eventstore.database import IMMEDIATE
from projections.engine.model import Delta, ReadModel, Tables, Writing
from projections.tables.bulk import Row, Wanted, driver_of, look_up

T = TypeVar("T")

# The statements of a delta find rows by key. A table that grows from nothing within a minute
# outruns the statistics, and a plan made for an empty table would scan it. So there is one plan for
# each statement, whatever its arrays hold, and it is made once. What is lost in a crash is folded
# again, with its checkpoint: nothing here waits for the disk.
POSTGRES_SETTINGS = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
        set_config('plan_cache_mode', 'force_generic_plan', true),
        set_config('synchronous_commit', 'off', true)"""

# SQLite's primary result codes, and PostgreSQL's classes of them, that say nothing about a fact.
_SQLITE_PASSES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
    }
)
_POSTGRES_PASSES = ("08", "40", "53", "55P03", "57", "58")


@contextmanager
def writing(engine: Engine, *, pipeline: bool = False) -> Iterator[Connection]:
    """A transaction that writes rows which can be folded again: it does not wait for the disk.

    With `pipeline` PostgreSQL's driver is in one, and only what `tables/bulk.py`, `notify` and
    `checkpoints.advance_all` do works then.
    """
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                driver = driver_of(connection)
                with driver.pipeline() if pipeline else nullcontext():
                    driver.execute(POSTGRES_SETTINGS)
                    yield connection
                    driver.commit()  # In the pipeline: it does not wait for the rows before it.
            return
        sqlite_driver: Any = connection.connection.driver_connection
        sqlite_driver.execute("PRAGMA synchronous = NORMAL")  # Still never a half-written page.
        try:
            with connection.begin():
                yield connection
        finally:
            # The pool gives it to others; but not one that Ctrl-C met in a statement: it is closed.
            if not connection.invalidated:
                sqlite_driver.execute("PRAGMA synchronous = FULL")


def write_together(
    connection: Connection,
    deltas: Sequence[tuple[ReadModel, Tables, Delta]],
    fence: Callable[[], T],
) -> T:
    """Apply deltas; what the writes want to see is asked for together.

    `fence` is called when those answers are there, before any row is written; what it gives is
    returned. Raises what it and the writes raise.
    """
    reading = [one for one in deltas if isgeneratorfunction(one[0].write)]
    waiting = _advanced((model.write(connection, *rest), None) for model, *rest in reading)
    answers = _answers(connection, waiting)
    fenced = fence()
    for model, tables, delta in deltas:
        if not isgeneratorfunction(model.write):
            model.write(connection, tables, delta)
    while waiting:
        waiting = _advanced(zip((write for write, _ in waiting), answers, strict=True))
        answers = _answers(connection, waiting)
    return fenced


def _advanced(writes: Iterable[tuple[Any, Any]]) -> list[tuple[Writing, Sequence[Wanted]]]:
    """Send each write its rows; those that want to see more, with what they want."""
    waiting = []
    for write, rows in writes:
        try:
            waiting.append((write, write.send(rows)))
        except StopIteration:
            continue
    return waiting


def _answers(
    connection: Connection, waiting: Sequence[tuple[Writing, Sequence[Wanted]]]
) -> list[list[list[Row]]]:
    asked = [[look_up(connection, one) for one in wanted] for _, wanted in waiting]
    return [[rows() for rows in several] for several in asked]


def notify(connection: Connection, channel: str) -> None:
    """Tell who listens, once this transaction is committed. On SQLite the file itself tells."""
    if channel and connection.dialect.name == "postgresql":
        driver_of(connection).execute("SELECT pg_notify(%s, '')", (channel,))


def passes(error: Exception) -> bool:
    """Whether it is the database's trouble, that passes or needs an operator, and no fact's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_PASSES
    if isinstance(cause, psycopg.Error):
        broken = cause.sqlstate is None and isinstance(cause, psycopg.OperationalError)
        return broken or (cause.sqlstate or "").startswith(_POSTGRES_PASSES)
    return False
