"""The unit of work: one command decided over an overlay of committed state.

A `Batch` is the overlay of one commit: what is committed plus what earlier commands of the commit
decided. A `UnitOfWork` is one command on top of it: refused, it leaves no trace; accepted, its
facts join the batch. Postings to one account become one stored fact per commit.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from domain.accounting import account
from domain.accounting.entry import imbalance_of
from domain.clearing import day
from domain.events import AGGREGATES, EVENTS, NAMES
from domain.eventstore import codec
from domain.eventstore.recorder import EventRow, SnapshotRow
from domain.kernel import Entry, Fact, MergeableFact, Reaction, category
from domain.policies import REACTIONS
from domain.refusals import Code, Refused

# A stream in memory: its version, its state, and the merge key of its last fact while that fact
# belongs to the commit being made (None otherwise).
Held = tuple[int, Any, object]

MERGEABLE = frozenset(fact for fact in EVENTS.values() if issubclass(fact, MergeableFact))
WITH_ENTRY = frozenset(fact for fact in EVENTS.values() if "entry" in fact.__struct_fields__)
EVOLVE: dict[str, Callable[[Any, Any], Any]] = {
    name: module.evolve for name, module in AGGREGATES.items()
}
SNAPSHOT_EVERY = 100
MAX_REACTIONS = 100_000
LEDGER_ACTOR = "ledger"


class ConservationBroken(Exception):
    """Money would appear or vanish: a programming error, nothing was recorded."""


class Slot:
    """One fact to be stored, or several that will be merged into one."""

    __slots__ = ("actor", "at_us", "cause", "command", "facts", "stream", "version")

    def __init__(
        self, stream: str, version: int, fact: Fact, at_us: int, origin: tuple[str, str, str]
    ) -> None:
        self.stream = stream
        self.version = version
        self.facts = [fact]
        self.at_us = at_us
        self.actor, self.command, self.cause = origin


class Batch:
    """What one commit has decided so far. `fetch` reads a stream's committed state."""

    def __init__(self, fetch: Callable[[str], Held], fact_at: Callable[[str], Fact | None]) -> None:
        self.fetch = fetch
        self.fact_at = fact_at
        self.overlay: dict[str, Held] = {}
        self.slots: list[Slot] = []
        self._open: dict[str, Slot] = {}

    def held(self, stream: str) -> Held:
        held = self.overlay.get(stream)
        return held if held is not None else self.fetch(stream)

    def accept(self, unit: "UnitOfWork") -> None:
        """Take over what a command decided."""
        self.overlay.update(unit.own)
        for stream, version, fact, cause in unit.staged:
            if type(fact) in MERGEABLE:
                slot = self._open.get(stream)
                if slot is not None and slot.version == version:
                    slot.facts.append(fact)
                    slot.at_us = unit.at_us
                    continue
                # Many commands may share it, so it is the ledger's own, and names none of them.
                slot = Slot(stream, version, fact, unit.at_us, (LEDGER_ACTOR, "", ""))
                self._open[stream] = slot
            else:
                origin = (unit.actor, unit.command_id, cause)
                slot = Slot(stream, version, fact, unit.at_us, origin)
            self.slots.append(slot)

    def rows(self, position: int) -> tuple[list[EventRow], list[SnapshotRow]]:
        """The rows to store after `position`, and snapshots of streams that have grown long."""
        rows: list[EventRow] = []
        grown: set[str] = set()
        posted: dict[str, list[int]] = {}
        for slot in self.slots:
            fact = slot.facts[0]
            if len(slot.facts) > 1:
                fact = type(fact).merged(slot.facts)  # type: ignore[attr-defined]
            position += 1
            state = codec.encode(fact, slot.at_us, slot.actor, slot.command, slot.cause)
            rows.append(EventRow(position, slot.stream, slot.version, NAMES[type(fact)], state))
            if slot.version % SNAPSHOT_EVERY == 0:
                grown.add(slot.stream)
            _tally(posted, slot.stream, fact)
        if any(debit_fen or credit_fen for debit_fen, credit_fen in posted.values()):
            raise ConservationBroken(f"postings differ from entries: {posted}")
        return rows, [
            codec.encode_snapshot(stream, *self.overlay[stream][:2]) for stream in sorted(grown)
        ]


