"""Allowance (提现额度) of a member: what its withdrawals have used of a day and a month.

    (none) ──count──▶ counted ──count──▶ counted
                         └──end──▶ counted, what has failed given back

One stream per member, because a limit per day and so many free of charge in a month are decided
over all of its withdrawals. State is totals: a new day, or month, begins at nothing.
"""

from datetime import date
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream


class Counted(Fact, frozen=True):
    """A withdrawal was asked for on `day` (Shanghai); `free`: without a fee, one of the month's."""

    withdrawal_no: str
    day: date
    amount_fen: int
    free: bool


class Ended(Fact, frozen=True):
    """It is over. `given_back`: no money has left, so it uses nothing of what it was counted in."""

    withdrawal_no: str
    day: date
    amount_fen: int
    free: bool
    given_back: bool


Event = Counted | Ended


class State(Struct, frozen=True, gc=False):
    """`used_fen` of `day`, and so many free ones in its month; `open` are not over yet."""

    day: date | None = None
    used_fen: int = 0
    free: int = 0
    open: int = 0

    def used_on(self, day: date) -> int:
        """What withdrawals of a date come to, in fen; of a date before the last one counted, those
        of that one: nobody gains by dating back."""
        return self.used_fen if self.day is not None and self.day >= day else 0

    def free_in(self, day: date) -> int:
        """How many were free of charge in the month of a date."""
        return self.free if self.day is not None and _month(self.day) >= _month(day) else 0


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"allowance-{member_id}")


def count(withdrawal_no: str, day: date, amount_fen: int, *, free: bool) -> list[Event]:
    return [Counted(withdrawal_no, day, amount_fen, free)]


def end(
    withdrawal_no: str, day: date, amount_fen: int, *, free: bool, given_back: bool
) -> list[Event]:
    """Of one that was counted on `day`."""
    return [Ended(withdrawal_no, day, amount_fen, free, given_back)]


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def evolve(state: State, event: Event) -> State:
    match event:
        case Counted(day=day, amount_fen=fen, free=free):
            used_fen, before = state.used_on(day) + fen, state.free_in(day)
            return State(max(day, state.day or day), used_fen, before + free, state.open + 1)
        case Ended(day=day, amount_fen=fen, free=free, given_back=given_back):
            after = replace(state, open=state.open - 1)
            if not given_back:
                return after
            return replace(
                after,
                used_fen=state.used_fen - min(fen, state.used_on(day) if state.day == day else 0),
                free=state.free - (free and _month(state.day or day) == _month(day)),
            )
        case _:
            assert_never(event)
