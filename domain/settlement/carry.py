"""Carry (结转): what a merchant's batches leave to the next one, in fen.

    0 ──change──▶ carry ──change──▶ …

Negative: a batch was negative and later ones must make up for it. Positive: a batch could not take
all it was sealed for: refunds had taken the pending money since, a part of it is on hold, or it is
more than the transfers of one batch can carry.
"""

from typing import assert_never

from msgspec import Struct

from domain.kernel import Fact, Stream


class Changed(Fact, frozen=True):
    batch_id: str
    carry_fen: int


Event = Changed


class State(Struct, frozen=True, gc=False):
    carry_fen: int = 0


def stream(merchant: str) -> "Stream[State]":
    return Stream(f"carry-{merchant}")


def change(state: State, batch_id: str, carry_fen: int) -> list[Event]:
    return [] if state.carry_fen == carry_fen else [Changed(batch_id, carry_fen)]


def evolve(_state: State, event: Event) -> State:
    match event:
        case Changed(carry_fen=carry_fen):
            return State(carry_fen)
        case _:
            assert_never(event)
