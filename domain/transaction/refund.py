"""Refund (退款): money on its way back to the buyer, through the channel it came from.

(none) ──request──▶ processing ──▶ succeeded
  │                   ▲  │  ▲
  │                   │  ▼  │
  │                   │ unknown ──▶ succeeded | failed
  │                   │ failed ◀── processing      the money goes to the buyer's wallet or,
 ask                  │                            when that is closed, to suspense
  ▼                   │
requested ──approve───┘
  └──reject──▶ rejected

A refund that would bring the merchant's debt above its limit is only *requested*: it moves nothing
until another operator approves it, and never once one has rejected it.
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


class ApprovalRequested(Fact, frozen=True):
    """The refund would bring the merchant's debt to `debt_fen`, above its limit; `maker` asked."""

    transaction_id: str
    buyer: str
    channel: str
    amount_fen: int
    debt_fen: int
    limit_fen: int
    maker: str


class Approved(Fact, frozen=True):
    """From here on it is a refund like any other, on its way to the buyer."""

    amount_fen: int
    checker: str


class Rejected(Fact, frozen=True):
    reason: str
    checker: str


class Succeeded(Fact, frozen=True):
    entry: Entry


class Failed(Fact, frozen=True):
    reason: str
    entry: Entry


class BecameUnknown(Fact, frozen=True):
    reason: str


Event = Requested | ApprovalRequested | Approved | Rejected | Succeeded | Failed | BecameUnknown
Status = Literal["none", "requested", "rejected", "processing", "unknown", "succeeded", "failed"]


class State(Struct, frozen=True, gc=False):
    """`requested` is what is on its way, or was; `asked` what needed an approval. `suspense` is the
    account on which money lies that the buyer could not be given."""

    status: Status = "none"
    requested: Requested | None = None
    suspense: str = ""
    asked: ApprovalRequested | None = None
    rejected: str = ""  # Why.


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
    known = state.requested or state.asked
    if known is None:
        return False
    if (known.transaction_id, known.amount_fen) == (transaction_id, amount_fen):
        return True
    raise Refused(
        Code.REFUND_EXISTS,
        "refund_no",
        f"it refunds {known.amount_fen} fen of {known.transaction_id}",
    )


def ask(
    state: State,
    transaction_id: str,
    buyer: str,
    channel: str,
    amount_fen: int,
    *,
    debt_fen: int,
    limit_fen: int,
    maker: str,
) -> list[Event]:
    """Ask for an approval: the debt would be `debt_fen`. The same refund again returns [].
    Another one under its number: REFUND_EXISTS."""
    if is_repeat(state, transaction_id, amount_fen):
        return []
    return [
        ApprovalRequested(transaction_id, buyer, channel, amount_fen, debt_fen, limit_fen, maker)
    ]


def approve(state: State, checker: str) -> list[Event]:
    """Four eyes: who asked may not approve. Approving again returns [].

    Raises REFUND_NOT_FOUND, REFUND_STATE_WRONG, REFUND_REJECTED, CHECKER_IS_MAKER.
    """
    asked = _need_asked(state)
    if state.status == "rejected":
        raise Refused(Code.REFUND_REJECTED, "refund_no", state.rejected)
    if state.status != "requested":
        return []
    _need_other(asked, checker)
    return [Approved(asked.amount_fen, checker)]


def reject(state: State, reason: str, checker: str) -> list[Event]:
    """Final; the first reason stays. Rejecting again returns [].

    Raises REFUND_NOT_FOUND, REFUND_STATE_WRONG, CHECKER_IS_MAKER.
    """
    asked = _need_asked(state)
    if state.status == "rejected":
        return []
    if state.status != "requested":
        raise Refused(Code.REFUND_STATE_WRONG, "refund_no", "it was approved")
    _need_other(asked, checker)
    return [Rejected(reason, checker)]


def _need_asked(state: State) -> ApprovalRequested:
    if state.status == "none":
        raise Refused(Code.REFUND_NOT_FOUND, "refund_no")
    if state.asked is None:
        raise Refused(Code.REFUND_STATE_WRONG, "refund_no", "it needs no approval")
    return state.asked


def _need_other(asked: ApprovalRequested, checker: str) -> None:
    if checker == asked.maker:
        raise Refused(Code.CHECKER_IS_MAKER, "actor", f"{checker} has asked for this refund")


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
        case ApprovalRequested():
            return State("requested", asked=event)
        case Approved():
            return replace(state, status="processing", requested=_sent(state))
        case Rejected(reason=reason):
            return replace(state, status="rejected", rejected=reason)
        case Succeeded():
            return replace(state, status="succeeded")
        case Failed(entry=entry):
            return replace(state, status="failed", suspense=suspense_of(entry))
        case BecameUnknown():
            return replace(state, status="unknown")
        case _:
            assert_never(event)


def _sent(state: State) -> Requested:
    """What goes to the buyer once it is approved."""
    asked = state.asked
    assert asked is not None
    return Requested(asked.transaction_id, asked.buyer, asked.channel, asked.amount_fen)
