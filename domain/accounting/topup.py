"""Top-up (自有资金补足): own funds that an entry moved into the reserve, or out of it again, and
that the statement has not shown yet.

    (none) ──decide──▶ underway ──arrive──▶ arrived

Its entry is that of the fact which needed it: an advance, a fee given back after it was swept, a
debt recovered. Until the statement shows the money it waits on 1122.06, as an open item of its own;
what is on its way out of the reserve is an item below zero. It is named after that fact's
reference. Amounts are fen.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import TOP_UP_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems
from domain.kernel import Entry, Fact, Stream, key
from domain.refusals import Code, Refused

Direction = Literal["in", "out"]  # Into the reserve, or out of it.


class Decided(Fact, frozen=True):
    direction: Direction
    amount_fen: int


class Arrived(Fact, frozen=True):
    """The statement shows it: `statement` is the bank's reference of that line."""

    statement: str
    by: str
    entry: Entry


Event = Decided | Arrived


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "underway", "arrived"] = "none"
    direction: Direction = "in"
    amount_fen: int = 0
    statement: str = ""


def stream(reference: str) -> "Stream[State]":
    return Stream(f"topup-{reference}")


def reference_of(stream: str) -> str:
    """Of the fact whose entry moved it, from the top-up's stream."""
    return key(stream)


def decide(state: State, amount_fen: int) -> list[Event]:
    """Below zero: out of the reserve. Nothing, and the same again: []."""
    if not amount_fen or state.status != "none":
        return []
    return [Decided("in" if amount_fen > 0 else "out", abs(amount_fen))]


def is_to_arrive(state: State, statement: str) -> bool:
    """False if that line showed it before. Raises TOP_UP_NOT_FOUND, TOP_UP_STATE_WRONG."""
    if state.status == "none":
        raise Refused(Code.TOP_UP_NOT_FOUND, "reference")
    if state.status == "underway":
        return True
    if state.statement == statement:
        return False
    raise Refused(Code.TOP_UP_STATE_WRONG, "reference", f"{state.statement} has shown it")


def arrive(state: State, statement: str, by: str, entry: Entry) -> list[Event]:
    """Whole. By the same line again: []. Raises as `is_to_arrive`."""
    return [Arrived(statement, by, entry)] if is_to_arrive(state, statement) else []


def waits_fen(direction: Direction, amount_fen: int) -> int:
    """What of it waits on 1122.06, on its normal side."""
    return amount_fen if direction == "in" else -amount_fen


def moved_fen(entry: Entry | None) -> int:
    """What of an entry is on its way into the reserve; below zero: out of it."""
    lines = entry.lines if entry is not None else ()
    ours = [line for line in lines if line.account == TOP_UP_IN_TRANSIT]
    return sum(line.debit_fen - line.credit_fen for line in ours)


def open_items(state: State) -> OpenItems:
    if state.status != "underway":
        return NONE
    return {TOP_UP_IN_TRANSIT: waits_fen(state.direction, state.amount_fen)}


def evolve(state: State, event: Event) -> State:
    match event:
        case Decided(direction=direction, amount_fen=amount_fen):
            return State("underway", direction, amount_fen)
        case Arrived(statement=statement):
            return replace(state, status="arrived", statement=statement)
        case _:
            assert_never(event)
