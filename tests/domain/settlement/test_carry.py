"""Carry: what batches leave to the next one."""

import pytest

from domain.settlement import carry
from domain.settlement.carry import Changed, PayableChanged, State, make_payable, taken_fen
from tests.examples import BATCH_ID
from tests.scenario import Scenario

given = Scenario(carry.evolve, State()).given


@pytest.mark.parametrize(
    ("history", "carry_fen", "facts"),
    [
        pytest.param([], -500, [Changed(BATCH_ID, -500)], id="a negative batch"),
        pytest.param([], 0, [], id="nothing to carry"),
        pytest.param([Changed(BATCH_ID, -500)], -500, [], id="as before"),
        pytest.param([Changed(BATCH_ID, -500)], 0, [Changed(BATCH_ID, 0)], id="made up for"),
    ],
)
def test_the_carry_changes(history: list[Changed], carry_fen: int, facts: list[Changed]) -> None:
    given(*history).when(carry.change, BATCH_ID, carry_fen).then(*facts)
    assert given(*history, *facts).state == State(carry_fen)


def test_what_is_payable_changes_once() -> None:
    given(Changed("B1", -5)).when(make_payable, "reserve-S-2011-01-07", 994).then(
        PayableChanged("reserve-S-2011-01-07", 994)
    )
    given(PayableChanged("B1", 994)).when(make_payable, "B2", 994).then()
    state = given(Changed("B1", -5), PayableChanged("B1", 994)).state
    assert (state.carry_fen, state.payable_fen) == (-5, 994)


@pytest.mark.parametrize(
    ("free", "amount", "gone"),
    [(994, 100, 100), (1_094, 100, 0), (1_044, 100, 50), (994, 994, 994), (900, 900, 900)],
)
def test_what_is_taken_is_what_no_batch_was_to_pay_first(free: int, amount: int, gone: int) -> None:
    assert taken_fen(given(PayableChanged("B1", 994)).state, free, amount) == gone
