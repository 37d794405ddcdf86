"""Payment: one attempt; unknown is a state of its own."""

from typing import Any

import pytest
from msgspec.structs import astuple, replace

from domain.kernel import Entry, Fact
from domain.payment import payment
from domain.payment.payment import (
    BecameKnown,
    BecameUnknown,
    Declined,
    Event,
    SendBackFailed,
    SendBackStarted,
    SentBack,
    State,
)
from domain.payment.plan import Leg
from domain.refusals import Code
from tests.examples import AMOUNT, EXAMPLES, ORDER_NO, PURCHASE
from tests.scenario import Scenario

given = Scenario(payment.evolve, State()).given
started: Any = EXAMPLES["payment.started.2"]
succeeded: Any = EXAMPLES["payment.succeeded.2"]
recharged: Any = EXAMPLES["payment.wallet_recharged.1"]
declined = Declined("order", ORDER_NO, "no money")
unknown, known = BecameUnknown("timeout"), BecameKnown()
going_back = SendBackStarted(0, AMOUNT, "order is closed", PURCHASE)
sent_back = SentBack(0, AMOUNT, "sent_back", PURCHASE)
kept = SendBackFailed(0, AMOUNT, "card closed", "kept", PURCHASE)


def entry(_leg: Leg) -> Entry:
    return PURCHASE


def succeed(state: State) -> list[Event]:
    return payment.leg_succeeded(state, 0, entry, entry)


def decline(state: State, reason: str) -> list[Event]:
    return payment.leg_declined(state, 0, reason)


def send_back(state: State, reason: str) -> list[Event]:
    return payment.send_back(state, reason, entry)


def complete(state: State) -> list[Event]:
    return payment.complete_send_back(state, 0, 10_000, PURCHASE)


def fail(state: State, reason: str) -> list[Event]:
    return payment.fail_send_back(state, 0, 10_000, reason, PURCHASE)


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
        pytest.param([], succeed, (), [succeeded], id="succeeded"),
        pytest.param([], decline, ("no money",), [declined], id="declined"),
        pytest.param([], payment.become_unknown, ("timeout",), [unknown], id="unknown"),
        pytest.param([unknown], succeed, (), [succeeded], id="unknown, succeeded"),
        pytest.param([unknown], decline, ("no money",), [declined], id="unknown, declined"),
        pytest.param([unknown], payment.become_unknown, ("again",), [], id="unknown again"),
        pytest.param([unknown], payment.become_known, (), [known], id="known again"),
        pytest.param([unknown, known], payment.become_known, (), [], id="known, known again"),
        pytest.param([], payment.become_known, (), [], id="it was never unknown"),
        pytest.param(
            [unknown, known], payment.become_unknown, ("timeout",), [unknown], id="and unknown anew"
        ),
        pytest.param([declined], payment.become_known, (), [], id="known, when it has ended"),
        pytest.param([succeeded], succeed, (), [], id="succeeded again"),
        pytest.param([declined], decline, ("again",), [], id="declined again"),
        pytest.param([succeeded], payment.become_unknown, ("late",), [], id="ended well"),
        pytest.param([declined], payment.become_unknown, ("late",), [], id="ended badly"),
        pytest.param([succeeded, recharged], succeed, (), [], id="recharged once"),
        pytest.param([declined], succeed, (), [], id="a late success is no answer of its own"),
        pytest.param([succeeded, going_back], succeed, (), [], id="on its way back"),
        pytest.param([succeeded, going_back], decline, ("x",), [], id="not declined"),
        pytest.param([succeeded, going_back, kept], succeed, (), [], id="kept"),
    ],
)
def test_the_outcome_of_a_payment(
    history: list[Fact], decision: Any, args: tuple[str, ...], facts: list[Fact]
) -> None:
    given(started, *history).when(decision, *args).then(*facts)


@pytest.mark.parametrize(
    ("decision", "args"),
    [(succeed, ()), (decline, ("x",)), (payment.become_unknown, ("x",))],
)
def test_what_was_never_started_has_no_outcome(decision: Any, args: tuple[str, ...]) -> None:
    given().when(decision, *args).refused(Code.PAYMENT_NOT_FOUND)


@pytest.mark.parametrize(
    ("history", "decision", "args", "facts"),
    [
        pytest.param([succeeded], send_back, ("order is closed",), [going_back], id="goes"),
        pytest.param([], send_back, ("x",), [], id="no outcome yet"),
        pytest.param([declined], send_back, ("x",), [], id="nothing came"),
        pytest.param([succeeded, going_back], send_back, ("x",), [], id="goes once"),
        pytest.param([succeeded, going_back, sent_back], send_back, ("x",), [], id="gone"),
        pytest.param([succeeded, going_back], complete, (), [sent_back], id="taken"),
        pytest.param([succeeded], complete, (), [], id="never sent"),
        pytest.param([succeeded, going_back, sent_back], complete, (), [], id="taken once"),
        pytest.param([succeeded, going_back], fail, ("card closed",), [kept], id="declined"),
        pytest.param([succeeded, going_back, kept], fail, ("x",), [], id="kept once"),
        pytest.param([succeeded, going_back, kept], complete, (), [], id="and not sent"),
    ],
)
def test_a_payment_that_nothing_can_take_goes_back(
    history: list[Fact], decision: Any, args: tuple[str, ...], facts: list[Fact]
) -> None:
    given(started, *history).when(decision, *args).then(*facts)
