"""Turnover (日累计) of a merchant: what its payments by a method come to on a date, where an
agreement limits that.

    (none) ──count──▶ counted ──count──▶ counted
                         └──give back──▶ counted, without what was declined

A payment counts on the date it is started on; one that is declined gives back what it counted.
What succeeds late, or goes back after it has come, changes nothing here. One stream per merchant,
because the limit is over all of its payments; only payments by a method that has one are in it.
State is totals: a new day begins at nothing.
"""

from datetime import date
from typing import assert_never

from msgspec import Struct

from domain.kernel import Fact, Stream


class Use(Struct, frozen=True, array_like=True, gc=False):
    """What a payment uses of the day of one method that a merchant has agreed, in fen."""

    merchant: str
    code: str
    amount_fen: int


class Counted(Fact, frozen=True):
    """On `day` (Shanghai)."""

    payment_no: str
    day: date
    code: str
    amount_fen: int


class GivenBack(Fact, frozen=True):
    """The payment was declined, which had counted so much on `day`."""

    payment_no: str
    day: date
    code: str
    amount_fen: int


Event = Counted | GivenBack


class State(Struct, frozen=True, gc=False):
    """What is used of `day`, in fen by method."""

    day: date | None = None
    used: tuple[tuple[str, int], ...] = ()

    def used_fen(self, day: date, code: str) -> int:
        """What payments of a date come to; of a date before the last one counted, those of that
        one: nobody gains by dating back."""
        there = self.used if self.day is not None and self.day >= day else ()
        return next((fen for one, fen in there if one == code), 0)


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"turnover-{member_id}")


def count(payment_no: str, day: date, use: Use) -> list[Event]:
    return [Counted(payment_no, day, use.code, use.amount_fen)]


def give_back(payment_no: str, day: date, use: Use) -> list[Event]:
    """Of a payment that was counted on `day`."""
    return [GivenBack(payment_no, day, use.code, use.amount_fen)]


def evolve(state: State, event: Event) -> State:
    match event:
        case Counted(day=day, code=code, amount_fen=fen):
            used = state.used if state.day is not None and state.day >= day else ()
            after = State(max(day, state.day or day), used)
            return _with(after, code, state.used_fen(day, code) + fen)
        case GivenBack(day=day, code=code, amount_fen=fen):
            if state.day != day:
                return state  # That day is over.
            used_fen = state.used_fen(day, code)
            return _with(state, code, used_fen - min(fen, used_fen))
        case _:
            assert_never(event)


def _with(state: State, code: str, fen: int) -> State:
    others = [one for one in state.used if one[0] != code]
    return State(state.day, tuple(sorted([*others, (code, fen)])))
