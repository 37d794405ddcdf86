"""The reserve account is what the bank's newest statement says, but for items with a name; on both
databases."""

import pytest

from domain.accounting.owning import InstructSweep, PostOwnFunds, PostSweep, ShowTopUp
from domain.reconciliation.commands import TellNoTrade
from projections.models import top_ups
from tests.api.operations.funding import BANK, Institution, Line, day_of, kinds

RESERVE = "1001.01"
SESSION = "NETSUNION-20251110-1"


@pytest.fixture
def paid(books: Institution) -> Institution:
    """A sale, and the session that brought its money."""
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.no_trade(day_of(0), "JD_PAY")
    books.statement(day_of(1), Line(9_982, SESSION))
    books.reconcile(day_of(1))
    return books


def test_it_is_what_the_bank_says(paid: Institution) -> None:
    assert paid.explained(RESERVE) == {"statement 2025-11-11": 9_982}
    assert RESERVE not in paid.transits()


def test_before_the_first_statement_it_is_none_of_the_transits(books: Institution) -> None:
    assert RESERVE not in books.transits()
    books.do(PostOwnFunds("B1", "buffer", 300, "STM1"))
    assert books.explained(RESERVE) == {"unexplained": 300}
    assert RESERVE not in books.transits()


def test_two_movements_booked_with_one_reference_are_not_two_lines(paid: Institution) -> None:
    paid.do(
        PostOwnFunds("I1", "interest", 300, "STM1"), PostOwnFunds("I2", "interest", 300, "STM1")
    )
    before = paid.explained(RESERVE)
    assert before == {"statement 2025-11-11": 9_982, "interest I1": 300, "interest I2": 300}
    assert RESERVE in paid.transits()
    paid.statement(day_of(2), Line(300, "", "STM1"))
    assert paid.reconcile(day_of(2))["differences"] == []
    assert paid.explained(RESERVE) == {"statement 2025-11-12": 10_282, "interest I2": 300}
    paid.statement(day_of(3), Line(300, "I2", "STM2"))
    paid.reconcile(day_of(3))
    paid.right()


def test_a_line_that_the_bank_takes_back_leaves_what_was_booked_by_hand(paid: Institution) -> None:
    paid.do(InstructSweep("S1", 40, "fees"), PostSweep("S1", 40, "STM9"))
    assert paid.explained(RESERVE) == {"statement 2025-11-11": 9_982, "sweep S1": -40}
    opening_fen = paid.balance_fen
    paid.statement(day_of(2), Line(-40, "S1", "STM9"))
    paid.reconcile(day_of(2))
    assert RESERVE not in paid.transits()
    paid.statement(day_of(2), opening_fen=opening_fen)
    paid.reconcile(day_of(2))
    assert paid.explained(RESERVE) == {"statement 2025-11-12": 9_982, "sweep S1": -40}
    assert RESERVE in paid.transits()


def test_what_a_statement_alone_has_told_and_takes_back(paid: Institution) -> None:
    opening_fen = paid.balance_fen
    paid.statement(day_of(2), Line(700, "INTEREST1", "T1"))
    paid.reconcile(day_of(2))
    paid.statement(day_of(2), opening_fen=opening_fen)
    [told] = paid.reconcile(day_of(2))["differences"]
    named = {"interest INTEREST1": 700, f"difference {told['id']}": -700}
    assert paid.explained(RESERVE) == {"statement 2025-11-12": 9_982, **named}


def test_a_top_up_by_hand_and_its_line(paid: Institution) -> None:
    earned_fen = paid.balance("2202.09")
    paid.trade("JD_PAY", day_of(0), 10_000, 0, 18 + earned_fen + 700)
    paid.reconcile(day_of(1))
    paid.desk.catch_up()
    with paid.desk.engine.connect() as connection:
        (one,) = top_ups.underway(connection, "in")
    paid.do(ShowTopUp(one.reference, "T1"))
    before = {"statement 2025-11-11": 9_982, f"top-up {one.reference}": one.amount_fen}
    assert paid.explained(RESERVE) == before
    paid.statement(day_of(2), Line(one.amount_fen - 5, "TOPUP1", "T1"))
    paid.reconcile(day_of(2))
    there_fen = 9_982 + one.amount_fen - 5
    left = {f"top-ups of {BANK} 2025-11-12 T1": 5}
    assert paid.explained(RESERVE) == {"statement 2025-11-12": there_fen, **left}


def test_what_no_statement_brought(books: Institution) -> None:
    """Money from before the first one, a statement that is missing, one that waits, and days of
    which the bank has none."""
    books.end_day()
    books.statement(day_of(1), Line(500, "NOBODY'S"), opening_fen=1_000)
    assert kinds(books.reconcile(day_of(1))) == [("receipt_unknown", "confirmed", 500)]
    assert books.explained(RESERVE) == {"statement 2025-11-11": 500}
    books.end_day()
    books.do(TellNoTrade(BANK, "bank", day_of(2), "a holiday"))
    books.statement(day_of(3), Line(40, "NOBODY'S"), opening_fen=1_750)
    parts = books.parts(RESERVE)
    first, gap, waits = -1_000, -250, -40
    assert parts == [("statement 2025-11-13", 1_790), ("statement 2025-11-11", first),
                     ("statement 2025-11-13", gap), ("statement 2025-11-13", waits)]  # fmt: skip
    assert RESERVE in books.transits()
    books.reconcile(day_of(3))
    assert [fen for _, fen in books.parts(RESERVE)] == [1_790, first, gap]
    assert books.balance(RESERVE) == 540
