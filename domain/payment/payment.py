"""Payment (支付): one attempt to pay one order, or to recharge one wallet, through one channel.

(none) ──start──▶ paying ──▶ succeeded ──send back──▶ sending_back ──▶ sent_back
                    │  ▲                                       │
                    ▼  │                                       ▼
                  unknown ──▶ succeeded | declined          kept: the channel declined
                  declined ◀── paying

A payment that succeeds for an order that is closed or paid already, or for an account that was
closed meanwhile, is sent back whole the way it came (原路退回), under an instruction of its own.
What the channel does not take back is kept: in the payer's wallet or, when that is closed, in
suspense.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import REFUND_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.refusals import Code, Refused

Purpose = Literal["order", "recharge"]


class Started(Fact, frozen=True):
    """`reference` is the order number, or the member whose wallet is recharged."""

    purpose: Purpose
    reference: str
    payer: str
    channel: str
    amount_fen: int


class Succeeded(Fact, frozen=True):
    purpose: Purpose
    reference: str
    channel: str
    amount_fen: int


class WalletRecharged(Fact, frozen=True):
    member_id: str
    amount_fen: int
    entry: Entry


class SendBackStarted(Fact, frozen=True):
    """Nothing can take the money: it goes back to the payer."""

    amount_fen: int
    reason: str
    entry: Entry


class SentBack(Fact, frozen=True):
    amount_fen: int
    entry: Entry


class SendBackFailed(Fact, frozen=True):
    """The channel declined; its entry says where the money is kept."""

    amount_fen: int
    reason: str
    entry: Entry


class Declined(Fact, frozen=True):
    purpose: Purpose
    reference: str
    reason: str


class BecameUnknown(Fact, frozen=True):
    reason: str


Event = (
    Started
    | Succeeded
    | WalletRecharged
    | SendBackStarted
    | SentBack
    | SendBackFailed
    | Declined
    | BecameUnknown
)
Status = Literal[
    "none", "paying", "unknown", "succeeded", "sending_back", "sent_back", "kept", "declined"
]


GONE_BACK = ("sending_back", "sent_back", "kept")


class State(Struct, frozen=True, gc=False):
    """`suspense` is the account on which money lies that neither went back nor has an owner."""

    status: Status = "none"
    started: Started | None = None
    suspense: str = ""


def stream(payment_no: str) -> "Stream[State]":
    return Stream(f"payment-{payment_no}")


def number_of(stream: str) -> str:
    """The payment's number, from its stream."""
    return key(stream)


def instruction_id(payment_no: str) -> str:
    """Of the instruction that asks the channel for the payer's money."""
    return f"pay-{payment_no}"


def send_back_id(payment_no: str) -> str:
    """Of the instruction that asks the channel to take the payment back."""
    return f"back-{payment_no}"


def start(
    state: State, purpose: Purpose, reference: str, payer: str, channel: str, amount_fen: int
) -> list[Event]:
    """The same payment again returns []. Another one under its number: PAYMENT_EXISTS."""
    wanted = Started(purpose, reference, payer, channel, amount_fen)
    if state.started is None:
        return [wanted]
    if state.started == wanted:
        return []
    raise Refused(Code.PAYMENT_EXISTS, "payment_no")


def succeed(state: State) -> list[Event]:
    started = _need(state)
    if state.status in ("succeeded", *GONE_BACK):
        return []
    return [Succeeded(started.purpose, started.reference, started.channel, started.amount_fen)]


def decline(state: State, reason: str) -> list[Event]:
    started = _need(state)
    if state.status in ("declined", *GONE_BACK):
        return []
    return [Declined(started.purpose, started.reference, reason)]


def become_unknown(state: State, reason: str) -> list[Event]:
    _need(state)
    return [BecameUnknown(reason)] if state.status == "paying" else []


def recharge_wallet(state: State, entry: Entry) -> list[Event]:
    """The wallet that a recharge was for has the money. It follows the success, in its commit."""
    started = _need(state)
    return [WalletRecharged(started.reference, started.amount_fen, entry)]


def send_back(state: State, reason: str, entry: Entry) -> list[Event]:
    """Once, and only what has succeeded."""
    started = _need(state)
    if state.status != "succeeded":
        return []
    return [SendBackStarted(started.amount_fen, reason, entry)]


def complete_send_back(state: State, entry: Entry) -> list[Event]:
    started = _need(state)
    return [SentBack(started.amount_fen, entry)] if state.status == "sending_back" else []


def fail_send_back(state: State, reason: str, entry: Entry) -> list[Event]:
    started = _need(state)
    if state.status != "sending_back":
        return []
    return [SendBackFailed(started.amount_fen, reason, entry)]


def open_items(state: State) -> OpenItems:
    """Money that is on its way back, or lies in suspense."""
    if state.started is None:
        return NONE
    if state.status == "sending_back":
        return {REFUND_IN_TRANSIT: state.started.amount_fen}
    return {state.suspense: state.started.amount_fen} if state.suspense else NONE


def _need(state: State) -> Started:
    if state.started is None:
        raise Refused(Code.PAYMENT_NOT_FOUND, "payment_no")
    return state.started


def evolve(state: State, event: Event) -> State:
    match event:
        case Started():
            return State("paying", event)
        case Succeeded():
            return replace(state, status="succeeded")
        case Declined():
            return replace(state, status="declined")
        case BecameUnknown():
            return replace(state, status="unknown")
        case WalletRecharged():
            return state
        case SendBackStarted():
            return replace(state, status="sending_back")
        case SentBack():
            return replace(state, status="sent_back")
        case SendBackFailed(entry=entry):
            return replace(state, status="kept", suspense=suspense_of(entry))
        case _:
            assert_never(event)
