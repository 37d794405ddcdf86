"""Reversal (冲正): an entry turned round, once. The stream is named after the entry it reverses.

(none) ──reverse──▶ reversed

Only an entry that nothing else stands on may be turned round: a transfer, and a reversal of one.
Every other entry belongs to a record that would go on as if the money were still there: a
transaction its escrow, a refund or a payout the money in transit, a batch the pending money it is
going to settle, a recharge what its channel owes. Those are undone by their own step: a refund, a
payout's return, a recharge that goes back through its channel.
"""

from typing import assert_never

from msgspec import Struct

from domain.kernel import Entry, Fact, Stream
from domain.refusals import Code, Refused


class Reversed(Fact, frozen=True):
    reference: str  # <stream>#<version> of the fact whose entry is turned round.
    reason: str
    entry: Entry


Event = Reversed

PREFIX = "reversal-"  # Of the stream, and so of every reference to a fact that turned an entry.
# Streams that post without any money moving at a channel now: what turns an entry round, and what
# finds out in bills and statements how money moved, or did not. A day's totals leave them out.
UNMOVING = (PREFIX, "verdict-", "difference-", "session-", "statement-", "chargeback-")
_REVERSIBLE = ("internal_transfer.1",)
REVERSIBLE = frozenset(_REVERSIBLE) | {f"reversal_of_{rule}" for rule in _REVERSIBLE}


class State(Struct, frozen=True, gc=False):
    reference: str = ""


def stream(reference: str) -> "Stream[State]":
    return Stream(PREFIX + reference)


def refuse_reversal(entry: Entry) -> None:
    """Raises Refused(ENTRY_NOT_REVERSIBLE) for an entry that something else stands on."""
    if entry.rule not in REVERSIBLE:
        raise Refused(Code.ENTRY_NOT_REVERSIBLE, "reference", entry.rule)


def reverse(state: State, reference: str, reason: str, entry: Entry) -> list[Event]:
    """The entry turned round, given as `entry`. Raises Refused(ENTRY_ALREADY_REVERSED)."""
    if state.reference:
        raise Refused(Code.ENTRY_ALREADY_REVERSED, "reference", reference)
    return [Reversed(reference, reason, entry)]


def evolve(_state: State, event: Event) -> State:
    match event:
        case Reversed(reference=reference):
            return State(reference)
        case _:
            assert_never(event)
