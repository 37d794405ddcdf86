"""Ledgers in memory for the domain's tests."""

import pytest

from domain.channel.commands import RegisterChannel
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.payment.commands import RechargeWallet, RecordOutcome
from tests.books import Books
from tests.domain.agreeing import NEW
from tests.examples import BUYER


@pytest.fixture
def books() -> Books:
    """Books open on 1 December 2010, with two buyers and two merchants."""
    return Books().open()


@pytest.fixture
def market(books: Books) -> Books:
    """A merchant that has signed nothing, every channel, and a buyer with money in the wallet."""
    books.do(RegisterMember(NEW, "enterprise", "新店", FeeRule(60), "T+1"))
    for channel in ("UNIONPAY_CARD", "NETSUNION_CARD"):
        books.do(RegisterChannel(channel))
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 100_000))
    books.do(RecordOutcome("pay-W1", succeeded="S"))
    return books
