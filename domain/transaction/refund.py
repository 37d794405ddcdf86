"""Refund (退款): money on its way back to the buyer, through the channel it came from.

(none) ──request──▶ processing ──▶ succeeded
                      │  ▲
                      ▼  │
                    unknown ──▶ succeeded | failed
                    failed ◀── processing        the money goes to the buyer's wallet or,
                                                 when that is closed, to suspense
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import REFUND_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.refusals import Code, Refused


class Requested(Fact, frozen=True):
    transaction_id: str
    buyer: str
    channel: str
    amount_fen: int


class Succeeded(Fact, frozen=True):
    entry: Entry


class Failed(Fact, frozen=True):
    reason: str
    entry: Entry


class BecameUnknown(Fact, frozen=True):
    reason: str


Event = Requested | Succeeded | Failed | BecameUnknown


class State(Struct, frozen=True, gc=False):
    """`suspense` is the account on which money lies that the buyer could not be given."""

    status: Literal["none", "processing", "unknown", "succeeded", "failed"] = "none"
    requested: Requested | None = None
    suspense: str = ""


def stream(refund_no: str) -> "Stream[State]":
    return Stream(f"refund-{refund_no}")


def number_of(stream: str) -> str:
    """The refund's number, from its stream."""
    return key(stream)


def instruction_id(refund_no: str) -> str:
    """Of the instruction that asks the channel to pay the buyer back."""
    return f"refund-{refund_no}"


def request(
    state: State, transaction_id: str, buyer: str, channel: str, amount_fen: int
) -> list[Event]:
    """The same refund again returns []. Another one under its number: REFUND_EXISTS."""
    if is_repeat(state, transaction_id, amount_fen):
        return []
    return [Requested(transaction_id, buyer, channel, amount_fen)]


def is_repeat(state: State, transaction_id: str, amount_fen: int) -> bool:
    """Whether this very refund was requested before. Raises REFUND_EXISTS for another one."""
    if state.requested is None:
        return False
    if (state.requested.transaction_id, state.requested.amount_fen) == (transaction_id, amount_fen):
        return True
    raise Refused(
        Code.REFUND_EXISTS,
        "refund_no",
        f"it refunds {state.requested.amount_fen} fen of {state.requested.transaction_id}",
    )


def needed(state: State, stream: str) -> Requested:
    """What was requested. Raises REFUND_NOT_FOUND."""
    if state.requested is None:
        raise Refused(Code.REFUND_NOT_FOUND, "refund_no", number_of(stream))
    return state.requested


def succeed(state: State, entry: Entry) -> list[Event]:
    return [Succeeded(entry)] if state.status in ("processing", "unknown") else []


def fail(state: State, reason: str, entry: Entry) -> list[Event]:
    return [Failed(reason, entry)] if state.status in ("processing", "unknown") else []


def become_unknown(state: State, reason: str) -> list[Event]:
    return [BecameUnknown(reason)] if state.status == "processing" else []


def open_items(state: State) -> OpenItems:
    """Money that is on its way to the buyer, or lies in suspense."""
    if state.requested is None:
        return NONE
    if state.status in ("processing", "unknown"):
        return {REFUND_IN_TRANSIT: state.requested.amount_fen}
    return {state.suspense: state.requested.amount_fen} if state.suspense else NONE


def evolve(state: State, event: Event) -> State:
    match event:
        case Requested():
            return State("processing", event)
        case Succeeded():
            return replace(state, status="succeeded")
        case Failed(entry=entry):
            return replace(state, status="failed", suspense=suspense_of(entry))
        case BecameUnknown():
            return replace(state, status="unknown")
        case _:
            assert_never(event)
