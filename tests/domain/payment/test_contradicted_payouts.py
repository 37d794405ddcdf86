"""Payouts of which a bank says later what it had not said, or a person what no bank has."""

import pytest

from domain.payment.asking import AskChannel
from domain.payment.commands import RecordOutcome
from domain.refusals import Code
from domain.settlement import batch
from domain.settlement.commands import RetryPayout, ReturnPayout
from domain.transaction.commands import ConfirmReceipt
from tests.books import TEA, Books, refusal
from tests.days import Days
from tests.domain.payment.contradicting import ask, how, say
from tests.domain.test_open_items import items_of
from tests.examples import PAY_DAY


@pytest.fixture
def paying(shop: Books) -> Books:
    """A payout of 9.85 to a tea house is on its way."""
    shop.sell("O2", (TEA, 1_000))
    shop.do(ConfirmReceipt(f"{TEA}-O2", "buyer"))
    Days(shop).end(lambda _: None)
    return shop


BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = batch.payout_number(BATCH, 1)
AVAILABLE, BANK_SHORT = f"2241.03.{TEA}", "1122.04.BANK_TRANSFER"


def test_a_payout_that_was_declined_and_paid_after_all(paying: Books) -> None:
    say(paying, PAYOUT, "declined", reason="name differs")
    assert paying.balance(AVAILABLE) == 985
    say(paying, PAYOUT, "succeeded", "B1")
    assert (paying.balance(AVAILABLE), paying.balance("2202.01.BANK_TRANSFER")) == (0, 985)
    assert paying.state(f"settlement-{TEA}-{PAY_DAY}").status == "settled"
    assert refusal(paying, RetryPayout(f"{TEA}-{PAY_DAY}", PAYOUT)) is Code.PAYOUT_NOT_FOUND


def test_a_payout_that_was_paid_again_meanwhile_is_missing(paying: Books) -> None:
    say(paying, PAYOUT, "declined", reason="name differs")
    again = str(paying.do(RetryPayout(f"{TEA}-{PAY_DAY}", PAYOUT))["payout_no"])
    say(paying, PAYOUT, "succeeded", "B1")
    assert paying.balance(BANK_SHORT) == 985
    say(paying, again, "succeeded", "B2")
    assert items_of(paying) == {BANK_SHORT: 985}


def test_a_payout_that_comes_back_days_later_is_the_merchants_again(paying: Books) -> None:
    say(paying, PAYOUT, "succeeded", "B1")
    paying.next_day()
    say(paying, PAYOUT, "returned", "B2", reason="account closed")
    assert paying.balance(AVAILABLE) == 985
    assert paying.state(f"account-{AVAILABLE}").held_fen == 985
    again = str(paying.do(RetryPayout(f"{TEA}-{PAY_DAY}", PAYOUT))["payout_no"])
    say(paying, again, "succeeded", "B3")
    assert paying.balance(AVAILABLE) == 0


def test_a_return_that_a_person_recorded_is_asked_about_before_it_is_paid_again(
    paying: Books,
) -> None:
    say(paying, PAYOUT, "succeeded", "B1", attempt=ask(paying, PAYOUT))
    paying.do(ReturnPayout(BATCH, PAYOUT, "the bank told us on the telephone"))
    assert paying.balance(AVAILABLE) == 985
    again = RetryPayout(BATCH, PAYOUT)
    assert refusal(paying, again) is Code.PAYOUT_UNCONFIRMED
    asked = paying.state(f"instruction-{PAYOUT}")
    assert asked.due_us == paying.at_us, "the bank is asked at once"
    say(paying, PAYOUT, "succeeded", "B1", attempt=ask(paying, PAYOUT))
    assert refusal(paying, again) is Code.PAYOUT_UNCONFIRMED, "the bank says that it was paid"
    say(paying, PAYOUT, "returned", "B2", reason="closed", attempt=ask(paying, PAYOUT))
    assert (paying.balance(AVAILABLE), how(paying, PAYOUT)) == (985, ["ended"])
    paying.do(again)
    assert paying.balance(AVAILABLE) == 0


def test_a_decline_that_a_person_recorded_is_asked_about_before_it_is_paid_again(
    paying: Books,
) -> None:
    say(paying, PAYOUT, "processing", attempt=ask(paying, PAYOUT))
    paying.do(RecordOutcome(PAYOUT, declined="they said no"))
    again = RetryPayout(BATCH, PAYOUT)
    assert refusal(paying, again) is Code.PAYOUT_UNCONFIRMED
    say(paying, PAYOUT, "not_found", reason="no such order", attempt=ask(paying, PAYOUT))
    assert refusal(paying, again) is Code.PAYOUT_UNCONFIRMED, "that is no decline"
    paying.do(AskChannel(PAYOUT))
    say(paying, PAYOUT, "declined", reason="name differs", attempt=ask(paying, PAYOUT))
    paying.do(again)
    assert paying.balance(AVAILABLE) == 0


def test_what_a_person_recorded_and_the_bank_did_otherwise_is_paid_once(paying: Books) -> None:
    say(paying, PAYOUT, "processing", attempt=ask(paying, PAYOUT))
    paying.do(RecordOutcome(PAYOUT, declined="they said no"))
    say(paying, PAYOUT, "succeeded", "B1", attempt=ask(paying, PAYOUT))
    assert paying.state(f"settlement-{BATCH}").status == "settled"
    assert refusal(paying, RetryPayout(BATCH, PAYOUT)) is Code.PAYOUT_NOT_FOUND


def test_a_payout_that_is_taken_back_is_in_suspense(paying: Books) -> None:
    say(paying, PAYOUT, "succeeded", "B1")
    say(paying, PAYOUT, "declined", reason="reversed")
    say(paying, PAYOUT, "declined", reason="reversed", attempt=ask(paying, PAYOUT))
    assert items_of(paying) == {"2241.08.BANK_TRANSFER": 985}
