"""Statements that are issued again without what owners were told by them, or with another amount of
it: the reserve is what the newest versions say, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.operations.bills import funds
from domain.reconciliation import statement
from tests.api.operations.funding import Institution, Line, amounts, day_of, founded, kinds

RESERVE, BANK = "1001.01", "BANK_TRANSFER"
PAYOUT = "payout-SHOP-2025-11-10-1"
CONFIRMED = "confirmed"


class Bank(Institution):
    """What each day's newest statement shows; `paid_fen` was paid out and shown on Tuesday."""

    opening_fen = paid_fen = 0

    def ready(self) -> None:
        self.sell("1", 1_000_000, "JD_PAY")
        self.end_day()
        self.trade("JD_PAY", day_of(0), 1_000_000, 0, 1_800)
        self.no_trade(day_of(0), "JD_PAY")
        self.end_day()
        self.paid_fen = self.balance(f"2202.01.{BANK}")
        self.statement(
            day_of(1), Line(998_200, "NETSUNION-20251110-1"), Line(-self.paid_fen, PAYOUT)
        )
        assert self.reconcile(day_of(1))["differences"] == []
        self.opening_fen = self.balance_fen
        self.shown: dict[int, int] = {}

    def issue(self, *lines: Line, on: int = 2) -> list[tuple[str, str, int]]:
        """The statement of a day, once more; differences as of then."""
        self.statement(day_of(on), *lines, opening_fen=self.opening_fen)
        self.shown[on] = amounts(lines)
        return self.compared(on)

    def compared(self, on: int = 2) -> list[tuple[str, str, int]]:
        told = self.reconcile(day_of(on))
        assert self.balance(RESERVE) == self.opening_fen + sum(self.shown.values())
        position = self.desk.ledger.head().position
        for count in (*self.shown, on):
            again = self.reconcile(day_of(count))
        assert self.desk.ledger.head().position == position
        assert again["differences"] == told["differences"]
        for leaf in self.transits():
            assert "unexplained" not in self.explained(leaf)
        return [one for one in kinds(told) if one[1] != "reversed"]


@pytest.fixture
def bank(migrated_url: str, tmp_path: Path) -> Iterator[Bank]:
    with founded(Bank, migrated_url, tmp_path) as made:
        made.ready()
        yield made
        made.right()


OWN = {
    "interest": (Line(300, "INTEREST1", "I1"), "payout_missing_here", "receipt_unknown"),
    "buffer": (Line(5_000, "BUFFER1", "B1"), "payout_missing_here", "receipt_unknown"),
    "sweep": (Line(-4_000, "SWEEP1", "W1"), "receipt_unknown", "payout_missing_here"),
}


def lines(line: Line, *amounts_fen: int) -> list[Line]:
    return [line._replace(amount_fen=one) for one in amounts_fen]


@pytest.mark.parametrize("what", OWN)
def test_own_funds_that_the_statement_takes_back(bank: Bank, what: str) -> None:
    line, gone, more = OWN[what]
    whole_fen, sign = abs(line.amount_fen), 1 if line.amount_fen > 0 else -1
    assert bank.issue(line) == []
    assert bank.issue() == [(gone, CONFIRMED, whole_fen)]
    assert bank.issue(line) == []
    assert bank.issue(*lines(line, line.amount_fen - 100 * sign)) == [(gone, CONFIRMED, 100)]
    assert bank.issue(*lines(line, line.amount_fen + 100 * sign)) == [(more, CONFIRMED, 100)]
    assert bank.issue(line._replace(serial="ANOTHER")) == []
    assert sorted(bank.issue(line._replace(number="WHO"))) == sorted(
        [(gone, CONFIRMED, whole_fen), (more, CONFIRMED, whole_fen)]
    )
    assert bank.issue() == [(gone, CONFIRMED, whole_fen)]
    # On the next day it is another one's, and both say so.
    assert sorted(bank.issue(line, on=3)) == sorted(
        [(gone, CONFIRMED, whole_fen), (more, CONFIRMED, whole_fen)]
    )


