"""From release to payout: batches, payouts that fail or come back, carries, debts, the day's end.

The nuts are settled T+1; the tea D+0 and at most 40.00 a transfer.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.accounting.account import MAX_HOLDS
from domain.accounting.commands import (
    HoldMoney,
    ReleaseHold,
)
from domain.clearing.commands import CloseDay, CutOffDay
from domain.member.commands import SetSettlementTerms
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, refusal
from tests.examples import BUYER, CHECKER, MAKER, MERCHANT, PAY_DAY

WALLET, ESCROW = f"2241.01.{BUYER}", f"2241.04.{MERCHANT}"
PENDING, AVAILABLE, DEBT = f"2241.02.{TEA}", f"2241.03.{TEA}", f"1122.03.{TEA}"
BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = f"payout-{BATCH}-1"
LONG = "N" * 64
FAR = date(9999, 12, 31)


def released(books: Books, fen: int = 10_000, order_no: str = "O1") -> None:
    books.sell(order_no, (TEA, fen))
    books.do(ConfirmReceipt(f"{TEA}-{order_no}", "buyer"))


def settle(books: Books, batch_id: str = BATCH) -> Any:
    books.do(CutOffDay(books.state("day-books").open_date))
    books.do(SealBatch(batch_id), MAKER)
    books.do(ReviewBatch(batch_id), CHECKER)
    return books.do(SettleBatch(batch_id), MAKER)


def payouts(books: Books, batch_id: str = BATCH) -> list[tuple[int, str]]:
    return [(one.amount_fen, one.status) for one in books.state(f"settlement-{batch_id}").payouts]


def test_a_batch_is_paid_out_in_parts(books: Books) -> None:
    released(books)
    settled = settle(books)
    assert settled["instruction_ids"] == [f"payout-{BATCH}-{n}" for n in (1, 2, 3)]
    assert payouts(books) == [(4_000, "instructed"), (4_000, "instructed"), (1_895, "instructed")]
    for payout_no in settled["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    assert books.state(f"settlement-{BATCH}").status == "settled"
    assert (books.balance("2241.05"), books.balance("2202.01.BANK_TRANSFER")) == (0, 9_895)
    for again in (SealBatch(BATCH), ReviewBatch(BATCH), SettleBatch(BATCH)):
        assert books.facts_of(again, CHECKER) == []


def test_who_sealed_may_not_review(books: Books) -> None:
    released(books)
    books.do(CutOffDay(PAY_DAY))
    books.do(SealBatch(BATCH), MAKER)
    assert refusal(books, ReviewBatch(BATCH), MAKER) is Code.CHECKER_IS_MAKER


def test_a_batch_that_is_not_due_waits(books: Books) -> None:
    books.sell("O1", (MERCHANT, 100))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    batch_id = f"{MERCHANT}-{PAY_DAY}"
    with pytest.raises(Refused) as no:
        settle(books, batch_id)
    assert no.value.code is Code.BATCH_NOT_DUE
    books.next_day()
    assert books.do(SettleBatch(batch_id))["status"] == "instructed"


def test_a_failed_payout_waits_on_hold_and_is_tried_again(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    assert (books.balance(AVAILABLE), books.state(f"account-{AVAILABLE}").available_fen) == (
        2_965,
        0,
    )
    again = books.do(RetryPayout(BATCH, PAYOUT))
    assert again["payout_no"] == f"payout-{BATCH}-2"
    books.do(RecordOutcome(f"payout-{BATCH}-2", succeeded="B"))
    assert payouts(books) == [(2_965, "succeeded")]
    assert books.state(f"settlement-{BATCH}").status == "settled"


def test_a_retry_asked_again_is_the_same_retry(books: Books) -> None:
    """Under a new request number: an operator who presses twice pays once."""
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    again = books.do(RetryPayout(BATCH, PAYOUT))
    assert books.facts_of(RetryPayout(BATCH, PAYOUT)) == []
    assert books.do(RetryPayout(BATCH, PAYOUT)) == again
    books.do(RecordOutcome(f"payout-{BATCH}-2", declined="name differs"))
    assert books.do(RetryPayout(BATCH, PAYOUT)) == again, "the second one's failure is its own"
    books.do(RetryPayout(BATCH, f"payout-{BATCH}-2"))
    assert refusal(books, RetryPayout(BATCH, PAYOUT)) is Code.PAYOUT_NOT_FOUND


def test_a_payout_is_retried_as_often_as_it_takes(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    payout_no = PAYOUT
    for n in range(2, 120):
        books.do(RecordOutcome(payout_no, declined="name differs"))
        payout_no = str(books.do(RetryPayout(BATCH, payout_no))["payout_no"])
        assert payout_no == f"payout-{BATCH}-{n}"
    assert payouts(books) == [(2_965, "instructed")]
    books.do(RecordOutcome(payout_no, succeeded="B"))
    assert books.state(f"settlement-{BATCH}").status == "settled"
    assert (books.balance(AVAILABLE), books.balance("2241.05")) == (0, 0)


def test_a_returned_payout_is_the_merchants_again(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, succeeded="B"))
    books.do(ReturnPayout(BATCH, PAYOUT, "account closed"))
    assert (books.balance("1001.01"), books.balance(AVAILABLE)) == (2_965, 2_965)
    assert books.state(f"account-{AVAILABLE}").available_fen == 0, "it waits for its retry"
    assert books.facts_of(ReturnPayout(BATCH, PAYOUT, "account closed")) == []
    books.do(RetryPayout(BATCH, PAYOUT))
    books.do(RecordOutcome(f"payout-{BATCH}-2", succeeded="B"))
    assert books.balance(AVAILABLE) == 0


@pytest.mark.parametrize("hold_fen", [2_965, 7])
def test_a_hold_under_the_payouts_number_does_not_lose_its_outcome(
    books: Books, hold_fen: int
) -> None:
    released(books, 3_000)
    released(books, 3_000, "O2")
    settle(books)
    books.do(RecordOutcome(f"payout-{BATCH}-2", declined="x"))
    books.do(ReleaseHold(AVAILABLE, f"payout-{BATCH}-2"))
    books.do(HoldMoney(AVAILABLE, PAYOUT, min(hold_fen, 1_930), "by hand"))
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    assert payouts(books)[0] == (4_000, "failed")


def test_an_outcome_is_taken_where_no_more_holds_fit(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, succeeded="B"))
    books.do(ReturnPayout(BATCH, PAYOUT, "closed"))
    books.do(ReleaseHold(AVAILABLE, PAYOUT))
    for n in range(MAX_HOLDS):
        books.do(HoldMoney(AVAILABLE, f"H{n}", 1, "x"))
    assert refusal(books, RetryPayout(BATCH, PAYOUT)) is Code.BALANCE_INSUFFICIENT
    books.next_day()
    released(books, 3_000, "O2")
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    settle(books, second)
    books.do(RecordOutcome(f"payout-{second}-1", declined="x"))
    assert payouts(books, second) == [(2_965, "failed")]
    assert books.balance(AVAILABLE) == 2 * 2_965


def test_a_refund_after_the_seal_is_carried_over_batches(books: Books) -> None:
    """Σ net of open batches + carry = pending money, whatever the order."""
    released(books, 10_000)
    released(books, 1_000, "O2")
    books.do(CutOffDay(PAY_DAY))
    books.do(RefundTransaction("R1", f"{TEA}-O2", 1_000))
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    assert books.state(f"settlement-{second}").net_fen == -985
    settle(books)
    assert books.state(f"carry-{TEA}").carry_fen == 985
    assert (books.balance(PENDING), sum(fen for fen, _ in payouts(books))) == (0, 9_895)
    books.next_day()
    assert settle(books, second)["status"] == "carried_forward"
    assert books.state(f"carry-{TEA}").carry_fen == 0


def test_a_negative_batch_that_is_due_first_is_made_up_for_by_the_next(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+5"))
    books.sell("O1", (MERCHANT, 10_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    books.do(CutOffDay(PAY_DAY))
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "D+0"))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 1_000))
    books.next_day()
    second = f"{MERCHANT}-{PAY_DAY + timedelta(days=1)}"
    assert settle(books, second)["status"] == "carried_forward"
    assert books.state(f"carry-{MERCHANT}").carry_fen == -994
    first = f"{MERCHANT}-{PAY_DAY}"
    for _ in range(6):
        books.next_day()
    settle(books, first)
    assert payouts(books, first) == [(8_946, "instructed")]
    assert books.state(f"carry-{MERCHANT}").carry_fen == books.balance(f"2241.02.{MERCHANT}") == 0


def test_a_refund_that_is_not_covered_becomes_a_debt_recovered_once(books: Books) -> None:
    released(books, 3_000)
    for payout_no in settle(books)["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 3_000))
    assert (books.balance(DEBT), books.balance("1001.02"), books.balance("2202.09")) == (
        2_965,
        -2_965,
        0,
    )
    books.next_day()
    released(books, 4_000, "O2")
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    settle(books, second)
    assert payouts(books, second) == [(990, "instructed")]
    assert [books.balance(a) for a in (DEBT, "1001.02", "1001.01")] == [0, 0, 0]


def test_a_refund_takes_what_is_available_before_it_makes_a_debt(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    books.do(ReleaseHold(AVAILABLE, PAYOUT))
    books.do(HoldMoney(AVAILABLE, "H1", 1_965, "dispute"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 3_000))
    assert (books.balance(AVAILABLE), books.balance(DEBT)) == (1_965, 1_965)


def test_a_debt_on_hold_is_not_recovered(books: Books) -> None:
    released(books, 3_000)
    for payout_no in settle(books)["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 3_000))
    books.do(HoldMoney(DEBT, "H1", 2_000, "in dispute"))
    books.next_day()
    released(books, 4_000, "O2")
    settle(books, f"{TEA}-{PAY_DAY + timedelta(days=1)}")
    assert books.balance(DEBT) == 2_000


def test_the_day_is_closed_with_its_net_positions(books: Books) -> None:
    books.sell("O1", (TEA, 3_000))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 1_000))
    books.do(RecordOutcome("refund-R1", succeeded="B"))
    closed = [fact for _, fact in books.facts_of(CloseDay(PAY_DAY))][1]
    [position] = closed.positions  # type: ignore[attr-defined]
    assert (position.channel, position.network) == ("JD_PAY", "NETSUNION")
    assert (position.received_fen, position.paid_fen, position.net_fen) == (3_000, 1_000, 2_000)
    assert books.facts_of(CloseDay(PAY_DAY)) == []
