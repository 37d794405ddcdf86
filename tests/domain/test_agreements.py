"""Agreements at work: orders, payments, refunds and clearing ask what merchants have signed."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from msgspec import json

from domain.kernel import DAY_US, day_end_us, shanghai_date
from domain.member.agreement import STANDARD, Method, MethodCode, Product, Terms
from domain.member.commands import (
    EndMerchantAgreement,
    RegisterMember,
    SetFeeRule,
)
from domain.money import FeeRule
from domain.order.commands import PayOrder
from domain.payment import turnover
from domain.payment.commands import LegAsked, RecordOutcome
from domain.refusals import Code
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books
from tests.domain.agreeing import METHODS, MODE_OF, NEW, checkout, refused, sign
from tests.examples import MERCHANT, PAY_DAY


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
    legs = (LegAsked("WECHAT_PAY", 3_000),)
    assert refused(books, PayOrder("P1", "O1", legs=legs)) == (
        Code.AGREEMENT_MISSING,
        "legs[0].method",
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


def daily(fen: int, *more: Method) -> Terms:
    return Terms(("ESCROW_PURCHASE",), (Method("JD_PAY", day_fen=fen), *more))


def used(books: Books, merchant: str, code: str = "JD_PAY") -> int:
    state: turnover.State = books.state(f"turnover-{merchant}")
    return state.used_fen(shanghai_date(books.at_us), code)


def test_a_day_has_its_limit_and_the_next_one_begins_at_nothing(market: Books) -> None:
    books = market
    sign(books, NEW, daily(1_000, Method("WECHAT_PAY")))
    for order_no, fen in (("O1", 600), ("O2", 401), ("O3", 400), ("O4", 1)):
        books.place(order_no, (NEW, fen))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(PayOrder("P1", "O1", "JD_PAY"))  # Again: it counts once.
    assert refused(books, PayOrder("P2", "O2", "JD_PAY")) == (Code.AGREEMENT_LIMIT, "method")
    books.do(PayOrder("P3", "O3", "JD_PAY"))
    assert refused(books, PayOrder("P4", "O4", "JD_PAY")) == (Code.AGREEMENT_LIMIT, "method")
    books.do(PayOrder("P4", "O4", "WECHAT_PAY"))  # Of a method without a limit.
    assert (used(books, NEW), used(books, NEW, "WECHAT_PAY")) == (1_000, 0)
    books.at_us = day_end_us(PAY_DAY) - 1
    assert refused(books, PayOrder("P2", "O2", "JD_PAY")) == (Code.AGREEMENT_LIMIT, "method")
    books.at_us += 1
    books.do(PayOrder("P2", "O2", "JD_PAY"))
    assert used(books, NEW) == 401
    books.at_us -= 1  # Dating back uses the newer day.
    books.place("O5", (NEW, 600))
    assert refused(books, PayOrder("P5", "O5", "JD_PAY")) == (Code.AGREEMENT_LIMIT, "method")


def test_a_declined_payment_gives_back_what_it_counted(market: Books) -> None:
    """Of every merchant, each leg by its share; and nothing of a day that is over."""
    books = market
    sign(books, NEW, daily(1_000, Method("WALLET_BALANCE", day_fen=500)))
    sign(books, TEA, daily(9_000, Method("WALLET_BALANCE")))
    books.place("O1", (TEA, 2_000), (NEW, 900))
    legs = (LegAsked("WALLET_BALANCE", 300), LegAsked("JD_PAY", 2_600))
    books.do(PayOrder("P1", "O1", legs=legs))
    wallet = "WALLET_BALANCE"
    assert (used(books, NEW), used(books, NEW, wallet), used(books, TEA)) == (600, 300, 2_000)
    books.do(RecordOutcome("pay2-P1", declined="no money"))
    assert (used(books, NEW), used(books, NEW, wallet), used(books, TEA)) == (0, 0, 0)
    books.do(PayOrder("P2", "O1", legs=legs))
    books.at_us += DAY_US
    books.place("O2", (NEW, 700))
    books.do(PayOrder("P3", "O2", "JD_PAY"))
    books.do(RecordOutcome("pay2-P2", declined="no money"))
    assert (used(books, NEW), used(books, NEW, wallet)) == (700, 0)


def test_what_was_paid_and_refunded_has_used_its_day(market: Books) -> None:
    books = market
    sign(books, NEW, daily(1_000))
    books.sell("O1", (NEW, 1_000))
    books.do(RefundTransaction("R1", f"{NEW}-O1", 1_000))
    books.place("O2", (NEW, 1))
    assert refused(books, PayOrder("P2", "O2", "JD_PAY")) == (Code.AGREEMENT_LIMIT, "method")


@examples(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900), st.booleans()), max_size=25))
def test_what_is_used_of_a_day_is_what_was_started_and_not_declined(
    told: list[tuple[int, int, bool]],
) -> None:
    """Whatever days payments fall on, and whenever they are declined."""
    state, day, right = turnover.State(), PAY_DAY, 0
    for number, (later, fen, declined) in enumerate(told):
        if later == 3:
            day, right = day + timedelta(days=1), 0
        use = turnover.Use(NEW, "JD_PAY", fen)
        facts = turnover.count(f"P{number}", day, use)
        right += fen
        if declined:
            facts += turnover.give_back(f"P{number}", day, use)
            right -= fen
        if number and later == 1:  # One of a day that is over is declined now.
            facts += turnover.give_back("P", day - timedelta(days=1), use)
        for fact in facts:
            state = turnover.evolve(state, fact)
        assert state.used_fen(day, "JD_PAY") == right
    assert len(state.used) <= 1


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


@pytest.mark.parametrize(
    ("command", "body"),
    [
        pytest.param(
            RegisterMember("A", "enterprise", "a", FeeRule(60), "T+1"),
            b'{"member_id":"A","kind":"enterprise","name":"a","fee_rule":{"rate_bps":60,'
            b'"fixed_fen":0,"min_fen":0,"cap_fen":null},"settlement_cycle":"T+1",'
            b'"max_transfer_fen":null}',
            id="a registration",
        ),
        pytest.param(
            SetFeeRule("A", PAY_DAY, FeeRule(60)),
            b'{"member_id":"A","effective_from":"2010-12-01","rule":{"rate_bps":60,"fixed_fen":0,'
            b'"min_fen":0,"cap_fen":null}}',
            id="a fee rule",
        ),
    ],
)
def test_requests_of_before_have_the_digest_they_had(command: Any, body: bytes) -> None:
    """What was sent before there were agreements is known again: nothing new is written of it."""
    assert json.encode(command) == body
