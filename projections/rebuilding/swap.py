"""The moment of a rebuild that readers could notice, and its undoing: tables change their names.

A ledger has one rebuild or rollback at a time. The live checkpoints are locked, so that the
projector stands still while the last facts are folded and the names change.
"""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from domain.eventstore.database import to_write
from projections.engine import checkpoints
from projections.engine.checkpoints import KEPT, RUNNING, Checkpoint
from projections.engine.engine import Runner, States
from projections.engine.folding import Target, fold, live, write
from projections.engine.lease import LeaseTaken, lease
from projections.engine.model import ReadModel
from projections.engine.wakeup import seconds
from projections.engine.writing import POSTGRES_SETTINGS
from projections.rebuilding import shadow
from projections.tables.bulk import quoted

CLOSE_ENOUGH = 2_000  # Facts that may be left to fold while readers wait for the swap.
LOCK_WAIT_MS = 200  # A swap that waits for readers keeps new readers waiting: never for long.
SWAP_PATIENCE_MS = 60_000
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code after `lock_timeout`.


class RebuildRunning(Exception):
    """Another rebuild or rollback of this ledger is under way."""


class SwapBusy(Exception):
    """Readers held the live tables for longer than the swap was willing to wait."""


class NothingKept(Exception):
    """There is nothing to roll back to: no tables were put aside, or they no longer fit."""


class _Patience:
    """How long a swap or a rollback tries to get the live tables; `said` is why it gives up."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._deadline_ns = time.monotonic_ns() + SWAP_PATIENCE_MS * 1_000_000

    def wait_after(self, error: OperationalError) -> None:
        """Wait a moment when a lock could not be had. Raises SwapBusy when patience has run out,
        and any other error again."""
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise error
        if time.monotonic_ns() > self._deadline_ns:
            raise SwapBusy(self._said) from error
        time.sleep(seconds(LOCK_WAIT_MS))


def swap(runner: Runner, models: Sequence[ReadModel], states: States) -> tuple[States, States]:
    """Put the shadows of `models` in place, in one transaction.

    `runner` has the shadows as its targets, and `states` is where they stand. Returns the new live
    checkpoints, and where the shadows stood before. One that pauses on the way is left out. Raises
    SwapBusy, and what a fold raises that the live projector has taken: nothing is swapped then.
    """
    patience = _Patience("readers hold the live tables; run the rebuild again")
    for attempt in itertools.count():
        while _left(runner, models, states) > CLOSE_ENOUGH:
            states = runner.catch_up(states=states)
        models = [m for m in models if states[m.name + shadow.NEXT].state == RUNNING]
        if not models:
            return {}, states
        try:
            with _short_lock(runner.engine) as connection:
                return _swap(runner, models, connection, attempt), states
        except OperationalError as error:
            patience.wait_after(error)
    raise AssertionError("unreachable")


def _left(runner: Runner, models: Sequence[ReadModel], states: States) -> int:
    """How many facts the live ones are ahead of those shadows that can still move."""
    head = runner.recorder.head().position  # A live one may have been set beyond it.
    with runner.engine.connect() as connection:
        lives = checkpoints.load(connection, [model.name for model in models])
    pairs = ((lives.get(m.name), states[m.name + shadow.NEXT]) for m in models)
    gaps = (min(a.position, head) - b.position for a, b in pairs if a and b.state == RUNNING)
    return max(gaps, default=0)


def _swap(
    runner: Runner, models: Sequence[ReadModel], connection: Connection, attempt: int
) -> States:
    targets = {target.name: target for target in runner.targets}
    names = [(m.name, m.name + shadow.NEXT, m.name + shadow.OLD) for m in models]
    # From here to the commit the live ones stand still: their checkpoints are ours.
    states = checkpoints.lock(connection, [name for three in names for name in three])
    _lock_tables(connection, models, attempt)
    result = {}
    head = runner.recorder.head().position
    for model, (name, following, aside) in zip(models, names, strict=True):
        before, after = states.get(name), states[following]
        if before is not None and min(before.position, head) > after.position:
            until = min(before.position, head)
            after = _fold_on(runner, targets[following], connection, after, until)
        checkpoints.remove(connection, [name, following, aside])
        result[name] = Checkpoint(name, after.position, after.generation)
        checkpoints.create(connection, result[name])
        if before is not None and shadow.exist(connection, live(model)):
            old = Checkpoint(aside, before.position, before.generation, KEPT)
            checkpoints.create(connection, old)
    shadow.put_in_place(connection, models)
    return result


def _lock_tables(connection: Connection, models: Sequence[ReadModel], attempt: int) -> None:
    """Keep readers away. A reader of one table may want another next, and then each of us waits
    for the other. So each attempt takes the tables in another order, until it is the reader's.
    """
    if connection.dialect.name == "sqlite":
        return
    names = [table.name for model in models for table in model.tables]
    there = set(sa.inspect(connection).get_table_names())
    names = [name for name in names if name in there]
    random.Random(attempt).shuffle(names)
    for name in names:
        connection.exec_driver_sql(f"LOCK TABLE {quoted(name)} IN ACCESS EXCLUSIVE MODE")


def _fold_on(
    runner: Runner, target: Target, connection: Connection, at: Checkpoint, until: int
) -> Checkpoint:
    """The few facts that came meanwhile, within the swap's own transaction."""
    while at.position < until:
        stop = min(until, at.position + CLOSE_ENOUGH)
        folding = fold(runner.source, [target], {target.name: at}, stop)[0]
        if folding.error is not None:
            raise folding.error
        at = write(connection, folding)
    return at