def _tally(posted: dict[str, list[int]], stream: str, fact: Any) -> None:
    """Entries count up, postings count down: what remains is money without an entry."""
    if isinstance(fact, account.Posted):
        totals = posted.setdefault(stream, [0, 0])
        for line in fact.lines:
            totals[0] -= line.debit_fen
            totals[1] -= line.credit_fen
    elif type(fact) in WITH_ENTRY and fact.entry is not None:
        for line in fact.entry.lines:
            totals = posted.setdefault("account-" + line.account, [0, 0])
            totals[0] += line.debit_fen
            totals[1] += line.credit_fen


class UnitOfWork:
    """One command on top of a batch; implements `domain.kernel.Unit`."""

    __slots__ = ("_queue", "actor", "at_us", "batch", "cause", "command_id", "own", "staged")

    def __init__(self, batch: Batch, at_us: int, actor: str, command_id: str) -> None:
        self.batch = batch
        self.at_us = at_us
        self.actor = actor
        self.command_id = command_id
        self.cause = ""
        self.own: dict[str, Held] = {}
        self.staged: list[tuple[str, int, Fact, str]] = []
        self._queue: list[Reaction] = []

    @property
    def accounting_date(self) -> date:
        open_date: date | None = self.load(day.STREAM).open_date
        if open_date is None:
            raise Refused(Code.DAY_NOT_OPEN, "date")
        return open_date

    def load(self, stream: str) -> Any:
        held = self.own.get(stream)
        return held[1] if held is not None else self.batch.held(stream)[1]

    def version(self, stream: str) -> int:
        held = self.own.get(stream)
        return held[0] if held is not None else self.batch.held(stream)[0]

    def fact(self, reference: str) -> Fact | None:
        return self.batch.fact_at(reference)

    def record(self, stream: str, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        evolve = EVOLVE[category(stream)]
        for fact in facts:
            kind = type(fact)
            version, state, open_key = self.own.get(stream) or self.batch.held(stream)
            if kind in MERGEABLE:
                merge_key = fact.merge_key()  # type: ignore[attr-defined]
                if merge_key != open_key:
                    version += 1
            else:
                merge_key = None
                version += 1
            self.own[stream] = (version, evolve(state, fact), merge_key)
            self.staged.append((stream, version, fact, self.cause))
            if kind in WITH_ENTRY and fact.entry is not None:  # type: ignore[attr-defined]
                self._post(fact.entry, f"{stream}#{version}")  # type: ignore[attr-defined]
            if kind in REACTIONS:
                self._queue.append(Reaction(stream, version, fact))

    def _post(self, entry: Entry, reference: str) -> None:
        """Post an entry to its accounts, all lines or none; floors hold for the whole entry."""
        wrong = imbalance_of((entry,))
        if wrong:
            raise ConservationBroken(f"{reference}: {wrong}")
        on = entry.date
        streams = []
        for line in entry.lines:
            stream = "account-" + line.account
            version, state, open_key = self.own.get(stream) or self.batch.held(stream)
            posted = account.post(state, line.account, on, reference, line)
            if open_key != on:
                version += 1
            self.own[stream] = (version, account.evolve(state, posted), on)
            self.staged.append((stream, version, posted, self.cause))
            streams.append(stream)
        for stream in streams:
            account.refuse_below_floor(self.own[stream][1])

    def react(self) -> None:
        """Run the policies until nothing more follows. Raises Refused like the handler does."""
        queue = self._queue
        done = 0
        while done < len(queue):
            reaction = queue[done]
            done += 1
            if done > MAX_REACTIONS:
                raise ConservationBroken(f"policies do not come to an end at {reaction.stream}")
            self.cause = f"{reaction.stream}#{reaction.version}"
            for policy in REACTIONS[type(reaction.fact)]:
                policy(self, reaction)
