"""One page of the log: read and decoded once, folded into every read model that wants it, written.

The rows of a page are proved to follow each other without a gap. What cannot be decoded or folded
is found out for each read model by itself, so that one that fails keeps nobody else back.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from msgspec import Struct
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.events import EVENTS, NAMES
from domain.eventstore import codec
from domain.eventstore.database import IMMEDIATE
from domain.eventstore.recorder import EventRow, LedgerRecorder
from domain.kernel import Recorded
from domain.upcasts import UPCASTS
from projections import checkpoints
from projections.checkpoints import Checkpoint, Fenced
from projections.model import Delta, Fold, ReadModel, Tables

Decode = Callable[[EventRow], Recorded]
Work = list[tuple[Fold, Recorded]]  # What one read model has to fold of a page, in order.

# The statements of a delta find rows by key. A table that grows from nothing within a minute
# outruns the statistics, and a plan made for an empty table would scan it. What is lost in a crash
# is folded again, with its checkpoint: nothing here waits for the disk.
POSTGRES_SETTINGS = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
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


class LogBroken(Exception):
    """The log does not go on without a gap: this position is missing, or stands elsewhere."""

    def __init__(self, position: int) -> None:
        super().__init__(f"position {position} is missing from the log")
        self.position = position


class Target(NamedTuple):
    """A read model, the tables to write it to, and the name of the checkpoint that guards them."""

    model: ReadModel
    name: str
    tables: Tables


class Batch(Struct):
    """What one target makes of a page: its facts, and their delta unless one could not be folded.

    `failed` is the index of the fact that could not, `error` what it raised.
    """

    target: Target
    at: Checkpoint
    work: Work
    to: int
    delta: Delta = None
    failed: int | None = None
    error: Exception | None = None


def live(model: ReadModel) -> Target:
    """The tables everybody reads."""
    return Target(model, model.name, {table.name: table for table in model.tables})


def read_page(recorder: LedgerRecorder, after: int, limit: int, until: int) -> list[EventRow]:
    """At least one fact with after < position <= until; there must be one. Raises LogBroken."""
    rows = recorder.read_log(after, limit, until)
    positions = [row[0] for row in rows]
    expected = range(after + 1, after + 1 + min(limit, until - after))
    if positions != list(expected):
        known = set(positions)
        missing = next((p for p in expected if p not in known), after + 1)
        raise LogBroken(missing)
    return rows


def sort_out(
    targets: Sequence[Target], rows: Sequence[EventRow], decode: Decode = codec.decode
) -> list[Work]:
    """For each target the facts it wants, decoded; each fact is decoded at most once."""
    works: list[Work] = [[] for _ in targets]
    plan = _plan(targets, works)
    for row in rows:
        wanting = plan.get(row[3], works)
        if not wanting:
            continue
        try:
            recorded = decode(row)
        except Exception as error:  # Whoever wants this fact stops at it, and says why.
            stub = Recorded(row[0], row[1], row[2], row[3], 0, "", "", "", None)
            for entry in wanting:
                (entry if isinstance(entry, list) else entry[0]).append((_raiser(error), stub))
            continue
        if wanting is works:
            kind = type(recorded.fact)
            for target, work in zip(targets, works, strict=True):
                if kind in target.model.folds:
                    work.append((target.model.folds[kind], recorded))
        else:
            for work, fold in wanting:
                work.append((fold, recorded))
    return works


def _plan(targets: Sequence[Target], works: list[Work]) -> dict[str, Any]:
    """Stored name -> who wants it. Names that are upcast, and unknown ones, concern everybody."""
    plan: dict[str, Any] = {}
    for name, kind in EVENTS.items():
        folds = [target.model.folds.get(kind) for target in targets]
        plan[name] = [(w, fold) for w, fold in zip(works, folds, strict=True) if fold is not None]
    for name in UPCASTS:
        plan.pop(name, None)
    known = frozenset(NAMES)
    for target in targets:
        strange = target.model.folds.keys() - known
        if strange:
            raise ValueError(f"{target.model.name} folds {strange}, not in the registry of facts")
    return plan


def _raiser(error: Exception) -> Fold:
    def fail(_delta: Delta, _recorded: Recorded) -> None:
        raise error

    return fail


def fold(target: Target, at: Checkpoint, work: Work, to: int) -> Batch:
    """The delta of the facts in `work`; how far it came if one of them raises."""
    batch = Batch(target, at, work, to)
    delta = target.model.new_delta()
    index = 0
    try:
        for index, (fold_one, recorded) in enumerate(work):  # noqa: B007 - which one it was
            fold_one(delta, recorded)
    except Exception as error:  # Every kind of mistake in a fold ends as a reason to pause.
        batch.failed, batch.error = index, error
    else:
        batch.delta = delta
    return batch


def apply(engine: Engine, batches: Sequence[Batch]) -> dict[str, Checkpoint]:
    """Write a page's batches; where each target stands then: moved, paused, or as others left it.

    All of them in one transaction, for one sync of the disk; if that does not go well, each in its
    own. Raises DBAPIError or the driver's when the database, and not a fact, is the trouble.
    """
    if all(batch.failed is None for batch in batches):
        try:
            with writing(engine) as connection:
                return {batch.target.name: write(connection, batch) for batch in _sorted(batches)}
        except Exception as error:
            if passes(error):
                raise
    result: dict[str, Checkpoint] = {}
    for batch in batches:
        try:
            # Folded anew: a write may have changed its delta before it failed.
            result[batch.target.name] = _alone(engine, batch.target, batch.at, batch.work, batch.to)
        except Fenced:
            with engine.connect() as connection:
                name = batch.target.name
                result[name] = checkpoints.load(connection, [name]).get(name, Checkpoint(name))
    return result


def write(connection: Connection, batch: Batch) -> Checkpoint:
    """A delta and its checkpoint, in the caller's transaction. Raises Fenced, or what it raises."""
    moved = checkpoints.advance(connection, batch.at, batch.to)
    if batch.work:
        batch.target.model.write(connection, batch.target.tables, batch.delta)
    return moved


