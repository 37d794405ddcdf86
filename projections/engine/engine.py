"""The projection engine: brings read models up to the log, in batches, each fact exactly once.

    log ──page──▶ decoded once ──▶ folded into a delta per read model ──▶ deltas and checkpoints,
                                                                          one fenced transaction

Live catch-up takes small pages, a rebuild large ones: the same code (`Runner`). A read model that
cannot take a fact is paused there, with the reason, and never passes over it; the others go on.
"""

import gc
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from domain.eventstore.recorder import LedgerRecorder
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.arrivals import rows_channel
from projections.engine.checkpoints import PAUSED, RUNNING, Checkpoint
from projections.engine.commits import CommitEnds
from projections.engine.folding import (
    Decode,
    LogBroken,
    Source,
    Target,
    apply,
    fold,
    live,
    pause_all,
)
from projections.engine.model import ReadModel
from projections.engine.wakeup import WakeUp, seconds
from projections.engine.writing import writing

LIVE_BATCH = 2_000
GATHER_MS = 20  # After a hint: what is committed until then is one batch, not twenty.
REREAD_MS = 500  # A wake-up is a hint: the log is looked at this often without one.
COLLECT_EVERY = 25  # Pages of a rebuild.
BACKOFF_MS = (100, 200, 400, 800, 1_600, 3_200, 5_000)

Progress = Callable[[int, int], None]  # Facts done, and facts to do altogether.
States = dict[str, Checkpoint]
T = TypeVar("T")

log = logging.getLogger("zhangfang.projections")


def _unheard(_states: States) -> None:
    pass