def rollback(engine: Engine, models: Sequence[ReadModel]) -> dict[str, int]:
    """Take back the tables that the last swap put aside. Returns each model's position.

    The tables stand where they stood then, and the projector brings them up to the log. Rolling
    back twice ends where it began. Raises NothingKept (then nothing is changed), RebuildRunning and
    SwapBusy.
    """
    patience = _Patience("readers hold the live tables; try again")
    with rebuilding(engine):
        for attempt in itertools.count():
            try:
                with _short_lock(engine) as connection:
                    return _take_all_back(connection, models, attempt)
            except OperationalError as error:
                patience.wait_after(error)
    raise AssertionError("unreachable")


def _take_all_back(
    connection: Connection, models: Sequence[ReadModel], attempt: int
) -> dict[str, int]:
    suffixes = ("", shadow.OLD, shadow.NEXT)
    names = [model.name + suffix for model in models for suffix in suffixes]
    states = checkpoints.lock(connection, names)
    _lock_tables(connection, models, attempt)
    return {model.name: _take_back(connection, model, states) for model in models}


def _take_back(connection: Connection, model: ReadModel, known: dict[str, Checkpoint]) -> int:
    old_name = model.name + shadow.OLD
    own = (model.name, old_name, model.name + shadow.NEXT)
    states = {name: known[name] for name in own if name in known}
    if old_name not in states or model.name not in states:
        raise NothingKept(f"{model.name}: no rebuild has put tables aside")
    if not shadow.exist(connection, shadow.beside(model, shadow.OLD)):
        raise NothingKept(f"{model.name}: the tables put aside are not those of this version")
    before, after = states[model.name], states[old_name]
    generation = 1 + max(state.generation for state in states.values())
    checkpoints.put(connection, Checkpoint(model.name, after.position, generation))
    checkpoints.put(connection, Checkpoint(old_name, before.position, before.generation, KEPT))
    shadow.take_back(connection, model)
    return after.position


@contextmanager
def _short_lock(engine: Engine) -> Iterator[Connection]:
    with to_write(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(POSTGRES_SETTINGS)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
        yield connection


@contextmanager
def rebuilding(engine: Engine) -> Iterator[None]:
    """The right to rebuild, one holder per ledger; given up when its process ends, however it does.

    Raises RebuildRunning when somebody else has it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lease(engine, "rebuild"))
        except LeaseTaken as error:
            raise RebuildRunning("a rebuild of this ledger is under way") from error
        yield
