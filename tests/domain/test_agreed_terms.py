"""What an agreement says beside products and methods: refunds, debt, cut-off, numbers; and fees."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting.commands import HoldMoney
from domain.approval.commands import ApproveProposal, proposal
from domain.clearing.split import after_own_cut_off
from domain.kernel import DAY_US, day_end_us
from domain.member.agreement import STANDARD, SubMerchant, debt_limit_on
from domain.member.commands import (
    EndMerchantAgreement,
    RegisterMember,
    SetDebtLimit,
    SetFeeRule,
)
from domain.member.terms import Consent
from domain.money import FeeRule
from domain.order.commands import PayOrder
from domain.payment.commands import RecordOutcome
from domain.payment.orders import network_order
from domain.refusals import Code
from domain.settlement.commands import SealBatch
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from domain.transaction.transaction import Cleared, RefundCleared
from tests.books import TEA, Books, refusal
from tests.domain.agreeing import HOUR_US, NEW, SUB, SUB_TEA, refused, sign
from tests.examples import CONSENT, MERCHANT, PAY_DAY


@pytest.mark.parametrize("days", [0, 1, 30])
def test_a_sale_is_refunded_until_so_many_days_after_its_payment(market: Books, days: int) -> None:
    """By the terms of the day it was sold on, whatever was signed since."""
    books = market
    sign(books, NEW, replace(STANDARD, refund_days=days))
    books.sell("O1", (NEW, 1_000))
    sign(books, NEW, STANDARD)
    end_us = day_end_us(PAY_DAY + timedelta(days=days))
    books.at_us = end_us - 1
    books.do(RefundTransaction("R1", f"{NEW}-O1", 100))
    books.at_us = end_us
    late = RefundTransaction("R2", f"{NEW}-O1", 100)
    assert refused(books, late) == (Code.REFUND_TOO_LATE, "transaction_id")
    assert books.do(RefundTransaction("R1", f"{NEW}-O1", 100))["refund_no"] == "R1"
    books.sell("O2", (NEW, 1_000))
    books.at_us += 10_000 * DAY_US
    books.do(RefundTransaction("R3", f"{NEW}-O2", 100))


def test_a_refund_is_in_time_by_the_day_it_was_asked_for(market: Books) -> None:
    """And not by the day somebody else approved it on; asked for a day late it is no proposal."""
    books = market
    sign(books, NEW, replace(STANDARD, refund_days=1))
    books.sell("O1", (NEW, 1_000))
    end_us = day_end_us(PAY_DAY + timedelta(days=1))
    wished = [RefundTransaction(f"R{n}", f"{NEW}-O1", 100) for n in range(3)]
    first, second, late = (proposal(f"n{n}", one, 9 * DAY_US, "") for n, one in enumerate(wished))
    books.at_us = end_us - 1
    for one in (first, second):
        books.do(one, "staff:lin")
    books.at_us = end_us + DAY_US
    done = books.do(ApproveProposal(first.approval_id), "staff:zhao")["done"]
    assert done == {"refund_no": "R0", "instruction_id": "refund-R0"}
    assert refused(books, late) == (Code.REFUND_TOO_LATE, "transaction_id")
    assert refused(books, wished[2]) == (Code.REFUND_TOO_LATE, "transaction_id")
    books.at_us = first.open_us + end_us - 1
    assert refusal(books, ApproveProposal(second.approval_id), "staff:zhao") is (
        Code.APPROVAL_EXPIRED
    )


def test_days_for_a_refund_count_from_the_payment_and_not_from_the_order(market: Books) -> None:
    books = market
    sign(books, NEW, replace(STANDARD, refund_days=0))
    books.place("O1", (NEW, 1_000))
    books.at_us += DAY_US
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    books.do(RefundTransaction("R1", f"{NEW}-O1", 100))


@pytest.mark.parametrize(
    ("agreed_fen", "set_fen", "waits"),
    [(500, None, True), (None, 500, True), (500, 5_000, True), (5_000, 500, True),
     (5_000, 5_000, False), (None, None, False)],
)  # fmt: skip
def test_the_lower_limit_of_debt_counts(
    market: Books, agreed_fen: int | None, set_fen: int | None, waits: bool
) -> None:
    books = market
    sign(books, NEW, replace(STANDARD, debt_limit_fen=agreed_fen))
    books.do(SetDebtLimit(NEW, PAY_DAY, set_fen))
    for order_no in ("O1", "O2"):
        books.sell(order_no, (NEW, 1_000))
        books.do(ConfirmReceipt(f"{NEW}-{order_no}", "buyer"))
    books.do(RefundTransaction("R1", f"{NEW}-O1", 1_000))
    pending = f"2241.02.{NEW}"
    books.do(HoldMoney(pending, "H1", books.balance(pending), "a dispute"))
    answer = books.do(RefundTransaction("R2", f"{NEW}-O2", 1_000))
    assert (answer.get("state") == "requested") is waits


@pytest.mark.parametrize("ends_in", [0, 1])
@pytest.mark.parametrize(
    ("before_fen", "agreed_fen", "waits"),
    [(5_000, 5_000, True), (5_000, None, False), (None, 5_000, True), (None, None, False)],
)
def test_the_end_of_an_agreement_lifts_no_limit_of_debt(
    market: Books, before_fen: int | None, agreed_fen: int | None, waits: bool, ends_in: int
) -> None:
    """Sign, end, refund: the limit that was signed last goes on, and nothing is advanced alone."""
    books = market
    sign(books, NEW, replace(STANDARD, debt_limit_fen=before_fen), PAY_DAY)
    for order_no in ("O1", "O2"):
        books.sell(order_no, (NEW, 70_000))
        books.do(ConfirmReceipt(f"{NEW}-{order_no}", "buyer"))
    books.next_day()
    today = PAY_DAY + timedelta(days=1)
    sign(books, NEW, replace(STANDARD, debt_limit_fen=agreed_fen), today)
    books.do(EndMerchantAgreement(NEW, today + timedelta(days=ends_in)))
    for _ in range(ends_in):
        books.next_day()
    books.do(RefundTransaction("R1", f"{NEW}-O1", 70_000))
    pending = f"2241.02.{NEW}"
    books.do(HoldMoney(pending, "H1", books.balance(pending), "a dispute"))
    answer = books.do(RefundTransaction("R2", f"{NEW}-O2", 70_000))
    if agreed_fen is None and ends_in == 0:  # Ended on its own date: the one before goes on.
        waits = before_fen is not None
    assert (answer.get("state") == "requested") is waits
    assert (books.balance(f"1122.03.{NEW}") > 0) is not waits


def test_a_limit_signed_after_an_end_counts_from_its_date(market: Books) -> None:
    books, tomorrow = market, PAY_DAY + timedelta(days=1)
    sign(books, NEW, replace(STANDARD, debt_limit_fen=500), PAY_DAY)
    books.do(EndMerchantAgreement(NEW, tomorrow))
    sign(books, NEW, replace(STANDARD, debt_limit_fen=9_000), tomorrow + timedelta(days=1))
    state = books.state(f"agreement-{NEW}")
    limits = [debt_limit_on(state, PAY_DAY + timedelta(days=n)) for n in (-1, 0, 1, 2, 3)]
    assert limits == [None, 500, 500, 9_000, 9_000]


def _clock(day: date, clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return day_end_us(day) - DAY_US + hour * HOUR_US + minute * 60_000_000


@pytest.mark.parametrize(
    ("on", "clock", "clears"),
    [
        pytest.param(PAY_DAY, "22:29", PAY_DAY, id="before it"),
        pytest.param(PAY_DAY, "22:30", PAY_DAY + timedelta(days=1), id="at it"),
        pytest.param(PAY_DAY, "23:59", PAY_DAY + timedelta(days=1), id="after it"),
        pytest.param(PAY_DAY - timedelta(days=1), "23:59", PAY_DAY, id="the common one was first"),
        pytest.param(PAY_DAY + timedelta(days=9), "23:59", PAY_DAY, id="the books are behind"),
    ],
)
def test_a_merchants_own_cut_off(on: date, clock: str, clears: date) -> None:
    assert after_own_cut_off(PAY_DAY, "22:30", _clock(on, clock)) == clears
    assert after_own_cut_off(PAY_DAY, "", _clock(on, clock)) == PAY_DAY


def test_what_is_released_after_it_clears_with_the_next_date(market: Books) -> None:
    books = market
    sign(books, NEW, replace(STANDARD, cut_off="22:30"))
    for order_no in ("O1", "O2", "O3"):
        books.sell(order_no, (NEW, 1_000))
    books.sell("O4", (MERCHANT, 1_000))
    books.at_us = _clock(PAY_DAY, "22:29")
    books.do(ConfirmReceipt(f"{NEW}-O1", "buyer"))
    books.at_us = _clock(PAY_DAY, "22:30")
    for merchant, order_no in ((NEW, "O2"), (MERCHANT, "O4")):
        books.do(ConfirmReceipt(f"{merchant}-{order_no}", "buyer"))
    books.do(RefundTransaction("R1", f"{NEW}-O1", 100))
    batches = [fact.batch for _, fact in books.log if isinstance(fact, Cleared | RefundCleared)]
    today, next_date = PAY_DAY, PAY_DAY + timedelta(days=1)
    cleared = ((NEW, today), (NEW, next_date), (MERCHANT, today), (NEW, next_date))
    assert batches == [f"{merchant}-{on}" for merchant, on in cleared]
    early = SealBatch(f"{NEW}-{next_date}")
    books.next_day()
    books.do(SealBatch(f"{NEW}-{today}"))
    assert refused(books, early)[0] is Code.BATCH_STATE_WRONG  # Its date is collecting now.
    books.at_us = _clock(next_date, "09:00")
    books.do(ConfirmReceipt(f"{NEW}-O3", "buyer"))
    books.next_day()
    books.do(early)
    sealed = [books.state(f"settlement-{NEW}-{on}") for on in (today, next_date)]
    assert [(one.count, one.net_fen) for one in sealed] == [(1, 994), (3, 994 + 994 - 99)]


def issued(books: Books, instruction_id: str) -> Any:
    return books.state(f"instruction-{instruction_id}").asked


def test_the_merchants_number_goes_with_the_instruction(market: Books) -> None:
    books = market
    sign(books, NEW, replace(STANDARD, sub_mchids=(SubMerchant("WECHAT_PAY", SUB),)))
    sign(books, TEA, replace(STANDARD, sub_mchids=(SubMerchant("WECHAT_PAY", SUB_TEA),)))
    for number, code in enumerate(("WECHAT_PAY", "JD_PAY")):
        books.place(f"O{number}", (NEW, 1_000))
        books.do(PayOrder(f"P{number}", f"O{number}", code))
    assert [issued(books, one).sub_mchid for one in ("pay-P0", "pay-P1")] == [SUB, ""]
    books.do(RecordOutcome("pay-P0", succeeded="S0"))
    sign(books, NEW, STANDARD)  # A refund is of the order it was, under that number.
    books.do(RefundTransaction("R0", f"{NEW}-O0", 400))
    states = [books.state(f"instruction-{one}") for one in ("refund-R0", "pay-P0")]
    assert network_order("refund-R0", *states).sub_mchid == SUB


def test_each_part_of_a_combined_order_has_its_own_number(market: Books) -> None:
    books = market
    sign(books, NEW, replace(STANDARD, sub_mchids=(SubMerchant("WECHAT_PAY", SUB),)))
    sign(books, TEA, replace(STANDARD, sub_mchids=(SubMerchant("WECHAT_PAY", SUB_TEA),)))
    books.place("O1", (NEW, 1_000), (TEA, 2_000), (MERCHANT, 500))
    books.do(PayOrder("P1", "O1", "WECHAT_PAY"))
    assert [one.sub_mchid for one in issued(books, "pay-P1").parts] == [SUB, SUB_TEA, ""]
    state = books.state("instruction-pay-P1")
    assert [one.sub_mchid for one in network_order("pay-P1", state).parts] == [SUB, SUB_TEA, ""]
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 400))
    states = [books.state(f"instruction-{one}") for one in ("refund-R1", "pay-P1")]
    assert network_order("refund-R1", *states).sub_mchid == SUB_TEA


def test_a_change_of_fees_has_its_notice_to_the_day(books: Books) -> None:
    rule, first = FeeRule(80), PAY_DAY + timedelta(days=30)

    def change(since: date, **more: Any) -> SetFeeRule:
        return SetFeeRule(MERCHANT, since, rule, **more)

    assert refused(books, change(first)) == (Code.CONSENT_MISSING, "consent")
    early = change(first - timedelta(days=1), consent=CONSENT)
    assert refused(books, early) == (Code.NOTICE_TOO_SHORT, "effective_from")
    books.do(change(first, consent=CONSENT))
    assert books.state(f"member-{MERCHANT}").fee_rule_on(first) == rule
    assert books.facts_of(change(first, consent=CONSENT)) == []
    short = change(PAY_DAY + timedelta(days=6), consent=CONSENT, notice_days=7)
    assert refusal(books, short) is Code.NOTICE_TOO_SHORT
    books.do(change(PAY_DAY + timedelta(days=7), consent=CONSENT, notice_days=7))


def test_the_first_rule_of_a_merchant_needs_no_notice(books: Books) -> None:
    books.do(RegisterMember(NEW, "enterprise", "新店"))
    books.do(SetFeeRule(NEW, PAY_DAY, FeeRule(60)))


@pytest.mark.parametrize(
    ("consent", "code", "field"),
    [
        (Consent("", PAY_DAY, "D1"), Code.TEXT_INVALID, "consent.by"),
        (Consent("ZHANG", PAY_DAY, ""), Code.TEXT_INVALID, "consent.document"),
        (Consent("ZHANG", PAY_DAY, "x" * 201), Code.TEXT_INVALID, "consent.document"),
        (Consent("ZHANG", PAY_DAY + timedelta(days=1), "D1"), Code.TERMS_INVALID, "consent.on"),
    ],
)
def test_a_consent_is_somebodys_of_a_day_that_has_come(
    books: Books, consent: Consent, code: Code, field: str
) -> None:
    change = SetFeeRule(MERCHANT, PAY_DAY + timedelta(days=30), FeeRule(80), consent)
    assert refused(books, change) == (code, field)
