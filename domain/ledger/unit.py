"""The unit of work: one command decided over an overlay of committed state.

An `Overlay` is what is committed, and over it what earlier commands of the commit have decided. A
`UnitOfWork` is one command on top of it: refused, it leaves no trace; accepted, its facts join the
overlay. Postings to one account become one stored fact per commit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, NamedTuple, cast

from domain.accounting import account, mirror
from domain.accounting.entry import imbalance_of
from domain.accounting.open_items import OpenItems
from domain.clearing import day
from domain.events import AGGREGATES, EVENTS, NAMES
from domain.eventstore.recorder import EventRow, SnapshotRow, as_event
from domain.kernel import (
    Entry,
    Fact,
    Line,
    MergeableFact,
    Reaction,
    Recorded,
    StateT,
    Stream,
    Unit,
    category,
)
from domain.ledger import codec
from domain.ledger.capacity import PROMISES, refuse_beyond
from domain.ledger.controls import OPEN_ITEMS
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
_HOW = {name: (evolve, OPEN_ITEMS.get(name)) for name, evolve in EVOLVE.items()}
SNAPSHOT_EVERY = 100
MAX_REACTIONS = 100_000
LEDGER_ACTOR = "ledger"


class ConservationBroken(Exception):
    """Money would appear or vanish: a programming error, nothing was recorded."""


class Slot(NamedTuple):
    """One fact to be stored."""

    stream: str
    version: int
    fact: Fact
    at_us: int
    actor: str
    command: str
    cause: str


class Merging:
    """Several facts of one stream that will be stored as one. Many commands may share it, so it is
    the ledger's own, and names none of them."""

    __slots__ = ("at_us", "facts", "stream", "version")

    def __init__(self, stream: str, version: int, fact: Fact, at_us: int) -> None:
        self.stream = stream
        self.version = version
        self.facts = [fact]
        self.at_us = at_us

    def slot(self) -> Slot:
        fact = self.facts[0]
        if len(self.facts) > 1:
            fact = type(fact).merged(self.facts)  # type: ignore[attr-defined]
        return Slot(self.stream, self.version, fact, self.at_us, LEDGER_ACTOR, "", "")


class Known(dict[str, Held]):
    """What is committed, read when it is first asked for; over it what the commit has decided."""

    def __init__(self, fetch: Callable[[str], Held]) -> None:
        super().__init__()
        self._fetch = fetch

    def __missing__(self, stream: str) -> Held:
        held = self[stream] = self._fetch(stream)
        return held


