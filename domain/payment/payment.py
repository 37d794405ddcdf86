"""Payment (支付): one attempt to pay one order, or to recharge one wallet, through one channel.

(none) ──start──▶ paying ──▶ succeeded
                    │  ▲
                    ▼  │
                  unknown ──▶ succeeded | declined
                  declined ◀── paying
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Entry, Fact
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


class Declined(Fact, frozen=True):
    purpose: Purpose
    reference: str
    reason: str


class BecameUnknown(Fact, frozen=True):
    reason: str


Event = Started | Succeeded | WalletRecharged | Declined | BecameUnknown


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "paying", "unknown", "succeeded", "declined"] = "none"
    started: Started | None = None


def stream(payment_no: str) -> str:
    return f"payment-{payment_no}"


def start(state: State, wanted: Started) -> list[Event]:
    """The same payment again says nothing new; another one under its number is refused."""
    if state.started is None:
        return [wanted]
    if state.started == wanted:
        return []
    raise Refused(Code.PAYMENT_EXISTS, "payment_no")


def succeed(state: State) -> list[Event]:
    started = _need(state)
    if state.status == "succeeded":
        return []
    return [Succeeded(started.purpose, started.reference, started.channel, started.amount_fen)]


def decline(state: State, reason: str) -> list[Event]:
    started = _need(state)
    if state.status == "declined":
        return []
    return [Declined(started.purpose, started.reference, reason)]


def become_unknown(state: State, reason: str) -> list[Event]:
    _need(state)
    return [BecameUnknown(reason)] if state.status == "paying" else []


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
        case _:
            assert_never(event)
