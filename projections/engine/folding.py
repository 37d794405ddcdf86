"""A stretch of the log: read and decoded once, folded into every read model that wants it, written.

Facts are read a few at a time. Each is folded into every delta while it is at hand, and only the
deltas are kept. Rows are proved to follow each other without a gap. When a fact cannot be decoded
or folded, each read model is tried by itself, fact by fact: one that fails keeps nobody else back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.events import EVENTS, NAMES
from domain.eventstore.recorder import EventRow, LedgerRecorder
from domain.kernel import Recorded
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.checkpoints import Checkpoint, Fenced
from projections.engine.model import Delta, Fold, ReadModel, Tables
from projections.engine.writing import notify, passes, write_together, writing

Decode = Callable[[EventRow], Recorded]
Work = list[tuple[Fold, Recorded]]  # What one read model has to fold of some rows, in order.

READ = 2_500  # Facts read at once.

# Up to so many facts a page is written in a pipeline. It has no COPY, which larger ones gain by.
IN_PIPELINE = 5_000


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


class Source(NamedTuple):
    """Where facts come from."""

    recorder: LedgerRecorder
    decode: Decode = codec.decode


class Folding(Struct):
    """What one target makes of the facts after `at` up to `to`: their delta, if it wants any.

    `error` is what one of the facts raised; the delta is worth nothing then.
    """

    target: Target
    at: Checkpoint
    delta: Delta
    to: int
    wants: bool = False
    error: Exception | None = None


_Wanting = list[tuple[Fold, Folding]]


def live(model: ReadModel) -> Target:
    """The tables everybody reads. Raises ValueError for a model that folds what is no fact."""
    strange = model.folds.keys() - NAMES.keys()
    if strange:
        raise ValueError(f"{model.name} folds {strange}, not in the registry")
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


def fold(
    source: Source, targets: Sequence[Target], at: Mapping[str, Checkpoint], until: int
) -> list[Folding]:
    """What targets that stand at one position make of the facts after it, up to `until`.

    It ends at a hole in the log, if there is one on the way. Raises LogBroken when the hole comes
    first. Each fact is decoded at most once.
    """
    foldings = [Folding(t, at[t.name], t.model.new_delta(), at[t.name].position) for t in targets]
    start = position = foldings[0].at.position
    plan: dict[str, _Wanting | None] = {}
    while position < until:
        try:
            rows = read_page(source.recorder, position, READ, until)
        except LogBroken:
            if position == start:
                raise
            break
        for row in rows:
            name = row[3]
            if name not in plan:
                plan[name] = _wanting(foldings, name)
            wanting = plan[name]
            if wanting == []:
                continue
            if not _fold_one(wanting, foldings, row, source.decode):
                plan = {}  # Somebody cannot go on.
        position = rows[-1][0]
    for folding in foldings:
        folding.to = position
    return foldings


def _fold_one(
    wanting: _Wanting | None, foldings: Sequence[Folding], row: EventRow, decode: Decode
) -> bool:
    """Fold one fact into the deltas of those who want it; False when one of them cannot go on."""
    try:
        recorded = decode(row)
    except Exception as error:  # Whoever wants this fact stops at it; everybody, if none can tell.
        for folding in foldings if wanting is None else (folding for _, folding in wanting):
            folding.error = error
        return False
    if wanting is None:
        kind = type(recorded.fact)
        wanting = [
            (folding.target.model.folds[kind], folding)
            for folding in foldings
            if folding.error is None and kind in folding.target.model.folds
        ]
    whole = True
    for fold_one, folding in wanting:
        folding.wants = True
        try:
            fold_one(folding.delta, recorded)
        except Exception as error:  # Every kind of mistake in a fold ends as a reason to pause.
            folding.error, whole = error, False
    return whole


def _wanting(foldings: Sequence[Folding], name: str) -> _Wanting | None:
    """Who wants facts of a stored name, of those who can go on. None for names that are upcast, and
    unknown ones: what they are is only known when they are decoded."""
    kind = EVENTS.get(name)
    if kind is None:
        return None
    return [
        (folding.target.model.folds[kind], folding)
        for folding in foldings
        if folding.error is None and kind in folding.target.model.folds
    ]


def work_of(target: Target, rows: Sequence[EventRow], decode: Decode) -> Work:
    """The facts of some rows that a target wants; one that cannot be decoded raises when folded."""
    folds, work = target.model.folds, Work()
    for row in rows:
        if row[3] in EVENTS and EVENTS[row[3]] not in folds:
            continue
        try:
            recorded = decode(row)
        except Exception as error:
            stub = Recorded(row[0], row[1], row[2], row[3], 0, "", "", "", None)
            work.append((_raiser(error), stub))
        else:
            if type(recorded.fact) in folds:
                work.append((folds[type(recorded.fact)], recorded))
    return work


def _raiser(error: Exception) -> Fold:
    def fail(_delta: Delta, _recorded: Recorded) -> None:
        raise error

    return fail


def apply(
    engine: Engine, source: Source, foldings: Sequence[Folding], channel: str = ""
) -> dict[str, Checkpoint]:
    """Write foldings, and notify a PostgreSQL channel of it. Returns where each target stands then:
    moved, paused, or as others left it.

    All of them in one transaction, for one sync of the disk; if that does not go well, each in its
    own. Raises DBAPIError or the driver's when the database, and not a fact, is the trouble.
    """
    if all(folding.error is None for folding in foldings):
        try:
            small = all(one.to - one.at.position <= IN_PIPELINE for one in foldings)
            with writing(engine, pipeline=small) as connection:
                moved = _write_all(connection, foldings)
                notify(connection, channel)
            return {checkpoint.name: checkpoint for checkpoint in moved}
        except Exception as error:
            if passes(error):
                raise
    result: dict[str, Checkpoint] = {}
    for folding in foldings:
        name = folding.target.name
        try:
            result[name] = _again(engine, source, folding)
        except Fenced:
            with engine.connect() as connection:
                result[name] = checkpoints.load(connection, [name]).get(name, Checkpoint(name))
    with writing(engine) as connection:
        notify(connection, channel)
    return result


def write(connection: Connection, folding: Folding) -> Checkpoint:
    """A delta and its checkpoint, in the caller's transaction. Raises Fenced, or what it raises."""
    moved = checkpoints.advance(connection, folding.at, folding.to)
    return write_together(connection, _deltas([folding]), lambda: moved)


