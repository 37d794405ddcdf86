"""Members who leave while money is on its way: their accounts are closed together, and what comes
in afterwards finds a place."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting.account import stream
from domain.accounting.commands import CloseAccount, ReleaseHold
from domain.clearing.commands import CutOffDay
from domain.kernel import Command
from domain.order.commands import PayOrder
from domain.payment.commands import RechargeWallet, RecordOutcome, start_payment
from domain.payment.plan import Leg
from domain.refusals import Code, Refused
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, names, refusal
from tests.days import Days, right
from tests.examples import BUYER, CHECKER, MERCHANT, PAY_DAY

WALLET, ESCROW, TEAS = f"2241.01.{BUYER}", f"2241.04.{MERCHANT}", f"2241.03.{TEA}"
SHOP = [f"{code}.{MERCHANT}" for code in ("1122.03", "2241.02", "2241.03", "2241.04")]
SUSPENSE, BANK_SUSPENSE = "2241.08.JD_PAY", "2241.08.BANK_TRANSFER"
BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = f"payout-{BATCH}-1"


def money(books: Books, *accounts: str) -> list[int]:
    return [books.balance(account) for account in accounts]


# Closing.


def test_the_accounts_of_a_member_are_closed_together_and_once(books: Books) -> None:
    answer = books.do(CloseAccount(ESCROW))
    assert answer == {"account": ESCROW, "status": "closed", "accounts": SHOP}
    assert [books.state(stream(one)).status for one in SHOP] == ["closed"] * 4
    for again in SHOP:
        assert books.facts_of(CloseAccount(again)) == []
        assert books.do(CloseAccount(again)) == {**answer, "account": again}
    assert books.do(CloseAccount(WALLET))["accounts"] == [WALLET]


@pytest.mark.parametrize("named", SHOP)
def test_money_on_any_account_of_a_member_keeps_all_of_them_open(books: Books, named: str) -> None:
    books.sell("O1", (MERCHANT, 100))
    with pytest.raises(Refused) as no:
        books.do(CloseAccount(named))
    assert (no.value.code, no.value.detail) == (Code.ACCOUNT_NOT_EMPTY, ESCROW)
    assert [books.state(stream(one)).status for one in SHOP] == ["open"] * 4


def test_a_debt_or_a_hold_keeps_them_open_too(books: Books) -> None:
    sold(books)
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    assert refusal(books, CloseAccount(TEAS)) is Code.ACCOUNT_NOT_EMPTY  # Held for its retry.
    books.do(ReleaseHold(TEAS, PAYOUT))
    books.do(RetryPayout(BATCH, PAYOUT))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 1_000))
    with pytest.raises(Refused) as no:
        books.do(CloseAccount(TEAS))
    assert no.value.detail == f"1122.03.{TEA}"


def test_an_account_that_history_closed_alone_is_closed_with_the_others(books: Books) -> None:
    """As a ledger may have it from before they were closed together."""
    _, state, _ = books.states[stream(ESCROW)]
    books.states[stream(ESCROW)] = (2, replace(state, status="closed"), None)
    assert books.do(CloseAccount(SHOP[0]))["accounts"] == SHOP
    assert [books.state(stream(one)).status for one in SHOP] == ["closed"] * 4


# Payments.


@pytest.mark.parametrize("mode", ["escrow", "instant"])
def test_a_payment_for_a_merchant_who_left_goes_back_whole(books: Books, mode: Any) -> None:
    """Also what the other merchants of the order would have had: it is one payment."""
    books.agree().place("O1", (TEA, 3_000), (MERCHANT, 8_900), mode=mode)
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(CloseAccount(ESCROW))
    assert names(books, RecordOutcome("pay-P1", succeeded="S1")) == [
        "instruction.succeeded.1",
        "payment.succeeded.2",
        "order.closed.1",
        "transaction.closed.1",
        "transaction.closed.1",
        "payment.send_back_started.2",
        "instruction.issued.2",
    ]
    asked = books.state("instruction-back-P1")
    assert (asked.purpose, asked.channel, asked.amount_fen, asked.party) == (
        "refund",
        "JD_PAY",
        11_900,
        BUYER,
    )
    assert money(books, "1122.01.JD_PAY", "2241.07", f"2241.04.{TEA}") == [11_900, 11_900, 0]
    books.do(RecordOutcome("back-P1", unknown="timeout"))
    assert names(books, RecordOutcome("back-P1", succeeded="S2"))[-1] == "payment.sent_back.2"
    assert money(books, "2241.07", "2202.01.JD_PAY") == [0, 11_900]
    assert books.state("order-O1").status == "closed"
    assert books.facts_of(PayOrder("P1", "O1", "JD_PAY")) == [], "the same answer for ever"
    assert refusal(books, PayOrder("P2", "O1", "JD_PAY")) is Code.ORDER_NOT_PAYABLE
    right(books)


def test_a_payment_that_fails_leaves_an_order_to_close(books: Books) -> None:
    books.place("O1", (MERCHANT, 8_900))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(CloseAccount(ESCROW))
    books.do(RecordOutcome("pay-P1", declined="no money"))
    assert books.state("order-O1").status == "placed"
    assert refusal(books, PayOrder("P2", "O1", "JD_PAY")) is Code.ACCOUNT_CLOSED


@pytest.mark.parametrize(("buyer_left", "kept_on"), [(False, WALLET), (True, SUSPENSE)])
def test_what_the_channel_does_not_take_back_is_kept(
    books: Books, buyer_left: bool, kept_on: str
) -> None:
    books.place("O1", (MERCHANT, 8_900))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(CloseAccount(ESCROW))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    if buyer_left:
        books.do(CloseAccount(WALLET))
    books.do(RecordOutcome("back-P1", declined="card closed"))
    assert money(books, "2241.07", kept_on) == [0, 8_900]
    assert books.state("payment-P1").status == "kept"
    right(books)


def test_a_recharge_of_a_wallet_that_was_closed_goes_back(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 500))
    books.do(CloseAccount(WALLET))
    assert refusal(books, RechargeWallet("W2", BUYER, "JD_PAY", 500)) is Code.ACCOUNT_CLOSED
    assert books.facts_of(RechargeWallet("W1", BUYER, "JD_PAY", 500)) == []
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    assert money(books, "2241.07") == [500]
    books.do(RecordOutcome("back-W1", declined="card closed"))
    assert money(books, "2241.07", SUSPENSE) == [0, 500]
    right(books)


@pytest.mark.parametrize(
    ("before", "status"),
    [
        pytest.param([], "placed", id="not being paid"),
        pytest.param([PayOrder("P1", "O1", "JD_PAY")], "paying", id="being paid by another"),
        pytest.param(
            [PayOrder("P1", "O1", "JD_PAY"), RecordOutcome("pay-P1", succeeded="S")],
            "paid",
            id="paid by another",
        ),
    ],
)
def test_a_payment_that_the_order_does_not_wait_for_goes_back(
    books: Books, before: list[Command], status: str
) -> None:
    """No command starts one: a channel may report one all the same, once bills are read."""
    books.place("O1", (MERCHANT, 8_900))
    for command in before:
        books.do(command)
    legs = (Leg("channel", "WECHAT_PAY", "WECHAT_PAY", 8_900),)
    books.decide(lambda unit: start_payment(unit, "P0", "order", "O1", BUYER, 8_900, legs))
    books.do(RecordOutcome("pay-P0", succeeded="S0"))
    assert books.state("order-O1").status == status
    books.do(RecordOutcome("back-P0", succeeded="S1"))
    assert money(books, "2202.01.WECHAT_PAY", "2241.07") == [8_900, 0]
    assert books.balance(ESCROW) == (8_900 if status == "paid" else 0)
    right(books)


# Refunds and payouts.


def test_a_refund_that_nobody_can_take_is_in_suspense(books: Books) -> None:
    books.sell("O1", (MERCHANT, 8_900))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 900))
    books.do(CloseAccount(WALLET))
    books.do(RecordOutcome("refund-R1", declined="card closed"))
    assert money(books, "2241.07", SUSPENSE) == [0, 900]
    assert books.log[-1][0] == stream(SUSPENSE)
    assert books.state("refund-R1").status == "failed"
    right(books)


def sold(books: Books) -> None:
    """The teahouse's batch is settled: 9.85 on their way to it, all its accounts empty."""
    books.sell("O1", (TEA, 1_000))
    books.do(ConfirmReceipt(f"{TEA}-O1", "buyer"))
    books.do(CutOffDay(PAY_DAY))
    books.do(SealBatch(BATCH))
    books.do(ReviewBatch(BATCH), CHECKER)
    books.do(SettleBatch(BATCH))


