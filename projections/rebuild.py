"""Rebuild: a read model made anew from the log beside the live one, proved equal, and swapped in.

    shadow tables ─▶ catch up with the live ─▶ indexes ─▶ compare digests at one position
                  ─▶ catch up with the head ─▶ swap in one transaction (the old ones are kept)

Readers, writers and the live projector go on meanwhile. Every page of a rebuild is committed with
its checkpoint `<name>__next`: one that was killed leaves the live tables as they are, and the next
one goes on where it stopped, if code and tables are still the same.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from sqlalchemy import Engine

from domain.eventstore import codec
from domain.eventstore.recorder import LedgerRecorder
from projections import checkpoints, shadow
from projections.checkpoints import CHECKPOINTS, PAUSED, RUNNING, Checkpoint
from projections.digest import digest, snapshot
from projections.engine import Progress, Runner
from projections.folding import Decode, Target, live, writing
from projections.model import ReadModel
from projections.swap import rebuilding, swap

REBUILD_BATCH = 20_000


class RebuildResult(Struct, frozen=True):
    """What became of one read model.

    `equal` compares the digests at `compared_at`; None when there was nothing whole to compare
    with (the live tables are missing or paused). `reason` says why it was not swapped in; its
    shadow is kept, and a forced rebuild goes on from there. `facts` is how many of the log this
    run went through, in `ms` milliseconds for all models together.
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
    """Rebuild the models in one pass over the log, and swap in those that turn out equal.

    One that differs from the live rows is swapped in only with `force`. Raises RebuildRunning,
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
        for model in self.models:
            self._prepare(model)
        began = {name: state.position for name, state in self.runner.load().items()}
        self.start = min(began.values(), default=0)
        self._follow_live()
        for target in self.shadows.values():
            with writing(self.engine) as connection:
                shadow.index(connection, target)
        compared = self._compare()
        self._catch_up({})
        states = self.runner.load()
        chosen = [m for m in self.models if not _against(states, m, compared.get(m.name), force)]
        swapped = swap(self.runner, chosen)
        states = self.runner.load()
        ms = (time.monotonic_ns() - self.began) // 1_000_000
        return [
            self._result(model, began, swapped.get(model.name), states, compared, ms, force)
            for model in self.models
        ]

    def _result(
        self,
        model: ReadModel,
        began: dict[str, int],
        swapped: Checkpoint | None,
        states: dict[str, Checkpoint],
        compared: "dict[str, _Compared]",
        ms: int,
        force: bool,
    ) -> RebuildResult:
        name, pair = self.shadows[model.name].name, compared.get(model.name)
        state = swapped or states[name]
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
            None if swapped else _against(states, model, pair, force),
        )

    def _prepare(self, model: ReadModel) -> None:
        """Go on with what an earlier rebuild left, or begin with empty tables."""
        target, made_by = self.shadows[model.name], shadow.fingerprint(model)
        with writing(self.engine) as connection:
            names = [model.name, target.name, model.name + shadow.OLD]
            known = checkpoints.load(connection, names)
            left = known.get(target.name)
            usable = left is not None and left.state == RUNNING and left.fingerprint == made_by
            if usable and shadow.exist(connection, target):
                self.resumed.add(model.name)
                return
            shadow.create(connection, target)
            generation = 1 + max((c.generation for c in known.values()), default=0)
            fresh = Checkpoint(target.name, 0, generation, fingerprint=made_by)
            checkpoints.put(connection, fresh)

    def _live(self) -> dict[str, Checkpoint]:
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

    def _follow_live(self) -> None:
        """Come close to where the live ones are, never past them; to the head for the others."""
        while True:
            goals = {
                self.shadows[name].name: state.position for name, state in self._live().items()
            }
            states = self._catch_up(goals)
            self._push_live(states)
            now = self._live()
            behind = (
                now[name].position - states[target.name].position
                for name, target in self.shadows.items()
                if name in now and states[target.name].state == RUNNING
            )
            if max(behind, default=0) <= self.runner.batch:
                return

    def _push_live(self, shadows: dict[str, Checkpoint]) -> None:
        """A rebuild that was stopped after it had passed the live one: they meet at the shadow."""
        goals = {
            name: shadows[self.shadows[name].name].position
            for name, state in self._live().items()
            if state.position < shadows[self.shadows[name].name].position
        }
        targets = [live(model) for model in self.models if model.name in goals]
        if targets:
            batch = self.runner.batch
            runner = Runner(self.recorder, self.engine, targets, batch=batch, decode=self.decode)
            runner.catch_up(goals)

    def _compare(self) -> dict[str, _Compared]:
        """Digests of live and shadow at one position each, the live ones' in one view."""
        found: dict[str, _Compared] = {}
        models = [model for model in self.models if model.name in self._live()]
        tables = [table for model in models for table in model.tables]
        with snapshot(self.engine, tables) as view:
            states = checkpoints.load(view, [model.name for model in models])
            goals = {self.shadows[m.name].name: states[m.name].position for m in models}
            reached = self._catch_up(goals, others=False)
            with ThreadPoolExecutor(1) as beside:
                for model in models:
                    target, state = self.shadows[model.name], states[model.name]
                    if state.state == RUNNING and reached[target.name].position == state.position:
                        rebuilt = beside.submit(self._digest, target)
                        ours = digest(view, live(model))
                        found[model.name] = _Compared(state.position, ours, rebuilt.result())
        return found

    def _digest(self, target: Target) -> str:
        with self.engine.connect() as connection:
            return digest(connection, target)

    def _catch_up(self, goals: dict[str, int], *, others: bool = True) -> dict[str, Checkpoint]:
        """Shadows to their goals; those without one to the head, or with `others` False nowhere."""
        head = self.recorder.head().position
        stay = head if others else 0
        until = {target.name: goals.get(target.name, stay) for target in self.shadows.values()}
        return self.runner.catch_up(until, self._progress(head))

    def _progress(self, head: int) -> Progress | None:
        report = self.on_progress
        if report is None:
            return None
        before = min((state.position for state in self.runner.load().values()), default=0)
        return lambda done, _total: report(before + done - self.start, head - self.start)


def _against(
    states: dict[str, Checkpoint], model: ReadModel, pair: _Compared | None, force: bool
) -> str | None:
    """Why a model is not swapped in, or None."""
    state = states[model.name + shadow.NEXT]
    if state.state == PAUSED:
        return f"the rebuild stopped at {state.reason}"
    if pair is not None and pair.live != pair.rebuilt and not force:
        return f"the live rows differ from the facts at position {pair.position}"
    return None
