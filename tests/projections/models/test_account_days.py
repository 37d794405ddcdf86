"""Accounts as they were at the end of a date, holds and freezes included."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.accounting.account import Held, Opened, Posted, PostedLine
from domain.clearing import day
from domain.kernel import Fact
from projections.models.account_days import MODEL, account_as_of
from projections.models.balances import Account
from tests.examples import EXAMPLES, MERCHANT, PAY_DAY, REFERENCE, RELEASE_DAY, log
from tests.projections.applied import apply

ESCROW = f"2241.04.{MERCHANT}"
STREAM = f"account-{ESCROW}"
LATER = date(2010, 12, 3)


def posted(on: date, debit_fen: int, credit_fen: int) -> tuple[str, Fact]:
    return STREAM, Posted(on, (PostedLine(REFERENCE, debit_fen, credit_fen),))


FACTS: list[tuple[str, Fact]] = [
    (STREAM, Opened(ESCROW, "2241.04", MERCHANT, "CNY")),  # 1
    ("day-books", day.Opened(PAY_DAY)),
    posted(PAY_DAY, 0, 900),  # 3
    (STREAM, Held("H1", 100, "dispute")),
    posted(PAY_DAY, 0, 50),  # 5
    ("day-books", day.Opened(date(2010, 12, 2))),
    (STREAM, EXAMPLES["account.frozen.1"]),  # 7: nothing is posted on the 2nd
    ("day-books", day.Opened(LATER)),
    posted(LATER, 300, 0),  # 9
    (STREAM, EXAMPLES["account.unfrozen.1"]),
]


def row(debit: int, credit: int, held: int, frozen: str, postings: int, position: int) -> Account:
    figures = (debit, credit, credit - debit, held, "open", frozen, postings, position)
    return Account(ESCROW, "2241.04", MERCHANT, "liability", "CNY", *figures)


EXPECTED = {
    date(2010, 11, 30): row(0, 0, 0, "", 0, 1),
    PAY_DAY: row(0, 950, 100, "", 2, 5),
    date(2010, 12, 2): row(0, 950, 100, "out", 2, 7),
    LATER: row(300, 950, 100, "", 3, 10),
    RELEASE_DAY: row(300, 950, 100, "", 3, 10),
}


@pytest.mark.parametrize("size", [1, 2, 3, 4, None])
def test_each_date_keeps_what_an_account_had_come_to(books: Connection, size: int | None) -> None:
    apply(books, MODEL, log(*FACTS), size)
    assert {on: account_as_of(books, ESCROW, on) for on in EXPECTED} == EXPECTED


def test_an_account_opened_later_was_not_there_before(books: Connection) -> None:
    apply(books, MODEL, log(FACTS[1], FACTS[5], FACTS[0]))
    assert account_as_of(books, ESCROW, PAY_DAY) is None
    assert account_as_of(books, ESCROW, date(2010, 12, 2)) is not None
