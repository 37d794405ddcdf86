"""Agreements at work: orders, payments, refunds and clearing ask what merchants have signed."""

from datetime import date, timedelta
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from domain.accounting.commands import HoldMoney
from domain.channel.commands import RegisterChannel
from domain.clearing.split import after_own_cut_off
from domain.kernel import DAY_US, day_end_us, shanghai_date
from domain.member.agreement import STANDARD, Method, MethodCode, Product, SubMerchant, Terms
from domain.member.commands import (
    EndMerchantAgreement,
    RegisterMember,
    SetDebtLimit,
    SetFeeRule,
    SignMerchantAgreement,
)
from domain.member.terms import Consent
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import Mode, OrderLine
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.payment.orders import network_order
from domain.refusals import Code, Refused
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from domain.transaction.transaction import Cleared, RefundCleared
from tests.books import TEA, Books, refusal
from tests.examples import BUYER, CONSENT, MERCHANT, PAY_DAY

NEW = "NEWSHOP"
MODE_OF: dict[str, Mode] = {"ESCROW_PURCHASE": "escrow", "INSTANT_PURCHASE": "instant"}
METHODS: tuple[MethodCode, ...] = get_args(MethodCode)
HOUR_US = 3_600_000_000
SUB, SUB_TEA = "1900000022", "1900000033"


@pytest.fixture
def market(books: Books) -> Books:
    """A merchant that has signed nothing, every channel, and a buyer with money in the wallet."""
    books.do(RegisterMember(NEW, "enterprise", "新店", FeeRule(60), "T+1"))
    for channel in ("UNIONPAY_CARD", "NETSUNION_CARD"):
        books.do(RegisterChannel(channel))
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 100_000))
    books.do(RecordOutcome("pay-W1", succeeded="S"))
    return books


def sign(books: Books, member: str, terms: Terms, since: date | None = None) -> None:
    books.do(SignMerchantAgreement(member, since or shanghai_date(books.at_us), terms))


def refused(books: Books, command: Any) -> tuple[Code, str]:
    before = len(books.log)
    with pytest.raises(Refused) as no:
        books.do(command)
    assert len(books.log) == before
    return no.value.code, no.value.field


def checkout(order_no: str, *lines: tuple[str, int], mode: Mode = "escrow") -> Checkout:
    sold = tuple(OrderLine(merchant, fen, "nuts") for merchant, fen in lines)
    return Checkout(order_no, BUYER, sold, mode)


@pytest.mark.parametrize("code", METHODS)
@pytest.mark.parametrize("product", get_args(Product))
def test_what_is_not_signed_cannot_be_used(
    market: Books, product: Product, code: MethodCode
) -> None:
    """The walk: every product by every payment code, before it is signed, and once it is."""
    books, mode = market, MODE_OF[product]
    assert refused(books, checkout("O0", (NEW, 1_000), mode=mode)) == (
        Code.AGREEMENT_MISSING,
        "mode",
    )
    sign(books, NEW, Terms((product,), (Method(code),)))
    for other in get_args(Product):
        order = checkout(f"O{other}", (NEW, 1_000), mode=MODE_OF[other])
        if other != product:
            assert refused(books, order) == (Code.AGREEMENT_MISSING, "mode")
    for number, other in enumerate(METHODS):
        books.place(f"P{number}", (NEW, 1_000), mode=mode)
        pay = PayOrder(f"P{number}", f"P{number}", other)
        if other == code:
            assert books.do(pay)["payment_no"] == f"P{number}"
        else:
            assert refused(books, pay) == (Code.AGREEMENT_MISSING, "method")


def test_every_merchant_of_an_order_must_have_signed_every_leg(market: Books) -> None:
    books = market
    sign(books, NEW, Terms(("ESCROW_PURCHASE",), (Method("JD_PAY"), Method("WALLET_BALANCE"))))
    books.place("O1", (MERCHANT, 1_000), (NEW, 2_000))
    assert refused(books, PayOrder("P1", "O1", "WECHAT_PAY")) == (Code.AGREEMENT_MISSING, "method")
    legs = (LegAsked("WALLET_BALANCE", 500), LegAsked("WECHAT_PAY", 2_500))
    assert refused(books, PayOrder("P1", "O1", legs=legs)) == (
        Code.AGREEMENT_MISSING,
        "legs[1].method",
    )
    legs = (LegAsked("WALLET_BALANCE", 500), LegAsked("JD_PAY", 2_500))
    assert books.do(PayOrder("P1", "O1", legs=legs))["instruction_ids"] == ["pay2-P1"]
    instant = checkout("O2", (MERCHANT, 1_000), (NEW, 2_000), mode="instant")
    books.agree(MERCHANT)
    assert refused(books, instant) == (Code.AGREEMENT_MISSING, "mode")