def _write_all(connection: Connection, foldings: Sequence[Folding]) -> list[Checkpoint]:
    """All of a page, whose foldings end at one position."""
    (to,) = {folding.to for folding in foldings}
    foldings = _sorted(foldings)
    moved = checkpoints.advance_all(connection, [folding.at for folding in foldings], to)
    return write_together(connection, _deltas(foldings), moved)


def _deltas(foldings: Sequence[Folding]) -> list[tuple[ReadModel, Tables, Delta]]:
    return [(one.target.model, one.target.tables, one.delta) for one in foldings if one.wants]


def _sorted(foldings: Sequence[Folding]) -> list[Folding]:
    # Everybody locks checkpoints in this order, so that nobody waits in a circle.
    return sorted(foldings, key=lambda folding: folding.target.name)


def _again(engine: Engine, source: Source, folding: Folding) -> Checkpoint:
    """The same facts once more, for one target by itself: up to the one that fails, if one does.

    Read and folded anew: a write may have changed its delta before it failed.
    """
    at = folding.at
    while at.position < folding.to and at.state == checkpoints.RUNNING:
        rows = read_page(source.recorder, at.position, READ, folding.to)
        at = _alone(
            engine, folding.target, at, work_of(folding.target, rows, source.decode), rows[-1][0]
        )
    return at


def _alone(engine: Engine, target: Target, at: Checkpoint, work: Work, to: int) -> Checkpoint:
    """Go as far as facts allow: all of it, or up to the one fact that fails, and pause there."""
    folding = Folding(target, at, target.model.new_delta(), to, bool(work))
    for index, (fold_one, recorded) in enumerate(work):
        try:
            fold_one(folding.delta, recorded)
        except Exception as error:
            if recorded.position - 1 > at.position:
                at = _alone(engine, target, at, work[:index], recorded.position - 1)
            running = at.state == checkpoints.RUNNING
            return _pause(engine, at, recorded, error) if running else at
    try:
        with writing(engine) as connection:
            return write(connection, folding)
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