@pytest.mark.parametrize(
    ("outcomes", "rule", "status"),
    [
        pytest.param(
            [RecordOutcome(PAYOUT, declined="name differs")],
            "payout_failed_to_suspense.1",
            "failed",
            id="failed",
        ),
        pytest.param(
            [RecordOutcome(PAYOUT, succeeded="B"), ReturnPayout(BATCH, PAYOUT, "closed")],
            "payout_returned_to_suspense.1",
            "returned",
            id="returned",
        ),
    ],
)
def test_a_payout_that_comes_back_too_late_is_in_suspense_and_paid_no_more(
    books: Books, outcomes: list[Command], rule: str, status: str
) -> None:
    sold(books)
    books.do(CloseAccount(TEAS))
    for outcome in outcomes:
        books.do(outcome)
    rules = [fact.entry.rule for _, fact in books.log if getattr(fact, "entry", None)]
    assert rules[-1] == rule
    assert money(books, "2241.05", BANK_SUSPENSE) == [0, 985]
    assert books.state(stream(BANK_SUSPENSE)).holds == ()
    assert books.state(f"settlement-{BATCH}").status == status
    with pytest.raises(Refused) as no:
        books.do(RetryPayout(BATCH, PAYOUT))
    assert (no.value.code, no.value.field) == (Code.ACCOUNT_CLOSED, "payout_no")
    assert "2241.08" in no.value.detail
    right(books)


def test_a_payout_that_arrives_after_all_asks_for_no_account(books: Books) -> None:
    sold(books)
    books.do(CloseAccount(TEAS))
    books.do(RecordOutcome(PAYOUT, succeeded="B"))
    assert books.state(f"settlement-{BATCH}").status == "settled"
    right(books)


def test_batches_that_make_up_for_each_other_settle_without_accounts(books: Books) -> None:
    """Sealed with 9.85, then all of it is refunded: pending money is nothing, and stays so."""
    books.sell("O1", (TEA, 1_000))
    books.do(ConfirmReceipt(f"{TEA}-O1", "buyer"))
    books.do(CutOffDay(PAY_DAY))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 1_000))
    books.do(CloseAccount(TEAS))
    days = Days(books)
    days.end(lambda _: None)
    days.end(lambda _: None)
    assert books.state(f"carry-{TEA}").carry_fen == 0
    assert {days.status(batch) for batch in days.batches()} == {"carried_forward"}