class Status(NamedTuple):
    """How far one read model is behind. `lag_us` is how long its next fact has been waiting."""

    name: str
    position: int
    head: int
    lag_events: int
    lag_us: int
    state: str
    reason: str | None
    reason_position: int | None
    generation: int

    @property
    def lag_seconds(self) -> int:
        """Whole seconds, rounded up: 0 means there is nothing to wait for."""
        return -(-self.lag_us // 1_000_000)


class Runner:
    """Brings targets to a position. One thread at a time; others, elsewhere, are fenced off.

    With `pipelined` the next page is read and folded while the last one is being written. Not to
    SQLite: its driver lets go of the interpreter at every row, and two threads that both want it
    lose more in handing it over than they gain. With `whole_commits` a page ends where a commit
    does, however long that is, for those who read. `on_written` hears of every page once it is
    committed, as do those who listen to a PostgreSQL `channel`.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        engine: Engine,
        targets: Sequence[Target],
        *,
        batch: int = LIVE_BATCH,
        pipelined: bool = False,
        whole_commits: bool = False,
        decode: Decode = codec.decode,
        channel: str = "",
        on_written: Callable[[States], None] = _unheard,
    ) -> None:
        if len({target.name for target in targets}) != len(targets):
            raise ValueError("two targets share a checkpoint")
        self.recorder = recorder
        self.engine = engine
        self.targets = tuple(targets)
        self.batch = batch
        self._pipelined = pipelined
        self._ends = CommitEnds(recorder) if whole_commits else None
        self.source = Source(recorder, decode)
        self._channel = channel
        self._on_written = on_written

    def load(self) -> States:
        """Where each target stands. Their checkpoints must exist."""
        # Committed: PostgreSQL's driver forgets at a rollback every statement that it has prepared.
        with self.engine.begin() as connection:
            return checkpoints.load(connection, [target.name for target in self.targets])

    def catch_up(
        self,
        until: int | Mapping[str, int] | None = None,
        on_progress: Progress | None = None,
        states: States | None = None,
    ) -> States:
        """Bring every target that is running to `until` (one position, or one each by name).

        None, and anything beyond it, is the head as it is now. Returns where each one stands.
        `states` is where they stand, for a caller who knows because nobody else moves them; without
        it the checkpoints are read. Raises the database's error when the database is the trouble;
        what was written stands.
        """
        states = self.load() if states is None else dict(states)
        head = self.recorder.head().position
        goals = {target.name: min(head, _goal(until, target.name, head)) for target in self.targets}
        start = min((s.position for s in states.values() if _due(s, goals)), default=head)
        whole = max((goals[s.name] for s in states.values() if _due(s, goals)), default=head)
        with ExitStack() as stack:
            submit: Callable[[Callable[[], States]], Future[States]] = at_once
            collect: Callable[[], object] = _nothing
            if self._pipelined:
                collect = stack.enter_context(_collecting_seldom())
                if self.engine.dialect.name == "postgresql":
                    submit = stack.enter_context(ThreadPoolExecutor(1)).submit
            # `states` is what will be true once `pending` is written.
            pending: Future[States] | None = None
            while True:
                page = self._next_page(states, goals)
                if pending is not None:
                    written, pending = pending.result(), None
                    self._on_written(written)
                    if on_progress is not None:
                        reached = min(state.position for state in written.values())
                        on_progress(reached - start, whole - start)
                    if any(states[name] != state for name, state in written.items()):
                        states.update(written)  # Paused or fenced: the page was made for nothing.
                        continue
                if page is None:
                    return states
                pending = submit(page.write)
                states.update(page.states)
                del page  # Its deltas go with its writing.
                collect()

    def _next_page(self, states: States, goals: Mapping[str, int]) -> "_Page | None":
        """The next page, folded, for those who lag the most; None when nobody lags."""
        behind = [states[t.name] for t in self.targets if t.name in states]
        behind = [state for state in behind if _due(state, goals)]
        if not behind:
            return None
        start = min(state.position for state in behind)
        group = [t for t in self.targets if t.name in states and states[t.name].position == start]
        group = [t for t in group if _due(states[t.name], goals)]
        # Not past where others wait: from there on they share the work of decoding.
        stop = min(goals[target.name] for target in group)
        stop = min([stop, *(state.position for state in behind if state.position > start)])
        if self._ends is None:
            stop = min(stop, start + self.batch)
        else:
            stop = self._ends.stop(start, start + self.batch, stop)
        at = {target.name: states[target.name] for target in group}
        try:
            foldings = fold(self.source, group, at, stop)
        except LogBroken as broken:
            error = broken
            return _Page(lambda: pause_all(self.engine, at, error), _stopped(at))
        moved = {
            folding.target.name: Checkpoint(
                folding.target.name,
                folding.to,
                folding.at.generation,
                fingerprint=folding.at.fingerprint,
            )
            for folding in foldings
        }
        return _Page(lambda: apply(self.engine, self.source, foldings, self._channel), moved)


@contextmanager
def _collecting_seldom() -> Iterator[Callable[[], object]]:
    """Yields what is to be called after each page; it collects garbage once in `COLLECT_EVERY`.

    A large page is hundreds of thousands of small objects, none in a cycle, all gone when it is
    written: walking them again and again took as long as everything else together.
    """
    was_on, pages = gc.isenabled(), itertools.count(1)
    gc.disable()
    try:
        yield lambda: next(pages) % COLLECT_EVERY or gc.collect()
    finally:
        if was_on:
            gc.enable()


def _nothing() -> None:
    pass


class _Page(NamedTuple):
    write: Callable[[], States]
    states: States  # Where everybody stands once it is written, if all goes well.


def _stopped(at: States) -> States:
    """Paused, as far as the loop is concerned; the reason is read back from the database."""
    return {n: Checkpoint(n, s.position, s.generation, PAUSED) for n, s in at.items()}


def at_once(work: Callable[[], T]) -> "Future[T]":
    """What an executor's `submit` does, here and now."""
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
    return future


def _goal(until: int | Mapping[str, int] | None, name: str, head: int) -> int:
    if until is None:
        return head
    return until if isinstance(until, int) else until.get(name, 0)


def _due(state: Checkpoint, goals: Mapping[str, int]) -> bool:
    return state.state == RUNNING and state.position < goals.get(state.name, 0)


class Projector:
    """Keeps the live read models up to the log. Several may run: the slower one is fenced off."""

    def __init__(
        self,
        recorder: LedgerRecorder,
        engine: Engine,
        models: Sequence[ReadModel],
        *,
        batch: int = LIVE_BATCH,
        decode: Decode = codec.decode,
        on_written: Callable[[States], None] = _unheard,
    ) -> None:
        targets = [live(model) for model in models]
        self._models = tuple(models)
        self._engine = engine
        self._on_written = on_written
        self._runner = Runner(
            recorder,
            engine,
            targets,
            batch=batch,
            whole_commits=True,
            decode=decode,
            channel=rows_channel(recorder),
            on_written=on_written,
        )
        self._one_at_a_time = threading.Lock()
        self._states: States | None = None  # Where everybody was left; None: to be read.
        self.trouble: str | None = None  # What the database said, while `run` cannot go on.

    def catch_up(
        self, until: int | None = None, on_progress: Progress | None = None
    ) -> dict[str, int]:
        """Bring every running read model to `until` (None: the head); each one's position."""
        with self._one_at_a_time:
            self._states = None
            states = self._states = self._runner.catch_up(until, on_progress, self.prepare())
            self._on_written(states)  # Others may have moved them.
        return {name: state.position for name, state in states.items()}

    def prepare(self) -> States:
        """Where each model stands; the checkpoints that are missing are made. A model that has rows
        but no checkpoint is paused: nobody knows what is in those rows, and a rebuild puts it
        right."""
        known = self._runner.load()
        missing = [model for model in self._models if model.name not in known]
        for model in missing:
            with writing(self._engine) as connection:
                checkpoints.create(connection, _first(connection, model))
        return self._runner.load() if missing else known

    def run(self, stop: threading.Event, wakeup: WakeUp) -> None:
        """Catch up at every wake-up, and every 500 ms without one, until `stop` is set.

        The first commit after a rest is taken at once; when one follows another, what comes within
        20 ms is one batch. When the database is in trouble it tries again, ever more slowly;
        `trouble` says why.
        """
        failures = read_ns = wrote_ns = 0
        while not stop.is_set():
            began_ns = time.monotonic_ns()
            try:
                if began_ns - read_ns > REREAD_MS * 1_000_000:
                    self._states, read_ns = None, began_ns
                if self._go_on():
                    wrote_ns = began_ns
            except Exception as error:  # The loop outlives whatever happened; `trouble` tells it.
                self.trouble = f"{type(error).__name__}: {error}"
                log.warning("projections cannot go on: %s", self.trouble)
                wait_ms = BACKOFF_MS[min(failures, len(BACKOFF_MS) - 1)]
                failures += 1
                stop.wait(seconds(wait_ms))
            else:
                self.trouble, failures = None, 0
                if wakeup.wait(REREAD_MS):
                    since_ms = (time.monotonic_ns() - wrote_ns) // 1_000_000
                    stop.wait(seconds(max(0, GATHER_MS - since_ms)))

    def _go_on(self) -> bool:
        """Catch up from where everybody was left. True when anybody moved.

        Whoever else moves or pauses one fences the next write off, and then it is read where it is;
        what only sets one free, or back, is seen when the checkpoints are read again.
        """
        with self._one_at_a_time:
            before, self._states = self._states, None
            if before is None:
                before = self.prepare()
                self._on_written(before)
            self._states = self._runner.catch_up(states=before)
            return self._states != before

    def resume(self, name: str) -> bool:
        """Let a paused read model try the fact again; False when it was not paused."""
        with self._one_at_a_time, writing(self._engine) as connection:
            self._states = None
            return checkpoints.resume(connection, name)

    def status(self, now_us: int) -> list[Status]:
        """Every read model against the head, at a UTC µs instant given by the caller."""
        head = self._runner.recorder.head()
        states = self._runner.load()
        waiting: dict[int, int] = {}
        found = []
        for model in self._models:
            state = states.get(model.name, Checkpoint(model.name))
            at = state.position
            if at not in waiting:
                since = _recorded_at(self._runner.recorder, at + 1, head.number)
                waiting[at] = 0 if since is None else max(0, now_us - since)
            found.append(
                Status(
                    model.name,
                    at,
                    head.position,
                    max(0, head.position - at),
                    waiting[at],
                    state.state,
                    state.reason,
                    state.reason_position,
                    state.generation,
                )
            )
        return found


def _first(connection: Connection, model: ReadModel) -> Checkpoint:
    try:
        with connection.begin_nested():
            for table in model.tables:
                if connection.execute(select(table).limit(1)).first() is not None:
                    return Checkpoint(
                        model.name, 0, 0, PAUSED, f"{table.name} has rows but no checkpoint", 0
                    )
    except SQLAlchemyError:
        return Checkpoint(model.name, 0, 0, PAUSED, checkpoints.UNMADE, 0)
    return Checkpoint(model.name)


def _recorded_at(recorder: LedgerRecorder, position: int, commits: int) -> int | None:
    """When the commit that holds a position was recorded, UTC µs; None when there is none yet."""
    low, high = 1, commits + 1  # The commit is among low … high - 1, or there is none.
    while low < high:
        middle = (low + high) // 2
        if recorder.read_commits(middle - 1, 1)[0].last_position >= position:
            high = middle
        else:
            low = middle + 1
    return recorder.read_commits(low - 1, 1)[0].recorded_at_us if low <= commits else None
