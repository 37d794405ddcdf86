"""Transaction: created, paid into escrow, confirmed, released; refunds stay within the amount."""

from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import asdict, replace

from domain.kernel import Fact
from domain.money import FeeRule, fee_fen
from domain.refusals import Code, Refused
from domain.transaction import shares, transaction
from domain.transaction.transaction import (
    Closed,
    Completed,
    RefundAccepted,
    RefundCleared,
    State,
)
from tests.examples import AMOUNT, CONFIRM_BY, EXAMPLES, PAYMENT_NO, PURCHASE, SHARES
from tests.scenario import Scenario

given = Scenario(transaction.evolve, State()).given
created: Any = EXAMPLES["transaction.created.1"]
paid: Any = EXAMPLES["transaction.paid.2"]
cleared: Any = EXAMPLES["transaction.cleared.1"]
accepted: Any = EXAMPLES["transaction.refund_accepted.1"]
taken_back: Any = EXAMPLES["transaction.refund_cleared.1"]
by_buyer, by_timer = Completed("buyer"), Completed("timer")
closed = Closed("not paid")
SOLD = [created, paid]
RELEASED = [*SOLD, by_buyer, cleared]


def refund(amount_fen: int, refund_no: str = "R1") -> RefundAccepted:
    return RefundAccepted(refund_no, amount_fen, "escrow", None)


def late_refund(amount_fen: int, refund_no: str = "R2") -> list[Fact]:
    late = RefundAccepted(refund_no, amount_fen, "released", None)
    return [late, replace(taken_back, refund_no=refund_no, amount_fen=amount_fen)]


def asked(state: State, amount_fen: int) -> list[Any]:
    return [transaction.refuse_refund(state, amount_fen)]


def test_a_transaction_is_created_once() -> None:
    given().when(transaction.create, **asdict(created)).then(created)
    given(created).when(transaction.create, **asdict(created)).then()


def test_another_one_of_the_order_is_refused() -> None:
    other = replace(created, amount_fen=AMOUNT + 1)
    given(created).when(transaction.create, **asdict(other)).refused(Code.ORDER_EXISTS)


@pytest.mark.parametrize(
    ("history", "facts"),
    [
        pytest.param([created], [paid], id="created"),
        pytest.param(SOLD, [], id="paid"),
        pytest.param([created, closed], [], id="closed"),
    ],
)
def test_it_is_paid_once(history: list[Fact], facts: list[Fact]) -> None:
    given(*history).when(transaction.pay, PAYMENT_NO, SHARES, CONFIRM_BY, PURCHASE).then(*facts)


@pytest.mark.parametrize(
    ("history", "by", "at_us", "facts"),
    [
        pytest.param(SOLD, "buyer", 0, [by_buyer], id="the buyer at any time"),
        pytest.param(SOLD, "timer", CONFIRM_BY, [by_timer], id="the timer on time"),
        pytest.param(SOLD, "instant", 0, [Completed("instant")], id="at once"),
        pytest.param([*SOLD, refund(1)], "buyer", 0, [by_buyer], id="partly refunded"),
        pytest.param(RELEASED, "buyer", 0, [], id="confirmed before"),
        pytest.param(RELEASED, "timer", 0, [], id="the timer after the buyer"),
        pytest.param([*RELEASED, *late_refund(AMOUNT)], "buyer", 0, [], id="confirmed, refunded"),
        pytest.param([*SOLD, refund(AMOUNT)], "timer", CONFIRM_BY, [], id="nothing to confirm"),
    ],
)
def test_receipt_is_confirmed(history: list[Fact], by: Any, at_us: int, facts: list[Fact]) -> None:
    given(*history).when(transaction.complete, by, at_us).then(*facts)


@pytest.mark.parametrize(
    ("history", "by", "at_us", "code"),
    [
        pytest.param([], "buyer", 0, Code.TRANSACTION_NOT_FOUND, id="no such transaction"),
        pytest.param([created], "timer", 0, Code.TRANSACTION_NOT_PAID, id="not paid, too early"),
        pytest.param([created, closed], "timer", 0, Code.TRANSACTION_CLOSED, id="closed"),
        pytest.param([*SOLD, refund(AMOUNT)], "buyer", 0, Code.TRANSACTION_CLOSED, id="refunded"),
        pytest.param(SOLD, "timer", CONFIRM_BY - 1, Code.CONFIRMATION_TOO_EARLY, id="a µs early"),
    ],
)
def test_a_confirmation_is_refused(history: list[Fact], by: Any, at_us: int, code: Code) -> None:
    given(*history).when(transaction.complete, by, at_us).refused(code)


