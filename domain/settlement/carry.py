"""Carry (结转): what a merchant's batches leave to the next one, and what the next one pays beside
what falls due of it, in fen.

    0 ──change──▶ carry ──change──▶ …          0 ──make payable──▶ payable ──make payable──▶ …

Negative: a batch was negative and later ones must make up for it. Positive: a batch could not take
all it was sealed for: refunds had taken the pending money since, a part of it is on hold, or it is
more than the transfers of one batch can carry, or less than the merchant's least payout.

Payable is what lies in the available account for a batch to pay: reserve that was released,
deposits given back, deductions that the bank did not pay or returned. Money of payouts that came
back lies there too, and is paid by their retries.
"""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream


class Changed(Fact, frozen=True):
    batch_id: str
    carry_fen: int


class PayableChanged(Fact, frozen=True):
    """`of` is what changed it: a reserve's, deposit's or deduction's stream, a refund's fact, a
    batch's id, or its stream for a payout of it that no hold kept the money for."""

    of: str
    payable_fen: int


Event = Changed | PayableChanged


class State(Struct, frozen=True, gc=False):
    carry_fen: int = 0
    payable_fen: int = 0


def stream(merchant: str) -> "Stream[State]":
    return Stream(f"carry-{merchant}")


def change(state: State, batch_id: str, carry_fen: int) -> list[Event]:
    return [] if state.carry_fen == carry_fen else [Changed(batch_id, carry_fen)]


def make_payable(state: State, of: str, payable_fen: int) -> list[Event]:
    return [] if state.payable_fen == payable_fen else [PayableChanged(of, payable_fen)]


def taken_fen(state: State, free_before_fen: int, amount_fen: int) -> int:
    """What of an amount, taken out of the free available money, was payable: what no batch is to
    pay goes first."""
    unmarked_fen = max(free_before_fen - state.payable_fen, 0)
    return min(max(amount_fen - unmarked_fen, 0), state.payable_fen)


def evolve(state: State, event: Event) -> State:
    match event:
        case Changed(carry_fen=carry_fen):
            return replace(state, carry_fen=carry_fen)
        case PayableChanged(payable_fen=payable_fen):
            return replace(state, payable_fen=payable_fen)
        case _:
            assert_never(event)
