"""When a member may be forgotten, and what its levels of certification need."""

from datetime import date, timedelta

import pytest

from domain.accounting.commands import FreezeAccount, HoldMoney, UnfreezeAccount
from domain.kernel import DAY_US, shanghai_date
from domain.member import member
from domain.member.binding import BindCard
from domain.member.commands import CertifyMember
from domain.member.terms import SOURCES, Level, Source, retained_until
from domain.order.commands import Checkout
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.payment.forgetting import ForgetAgain, ForgetMember
from domain.refusals import Code
from tests.books import Books, names, refusal
from tests.examples import (
    BUYER,
    CARD,
    FRIEND,
    HOLDER,
    MERCHANT,
    PAID_AT,
    PARTICULARS,
    PAY_DAY,
    SUBJECT,
)

WALLET = f"2241.01.{FRIEND}"


def ten_years_on(books: Books, days: int = 0) -> Books:
    """The first instant at which data of the first day need not be kept any more, or some days
    before."""
    until = retained_until(PAY_DAY, 10)
    books.at_us = PAID_AT + ((until - PAY_DAY).days - days) * DAY_US
    assert shanghai_date(books.at_us) == until - timedelta(days=days)
    return books


def wanted(member_id: str = FRIEND, years: int = 10) -> ForgetMember:
    return ForgetMember(member_id, PAY_DAY, years, "asked")


def test_a_member_is_forgotten_when_its_time_has_come_and_not_a_day_before() -> None:
    assert refusal(ten_years_on(Books().open(), 1), wanted()) is Code.RETENTION_NOT_OVER
    books = ten_years_on(Books().open())
    told = names(books, wanted())
    assert told == ["account.closed.1", "member.forgotten.1"]
    assert names(books, wanted()) == []
    state = books.state(member.stream(FRIEND))
    assert (state.forgotten, state.name) == (True, "")


def test_the_last_posting_counts() -> None:
    books = Books().open()
    books.next_day()
    books.do(RechargeWallet("P1", BUYER, "JD_PAY", 100))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    ten_years_on(books, 0)
    assert refusal(books, wanted(BUYER)) is Code.RETENTION_NOT_OVER
    books.at_us += DAY_US
    assert refusal(books, wanted(BUYER)) is Code.ACCOUNT_NOT_EMPTY


def test_what_stands_hinders() -> None:
    books = ten_years_on(Books().open())
    books.do(BindCard(FRIEND, CARD, PARTICULARS, HOLDER, "7894"))
    assert refusal(books, wanted()) is Code.CARD_STATE_WRONG
    books = ten_years_on(Books().open())
    books.do(FreezeAccount(WALLET, "in", "court order"))
    assert refusal(books, wanted()) is Code.ACCOUNT_FROZEN
    books.do(UnfreezeAccount(WALLET, "lifted"))
    assert "member.forgotten.1" in names(books, wanted())
    assert refusal(books, wanted("NOBODY")) is Code.MEMBER_NOT_FOUND


def test_a_hold_hinders() -> None:
    books = Books().open()
    books.do(RechargeWallet("P1", FRIEND, "JD_PAY", 100))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    books.do(HoldMoney(WALLET, "H1", 100, "a dispute"))
    assert refusal(ten_years_on(books), wanted()) is Code.ACCOUNT_NOT_EMPTY


def test_who_is_forgotten_does_nothing_any_more() -> None:
    books = ten_years_on(Books().open())
    books.do(wanted())
    bind = BindCard(FRIEND, CARD, PARTICULARS, HOLDER, "7894")
    assert refusal(books, bind) is Code.MEMBER_FORGOTTEN
    order = Checkout("O1", FRIEND, (OrderLine(MERCHANT, 100, SUBJECT),), "escrow")
    assert refusal(books, order) is Code.MEMBER_FORGOTTEN
    sources: tuple[Source, ...] = ("police",)
    today = shanghai_date(books.at_us)
    certify = CertifyMember(FRIEND, 1, today, sources, HOLDER, PARTICULARS)
    assert refusal(books, certify) is Code.MEMBER_FORGOTTEN


def test_a_ledger_of_before_is_told_again_whatever_stands_there() -> None:
    books = Books().open()
    books.do(BindCard(FRIEND, CARD, PARTICULARS, HOLDER, "7894"))
    again = ForgetAgain(FRIEND, PAY_DAY, 10)
    assert names(books, again) == ["member.forgotten.1"]
    assert names(books, again) == []
    assert names(books, ForgetAgain("NOBODY", PAY_DAY, 10)) == []


def test_the_law_counts_in_years_of_the_calendar() -> None:
    assert retained_until(date(2026, 11, 29), 10) == date(2036, 11, 29)
    assert retained_until(date(2024, 2, 29), 10) == date(2034, 3, 1)
    assert retained_until(date(2024, 2, 29), 8) == date(2032, 2, 29)


ALL: tuple[Source, ...] = ("police", "telecom", "bank_card", "social_security", "tax", "education")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_needs_its_sources(level: Level) -> None:
    books = Books().open()
    today = shanghai_date(books.at_us)
    needed = SOURCES[level]

    def certify(*sources: Source) -> CertifyMember:
        return CertifyMember(FRIEND, level, today, sources, HOLDER, PARTICULARS)

    if needed > 1:
        assert refusal(books, certify(*ALL[: needed - 1])) is Code.TERMS_INVALID
    assert refusal(books, certify("police", "police")) is Code.TERMS_INVALID
    assert names(books, certify(*ALL[:needed])) == ["member.certified.2"]
    assert names(books, certify(*ALL[:needed])) == []
    other = CertifyMember(FRIEND, level, today, ALL, "ff" * 16, PARTICULARS)
    assert refusal(books, other) is Code.HOLDER_DIFFERS
    wrong = CertifyMember(MERCHANT, level, today, ALL, HOLDER, PARTICULARS)
    assert refusal(books, wrong) is Code.MEMBER_KIND_WRONG
    assert refusal(books, CertifyMember(FRIEND, 4, today, ALL, HOLDER, PARTICULARS)) is (
        Code.TERMS_INVALID
    )


def test_a_level_holds_from_its_date_on_and_who_came_in_person_needs_no_more() -> None:
    books = Books().open()
    today = shanghai_date(books.at_us)
    books.do(CertifyMember(FRIEND, 1, today, ("police",), HOLDER, PARTICULARS))
    later = today + timedelta(days=3)
    books.do(CertifyMember(FRIEND, 3, later, ("in_person",), HOLDER, PARTICULARS))
    state = books.state(member.stream(FRIEND))
    levels = [state.certified_on(today + timedelta(days=one)).level for one in (0, 2, 3, 9)]
    assert levels == [1, 1, 3, 3]
    assert state.certified_on(today - timedelta(days=1)) is None
    past = today - timedelta(days=1)
    early = CertifyMember(FRIEND, 2, past, ALL[:3], HOLDER, PARTICULARS)
    assert refusal(books, early) is Code.TERMS_INVALID