def test_a_return_that_the_statement_takes_back(bank: Bank) -> None:
    line = Line(bank.paid_fen, PAYOUT, "RET")
    gone = ("payout_missing_here", CONFIRMED, bank.paid_fen)
    assert bank.issue(line) == []
    assert bank.issue() == [gone]
    assert bank.issue(*lines(line, bank.paid_fen - 500)) == [
        ("payout_missing_here", CONFIRMED, 500)
    ]
    assert bank.issue(*lines(line, bank.paid_fen + 500)) == [("receipt_unknown", CONFIRMED, 500)]
    assert bank.issue(line._replace(number="OTHER")) == [
        ("receipt_unknown", CONFIRMED, bank.paid_fen), gone,
    ]  # fmt: skip
    assert bank.issue() == [gone]
    # It moves to the next day's statement: it has come after all, and goes from there, too.
    assert bank.issue(line, on=3) == []
    assert bank.compared(2) == []
    assert bank.issue(line) == [("receipt_unknown", CONFIRMED, bank.paid_fen)]
    assert bank.issue() == []
    assert bank.issue(on=3) == [gone]
    # And comes weeks later.
    assert bank.issue(line._replace(serial="LATE"), on=20) == []


def test_a_top_up_that_the_statement_takes_back(bank: Bank) -> None:
    fee_fen = bank.balance("2202.09") + 700
    bank.sell("2", 100_000, "JD_PAY")
    bank.end_day()
    bank.trade("JD_PAY", day_of(2), 100_000, 0, fee_fen + 600)
    bank.no_trade(day_of(2), "JD_PAY")
    session = Line(100_000 - fee_fen - 600, "NETSUNION-20251112-1", "S3")
    bank.issue(on=2)
    assert bank.issue(session, on=3) == []
    waits_fen = bank.balance("1122.06")
    assert waits_fen > 0
    line = Line(waits_fen, "TOPUP1", "T1")
    assert bank.issue(session, line, on=3) == []
    assert bank.balance("1122.06") == 0
    gone = "payout_missing_here"
    assert bank.issue(session, on=3) == [(gone, CONFIRMED, waits_fen)]
    less, more = lines(line, waits_fen - 100, waits_fen + 100)
    assert bank.issue(session, less, on=3) == [(gone, CONFIRMED, 100)]
    assert bank.issue(session, more, on=3) == [("receipt_unknown", CONFIRMED, 100)]
    assert bank.issue(session, line, on=3) == []


def test_killed_between_owners_and_the_statement(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever told the owners was stopped before it could write down that it had."""
    line, gone, _ = OWN["sweep"]
    returned = Line(bank.paid_fen, PAYOUT, "RET")
    for name in ("_gap_fen", "_compare_told"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(funds, name, stopped)
            bank.issue(line, returned)
        assert bank.compared() == []
    for name in ("_compare_told", "_settle"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(funds, name, stopped)
            bank.issue()
        assert bank.compared() == [
            (gone, CONFIRMED, 4_000), ("payout_missing_here", CONFIRMED, bank.paid_fen),
        ]  # fmt: skip


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_told_is_kept_with_the_statement(bank: Bank) -> None:
    """As long as its owner has it; of facts from before it is not known."""
    bank.issue(Line(300, "INTEREST1", "I1"))
    last = bank.desk.ledger.state(statement.stream(BANK, day_of(2))).last
    assert last is not None
    assert last.told == (statement.Told("interest", BANK, "INTEREST1", 300),)
    bank.issue()
    again = bank.desk.ledger.state(statement.stream(BANK, day_of(2))).last
    assert again is not None and (again.told, again.groups) == (last.told, ())
    older = bank.desk.ledger.state(statement.stream(BANK, day_of(1))).last
    assert older is not None and older.told == ()