class Overlay:
    """What one commit has decided so far. `fetch` reads a stream's committed state; `promised_fen`
    is what the ledger has promised to post; `health` tells how channels are doing."""

    def __init__(
        self,
        fetch: Callable[[str], Held],
        fact_at: Callable[[str], Recorded | None],
        promised_fen: int = 0,
        health: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.fact_at = fact_at
        self.health = health
        self.promised_fen = promised_fen
        self.known = Known(fetch)
        self.changed: dict[str, Held] = {}  # What was decided, alone.
        self.slots: list[Slot | Merging] = []
        self._open: dict[str, Merging] = {}

    def assume_new(self, streams: Iterable[str]) -> None:
        """Take streams for ones without facts. The database refuses a first fact where there is
        one; whoever writes none must not have relied on it, and calls `forget`."""
        for stream in streams:
            self.known[stream] = (0, codec.initial_state(stream), None)

    def forget(self, streams: Iterable[str]) -> None:
        """Read these streams when they are next asked for."""
        for stream in streams:
            self.known.pop(stream, None)

    def accept(self, unit: "UnitOfWork") -> None:
        """Take over what a command decided."""
        self.known.update(unit.own)
        self.changed.update(unit.own)
        self.promised_fen += unit.promised_fen
        at_us, actor, command_id = unit.at_us, unit.actor, unit.command_id
        for stream, version, fact, cause in unit.staged:
            if type(fact) in MERGEABLE:
                merging = self._open.get(stream)
                if merging is not None and merging.version == version:
                    merging.facts.append(fact)
                    merging.at_us = at_us
                else:
                    merging = self._open[stream] = Merging(stream, version, fact, at_us)
                    self.slots.append(merging)
            else:
                slot = _as_slot((stream, version, fact, at_us, actor, command_id, cause))
                self.slots.append(slot)

    def rows(self, position: int) -> tuple[list[EventRow], list[SnapshotRow]]:
        """The rows to store after `position`, and snapshots of streams that have grown long."""
        rows: list[EventRow] = []
        grown: set[str] = set()
        tally = _Tally()
        for slot in self.slots:
            if type(slot) is Merging:
                slot = slot.slot()
            stream, version, fact, at_us, actor, command, cause = slot  # type: ignore[misc]
            position += 1
            state = codec.encode(fact, at_us, actor, command, cause)
            rows.append(as_event((position, stream, version, NAMES[type(fact)], state)))
            if version % SNAPSHOT_EVERY == 0:
                grown.add(stream)
            tally.add(stream, fact)
        if wrong := tally.difference():
            raise ConservationBroken(f"postings differ from entries: {wrong}")
        return rows, [
            codec.encode_snapshot(stream, *self.changed[stream][:2]) for stream in sorted(grown)
        ]


# A slot at a third of the price of its constructor.
_as_slot = cast(Callable[[tuple[Any, ...]], Slot], partial(tuple.__new__, Slot))


class _Tally:
    """Entries count up, postings count down: what remains is money without an entry."""

    def __init__(self) -> None:
        self._debits: defaultdict[str, int] = defaultdict(int)  # By account, in fen.
        self._credits: defaultdict[str, int] = defaultdict(int)

    def add(self, stream: str, fact: Any) -> None:
        """It runs for every fact; of a line's two amounts one is zero."""
        kind = type(fact)
        if kind is account.Posted:
            debits = credits = 0
            for line in fact.lines:
                debits += line.debit_fen
                credits += line.credit_fen
            name = account.id_of(stream)
            self._debits[name] -= debits
            self._credits[name] -= credits
        elif kind in WITH_ENTRY and fact.entry is not None:
            for line in fact.entry.lines:
                if line.debit_fen:
                    self._debits[line.account] += line.debit_fen
                if line.credit_fen:
                    self._credits[line.account] += line.credit_fen

    def difference(self) -> dict[str, tuple[int, int]]:
        """Per account what was not met, debits and credits in fen."""
        if not any(self._debits.values()) and not any(self._credits.values()):
            return {}
        names = sorted(self._debits.keys() | self._credits.keys())
        pairs = {name: (self._debits[name], self._credits[name]) for name in names}
        return {name: pair for name, pair in pairs.items() if any(pair)}


class UnitOfWork:
    """One command on top of an overlay; implements `domain.kernel.Unit`."""

    __slots__ = (
        "_health",
        "_mirrored",
        "_moved",
        "_owners",
        "_queue",
        "actor",
        "asked_at_us",
        "at_us",
        "cause",
        "command_id",
        "overlay",
        "own",
        "promised_fen",
        "staged",
    )

    def __init__(self, overlay: Overlay, at_us: int, actor: str, command_id: str) -> None:
        self.overlay = overlay
        self.at_us = self.asked_at_us = at_us
        self.actor = actor
        self.command_id = command_id
        self.cause = ""
        self.own: dict[str, Held] = {}
        self.promised_fen = 0  # By this command.
        self._health: Mapping[str, Any] | None = None  # Until somebody asks.
        self.staged: list[tuple[str, int, Fact, str]] = []
        self._queue: list[Reaction[Any, Any]] = []
        # Streams recorded to whose aggregates have open items, and how those are read.
        self._owners: dict[str, Callable[[Any], OpenItems]] = {}
        self._mirrored = False  # Whether something was posted to an account that has a mirror.
        self._moved: dict[str, int] = {}  # Fen by controlled account, on its normal side.

    @property
    def accounting_date(self) -> date:
        open_date = self.load(day.STREAM).open_date
        if open_date is None:
            raise Refused(Code.DAY_NOT_OPEN, "date")
        return open_date

    @property
    def health(self) -> Mapping[str, Any]:
        if self._health is None:
            self._health = self.overlay.health()
        return self._health

    def load(self, stream: "Stream[StateT]") -> StateT:
        state: StateT = (self.own.get(stream) or self.overlay.known[stream])[1]
        return state

    def version(self, stream: str) -> int:
        return (self.own.get(stream) or self.overlay.known[stream])[0]

    def fact(self, reference: str) -> Fact | None:
        recorded = self.overlay.fact_at(reference)
        return None if recorded is None else recorded.fact

    def decide_what_was_asked(self, reference: str) -> None:
        recorded = self.overlay.fact_at(reference)
        if recorded is not None:  # In the same commit: it is asked for now.
            self.asked_at_us = recorded.at_us

    def record(self, stream: str, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        aggregate = category(stream)
        evolve, items = _HOW[aggregate]
        if items is not None:
            self._owners[stream] = items
        for fact in facts:
            kind = type(fact)
            version, state, open_key = self.own.get(stream) or self.overlay.known[stream]
            if kind in MERGEABLE:
                merge_key = fact.merge_key()  # type: ignore[attr-defined]
                if merge_key != open_key:
                    version += 1
            else:
                merge_key = None
                version += 1
            if kind in PROMISES:
                self._promise(state, fact)
            self.own[stream] = (version, evolve(state, fact), merge_key)
            self.staged.append((stream, version, fact, self.cause))
            if kind in WITH_ENTRY and fact.entry is not None:  # type: ignore[attr-defined]
                self._post(fact.entry, f"{stream}#{version}")  # type: ignore[attr-defined]
            if kind in REACTIONS:
                self._queue.append(Reaction(Stream(stream), version, fact))

    def _promise(self, state: Any, fact: Fact) -> None:
        promise = PROMISES[type(fact)]
        fen = promise.fen(state, fact)
        self.promised_fen += fen
        if fen > 0:  # Who gives something back is never refused.
            refuse_beyond(promise, self.overlay.promised_fen + self.promised_fen)

    def _post(self, entry: Entry, reference: str) -> None:
        """Post an entry to its accounts, all lines or none; floors hold for the whole entry."""
        wrong = imbalance_of((entry,))
        if wrong:
            raise ConservationBroken(f"{reference}: {wrong}")
        own, known, on, cause = self.own, self.overlay.known, entry.date, self.cause
        if on != self.accounting_date:
            raise ConservationBroken(f"{reference}: {on} is not the open business day")
        changed = []
        for line in entry.lines:
            stream = account.stream(line.account)
            version, state, open_key = own.get(stream) or known[stream]
            posted = account.post(state, line.account, on, reference, line)
            if open_key != on:
                version += 1
            own[stream] = (version, account.posted(state, posted), on)
            self.staged.append((stream, version, posted, cause))
            changed.append(stream)
            if state.controlled:
                self._count(line, state)
            elif state.mirrored:
                self._mirrored = True
        for stream in changed:
            account.refuse_below_floor(own[stream][1])

    def _count(self, line: Line, state: account.State) -> None:
        fen = line.credit_fen - line.debit_fen
        if state.debit_normal:
            fen = -fen
        self._moved[line.account] = self._moved.get(line.account, 0) + fen

    def _prove_items(self) -> None:
        """What was posted to controlled accounts is what this command's open items changed by."""
        left, own, known = self._moved, self.own, self.overlay.known
        for stream, items in self._owners.items():
            after, before = items(own[stream][1]), items(known[stream][1])
            if after is before:
                continue  # Mostly: there are none, neither before nor after.
            for leaf, fen in after.items():
                left[leaf] = left.get(leaf, 0) - fen
            for leaf, fen in before.items():
                left[leaf] = left.get(leaf, 0) + fen
        if left and any(left.values()):
            raise ConservationBroken(f"open items and accounts differ: {left}")

    def rehearse(self, wish: Callable[[Unit], object]) -> None:
        copy = UnitOfWork(self.overlay, self.at_us, self.actor, self.command_id)
        copy.asked_at_us = self.asked_at_us
        copy.own, copy.promised_fen = dict(self.own), self.promised_fen
        wish(copy)
        copy.react()

    def react(self) -> None:
        """Run the policies until nothing more follows, then prove open items and the mirror.

        Raises Refused like the handler does.
        """
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
        if self._owners or self._moved:
            self._prove_items()
        if self._mirrored and (wrong := mirror.difference_of(self.load)):
            raise ConservationBroken(f"the mirror: {wrong}")