def _sorted(batches: Sequence[Batch]) -> list[Batch]:
    # Everybody locks checkpoints in this order, so that nobody waits in a circle.
    return sorted(batches, key=lambda batch: batch.target.name)


def _alone(engine: Engine, target: Target, at: Checkpoint, work: Work, to: int) -> Checkpoint:
    """Go as far as facts allow: all of it, or up to the one fact that fails, and pause there."""
    batch = fold(target, at, work, to)
    if batch.failed is not None and batch.error is not None:
        recorded = work[batch.failed][1]
        if recorded.position - 1 > at.position:
            at = _alone(engine, target, at, work[: batch.failed], recorded.position - 1)
        return at if at.state != checkpoints.RUNNING else _pause(engine, at, recorded, batch.error)
    try:
        with writing(engine) as connection:
            return write(connection, batch)
    except Fenced:
        raise
    except Exception as error:
        if passes(error) or not work:
            raise
        if len(work) == 1:
            return _pause(engine, at, work[0][1], error)
    middle = len(work) // 2
    at = _alone(engine, target, at, work[:middle], work[middle][1].position - 1)
    if at.state != checkpoints.RUNNING:
        return at
    return _alone(engine, target, at, work[middle:], to)


def _pause(engine: Engine, at: Checkpoint, recorded: Recorded, error: Exception) -> Checkpoint:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = f"{recorded.name} at position {recorded.position}: {type(cause).__name__}: {cause}"
    with writing(engine) as connection:
        if recorded.position - 1 > at.position:
            at = checkpoints.advance(connection, at, recorded.position - 1)
        return checkpoints.pause(connection, at, recorded.position, reason)


def pause_all(
    engine: Engine, at: Mapping[str, Checkpoint], error: LogBroken
) -> dict[str, Checkpoint]:
    """Pause everybody who would have to pass over a hole in the log."""
    result = dict(at)
    for name, checkpoint in at.items():
        try:
            with writing(engine) as connection:
                result[name] = checkpoints.pause(connection, checkpoint, error.position, str(error))
        except Fenced:
            with engine.connect() as connection:
                result.update(checkpoints.load(connection, [name]))
    return result


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes rows which can be folded again: it does not wait for the disk."""
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                connection.exec_driver_sql(POSTGRES_SETTINGS)
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA synchronous = NORMAL")  # Still never a half-written page.
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute("PRAGMA synchronous = FULL")  # The pool gives it to others.


def passes(error: Exception) -> bool:
    """Whether it is the database's trouble, that passes or needs an operator, and no fact's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_PASSES
    if isinstance(cause, psycopg.Error):
        broken = cause.sqlstate is None and isinstance(cause, psycopg.OperationalError)
        return broken or (cause.sqlstate or "").startswith(_POSTGRES_PASSES)
    return False
