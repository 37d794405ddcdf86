"""Quota (映射额度) of a clearing network on the reserve account: how much of it the network may
move before its next session.

    (none) ──map──▶ mapped ──map──▶ mapped, another amount

An operator records what the institution has set aside with the network (圈存). What is available is
that, and what has come in through the network since, less what has gone out: a figure that is read,
not kept. It is a memo: no money moves, and no payment is refused for it.
"""

from datetime import date
from typing import assert_never

from msgspec import Struct

from domain.kernel import Fact, Stream


class Mapped(Fact, frozen=True):
    """From the accounting date `on`, in fen."""

    amount_fen: int
    on: date
    by: str
    reason: str


Event = Mapped


class State(Struct, frozen=True, gc=False):
    last: Mapped | None = None


def stream(clearing: str) -> "Stream[State]":
    return Stream(f"quota-{clearing}")


def map_quota(state: State, amount_fen: int, on: date, by: str, reason: str) -> list[Event]:
    """[] if the same amount is mapped from the same date."""
    last = state.last
    if last is not None and (last.amount_fen, last.on) == (amount_fen, on):
        return []
    return [Mapped(amount_fen, on, by, reason)]


def evolve(_state: State, event: Event) -> State:
    match event:
        case Mapped():
            return State(event)
        case _:
            assert_never(event)
