"""What a ledger has promised, read: the last figure kept, and the facts after it.

The figure is kept with the snapshots, as one of a stream without facts whose version is the
position it was counted up to. Like them it is a cache: without it the log is read from the first
fact on, and `verify` compares it with the facts.
"""

from typing import Any, NamedTuple

import msgspec

from domain.events import NAMES
from domain.eventstore.recorder import EventRow, LedgerRecorder, SnapshotRow
from domain.kernel import Stream
from domain.ledger import codec
from domain.ledger.capacity import PROMISES
from domain.ledger.states import fold_streams
from domain.payment import payment

# The number is the rule's: with other shares it is another stream, and begins anew.
STREAM = "capacity-2"
EVERY = "capacity-"  # What older rules kept is never read again.
KEEP_EVERY = 10_000  # Facts, at least, from one kept figure to the next.
PAGE = 5_000
_WANTED = frozenset(NAMES[fact] for fact in PROMISES)


class Promised(NamedTuple):
    """What all facts up to a position promise, in fen, and up to where that was kept."""

    position: int
    fen: int
    kept: int = 0


NOTHING = Promised(0, 0)


def read(recorder: LedgerRecorder, until: int, known: Promised = NOTHING) -> Promised:
    """What is promised at a position, on from what is known of one before it."""
    if known == NOTHING and until:
        known = _newest(recorder, until)
    position, promised_fen, kept = known
    while position < until:
        rows = recorder.read_log(position, PAGE, until)
        if not rows:
            break  # A log with a hole at its end: for `verify` to say.
        promised_fen += _of_page(recorder, rows)
        position = rows[-1].position
    return Promised(until, promised_fen, kept)


def _newest(recorder: LedgerRecorder, until: int) -> Promised:
    snapshots, _ = recorder.read_states([STREAM])
    for row in snapshots:
        found_fen = decoded(row)
        if found_fen is not None and row.version <= until:
            return Promised(row.version, found_fen, row.version)
    return NOTHING


def _of_page(recorder: LedgerRecorder, rows: list[EventRow]) -> int:
    facts = [codec.decode(row) for row in rows if row.name in _WANTED]
    # What was declined says no amount: the payment does, and never changes it.
    declined: set[Stream[Any]] = {
        Stream(one.stream)
        for one in facts
        if isinstance(one.fact, payment.Declined | payment.Reopened)
    }
    states = fold_streams(recorder, declined) if declined else {}
    none = (0, None)
    return sum(
        PROMISES[type(one.fact)].fen(states.get(one.stream, none)[1], one.fact) for one in facts
    )


def due(promised: Promised) -> SnapshotRow | None:
    """The figure as it is kept, if it is time to."""
    if promised.position - promised.kept < KEEP_EVERY:
        return None
    return SnapshotRow(STREAM, promised.position, msgspec.json.encode(promised.fen))


def decoded(row: SnapshotRow) -> int | None:
    """The figure of a row that keeps one; None if it is none."""
    try:
        return msgspec.json.decode(row.state, type=int)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None
