"""The mirror (镜像科目): 1122.05 has the balance of 2202.09 after every commit.

    (none) ──open──▶ opened

A ledger from before fees were accrued has one without the other. It gets both equal by one opening
set, once; a newer ledger has them equal from its first fee on, and no fact here.
"""

from typing import assert_never

from msgspec import Struct

from domain.accounting import account
from domain.accounting.chart import FEE_EARNED, OWN_IN_RESERVE
from domain.kernel import Entry, Fact, States, Stream


class Opened(Fact, frozen=True):
    """What was on 2202.09 is income that was earned before, in fen."""

    amount_fen: int
    entry: Entry


Event = Opened


class State(Struct, frozen=True, gc=False):
    opened: bool = False


STREAM: "Stream[State]" = Stream("mirror-books")
OF = account.stream(FEE_EARNED)
IN = account.stream(OWN_IN_RESERVE)


def open_set(state: State, amount_fen: int, entry: Entry) -> list[Event]:
    """Once; again: []."""
    return [] if state.opened else [Opened(amount_fen, entry)]


def difference_of(load: States) -> str:
    """How the two differ, or "". A ledger that has no mirror yet is not asked."""
    inside, mirror = load(OF), load(IN)
    if mirror.status == "none" or inside.balance_fen == mirror.balance_fen:
        return ""
    return f"{FEE_EARNED} is at {inside.balance_fen} fen, {OWN_IN_RESERVE} at {mirror.balance_fen}"


def evolve(_state: State, event: Event) -> State:
    match event:
        case Opened():
            return State(True)
        case _:
            assert_never(event)
