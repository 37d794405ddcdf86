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

from domain.kernel import Entry, Fact
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
    status: Literal["none", "processing", "unknown", "succeeded", "failed"] = "none"
    requested: Requested | None = None


def stream(refund_no: str) -> str:
    return f"refund-{refund_no}"


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


def succeed(state: State, entry: Entry) -> list[Event]:
    return [Succeeded(entry)] if state.status in ("processing", "unknown") else []


def fail(state: State, reason: str, entry: Entry) -> list[Event]:
    return [Failed(reason, entry)] if state.status in ("processing", "unknown") else []


def become_unknown(state: State, reason: str) -> list[Event]:
    return [BecameUnknown(reason)] if state.status == "processing" else []


def evolve(state: State, event: Event) -> State:
    match event:
        case Requested():
            return State("processing", event)
        case Succeeded():
            return replace(state, status="succeeded")
        case Failed():
            return replace(state, status="failed")
        case BecameUnknown():
            return replace(state, status="unknown")
        case _:
            assert_never(event)