def test_limits_count_for_what_a_leg_pays_of_the_merchants_own_sale(market: Books) -> None:
    """The channel pays the first sale and what it can of the second; the wallet pays the rest."""
    books = market
    methods = (Method("JD_PAY", 500, 2_000), Method("WALLET_BALANCE", 1, 100))
    sign(books, NEW, Terms(("ESCROW_PURCHASE",), methods))
    books.place("O1", (MERCHANT, 90_000), (NEW, 2_000))
    assert books.do(PayOrder("P1", "O1", "JD_PAY"))["instruction_id"] == "pay-P1"
    for fen, limit in ((499, True), (500, False), (2_000, False), (2_001, True)):
        books.place(f"L{fen}", (NEW, fen))
        pay = PayOrder(f"L{fen}", f"L{fen}", "JD_PAY")
        if limit:
            assert refused(books, pay) == (Code.AGREEMENT_LIMIT, "method")
        else:
            books.do(pay)
    books.place("O2", (MERCHANT, 1_000), (NEW, 700))
    legs = (LegAsked("JD_PAY", 1_600), LegAsked("WALLET_BALANCE", 100))
    books.do(PayOrder("P2", "O2", legs=legs))
    books.place("O3", (MERCHANT, 1_000), (NEW, 701))
    legs = (LegAsked("JD_PAY", 1_600), LegAsked("WALLET_BALANCE", 101))
    assert refused(books, PayOrder("P3", "O3", legs=legs)) == (
        Code.AGREEMENT_LIMIT,
        "legs[1].method",
    )


def test_an_agreement_begins_and_ends_at_midnight_in_shanghai(market: Books) -> None:
    books, tomorrow = market, PAY_DAY + timedelta(days=1)
    sign(books, NEW, STANDARD, tomorrow)
    books.do(EndMerchantAgreement(NEW, tomorrow + timedelta(days=1)))
    midnight = day_end_us(PAY_DAY)
    for at_us, signed in (
        (midnight - 1, False),
        (midnight, True),
        (midnight + DAY_US - 1, True),
        (midnight + DAY_US, False),
    ):
        books.at_us = at_us
        order = checkout(f"O{at_us}", (NEW, 1_000))
        if signed:
            books.do(order)
        else:
            assert refused(books, order) == (Code.AGREEMENT_MISSING, "mode")


def test_what_was_accepted_goes_on_when_the_agreement_ends(market: Books) -> None:
    """In flight at midnight: the payment arrives, is released, settled and refunded."""
    books = market
    sign(books, NEW, STANDARD)
    books.place("O1", (NEW, 1_000))
    books.place("O2", (NEW, 1_000))
    pay = PayOrder("P1", "O1", "JD_PAY")
    books.do(pay)
    books.do(EndMerchantAgreement(NEW, PAY_DAY + timedelta(days=1)))
    books.at_us = day_end_us(PAY_DAY)
    assert books.do(pay)["instruction_id"] == "pay-P1"  # The same again is no new payment.
    assert refused(books, PayOrder("P2", "O2", "JD_PAY")) == (Code.AGREEMENT_MISSING, "method")
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    books.do(ConfirmReceipt(f"{NEW}-O1", "buyer"))
    assert books.state(f"transaction-{NEW}-O1").released
    assert books.do(RefundTransaction("R1", f"{NEW}-O1", 400))["instruction_id"] == "refund-R1"


def test_a_declined_payment_of_an_ended_agreement_is_not_tried_anew(market: Books) -> None:
    books = market
    sign(books, NEW, STANDARD)
    books.place("O1", (NEW, 1_000))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(EndMerchantAgreement(NEW, PAY_DAY))
    books.do(RecordOutcome("pay-P1", declined="no money"))
    assert refused(books, PayOrder("P2", "O1", "JD_PAY")) == (Code.AGREEMENT_MISSING, "method")


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
    books.next_day()
    books.do(ConfirmReceipt(f"{NEW}-O3", "buyer"))


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


def test_a_merchant_registers_with_its_agreement_or_cannot_be_paid(books: Books) -> None:
    with_it = RegisterMember("A", "enterprise", "a", FeeRule(60), "T+1", agreement=STANDARD)
    books.do(with_it)
    books.do(RegisterMember("B", "enterprise", "b", FeeRule(60), "T+1"))
    books.do(checkout("O1", ("A", 1_000)))
    assert refused(books, checkout("O2", ("A", 1_000), ("B", 1_000))) == (
        Code.AGREEMENT_MISSING,
        "mode",
    )
    bad = RegisterMember("C", "enterprise", "c", agreement=Terms((), (Method("JD_PAY"),)))
    assert refused(books, bad) == (Code.TERMS_INVALID, "products")
    person = RegisterMember("D", "personal", "d", agreement=STANDARD)
    assert refused(books, person) == (Code.MEMBER_KIND_WRONG, "member_id")
