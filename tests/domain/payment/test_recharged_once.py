"""A session fills its wallet once, however many of its payments succeed; the others go back."""

import pytest

from domain.cashier.commands import OpenSession, PaySession
from domain.cashier.recharged import filled_by
from domain.cashier.session import session_of
from domain.payment.commands import RechargeWallet, RecordOutcome, SendBackRecharge
from domain.refusals import Code
from tests.books import Books, refusal
from tests.domain.payment.contradicting import BACK, how, say
from tests.domain.test_open_items import items_of
from tests.examples import BUYER

WALLET = f"2241.01.{BUYER}"


def choose(books: Books, attempt: int, method: str = "JD_PAY", session_no: str = "S1") -> None:
    books.do(PaySession(session_no, attempt, method))


@pytest.fixture
def session(shop: Books) -> Books:
    """A session of 5.00 whose first payment was declined."""
    shop.do(OpenSession("S1", member_id=BUYER, amount_fen=500))
    choose(shop, 1)
    shop.do(RecordOutcome("pay-S1-1", declined="no money"))
    return shop


def filled(books: Books) -> str:
    return filled_by(books.state, "S1", books.state("cashier-S1"))


def test_a_late_success_after_another_goes_back(session: Books) -> None:
    choose(session, 2, "WECHAT_PAY")
    say(session, "pay-S1-2", "succeeded", "S2")
    say(session, "pay-S1-1", "succeeded", "S1")
    assert (session.balance(WALLET), filled(session)) == (500, "S1-2")
    assert items_of(session) == {BACK: 500}
    assert session.state("payment-S1-1").status == "sending_back"
    say(session, "pay-S1-1", "succeeded", "S1")  # Told again, it is the same money.
    assert items_of(session) == {BACK: 500}
    say(session, "back-S1-1", "succeeded", "B1")
    assert session.state("payment-S1-1").status == "sent_back"
    assert (session.balance(WALLET), session.balance(BACK)) == (500, 0)
    assert how(session, "pay-S1-1") == ["ended"]


def test_a_late_success_while_another_is_under_way_goes_back(session: Books) -> None:
    choose(session, 2, "WECHAT_PAY")
    say(session, "pay-S1-1", "succeeded", "S1")
    assert (session.balance(WALLET), items_of(session)) == (0, {BACK: 500})
    say(session, "pay-S1-2", "succeeded", "S2")
    say(session, "back-S1-1", "succeeded", "B1")
    assert (session.balance(WALLET), session.balance(BACK)) == (500, 0)
    assert filled(session) == "S1-2"


def test_a_late_success_that_stands_alone_fills_the_wallet_and_ends_the_session(
    session: Books,
) -> None:
    choose(session, 2, "WECHAT_PAY")
    session.do(RecordOutcome("pay-S1-2", declined="no money"))
    say(session, "pay-S1-1", "succeeded", "S1")
    assert (session.balance(WALLET), filled(session)) == (500, "S1-1")
    assert refusal(session, PaySession("S1", 3, "JD_PAY")) is Code.SESSION_OVER
    assert session.facts_of(PaySession("S1", 2, "WECHAT_PAY")) == []  # The same is no new one.
    say(session, "pay-S1-2", "succeeded", "S2")
    assert session.balance(WALLET) == 500
    say(session, "back-S1-2", "declined", reason="card closed")  # Nobody takes it: the payer's.
    assert session.balance(WALLET) == 1_000
    assert items_of(session) == {}


def test_all_of_three_succeed_and_one_counts(session: Books) -> None:
    choose(session, 2, "WECHAT_PAY")
    session.do(RecordOutcome("pay-S1-2", declined="no money"))
    choose(session, 3, "CLOUD_QUICKPASS")
    say(session, "pay-S1-2", "succeeded", "S2")
    say(session, "pay-S1-3", "succeeded", "S3")
    say(session, "pay-S1-1", "succeeded", "S1")
    assert (session.balance(WALLET), items_of(session)) == (500, {BACK: 1_000})
    for number, serial in (("back-S1-1", "B1"), ("back-S1-2", "B2")):
        say(session, number, "succeeded", serial)
    assert (session.balance(WALLET), items_of(session), filled(session)) == (500, {}, "S1-3")


def test_a_recharge_that_was_sent_back_holds_up_nothing(session: Books) -> None:
    choose(session, 2, "WECHAT_PAY")
    say(session, "pay-S1-2", "succeeded", "S2")
    session.do(SendBackRecharge("S1-2", "by mistake"))
    say(session, "back-S1-2", "succeeded", "B2")
    say(session, "pay-S1-1", "succeeded", "S1")
    assert (session.balance(WALLET), filled(session)) == (500, "S1-1")


@pytest.mark.parametrize("number", ["S1-9", "S1-02", "S1-0", "W1"])
def test_a_payment_that_is_no_attempt_is_no_business_of_the_session(
    session: Books, number: str
) -> None:
    session.do(RechargeWallet(number, BUYER, "JD_PAY", 500))
    session.do(RecordOutcome(f"pay-{number}", declined="no money"))
    choose(session, 2, "WECHAT_PAY")
    say(session, "pay-S1-2", "succeeded", "S2")
    say(session, f"pay-{number}", "succeeded", "S9")
    assert session.balance(WALLET) == 1_000
    assert items_of(session) == {}


@pytest.mark.parametrize("number", ["S1", "S1-", "S1-x", "-1", "S1-\u0662"])
def test_not_every_number_names_a_session(number: str) -> None:
    assert session_of(number) == ""


def test_two_sessions_of_one_wallet_have_nothing_to_do_with_each_other(session: Books) -> None:
    session.do(OpenSession("S2", member_id=BUYER, amount_fen=500))
    choose(session, 1, session_no="S2")
    say(session, "pay-S2-1", "succeeded", "S2")
    say(session, "pay-S1-1", "succeeded", "S1")
    assert session.balance(WALLET) == 1_000
