"""Carry: what batches leave to the next one."""

import pytest

from domain.settlement import carry
from domain.settlement.carry import Changed, State
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
