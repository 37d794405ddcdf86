"""Movements of own funds (自有资金): capital, a buffer in the reserve, interest, a sweep of fees.

    (none) ──the statement shows it──▶ posted                      capital, buffer, interest
    (none) ──instruct──▶ instructed ──the statement shows it──▶ posted          sweep
                             └──────call off──▶ called off

Each has a number of its own. A sweep that is instructed is held on 2202.09, so that a refund
meanwhile takes the fee it gives back from own funds, and the bank's transfer never takes customers'
money. Amounts are fen.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Entry, Fact, Stream, key
from domain.money import decimal_text
from domain.refusals import Code, Refused

Kind = Literal["capital", "buffer", "interest", "sweep"]
Posting = Literal["capital", "buffer", "interest"]


class CapitalPaidIn(Fact, frozen=True):
    """`statement`: the bank's reference of the line that shows it."""

    amount_fen: int
    statement: str
    by: str
    entry: Entry


class BufferPutIn(Fact, frozen=True):
    amount_fen: int
    statement: str
    by: str
    entry: Entry


class InterestCredited(Fact, frozen=True):
    amount_fen: int
    statement: str
    by: str
    entry: Entry


class SweepInstructed(Fact, frozen=True):
    amount_fen: int
    reason: str
    by: str


class SweepCalledOff(Fact, frozen=True):
    reason: str
    by: str


class Swept(Fact, frozen=True):
    amount_fen: int
    statement: str
    by: str
    entry: Entry


Event = CapitalPaidIn | BufferPutIn | InterestCredited | SweepInstructed | SweepCalledOff | Swept

_POSTED: dict[Posting, type[CapitalPaidIn | BufferPutIn | InterestCredited]] = {
    "capital": CapitalPaidIn,
    "buffer": BufferPutIn,
    "interest": InterestCredited,
}


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "instructed", "posted", "called_off"] = "none"
    kind: Kind | None = None
    amount_fen: int = 0
    statement: str = ""


def stream(number: str) -> "Stream[State]":
    return Stream(f"own-{number}")


def number_of(stream: str) -> str:
    """The movement's number, from its stream."""
    return key(stream)


def is_to_post(state: State, kind: Kind, amount_fen: int, statement: str) -> bool:
    """False if exactly that was posted under the number before. Raises OWN_MOVEMENT_EXISTS, and
    OWN_MOVEMENT_STATE_WRONG for a sweep that was called off."""
    if state.status == "none":
        return True
    if (state.kind, state.amount_fen) == (kind, amount_fen):
        if state.status == "called_off":
            raise Refused(Code.OWN_MOVEMENT_STATE_WRONG, "movement_no", "it was called off")
        if state.status == "instructed":
            return True
        if state.statement == statement:
            return False
    raise _exists(state)


def post(
    state: State, kind: Posting, amount_fen: int, statement: str, by: str, entry: Entry
) -> list[Event]:
    """The statement shows capital, a buffer or interest. The same again: []. OWN_MOVEMENT_EXISTS"""
    if not is_to_post(state, kind, amount_fen, statement):
        return []
    return [_POSTED[kind](amount_fen, statement, by, entry)]


def instruct_sweep(state: State, amount_fen: int, reason: str, by: str) -> list[Event]:
    """The bank is to take fees out. The same again: []. Raises OWN_MOVEMENT_EXISTS."""
    if state.status == "none":
        return [SweepInstructed(amount_fen, reason, by)]
    if (state.kind, state.amount_fen) == ("sweep", amount_fen):
        return []
    raise _exists(state)


def _exists(state: State) -> Refused:
    """By another movement under the number: which."""
    done = f"shown by {state.statement}" if state.statement else state.status.replace("_", " ")
    said = f"it is a {state.kind} of {decimal_text(state.amount_fen)} CNY, {done}"
    return Refused(Code.OWN_MOVEMENT_EXISTS, "movement_no", said)


def call_off_sweep(state: State, reason: str, by: str) -> list[Event]:
    """The bank will not do it. Again: []. OWN_MOVEMENT_NOT_FOUND, OWN_MOVEMENT_STATE_WRONG"""
    if state.status == "none" or state.kind != "sweep":
        raise Refused(Code.OWN_MOVEMENT_NOT_FOUND, "movement_no")
    if state.status == "posted":
        raise Refused(
            Code.OWN_MOVEMENT_STATE_WRONG, "movement_no", f"{state.statement} has shown it"
        )
    return [SweepCalledOff(reason, by)] if state.status == "instructed" else []


def sweep(state: State, amount_fen: int, statement: str, by: str, entry: Entry) -> list[Event]:
    """The statement shows it. The same again: []. Raises as `is_to_post`."""
    if not is_to_post(state, "sweep", amount_fen, statement):
        return []
    return [Swept(amount_fen, statement, by, entry)]


def evolve(state: State, event: Event) -> State:
    match event:
        case CapitalPaidIn(amount_fen=amount_fen, statement=statement):
            return State("posted", "capital", amount_fen, statement)
        case BufferPutIn(amount_fen=amount_fen, statement=statement):
            return State("posted", "buffer", amount_fen, statement)
        case InterestCredited(amount_fen=amount_fen, statement=statement):
            return State("posted", "interest", amount_fen, statement)
        case SweepInstructed(amount_fen=amount_fen):
            return State("instructed", "sweep", amount_fen)
        case SweepCalledOff():
            return replace(state, status="called_off")
        case Swept(amount_fen=amount_fen, statement=statement):
            return State("posted", "sweep", amount_fen, statement)
        case _:
            assert_never(event)
