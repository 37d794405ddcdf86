"""The fund side by the command line: a statement, accounts explained, quotas, a timeline."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.eventstore.database import sqlalchemy_engine
from tests.api.cli.terminal import Terminal
from tests.api.operations.funding import Institution, Line, day_of
from tests.stories.books import open_books

SESSION = "NETSUNION-20251110-1"
WHO = ("--operator", "lin")


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Terminal]:
    with open_books(migrated_url) as desk:
        writes = sqlalchemy_engine(desk.ledger.database)
        made = Institution(desk, writes, tmp_path)
        made.sell("1", 10_000, "JD_PAY")
        made.end_day()
        made.jd_bill(day_of(0))
        made.no_trade(day_of(0), "JD_PAY")
        made.verdict("JD_PAY", day_of(0), 10_000)
        made.statement(day_of(1), Line(9_982, SESSION), Line(5, "NOBODY"))
        writes.dispose()
    yield Terminal(migrated_url)


def test_a_statement_is_compared_and_accounts_are_explained(books: Terminal) -> None:
    told = books("funds", "reconcile", "--date", "2025-11-11", *WHO, "--json")
    assert told.code == 0, told.err
    found = told.json()
    assert [(one["what"], one["lines"]) for one in found["statement"]["found"]] == [
        ("in_doubt", 1), ("session", 1),
    ]  # fmt: skip
    assert [(one["id"], one["status"]) for one in found["sessions"]] == [(SESSION, "settled")]
    [differs] = found["differences"]
    assert (differs["type"], differs["state"]) == ("receipt_unknown", "confirmed")
    again = books("funds", "reconcile", "--date", "2025-11-11", *WHO)
    assert again.code == 0 and "settled, 99.82 of 99.82 have come." in again.out
    accounts = books("funds", "explain", "--json").json()
    assert [(one["account"], one["balance_fen"]) for one in accounts] == [
        ("2241.08.BANK_TRANSFER", 5)
    ]
    assert accounts[0]["items"][0]["amount_fen"] == 5
    one = books("funds", "explain", "--account", "1122.02.JD_PAY")
    assert (one.code, one.out) == (0, "1122.02.JD_PAY: 0.00\n")
    wrong = books("funds", "explain", "--account", "2241.01.ANN")
    assert wrong.code == 2 and "request_invalid" in wrong.err


def test_reconcile_takes_the_statement_in(books: Terminal) -> None:
    told = books("reconcile", "--date", "2025-11-11", *WHO, "--json")
    assert told.code == 0, told.err
    bank = told.json()[-1]
    assert bank["channel"] == "BANK_TRANSFER"
    assert bank["matched"] == {"count": 1, "paid_fen": 9_982, "refunded_fen": 0}
    assert (bank["pool"], [one["type"] for one in bank["differences"]]) == (0, ["receipt_unknown"])
    alone = books("reconcile", "--date", "2025-11-11", "--channel", "BANK_TRANSFER", *WHO, "--json")
    assert alone.json() == [bank]


def test_a_day_that_no_ledger_has_is_refused(books: Terminal, subtests: pytest.Subtests) -> None:
    for words in (("reconcile",), ("funds", "reconcile"), ("reserve", "proof")):
        for day in ("1999-12-31", "2100-01-01", "9999-12-31", "2011-02-30"):
            with subtests.test(words=words, day=day):
                error = books(*words, "--date", day, "--json").refused()
                assert (error["code"], error["field"]) == ("date_invalid", "date")


def test_a_day_without_a_statement_says_so(books: Terminal) -> None:
    words = ("reconcile", "--date", "2025-11-12", "--channel", "BANK_TRANSFER", *WHO)
    assert books(*words).out == "BANK_TRANSFER 2025-11-12: no statement yet.\n"
    assert books(*words, "--json").json() == []


def test_a_quota(books: Terminal) -> None:
    assert books("funds", "quota", "--json").json() == []
    assert books("funds", "quota").out == "Nothing is mapped to a network.\n"
    told = books("funds", "quota", "NETSUNION", "50000.00", "--reason", "New Year", *WHO, "--json")
    assert told.code == 0, told.err
    [one] = told.json()
    assert (one["mapped_fen"], one["available_fen"]) == (5_000_000, 5_000_000)
    assert books("funds", "quota").out.startswith("NETSUNION: 50000.00 available (mapped")
    assert books("funds", "quota", "NOWHERE", "1.00", *WHO).code == 2
    assert books("funds", "quota", "NETSUNION", *WHO).code == 2


def test_a_timeline(books: Terminal) -> None:
    books("funds", "reconcile", "--date", "2025-11-11", *WHO)
    told = books("timeline", "SHOP-1", "--json").json()
    assert [(one["what"], one["done"]) for one in told][:2] == [("paid", True), ("matched", True)]
    assert told[0]["on"] == "2025-11-10" and told[0]["at"].startswith("2025-11-10T12:00")
    assert "paid" in books("timeline", "SHOP-1").out
    gone = books("timeline", "SHOP-9")
    assert (gone.code, "transaction_not_found" in gone.err) == (2, True)
