"""Order (订单): one checkout, over one or several merchants, paid by one payment.

(none) ──place──▶ placed ──pay──▶ paying ──▶ paid
                    │  ▲           │  │
                  close └─ declined ┘  │ the payment came, and nothing can take it:
                    ▼                  │ it is sent back whole
                  closed ◀─────────────┘

Only the payment that an order waits for pays it. Any other that succeeds is sent back.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.payment.turnover import Use
from domain.refusals import Code, Refused

MAX_LINES = 100
MAX_ITEMS = 1_000_000  # Of one line.
Mode = Literal["escrow", "instant"]


class OrderLine(Struct, frozen=True):
    """What one merchant sells in this order, in fen."""

    merchant: str
    amount_fen: int
    subject: str
    items: int = 1


class Placed(Fact, frozen=True):
    buyer: str
    mode: Mode
    lines: tuple[OrderLine, ...]
    total_fen: int


class PaymentStarted(Fact, frozen=True, omit_defaults=True):
    """`uses`: what it counts of limits that merchants have agreed for `day`."""

    payment_no: str
    day: date | None = None
    uses: tuple[Use, ...] = ()


class PaymentDeclined(Fact, frozen=True):
    payment_no: str
    reason: str


class Paid(Fact, frozen=True):
    payment_no: str


class Closed(Fact, frozen=True):
    reason: str


Event = Placed | PaymentStarted | PaymentDeclined | Paid | Closed


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "placed", "paying", "paid", "closed"] = "none"
    placed: Placed | None = None
    payment_no: str = ""
    day: date | None = None
    uses: tuple[Use, ...] = ()  # Of `day`, by the payment that it waits for.


def stream(order_no: str) -> "Stream[State]":
    return Stream(f"order-{order_no}")


def place(state: State, buyer: str, mode: Mode, lines: tuple[OrderLine, ...]) -> list[Event]:
    """The same order again returns []. Another one under its number is refused: ORDER_EXISTS."""
    wanted = Placed(buyer, mode, lines, total_fen(lines))
    if state.placed is None:
        return [wanted]
    if state.placed == wanted:
        return []
    raise Refused(Code.ORDER_EXISTS, "order_no")


def total_fen(lines: tuple[OrderLine, ...]) -> int:
    """What an order over these lines costs its buyer, in fen."""
    return sum(line.amount_fen for line in lines)


def start_payment(
    state: State, payment_no: str, day: date | None = None, uses: tuple[Use, ...] = ()
) -> list[Event]:
    """Raises ORDER_NOT_FOUND, ORDER_NOT_PAYABLE, PAYMENT_IN_PROGRESS."""
    needed(state)
    if state.status in ("paid", "closed"):
        if state.payment_no == payment_no:
            return []
        raise Refused(Code.ORDER_NOT_PAYABLE, "order_no", f"it is {state.status}")
    if state.status == "paying":
        if state.payment_no == payment_no:
            return []
        raise Refused(Code.PAYMENT_IN_PROGRESS, "order_no", f"payment {state.payment_no}")
    return [PaymentStarted(payment_no, day if uses else None, uses)]


def is_waiting_for(state: State, payment_no: str) -> bool:
    return state.status == "paying" and state.payment_no == payment_no


def payment_succeeded(state: State, payment_no: str) -> list[Event]:
    """Nothing for a payment that the order does not wait for: its money goes back."""
    return [Paid(payment_no)] if is_waiting_for(state, payment_no) else []


def payment_declined(state: State, payment_no: str, reason: str) -> list[Event]:
    return [PaymentDeclined(payment_no, reason)] if is_waiting_for(state, payment_no) else []


def payment_sent_back(state: State, payment_no: str, reason: str) -> list[Event]:
    """The payment it waits for came, and an account it is meant for was closed: no payment can
    ever pay this order."""
    return [Closed(reason)] if is_waiting_for(state, payment_no) else []


def close(state: State, reason: str) -> list[Event]:
    """Close an unpaid order. Raises ORDER_NOT_FOUND, ORDER_NOT_PAYABLE, PAYMENT_IN_PROGRESS."""
    needed(state)
    if state.status == "closed":
        return []
    if state.status == "paid":
        raise Refused(Code.ORDER_NOT_PAYABLE, "order_no", "it is paid")
    if state.status == "paying":
        raise Refused(Code.PAYMENT_IN_PROGRESS, "order_no", f"payment {state.payment_no}")
    return [Closed(reason)]


def needed(state: State) -> Placed:
    """What was ordered. Raises ORDER_NOT_FOUND."""
    if state.placed is None:
        raise Refused(Code.ORDER_NOT_FOUND, "order_no")
    return state.placed


def evolve(state: State, event: Event) -> State:
    match event:
        case Placed():
            return State("placed", event)
        case PaymentStarted(payment_no=payment_no):
            started = replace(state, status="paying", payment_no=payment_no)
            return replace(started, day=event.day, uses=event.uses)
        case PaymentDeclined():
            return replace(state, status="placed", payment_no="", day=None, uses=())
        case Paid():
            return replace(state, status="paid")
        case Closed():
            return replace(state, status="closed")
        case _:
            assert_never(event)
