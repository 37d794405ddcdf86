"""Deposit (保证金): a merchant's money that is kept as security until it is given back.

    (none) ──take──▶ held ──give back──▶ returned

A deposit has a number and is given back whole; what the merchant owes is taken out of it first. It
lies on 2241.06 beside the rolling reserve, as an open item of its own: one is never paid with the
other's money. Amounts are fen.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import MERCHANT_DEPOSIT, account_id
from domain.accounting.open_items import NONE, OpenItems
from domain.kernel import Entry, Fact, Stream, key
from domain.refusals import Code, Refused

# Out of what is available to the merchant, or by its own transfer that the bank statement shows.
Source = Literal["available", "statement"]


class Taken(Fact, frozen=True):
    member_id: str
    amount_fen: int
    source: Source
    reason: str
    by: str
    entry: Entry


class Returned(Fact, frozen=True):
    """`recovered_fen` of it covered what the merchant owed; the rest is available to it."""

    amount_fen: int
    recovered_fen: int
    reason: str
    by: str
    entry: Entry


Event = Taken | Returned


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "held", "returned"] = "none"
    member_id: str = ""
    amount_fen: int = 0
    source: Source | None = None


def stream(deposit_no: str) -> "Stream[State]":
    return Stream(f"deposit-{deposit_no}")


def number_of(stream: str) -> str:
    """The deposit's number, from its stream."""
    return key(stream)


def is_to_take(state: State, member_id: str, amount_fen: int, source: Source) -> bool:
    """False if exactly that was taken under the number before. Raises DEPOSIT_EXISTS."""
    if state.status == "none":
        return True
    if (state.member_id, state.amount_fen, state.source) == (member_id, amount_fen, source):
        return False
    raise Refused(Code.DEPOSIT_EXISTS, "deposit_no")


def take(
    state: State,
    member_id: str,
    amount_fen: int,
    source: Source,
    reason: str,
    by: str,
    entry: Entry,
) -> list[Event]:
    """The same again: []. Raises DEPOSIT_EXISTS."""
    if not is_to_take(state, member_id, amount_fen, source):
        return []
    return [Taken(member_id, amount_fen, source, reason, by, entry)]


def is_to_give_back(state: State) -> bool:
    """False if that already happened. Raises DEPOSIT_NOT_FOUND."""
    if state.status == "none":
        raise Refused(Code.DEPOSIT_NOT_FOUND, "deposit_no")
    return state.status == "held"


def give_back(state: State, recovered_fen: int, reason: str, by: str, entry: Entry) -> list[Event]:
    """Whole. Again: []."""
    if not is_to_give_back(state):
        return []
    return [Returned(state.amount_fen, recovered_fen, reason, by, entry)]


def open_items(state: State) -> OpenItems:
    """What is held of it, on the member's account."""
    if state.status != "held":
        return NONE
    return {account_id(MERCHANT_DEPOSIT, state.member_id): state.amount_fen}


def evolve(state: State, event: Event) -> State:
    match event:
        case Taken(member_id=member_id, amount_fen=amount_fen, source=source):
            return State("held", member_id, amount_fen, source)
        case Returned():
            return replace(state, status="returned")
        case _:
            assert_never(event)
