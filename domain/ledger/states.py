"""Committed states in memory: a bounded cache, and folding what it does not hold."""

from collections.abc import Iterable
from typing import Any

from domain.eventstore.recorder import EventRow, LedgerRecorder, SnapshotRow
from domain.kernel import StateT, Stream, category
from domain.ledger import codec
from domain.ledger.unit import EVOLVE, Held

CACHE_SIZE = 50_000


def fold_stream(recorder: LedgerRecorder, stream: "Stream[StateT]") -> tuple[int, StateT]:
    """Version and state of one stream, from its newest snapshot on."""
    return fold_streams(recorder, [stream])[stream]


def fold_streams(
    recorder: LedgerRecorder, streams: "Iterable[Stream[StateT]]"
) -> dict[str, tuple[int, StateT]]:
    """Version and state of each stream: (0, initial state) for those that do not exist."""
    wanted = list(streams)
    snapshots, rows = recorder.read_states(wanted)
    found: dict[str, tuple[int, StateT]] = {s: (0, codec.initial_state(s)) for s in wanted}
    stale = _apply_snapshots(found, snapshots)
    by_stream: dict[str, list[EventRow]] = {}
    for row in rows:
        if row[1] not in stale:
            by_stream.setdefault(row[1], []).append(row)
    for stream in stale:
        # The class changed its shape since: fold the whole history instead.
        by_stream[stream] = _whole(recorder, stream)
    for stream, history in by_stream.items():
        version, state = found[stream]
        evolve = EVOLVE[category(stream)]
        for row in history:
            state = evolve(state, codec.decode(row).fact)
            version = row[2]
        found[stream] = (version, state)
    return found


def _apply_snapshots(found: dict[str, tuple[int, Any]], snapshots: list[SnapshotRow]) -> set[str]:
    stale = set()
    for row in snapshots:
        state = codec.decode_snapshot(row)
        if state is None:
            stale.add(row.stream)
        else:
            found[row.stream] = (row.version, state)
    return stale


def _whole(recorder: LedgerRecorder, stream: str) -> list[EventRow]:
    rows: list[EventRow] = []
    while page := recorder.read_stream(stream, rows[-1].version if rows else 0, 10_000):
        rows += page
    return rows


class StateCache:
    """The states last used, at most twice `size` of them, for the committer thread alone.

    Two generations: what is used moves to the young one; when that is full the old one goes. It is
    one comparison per use, and keeps what is hot.
    """

    def __init__(self, recorder: LedgerRecorder, size: int = CACHE_SIZE) -> None:
        self._recorder = recorder
        self._size = size
        self._young: dict[str, Held] = {}
        self._old: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def fetch(self, stream: str) -> Held:
        """The committed state of a stream, read from the database if it is not here."""
        held = self._young.get(stream)
        if held is not None:
            return held
        held = self._old.get(stream)
        if held is None:
            version, state = fold_stream(self._recorder, _any(stream))
            held = (version, state, None)
        self._put(stream, held)
        return held

    def holds(self, stream: str) -> bool:
        """Whether a stream's state is in memory."""
        return stream in self._young or stream in self._old

    def peek(self, stream: str) -> Held | None:
        """A committed state that is in memory, of now or a moment ago. From any thread."""
        return self._young.get(stream) or self._old.get(stream)

    def prefetch(self, streams: Iterable[str]) -> bool:
        """Read all that are not here, in one query; False when there were none."""
        young, old = self._young, self._old
        missing = {_any(s) for s in streams if s not in young and s not in old}
        if missing:
            found = fold_streams(self._recorder, missing)
            self._put_all({stream: (*held, None) for stream, held in found.items()})
        return bool(missing)

    def store(self, overlay: dict[str, Held]) -> None:
        """Take over what a commit made durable."""
        self._put_all({stream: (held[0], held[1], None) for stream, held in overlay.items()})

    def forget(self, streams: Iterable[str]) -> None:
        """Drop what another process has changed."""
        for stream in streams:
            self._young.pop(stream, None)
            self._old.pop(stream, None)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def _put_all(self, states: dict[str, Held]) -> None:
        if len(self._young) + len(states) < self._size:
            self._young.update(states)
        else:
            for stream, held in states.items():
                self._put(stream, held)

    def _put(self, stream: str, held: Held) -> None:
        self._young[stream] = held
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}


def _any(stream: str) -> "Stream[Any]":
    """A stream of which only the id is known here."""
    return Stream(stream)
