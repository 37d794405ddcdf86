"""Internal transfer: done once under its number."""

from typing import Any

import pytest

from domain.payment import transfer
from domain.payment.transfer import State
from domain.refusals import Code
from tests.examples import BUYER, EXAMPLES, FRIEND
from tests.scenario import Scenario

given = Scenario(transfer.evolve, State()).given
done: Any = EXAMPLES["transfer.done.1"]


def test_a_transfer_is_done_once() -> None:
    given().when(transfer.transfer, BUYER, FRIEND, 1_500, done.entry).then(done)
    given(done).when(transfer.transfer, BUYER, FRIEND, 1_500, done.entry).then()


@pytest.mark.parametrize(
    "other", [(FRIEND, BUYER, 1_500), (BUYER, FRIEND, 1_501), (BUYER, "ZHANG", 1_500)]
)
def test_another_transfer_under_its_number_is_refused(other: tuple[str, str, int]) -> None:
    given(done).when(transfer.transfer, *other, done.entry).refused(Code.TRANSFER_EXISTS)