@pytest.mark.parametrize(
    ("history", "amount_fen", "stage"),
    [
        pytest.param(SOLD, AMOUNT, "escrow", id="all of it before release"),
        pytest.param([*SOLD, refund(1)], AMOUNT - 1, "escrow", id="the rest before release"),
        pytest.param(RELEASED, AMOUNT, "released", id="all of it after release"),
        pytest.param([*RELEASED, *late_refund(1)], AMOUNT - 1, "released", id="the rest after"),
    ],
)
def test_where_a_refunds_money_comes_from(history: list[Fact], amount_fen: int, stage: str) -> None:
    assert asked(given(*history).state, amount_fen) == [stage]


@pytest.mark.parametrize(
    ("history", "amount_fen", "code"),
    [
        pytest.param([], 1, Code.TRANSACTION_NOT_FOUND, id="no such transaction"),
        pytest.param([created], AMOUNT + 1, Code.TRANSACTION_NOT_PAID, id="not paid"),
        pytest.param([created, closed], AMOUNT + 1, Code.TRANSACTION_CLOSED, id="closed"),
        pytest.param(SOLD, AMOUNT + 1, Code.REFUND_EXCEEDS_PAID, id="a fen too much"),
        pytest.param([*SOLD, refund(1)], AMOUNT, Code.REFUND_EXCEEDS_PAID, id="after a part"),
        pytest.param([*SOLD, refund(AMOUNT)], 1, Code.REFUND_EXCEEDS_PAID, id="nothing left"),
        pytest.param(
            [*SOLD, refund(4_000), by_buyer, cleared, *late_refund(4_000)],
            2_001,
            Code.REFUND_EXCEEDS_PAID,
            id="over both stages",
        ),
    ],
)
def test_a_refund_is_refused(history: list[Fact], amount_fen: int, code: Code) -> None:
    given(*history).when(asked, amount_fen).refused(code)


def test_an_unpaid_transaction_is_closed_once() -> None:
    given(created).when(transaction.close, "not paid").then(closed)
    given(created, closed).when(transaction.close, "not paid").then()
    given(*SOLD).when(transaction.close, "not paid").then()


@examples(st.lists(st.integers(1, AMOUNT), max_size=12), st.integers(0, 12))
def test_refunds_never_exceed_what_was_paid(amounts: list[int], release_after: int) -> None:
    facts: list[Fact] = list(SOLD)
    refunded = 0
    for n, amount in enumerate(amounts):
        state = given(*facts).state
        if n == release_after and state.status == "paid":
            gross = state.refundable_fen
            facts += [by_buyer, replace(cleared, gross_fen=gross)]
            state = given(*facts).state
        try:
            stage = transaction.refuse_refund(state, amount)
        except Refused as no:
            assert no.code is Code.REFUND_EXCEEDS_PAID
            assert refunded + amount > AMOUNT
        else:
            facts += [refund(amount)] if stage == "escrow" else late_refund(amount)
            refunded += amount
    state = given(*facts).state
    assert state.refunded_fen == refunded <= AMOUNT
    assert (state.status == "refunded") == (refunded == AMOUNT)


@examples(
    st.lists(st.integers(1, 3_000), max_size=5),
    st.builds(FeeRule, st.integers(0, 10_000), st.integers(0, 200), st.just(7), st.just(150)),
)
def test_fees_given_back_leave_the_fee_on_what_was_kept(amounts: list[int], rule: FeeRule) -> None:
    state = given(replace(created, fee_rule=rule), paid, by_buyer, cleared).state
    kept, fee = AMOUNT, fee_fen(rule, AMOUNT)
    for amount in amounts:
        if amount > kept:
            break
        fee -= shares.fee_returned_fen(state, amount)
        kept -= amount
        for fact in late_refund(amount):
            state = transaction.evolve(state, fact)
    assert fee == fee_fen(rule, kept)


def test_a_thousand_refunds_leave_the_state_as_small_as_one() -> None:
    facts = [replace(accepted, refund_no=f"R{n}", amount_fen=1) for n in range(1_000)]
    one, many = given(*SOLD, facts[0]).state, given(*SOLD, *facts).state
    assert len(json.encode(many)) <= len(json.encode(one)) + 5


def test_a_cleared_refund_lowers_what_is_released() -> None:
    state = given(*RELEASED, *late_refund(2_500)).state
    assert (state.released_fen, state.refundable_fen) == (AMOUNT - 2_500, AMOUNT - 2_500)
    assert isinstance(late_refund(1)[1], RefundCleared)
