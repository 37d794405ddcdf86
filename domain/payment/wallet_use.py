"""Use (用额) of a wallet: one payment, transfer or withdrawal from it; how its owner proved
himself, and what it used of the caps.

    (none) ──count──▶ counted ──give back──▶ counted ──give back──▶ nothing left

One stream per movement. It knows the day on which it was counted, so that what is paid back later
goes to the period that it came from, and never more than was used.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream, key
from domain.member.terms import Level
from domain.payment.caps import Band, Factor
from domain.payment.spending import Kind


class Counted(Fact, frozen=True):
    """`level` is the class of the account; `proof` the proof that named the factors, "" for none;
    `static`: a code was read that does not change. By fewer than two factors the institution bears
    the loss of a payment that its owner did not make."""

    kind: Kind
    member_id: str
    amount_fen: int
    day: date
    level: Level
    band: Band | Literal[""]
    factors: tuple[Factor, ...]
    proof: str
    static: bool


class GivenBack(Fact, frozen=True):
    amount_fen: int
    reason: str


Event = Counted | GivenBack


class Use(Struct, frozen=True):
    """What is to be counted; the fields are those of the fact."""

    kind: Kind
    member_id: str
    amount_fen: int
    day: date
    level: Level
    band: Band | Literal[""] = ""
    factors: tuple[Factor, ...] = ()
    proof: str = ""
    static: bool = False


class State(Struct, frozen=True, gc=False):
    """`left_fen` of it is still used."""

    counted: Counted | None = None
    left_fen: int = 0


def stream(kind: Kind, number: str) -> "Stream[State]":
    return Stream(f"use-{kind}-{number}")


def number_of(stream: str) -> str:
    """The number of the payment, transfer or withdrawal, from its stream."""
    return key(key(stream))


def count(state: State, use: Use) -> list[Event]:
    """Once for each movement; again after it was given back whole, as when a withdrawal is paid in
    spite of a decline."""
    if state.left_fen:
        return []
    made = (use.kind, use.member_id, use.amount_fen, use.day, use.level, use.band)
    return [Counted(*made, use.factors, use.proof, use.static)]


def count_again(state: State, day: date) -> list[Event]:
    """What was given back whole, as when a transfer is not turned round after all. What was never
    counted: []."""
    if state.counted is None or state.left_fen:
        return []
    return [replace(state.counted, day=day)]


def give_back(state: State, amount_fen: int | None, reason: str) -> list[Event]:
    """So much of it, None: all that is left; never more than that. What was not counted: []."""
    fen = state.left_fen if amount_fen is None else min(amount_fen, state.left_fen)
    return [GivenBack(fen, reason)] if fen else []


def evolve(state: State, event: Event) -> State:
    match event:
        case Counted(amount_fen=fen):
            return State(event, fen)
        case GivenBack(amount_fen=fen):
            return replace(state, left_fen=state.left_fen - fen)
        case _:
            assert_never(event)
