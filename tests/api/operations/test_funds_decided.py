"""A statement is issued again after persons have decided about a line of it, or about what it
lacked: the reserve account is what the bank says, whatever was decided."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    UndoResolution,
)
from tests.api.operations.funding import Institution, Line, day_of, founded

RESERVE, PAYABLE = "1001.01", "2202.01.BANK_TRANSFER"
SURPLUS, SHORTAGE = "2241.08.BANK_TRANSFER", "1122.04.BANK_TRANSFER"
PAYOUT = "payout-SHOP-2025-11-10-1"


class Decided(Institution):
    """An institution with two operators."""

    def by(self, who: str, command: ProposeResolution | ApproveResolution | UndoResolution) -> None:
        self.do(command, actor=f"operator:{who}")

    def resolve(self, named: str, resolution: str, to: str = "") -> None:
        self.by("alice", ProposeResolution(named, resolution, "so it is", to))
        self.by("bob", ApproveResolution(named))

    def undo(self, named: str) -> None:
        self.by("alice", UndoResolution(named, "not so"))
        self.by("bob", ApproveResolution(named))

    def once_more(self) -> None:
        """A second run records nothing; no transit is unexplained."""
        self.latest = day_of(14)
        head = self.desk.ledger.head().position
        for count in (1, 5, 9):
            self.reconcile(day_of(count))
        assert self.desk.ledger.head().position == head
        for leaf in self.transits():
            assert "unexplained" not in self.explained(leaf), leaf


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Decided]:
    with founded(Decided, migrated_url, tmp_path) as made:
        yield made
        made.right()
        made.once_more()


def test_a_receipt_given_away_and_the_line_was_a_mistake(books: Decided) -> None:
    books.statement(day_of(1), Line(777, "NOBODY-1"))
    [one] = books.reconcile(day_of(1))["differences"]
    books.resolve(one["id"], "to_wallet", "ANN")
    books.statement(day_of(1), opening_fen=0)
    books.reconcile(day_of(1))
    assert (books.balance(RESERVE), books.balance(SHORTAGE)) == (0, 777)
    # It was one after all.
    books.statement(day_of(1), Line(777, "NOBODY-1"), Line(1, "NOBODY-2"), opening_fen=0)
    books.reconcile(day_of(1))
    assert (books.balance(RESERVE), books.balance(SHORTAGE)) == (778, 0)


@pytest.mark.parametrize("again_fen", [900, 500])
def test_a_receipt_given_away_and_it_was_another_sum(books: Decided, again_fen: int) -> None:
    books.statement(day_of(1), Line(777, "NOBODY-1"))
    [one] = books.reconcile(day_of(1))["differences"]
    books.resolve(one["id"], "to_wallet", "ANN")
    books.statement(day_of(1), Line(again_fen, "NOBODY-1"), opening_fen=0)
    books.reconcile(day_of(1))
    assert books.balance(RESERVE) == again_fen
    assert books.balance(SURPLUS) == max(again_fen - 777, 0)
    assert books.balance(SHORTAGE) == max(777 - again_fen, 0)


def test_what_left_unknown_is_written_off_and_never_left(books: Decided) -> None:
    books.statement(day_of(1), Line(5_000, "NOBODY-1"), Line(-500, "NOBODY-2"))
    found = books.reconcile(day_of(1))["differences"]
    [one] = [each for each in found if each["type"] == "payout_missing_here"]
    books.resolve(one["id"], "write_off")
    books.statement(day_of(1), Line(5_000, "NOBODY-1"), opening_fen=0)
    books.reconcile(day_of(1))
    assert (books.balance(RESERVE), books.balance(SURPLUS)) == (5_000, 5_500)
    books.undo(one["id"])
    books.reconcile(day_of(1))
    assert books.balance(RESERVE) == 5_000


@pytest.mark.parametrize("undone", [False, True])
def test_a_payout_that_was_led_back_left_after_all(books: Decided, undone: bool) -> None:
    books.sell("1", 30_000)
    books.end_day()
    books.end_day()
    paid_fen = books.balance(PAYABLE)
    assert paid_fen
    for count in range(1, 6):
        books.statement(day_of(count))
    [one] = [
        each
        for each in books.reconcile(day_of(5))["differences"]
        if each["type"] == "payout_missing_at_bank"
    ]
    books.resolve(one["id"], "credit_payee")
    assert books.balance("2241.03.SHOP") == paid_fen
    books.statement(day_of(3), Line(-paid_fen, PAYOUT), opening_fen=0)
    books.reconcile(day_of(3))
    assert (books.balance(PAYABLE), books.balance(SHORTAGE)) == (0, paid_fen)
    if undone:
        books.undo(one["id"])
        books.reconcile(day_of(3))
        assert (books.balance(PAYABLE), books.balance(SHORTAGE)) == (0, 0)
        assert books.balance(SURPLUS) == 0


def test_a_claim_of_what_left_unknown(books: Decided) -> None:
    books.statement(day_of(1), Line(5_000, "NOBODY-1"), Line(-500, "NOBODY-2"))
    found = books.reconcile(day_of(1))["differences"]
    [one] = [each for each in found if each["type"] == "payout_missing_here"]
    books.resolve(one["id"], "claim")
    books.statement(day_of(1), Line(5_000, "NOBODY-1"), opening_fen=0)
    books.reconcile(day_of(1))
    assert (books.balance(RESERVE), books.balance(SHORTAGE)) == (5_000, 0)


@pytest.mark.parametrize("resolution", ["write_off", "claim"])
def test_interest_that_was_taken_back_is_ended_and_comes_again(
    books: Decided, resolution: str
) -> None:
    shown = Line(300, "INTEREST1")
    books.statement(day_of(1), shown)
    assert books.reconcile(day_of(1))["differences"] == []
    books.statement(day_of(1), opening_fen=0)
    [one] = books.reconcile(day_of(1))["differences"]
    assert (one["type"], one["amount_fen"]) == ("payout_missing_here", 300)
    books.resolve(one["id"], resolution)
    books.reconcile(day_of(1))
    assert books.balance(RESERVE) == 0
    books.statement(day_of(1), shown, opening_fen=0)
    books.reconcile(day_of(1))
    surplus_fen = 300 if resolution == "write_off" else 0
    assert (books.balance(RESERVE), books.balance(SURPLUS)) == (300, surplus_fen)
    books.statement(day_of(1), opening_fen=0)
    books.reconcile(day_of(1))
    assert (books.balance(RESERVE), books.balance(SURPLUS)) == (0, 0)
