"""Compares every read model with a fresh fold of the facts.

The fresh rows are made in a temporary SQLite file, whatever database keeps the ledger. So nothing
is written to the ledger, a role that may only read is enough, and equal digests also prove that
both databases make the same rows.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.recorder import LedgerRecorder
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.checkpoints import CHECKPOINTS, PAUSED, RUNNING, UNREADABLE, Checkpoint
from projections.engine.engine import Progress, Runner
from projections.engine.folding import Decode, Target, live
from projections.engine.model import ReadModel
from projections.engine.writing import passes
from projections.rebuilding import shadow
from projections.rebuilding.digest import digest, first_difference, snapshot

FRESH_BATCH = 20_000


class Deviation(Struct, frozen=True):
    """What is wrong with one read model: in a sentence, and the first wrong row if there is one.

    `live` is the row that was found, `expected` the row that the facts make; None: no such row.
    """

    projection: str
    detail: str
    table: str = ""
    key: tuple[Any, ...] = ()
    live: tuple[Any, ...] | None = None
    expected: tuple[Any, ...] | None = None


def check(
    recorder: LedgerRecorder,
    engine: Engine,
    models: Sequence[ReadModel],
    *,
    on_progress: Progress | None = None,
    decode: Decode = codec.decode,
) -> list[Deviation]:
    """What is wrong, in the order of the models; [] when every row is what the facts make.

    Each model is compared at the position of its own checkpoint. A paused model is a deviation; a
    model that lags is not. Raises the database's errors.
    """
    with tempfile.TemporaryDirectory(prefix="zhangfang-verify-") as directory:
        fresh = _fresh_engine(Path(directory, "fresh.db"))
        try:
            targets = [live(model) for model in models]
            with fresh.begin() as connection:
                CHECKPOINTS.create(connection)
                for target in targets:
                    shadow.create(connection, target)
                    checkpoints.create(connection, Checkpoint(target.name))
            runner = Runner(
                recorder, fresh, targets, batch=FRESH_BATCH, pipelined=True, decode=decode
            )
            return _compare(engine, runner, on_progress)
        finally:
            fresh.dispose()


def unmade(engine: Engine, models: Sequence[ReadModel]) -> list[str]:
    """Those that this version has never made in a ledger from before: their tables are not there,
    or a checkpoint says that they were not."""
    targets = [live(model) for model in models]
    with engine.connect() as connection:
        states = checkpoints.load(connection, [target.name for target in targets])
        return [one.name for one in targets if _is_unmade(connection, one, states.get(one.name))]


def _is_unmade(connection: Connection, target: Target, state: Checkpoint | None) -> bool:
    if state is None:
        return not shadow.exist(connection, target)
    reason = state.reason or ""
    return state.state == PAUSED and not state.position and reason.startswith(UNREADABLE)


def _fresh_engine(path: Path) -> Engine:
    return sqlalchemy_engine(parse_database_url(f"sqlite:///{path}"))


def _compare(engine: Engine, runner: Runner, on_progress: Progress | None) -> list[Deviation]:
    whole, deviations = {}, []
    with engine.connect() as connection:
        states = checkpoints.load(connection, [target.name for target in runner.targets])
        for target in runner.targets:
            wrong = _unusable(connection, target, states.get(target.name))
            if wrong is None:
                whole[target.name] = states[target.name].position
            else:
                deviations.append(wrong)
    runner.catch_up(whole, on_progress)
    usable = [target for target in runner.targets if target.name in whole]
    tables = [table for target in usable for table in target.tables.values()]
    with snapshot(engine, tables) as view:
        states = checkpoints.load(view, whole)
        goals = {name: state.position for name, state in states.items()}
        reached = runner.catch_up(goals)
        with runner.engine.connect() as fresh:
            for target in usable:
                found = _readable(view, fresh, target, states, reached[target.name])
                if found is not None:
                    deviations.append(found)
    order = [target.name for target in runner.targets]
    return sorted(deviations, key=lambda one: order.index(one.projection))


def _unusable(connection: Connection, target: Target, state: Checkpoint | None) -> Deviation | None:
    if state is None:
        return Deviation(target.name, "there is no checkpoint: it has never run, or was dropped")
    if not shadow.exist(connection, target):
        return Deviation(target.name, "its tables are missing or have other columns: rebuild it")
    if [type(value) for value in (state.position, state.generation)] != [int, int]:
        # SQLite keeps any type anywhere.
        said = f"position {state.position!r}, generation {state.generation!r}"
        return Deviation(target.name, f"its checkpoint cannot be read: {said}")
    if state.state not in (RUNNING, PAUSED):
        return Deviation(target.name, f"its checkpoint is in no state there is: {state.state!r}")
    if state.state == PAUSED:
        return Deviation(target.name, f"paused after position {state.position}: {state.reason}")
    return None


def _readable(
    view: Connection,
    fresh: Connection,
    target: Target,
    states: dict[str, Checkpoint],
    reached: Checkpoint,
) -> Deviation | None:
    """What differs. Rows that cannot even be read are a deviation too, and not the end."""
    try:
        return _differs(view, fresh, target, states, reached)
    except Exception as error:
        # After an error of PostgreSQL's the view is gone; and it does not keep what is no value.
        if view.dialect.name == "postgresql" or passes(error):
            raise
        said = " ".join(str(error).split())[:500]
        return Deviation(target.name, f"its rows cannot be read: {type(error).__name__}: {said}")


def _differs(
    view: Connection,
    fresh: Connection,
    target: Target,
    states: dict[str, Checkpoint],
    reached: Checkpoint,
) -> Deviation | None:
    state = states.get(target.name)
    if state is None or reached.position != state.position:
        why = reached.reason or "its checkpoint is beyond the head of the log"
        at = state.position if state else 0
        return Deviation(target.name, f"the facts cannot be folded up to position {at}: {why}")
    if digest(view, target) == digest(fresh, target):
        return None
    row = first_difference(target.model, view, target.tables, fresh, target.tables)
    if row is None:
        return Deviation(target.name, f"digests differ at position {state.position}")
    if row.live is None:
        what = "a row is missing"
    elif row.expected is None:
        what = "a row is there that no fact makes"
    else:
        what = "a row differs"
    return Deviation(
        target.name,
        f"{what} in {row.table} at position {state.position}: key {list(row.key)}, "
        f"found {_said(row.live)}, expected {_said(row.expected)}",
        row.table,
        row.key,
        row.live,
        row.expected,
    )


def _said(row: tuple[Any, ...] | None) -> str:
    return "none" if row is None else str(list(row))
