"""Chargebacks whose money the channel takes off what it pays, and gives back, on both databases:
every account that is a transit ends at zero, or says why not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.reconciliation import chargeback
from domain.reconciliation.charging import EndChargeback, ReceiveChargeback
from tests.api.operations.funding import Line, day_of, founded, kinds, states
from tests.api.operations.test_funds_decided import Decided

CASE, WAITS = "JD_PAY-C1", "chargeback JD_PAY-C1"
RECONCILED, SHORT, OVER = "1122.02.JD_PAY", "1122.04.JD_PAY", "2241.08.JD_PAY"
RESERVE = "1001.01"


def session(count: int) -> str:
    return f"NETSUNION-{day_of(count):%Y%m%d}-1"


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Decided]:
    with founded(Decided, migrated_url, tmp_path) as made:
        trade(made, 0, "1")
        yield made
        made.right()
        made.latest = day_of(14)
        for count in (1, 5, 9):  # What no test has compared yet.
            made.reconcile(day_of(count))
        made.once_more()
        assert made.balance(RESERVE) == made.balance_fen


def trade(books: Decided, count: int, *orders: str) -> None:
    """A day on which JD Pay takes 100.00 an order, and the books agree with its bill."""
    for order in orders:
        books.sell(order, 10_000)
    books.end_day()
    paid_fen = 10_000 * len(orders)
    books.trade("JD_PAY", day_of(count), paid_fen)
    books.no_trade(day_of(count), "JD_PAY")
    if orders:
        books.verdict("JD_PAY", day_of(count), paid_fen)


def charge(books: Decided, number: str, amount_fen: int) -> None:
    books.do(ReceiveChargeback("JD_PAY", number, "SHOP-1", amount_fen, day_of(20)))


def arrives(books: Decided, *lines: Line) -> dict[str, int]:
    """On the first day; then the statements are in that make what lacks certain. Differences by
    what they are."""
    books.statement(day_of(1), *lines)
    for count in (2, 3, 4):
        books.statement(day_of(count))
    for count in (1, 2, 3, 4):
        told = books.reconcile(day_of(count))
    return {one["id"]: one["amount_fen"] for one in told["differences"]} | {
        one["id"]: one["amount_fen"] for one in books.reconcile(day_of(1))["differences"]
    }


def met(books: Decided) -> tuple[str, str]:
    """By which differences, off and back."""
    known = books.desk.ledger.state(chargeback.stream(CASE))
    return (
        known.off.difference if known.off else "",
        known.back.difference if known.back else "",
    )


def suggested(told: dict[str, Any]) -> list[str]:
    return [one["suggests"] for one in told["statement"]["suggestions"]]


def explains_all(books: Decided, waits_fen: int = 0) -> None:
    """Each transit is its items, and of 1122.02 and suspense these are all."""
    for leaf in books.transits():
        assert "unexplained" not in books.explained(leaf), leaf
    assert books.explained(RECONCILED) == ({WAITS: waits_fen} if waits_fen else {})


def test_a_session_is_short_of_a_chargeback_and_later_over_by_it(books: Decided) -> None:
    charge(books, "C1", 6_000)
    [(short, fen)] = arrives(books, Line(4_000, session(0))).items()
    assert (fen, books.balance(SHORT), books.balance(RECONCILED)) == (6_000, 6_000, -6_000)
    explains_all(books, -6_000)
    books.resolve(short, "link", CASE)
    assert (books.balance(SHORT), books.balance(RECONCILED)) == (0, 0)
    assert met(books) == (short, "")
    explains_all(books)
    books.undo(short)
    assert (books.balance(SHORT), books.balance(RECONCILED)) == (6_000, -6_000)
    assert met(books) == ("", "")
    explains_all(books, -6_000)
    books.resolve(short, "link", CASE)
    books.do(EndChargeback(CASE, "won", "the bank says so"))
    explains_all(books, 6_000)
    for count in range(1, 5):
        trade(books, count)
    trade(books, 5, "2")
    books.statement(day_of(6), Line(16_000, session(5)))
    told = books.reconcile(day_of(6))
    assert kinds(told) == [("session_over", "confirmed", 6_000)]
    [over] = [one["id"] for one in told["differences"]]
    explains_all(books, 6_000)
    books.resolve(over, "link", CASE)
    assert (books.balance(OVER), books.balance(RECONCILED)) == (0, 0)
    assert met(books) == (short, over)
    explains_all(books)
    books.reconcile(day_of(6))
    assert met(books) == (short, over)


def test_the_bank_takes_it_off_the_account_and_pays_it_back(books: Decided) -> None:
    charge(books, "C1", 6_000)
    books.statement(day_of(1), Line(10_000, session(0)), Line(-6_000, "JD-C1"))
    told = books.reconcile(day_of(1))
    assert states(told) == {session(0): "settled"}
    assert suggested(told) == [CASE]
    [one] = told["differences"]
    books.resolve(one["id"], "link", CASE)
    assert books.balance("1122.04.BANK_TRANSFER") == 0
    explains_all(books)
    assert suggested(books.reconcile(day_of(1))) == []
    books.do(EndChargeback(CASE, "won", "the bank says so"))
    books.statement(day_of(2), Line(6_000, "JD-C1-BACK"))
    told = books.reconcile(day_of(2))
    assert suggested(told) == [CASE]
    [back] = [one["id"] for one in told["differences"] if one["type"] == "receipt_unknown"]
    books.resolve(back, "link", CASE)
    assert books.balance("2241.08.BANK_TRANSFER") == 0
    explains_all(books)


def test_a_session_is_short_of_two(books: Decided) -> None:
    charge(books, "C1", 6_000)
    charge(books, "C2", 1_000)
    [(short, fen)] = arrives(books, Line(3_000, session(0))).items()
    assert fen == 7_000
    assert set(books.explained(RECONCILED)) == {WAITS, "chargeback JD_PAY-C2"}
    books.resolve(short, "link", f"{CASE},JD_PAY-C2")
    assert (books.balance(SHORT), books.balance(RECONCILED)) == (0, 0)
    assert books.explained(RECONCILED) == {}


def test_the_money_arrives_after_all_though_it_was_linked(books: Decided) -> None:
    """Whoever linked was wrong: the session has its money, and what was ended is a surplus."""
    charge(books, "C1", 6_000)
    [(short, _)] = arrives(books, Line(4_000, session(0))).items()
    books.resolve(short, "link", CASE)
    books.statement(day_of(5), Line(6_000, session(0)))
    books.reconcile(day_of(5))
    assert books.balance(OVER) == 6_000
    explains_all(books)
    books.undo(short)
    books.reconcile(day_of(5))
    assert (books.balance(OVER), books.balance(SHORT), books.balance(RECONCILED)) == (0, 0, -6_000)
    explains_all(books, -6_000)
