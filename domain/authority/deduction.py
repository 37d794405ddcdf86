"""Deduction (司法扣划): money taken by an authority's order, paid to the account that it names.

    (none) ──ask──▶ instructed ──▶ succeeded ──▶ returned, days later
                        │              ▲         (the account has it, and the order stops it again)
                        ▼              │
                     declined ───late success
                     (likewise: the account has it, and the order stops it)

The account is debited when it is asked for; the money waits on 2241.05 until the bank has said what
became of it. Unknown is no state: it stays in transit. One that was declined is never sent again:
it is asked for anew, under another number. The account it goes to is tokens of the vault and the
last four digits. Where the account is closed meanwhile, what comes back is kept in suspense.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from domain.accounting.chart import PAYOUT_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.payment.asked import Destination
from domain.refusals import Code, Refused


class Asked(Fact, frozen=True):
    order_no: str
    document: str
    account: str
    member_id: str
    amount_fen: int
    to: Destination
    maker: str
    entry: Entry


class Succeeded(Fact, frozen=True):
    amount_fen: int
    entry: Entry


class Failed(Fact, frozen=True):
    """Not paid; the account has the money, or suspense."""

    reason: str
    amount_fen: int
    entry: Entry


class SucceededLate(Fact, frozen=True):
    """Paid in spite of the decline. Without an entry it stands on the suspense item of what the
    channel said."""

    amount_fen: int
    entry: Entry | None


class Returned(Fact, frozen=True):
    reason: str
    amount_fen: int
    entry: Entry


Event = Asked | Succeeded | Failed | SucceededLate | Returned
Status = Literal["none", "instructed", "succeeded", "failed", "returned"]


class State(Struct, frozen=True, gc=False):
    """`kept_fen` lie on `suspense`, where the account was closed."""

    status: Status = "none"
    asked: Asked | None = None
    suspense: str = ""
    kept_fen: int = 0


class Wish(Struct, frozen=True):
    order_no: str
    document: str
    account: str
    member_id: str
    amount_fen: int
    to: Destination


def stream(deduction_no: str) -> "Stream[State]":
    return Stream(f"deduction-{deduction_no}")


def number_of(stream: str) -> str:
    return key(stream)


def instruction_id(deduction_no: str) -> str:
    return f"deduct-{deduction_no}"


def is_repeat(state: State, order_no: str, document: str, amount_fen: int, to: Destination) -> bool:
    """Whether the same was asked for before. Raises DEDUCTION_EXISTS for another one."""
    asked = state.asked
    if asked is None:
        return False
    if (asked.order_no, asked.document, asked.amount_fen, asked.to) == (
        order_no,
        document,
        amount_fen,
        to,
    ):
        return True
    raise Refused(Code.DEDUCTION_EXISTS, "deduction_no")


def ask(state: State, wish: Wish, maker: str, entry: Entry) -> list[Event]:
    """Once under its number: see `is_repeat`."""
    if state.asked is not None:
        raise Refused(Code.DEDUCTION_EXISTS, "deduction_no")
    return [Asked(**asdict(wish), maker=maker, entry=entry)]


def succeed(state: State, entry: Entry) -> list[Event]:
    asked = needed(state)
    return [Succeeded(asked.amount_fen, entry)] if state.status == "instructed" else []


def fail(state: State, reason: str, entry: Entry) -> list[Event]:
    asked = needed(state)
    return [Failed(reason, asked.amount_fen, entry)] if state.status == "instructed" else []


def succeed_late(state: State, entry: Entry | None) -> list[Event]:
    asked = needed(state)
    return [SucceededLate(asked.amount_fen, entry)] if state.status == "failed" else []


def come_back(state: State, reason: str, entry: Entry) -> list[Event]:
    """The bank returned it. Again: []. Raises DEDUCTION_NOT_FOUND, DEDUCTION_STATE_WRONG."""
    asked = needed(state)
    if state.status == "returned":
        return []
    if state.status != "succeeded":
        raise Refused(Code.DEDUCTION_STATE_WRONG, "deduction_no", f"it is {state.status}")
    return [Returned(reason, asked.amount_fen, entry)]


def needed(state: State) -> Asked:
    """Raises DEDUCTION_NOT_FOUND."""
    if state.asked is None:
        raise Refused(Code.DEDUCTION_NOT_FOUND, "deduction_no")
    return state.asked


def open_items(state: State) -> OpenItems:
    if state.status == "instructed":
        return {PAYOUT_IN_TRANSIT: needed(state).amount_fen}
    return {state.suspense: state.kept_fen} if state.suspense else NONE


def evolve(state: State, event: Event) -> State:
    match event:
        case Asked():
            return State("instructed", event)
        case Succeeded():
            return replace(state, status="succeeded")
        case Failed(entry=entry, amount_fen=fen):
            return _back(state, "failed", entry, fen)
        case SucceededLate():
            return replace(state, status="succeeded", suspense="", kept_fen=0)
        case Returned(entry=entry, amount_fen=fen):
            return _back(state, "returned", entry, fen)
        case _:
            assert_never(event)


def _back(state: State, status: Status, entry: Entry, amount_fen: int) -> State:
    kept = suspense_of(entry)
    return replace(state, status=status, suspense=kept, kept_fen=amount_fen if kept else 0)
