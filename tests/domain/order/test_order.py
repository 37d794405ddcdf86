"""Order: placed, paid by one payment at a time, or closed unpaid."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.kernel import Fact
from domain.order import order
from domain.order.order import Closed, Paid, PaymentDeclined, PaymentStarted, State
from domain.refusals import Code
from tests.examples import EXAMPLES
from tests.scenario import Scenario

given = Scenario(order.evolve, State()).given
placed: Any = EXAMPLES["order.placed.1"]
paying = PaymentStarted("P1")
declined = PaymentDeclined("P1", "no money")
paid, closed = Paid("P1"), Closed("not paid")
gone = Closed("gone")


def place(state: State, wanted: Any) -> list[Any]:
    return list(order.place(state, wanted.buyer, wanted.mode, wanted.lines))


def test_an_order_is_placed_once() -> None:
    given().when(place, placed).then(placed)
    given(placed).when(place, placed).then()
    given(placed, paying, paid).when(place, placed).then()


def test_another_order_under_its_number_is_refused() -> None:
    other = replace(placed, mode="instant")
    given(placed).when(place, other).refused(Code.ORDER_EXISTS)


@pytest.mark.parametrize(
    ("history", "payment_no", "facts"),
    [
        pytest.param([], "P1", [paying], id="placed"),
        pytest.param([paying], "P1", [], id="the same payment"),
        pytest.param([paying, paid], "P1", [], id="paid by it"),
        pytest.param([paying, declined], "P2", [PaymentStarted("P2")], id="declined, anew"),
    ],
)
def test_a_payment_of_an_order_is_started(
    history: list[Fact], payment_no: str, facts: list[Fact]
) -> None:
    given(placed, *history).when(order.start_payment, payment_no).then(*facts)


@pytest.mark.parametrize(
    ("history", "code"),
    [
        pytest.param([], Code.ORDER_NOT_FOUND, id="no such order"),
        pytest.param([placed, paying], Code.PAYMENT_IN_PROGRESS, id="another is on its way"),
        pytest.param([placed, paying, paid], Code.ORDER_NOT_PAYABLE, id="paid"),
        pytest.param([placed, closed], Code.ORDER_NOT_PAYABLE, id="closed"),
    ],
)
def test_a_payment_of_an_order_is_refused(history: list[Fact], code: Code) -> None:
    given(*history).when(order.start_payment, "P2").refused(code)


@pytest.mark.parametrize(
    ("history", "decision", "args", "facts"),
    [
        pytest.param([paying], order.payment_succeeded, ("P1",), [paid], id="paid"),
        pytest.param([paying, paid], order.payment_succeeded, ("P1",), [], id="paid again"),
        pytest.param([paying], order.payment_succeeded, ("P0",), [], id="another payment's"),
        pytest.param([closed], order.payment_succeeded, ("P1",), [], id="closed before"),
        pytest.param([paying], order.payment_sent_back, ("P1", "gone"), [gone], id="sent back"),
        pytest.param([paying], order.payment_sent_back, ("P0", "gone"), [], id="another goes back"),
        pytest.param([paying, paid], order.payment_sent_back, ("P1", "gone"), [], id="it is paid"),
        pytest.param([paying], order.payment_declined, ("P1", "no money"), [declined], id="no"),
        pytest.param([paying, declined], order.payment_declined, ("P1", "no"), [], id="no again"),
        pytest.param([paying], order.payment_declined, ("P0", "no"), [], id="of an earlier one"),
        pytest.param([paying, paid], order.payment_declined, ("P1", "no"), [], id="already paid"),
        pytest.param([], order.close, ("not paid",), [closed], id="closed"),
        pytest.param([closed], order.close, ("again",), [], id="closed again"),
    ],
)
def test_how_an_order_ends(
    history: list[Fact], decision: Any, args: tuple[str, ...], facts: list[Fact]
) -> None:
    given(placed, *history).when(decision, *args).then(*facts)


@pytest.mark.parametrize(
    ("history", "code"),
    [
        pytest.param([], Code.ORDER_NOT_FOUND, id="no such order"),
        pytest.param([placed, paying, paid], Code.ORDER_NOT_PAYABLE, id="paid"),
        pytest.param([placed, paying], Code.PAYMENT_IN_PROGRESS, id="being paid"),
    ],
)
def test_closing_an_order_is_refused(history: list[Fact], code: Code) -> None:
    given(*history).when(order.close, "not paid").refused(code)
