"""Rebuild: a read model made anew from the log beside the live one, proved equal, and swapped in.

    shadow tables ─▶ catch up with the live ─▶ indexes, and digests compared at one position
                  ─▶ catch up with the head ─▶ swap in one transaction (the old ones are kept)

Readers, writers and the live projector go on meanwhile. Every page of a rebuild is committed with
its checkpoint `<name>__next`: one that was killed leaves the live tables as they are, and the next
one goes on where it stopped, if code and tables are still the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Engine

from domain.eventstore.recorder import LedgerRecorder
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.checkpoints import CHECKPOINTS, PAUSED, RUNNING, Checkpoint
from projections.engine.engine import Progress, Runner, States, at_once
from projections.engine.folding import Decode, Target, live
from projections.engine.model import ReadModel
from projections.engine.writing import writing
from projections.rebuilding import shadow
from projections.rebuilding.digest import digest, snapshot
from projections.rebuilding.swap import rebuilding, swap

REBUILD_BATCH = 50_000
T = TypeVar("T")


class RebuildResult(Struct, frozen=True):
    """What became of one read model.

    `equal` says whether the digests at `compared_at` are equal; it is None when there was nothing
    whole to compare with (the live tables are missing or paused). `reason` says why the model was
    not swapped in; its shadow is kept then, and a forced rebuild goes on from there. `facts` is how
    many facts of the log this run went through, `ms` the milliseconds of all models together.
    """

    name: str
    facts: int
    ms: int
    position: int
    compared_at: int | None
    live_digest: str | None
    rebuilt_digest: str | None
    equal: bool | None
    swapped: bool
    resumed: bool
    reason: str | None


class _Compared(Struct, frozen=True):
    position: int
    live: str
    rebuilt: str


def rebuild(
    recorder: LedgerRecorder,
    engine: Engine,
    models: Sequence[ReadModel],
    *,
    force: bool = False,
    batch: int = REBUILD_BATCH,
    on_progress: Progress | None = None,
    decode: Decode = codec.decode,
) -> list[RebuildResult]:
    """Rebuild the models in one pass over the log, and swap in those whose rows are equal.

    A model that differs from its live rows is swapped in only with `force`. Raises RebuildRunning,
    SwapBusy (everything is ready: run it again), and the database's errors.
    """
    with rebuilding(engine):
        return _Rebuild(recorder, engine, models, batch, on_progress, decode).run(force)


class _Rebuild:
    """One rebuild under way; it holds the ledger's rebuild lock."""

    def __init__(
        self,
        recorder: LedgerRecorder,
        engine: Engine,
        models: Sequence[ReadModel],
        batch: int,
        on_progress: Progress | None,
        decode: Decode,
    ) -> None:
        self.recorder = recorder
        self.engine = engine
        self.models = list(models)
        self.shadows = {model.name: shadow.beside(model) for model in models}
        self.decode = decode
        self.resumed: set[str] = set()
        # Where the shadows stand, by their names: read once, as only the holder of the lock moves
        # them, and kept up with what each step returns.
        self.states: States = {}
        self.began = time.monotonic_ns()
        self.start = 0
        self.on_progress = on_progress
        self.runner = Runner(
            recorder,
            engine,
            list(self.shadows.values()),
            batch=batch,
            pipelined=True,
            decode=decode,
        )

    def run(self, force: bool) -> list[RebuildResult]:
        with writing(self.engine) as connection:
            CHECKPOINTS.create(connection, checkfirst=True)
            known = checkpoints.load(connection, self._names())
        for model in self.models:
            self._prepare(model, known)
        began = {name: state.position for name, state in self.states.items()}
        self.start = min(began.values(), default=0)
        lives = self._follow_live()
        compared = self._complete(lives)
        self._catch_up({})
        chosen = [
            m for m in self.models if not _against(self.states, m, compared.get(m.name), force)
        ]
        swapped, self.states = swap(self.runner, chosen, self.states)
        ms = (time.monotonic_ns() - self.began) // 1_000_000
        return [
            self._result(model, began, swapped.get(model.name), compared, ms, force)
            for model in self.models
        ]

    def _names(self) -> list[str]:
        suffixes = ("", shadow.NEXT, shadow.OLD)
        return [model.name + suffix for model in self.models for suffix in suffixes]

    def _result(
        self,
        model: ReadModel,
        began: dict[str, int],
        swapped: Checkpoint | None,
        compared: "dict[str, _Compared]",
        ms: int,
        force: bool,
    ) -> RebuildResult:
        name, pair = self.shadows[model.name].name, compared.get(model.name)
        state = swapped or self.states[name]
        return RebuildResult(
            model.name,
            state.position - began[name],
            ms,
            state.position,
            pair.position if pair else None,
            pair.live if pair else None,
            pair.rebuilt if pair else None,
            pair.live == pair.rebuilt if pair else None,
            swapped is not None,
            model.name in self.resumed,
            None if swapped else _against(self.states, model, pair, force),
        )

    def _prepare(self, model: ReadModel, known: States) -> None:
        """Go on with what an earlier rebuild left, or begin with empty tables."""
        target, made_by = self.shadows[model.name], shadow.fingerprint(model)
        left = known.get(target.name)
        with writing(self.engine) as connection:
            if (
                left is not None
                and left.state == RUNNING
                and left.fingerprint == made_by
                and shadow.exist(connection, target)
            ):
                self.resumed.add(model.name)
                self.states[target.name] = left
                return
            shadow.create(connection, target)
            own = (model.name, target.name, model.name + shadow.OLD)
            generation = 1 + max((known[n].generation for n in own if n in known), default=0)
            fresh = Checkpoint(target.name, 0, generation, fingerprint=made_by)
            checkpoints.put(connection, fresh)
            self.states[target.name] = fresh

    def _live(self) -> States:
        """The live checkpoints that a comparison makes sense with: not one that somebody has set
        beyond the log."""
        head = self.recorder.head().position
        with self.engine.connect() as connection:
            states = checkpoints.load(connection, [model.name for model in self.models])
            return {
                model.name: states[model.name]
                for model in self.models
                if model.name in states
                and states[model.name].state == RUNNING
                and states[model.name].position <= head
                and shadow.exist(connection, live(model))
            }

    def _follow_live(self) -> States:
        """Come close to where the live ones are, never past them; to the head for the others.

        Returns where the live ones are then.
        """
        lives = self._live()
        while True:
            self._catch_up({self._shadow(name).name: live.position for name, live in lives.items()})
            self._push_live(lives)
            lives = self._live()
            behind = (
                state.position - self._shadow(name).position
                for name, state in lives.items()
                if self._shadow(name).state == RUNNING
            )
            if max(behind, default=0) <= self.runner.batch:
                return lives

    def _shadow(self, name: str) -> Checkpoint:
        """Where the shadow of a model stands."""
        return self.states[self.shadows[name].name]

    def _push_live(self, lives: States) -> None:
        """A rebuild that was stopped after it had passed the live one: they meet at the shadow."""
        goals = {
            name: self._shadow(name).position
            for name, state in lives.items()
            if state.position < self._shadow(name).position
        }
        targets = [live(model) for model in self.models if model.name in goals]
        if targets:
            batch = self.runner.batch
            runner = Runner(self.recorder, self.engine, targets, batch=batch, decode=self.decode)
            runner.catch_up(goals)

    def _complete(self, lives: States) -> dict[str, _Compared]:
        """Make the indexes, and compare the digests of live and shadow rows at one position.

        The live rows of all models are read in one view. Everything runs at once: PostgreSQL does
        nearly all of it, and has more than one processor for it.
        """
        found: dict[str, _Compared] = {}
        if self.engine.dialect.name == "sqlite":
            self._index()  # Its WAL could not be emptied of them while there is a view.
        models = [model for model in self.models if model.name in lives]
        tables = [table for model in models for table in model.tables]
        with snapshot(self.engine, tables) as view:
            states = checkpoints.load(view, [model.name for model in models])
            goals = {self.shadows[m.name].name: states[m.name].position for m in models}
            self._catch_up(goals, others=False)
            with _helpers(self.engine) as submit:
                indexed = submit(self._index)
                rebuilt = {
                    name: submit(partial(self._digest, self.shadows[name]))
                    for name, state in states.items()
                    if state.state == RUNNING and state.position == self._shadow(name).position
                }
                for model in models:
                    if model.name in rebuilt:
                        ours = digest(view, live(model))
                        theirs = rebuilt[model.name].result()
                        position = states[model.name].position
                        found[model.name] = _Compared(position, ours, theirs)
                indexed.result()
        return found

    def _index(self) -> None:
        """Make those indexes that are missing."""
        for target in self.shadows.values():
            with writing(self.engine) as connection:
                shadow.index(connection, target)

    def _digest(self, target: Target) -> str:
        with self.engine.connect() as connection:
            return digest(connection, target)

    def _catch_up(self, goals: dict[str, int], *, others: bool = True) -> None:
        """Shadows to their goals; those without one to the head, or with `others` False nowhere."""
        head = self.recorder.head().position
        stay = head if others else 0
        until = {target.name: goals.get(target.name, stay) for target in self.shadows.values()}
        self.states = self.runner.catch_up(until, self._progress(head), self.states)

    def _progress(self, head: int) -> Progress | None:
        report = self.on_progress
        if report is None:
            return None
        before = min((state.position for state in self.states.values()), default=0)
        return lambda done, _total: report(before + done - self.start, head - self.start)


@contextmanager
def _helpers(engine: Engine) -> Iterator[Callable[[Callable[[], T]], "Future[T]"]]:
    """The `submit` of two threads (on SQLite of none, as in engine.py). After an error nothing new
    is begun; what the threads are at is finished."""
    if engine.dialect.name == "sqlite":
        yield at_once
        return
    with ThreadPoolExecutor(2) as threads:
        try:
            yield threads.submit
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _against(states: States, model: ReadModel, pair: _Compared | None, force: bool) -> str | None:
    """Why a model is not swapped in, or None."""
    state = states[model.name + shadow.NEXT]
    if state.state == PAUSED:
        return f"the rebuild stopped at {state.reason}"
    if pair is not None and pair.live != pair.rebuilt and not force:
        return f"the live rows differ from the facts at position {pair.position}"
    return None
