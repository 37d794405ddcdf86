"""Payment: one attempt; unknown is a state of its own."""

from typing import Any

import pytest
from msgspec.structs import astuple, replace

from domain.kernel import Fact
from domain.payment import payment
from domain.payment.payment import (
    BecameUnknown,
    Declined,
    SendBackFailed,
    SendBackStarted,
    SentBack,
    State,
)
from domain.refusals import Code
from tests.examples import AMOUNT, EXAMPLES, ORDER_NO, PURCHASE
from tests.scenario import Scenario

given = Scenario(payment.evolve, State()).given
started: Any = EXAMPLES["payment.started.1"]
succeeded: Any = EXAMPLES["payment.succeeded.1"]
recharged: Any = EXAMPLES["payment.wallet_recharged.1"]
declined = Declined("order", ORDER_NO, "no money")
unknown = BecameUnknown("timeout")
going_back = SendBackStarted(AMOUNT, "order is closed", PURCHASE)
sent_back = SentBack(AMOUNT, PURCHASE)
kept = SendBackFailed(AMOUNT, "card closed", PURCHASE)


def test_a_payment_is_started_once() -> None:
    given().when(payment.start, *astuple(started)).then(started)
    given(started).when(payment.start, *astuple(started)).then()
    given(started, declined).when(payment.start, *astuple(started)).then()


def test_another_payment_under_its_number_is_refused() -> None:
    other = replace(started, amount_fen=AMOUNT + 1)
    given(started).when(payment.start, *astuple(other)).refused(Code.PAYMENT_EXISTS)


@pytest.mark.parametrize(
    ("history", "decision", "args", "facts"),
    [
        pytest.param([], payment.succeed, (), [succeeded], id="succeeded"),
        pytest.param([], payment.decline, ("no money",), [declined], id="declined"),
        pytest.param([], payment.become_unknown, ("timeout",), [unknown], id="unknown"),
        pytest.param([unknown], payment.succeed, (), [succeeded], id="unknown, succeeded"),
        pytest.param([unknown], payment.decline, ("no money",), [declined], id="unknown, declined"),
        pytest.param([unknown], payment.become_unknown, ("again",), [], id="unknown again"),
        pytest.param([succeeded], payment.succeed, (), [], id="succeeded again"),
        pytest.param([declined], payment.decline, ("again",), [], id="declined again"),
        pytest.param([succeeded], payment.become_unknown, ("late",), [], id="ended well"),
        pytest.param([declined], payment.become_unknown, ("late",), [], id="ended badly"),
        pytest.param([succeeded, recharged], payment.succeed, (), [], id="recharged once"),
        pytest.param([declined], payment.succeed, (), [succeeded], id="a late success"),
        pytest.param([succeeded, going_back], payment.succeed, (), [], id="on its way back"),
        pytest.param([succeeded, going_back], payment.decline, ("x",), [], id="not declined"),
        pytest.param([succeeded, going_back, kept], payment.succeed, (), [], id="kept"),
    ],
)
def test_the_outcome_of_a_payment(
    history: list[Fact], decision: Any, args: tuple[str, ...], facts: list[Fact]
) -> None:
    given(started, *history).when(decision, *args).then(*facts)


@pytest.mark.parametrize(
    ("decision", "args"),
    [(payment.succeed, ()), (payment.decline, ("x",)), (payment.become_unknown, ("x",))],
)
def test_what_was_never_started_has_no_outcome(decision: Any, args: tuple[str, ...]) -> None:
    given().when(decision, *args).refused(Code.PAYMENT_NOT_FOUND)


@pytest.mark.parametrize(
    ("history", "decision", "args", "facts"),
    [
        pytest.param([succeeded], payment.send_back, ("order is closed",), [going_back], id="goes"),
        pytest.param([], payment.send_back, ("x",), [], id="no outcome yet"),
        pytest.param([declined], payment.send_back, ("x",), [], id="nothing came"),
        pytest.param([succeeded, going_back], payment.send_back, ("x",), [], id="goes once"),
        pytest.param([succeeded, going_back, sent_back], payment.send_back, ("x",), [], id="gone"),
        pytest.param(
            [succeeded, going_back], payment.complete_send_back, (), [sent_back], id="taken"
        ),
        pytest.param([succeeded], payment.complete_send_back, (), [], id="never sent"),
        pytest.param(
            [succeeded, going_back, sent_back], payment.complete_send_back, (), [], id="taken once"
        ),
        pytest.param(
            [succeeded, going_back], payment.fail_send_back, ("card closed",), [kept], id="declined"
        ),
        pytest.param(
            [succeeded, going_back, kept], payment.fail_send_back, ("x",), [], id="kept once"
        ),
        pytest.param(
            [succeeded, going_back, kept], payment.complete_send_back, (), [], id="and not sent"
        ),
    ],
)
def test_a_payment_that_nothing_can_take_goes_back(
    history: list[Fact], decision: Any, args: tuple[str, ...], facts: list[Fact]
) -> None:
    given(started, *history).when(decision, *args, PURCHASE).then(*facts)
