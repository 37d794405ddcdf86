"""What a line of the bank's statement is, on both databases: looked at again, beside other lines,
and with numbers that a bank would not write."""

import pytest

from api.operations.bills import placed_statement
from domain.accounting.owning import InstructSweep, PostOwnFunds, PostSweep, ShowTopUp
from domain.channel import costs
from domain.reconciliation import funding
from domain.transaction.commands import RefundTransaction
from projections.models import top_ups
from tests.api.operations.funding import Institution, Line, day_of, found, kinds

RESERVE, BANK = "1001.01", "BANK_TRANSFER"
SURPLUS, SHORTAGE = f"2241.08.{BANK}", f"1122.04.{BANK}"
NONE = "no serial"  # It is none by its form.
PAYABLE = "2202.01.JD_PAY"


def same_again(books: Institution, *days: int) -> None:
    """Looked at again, nothing changes; the reserve is what the bank says."""
    position = books.desk.ledger.head().position
    for count in days:
        books.reconcile(day_of(count))
    assert books.desk.ledger.head().position == position
    assert books.balance(RESERVE) == books.balance_fen


@pytest.fixture
def refunded(books: Institution, monkeypatch: pytest.MonkeyPatch) -> Institution:
    """By a channel whose refunds leave the reserve one by one."""
    gross = costs.Terms(costs.FROM_THE_BEGINNING, 1_800, gross=True)
    monkeypatch.setitem(costs.TERMS, "JD_PAY", (gross,))
    books.sell("1", 10_000, "JD_PAY")
    books.do(RefundTransaction("RF1", "SHOP-1", 4_000))
    return books


def test_a_refund_that_leaves_by_itself_is_the_same_line_again(refunded: Institution) -> None:
    books = refunded
    books.statement(day_of(1), Line(-3_000, "refund-RF1"), Line(-1_000, "refund-RF1"))
    told = books.reconcile(day_of(1))
    assert found(told) == {"refund": (2, 4_000)} and kinds(told) == []
    owed_fen = books.balance(PAYABLE)
    same_again(books, 1, 0, 1)
    books.balance_fen = 0
    books.statement(
        day_of(1), Line(-3_000, "refund-RF1"), Line(-1_000, "refund-RF1"), Line(-1, "refund-RF1")
    )
    told = books.reconcile(day_of(1))
    # It is all shown: what more leaves is nobody's.
    assert kinds(told) == [("payout_missing_here", "confirmed", 1)]
    assert books.balance(PAYABLE) == owed_fen
    same_again(books, 1)


def test_a_refund_on_two_statements_is_the_earlier_one_s(refunded: Institution) -> None:
    books = refunded
    books.statement(day_of(2), Line(-4_000, "refund-RF1"), opening_fen=-4_000)
    assert kinds(books.reconcile(day_of(2))) == []
    books.statement(day_of(1), Line(-4_000, "refund-RF1"), opening_fen=0)
    books.balance_fen = -8_000
    told = books.reconcile(day_of(1))
    assert found(told) == {"refund": (1, 4_000)}
    assert [(one["type"], one["date"]) for one in told["differences"]] == [
        ("payout_missing_here", day_of(2).isoformat())
    ]
    same_again(books, 1, 2)


@pytest.mark.parametrize(
    "day", ["20251113", "20310101", "21990101", "19991231", "00010101", "20251109"]
)
def test_a_session_that_cannot_be_paid_yet_is_no_session(books: Institution, day: str) -> None:
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.no_trade(day_of(0), "JD_PAY")
    books.statement(day_of(1), Line(500, f"NETSUNION-{day}-1"), Line(9_982, "NETSUNION-20251110-1"))
    books.latest = day_of(5)
    for count in (1, 5, 0):
        told = books.reconcile(day_of(count))
        if count == 1:
            assert kinds(told) == [("receipt_unknown", "confirmed", 500)]
            assert found(told) == {"session": (1, 9_982), "in_doubt": (1, 500)}
    assert books.balance(SURPLUS) == 500
    same_again(books, 1, 5, 0)


def test_a_session_on_more_statements_than_it_can_have(
    books: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funding, "MOST_ARRIVALS", 2)
    monkeypatch.setattr(placed_statement, "MOST_ARRIVALS", 2)
    for count in (1, 2, 3):
        books.statement(day_of(count), Line(100, "NETSUNION-20251110-1"))
    for count in (3, 1, 2):
        told = books.reconcile(day_of(count))
    assert [(one["type"], one["date"]) for one in told["differences"]] == [
        ("receipt_unknown", day_of(3).isoformat())
    ]
    same_again(books, 1, 2, 3)


@pytest.fixture
def rich(books: Institution) -> Institution:
    """There are fees in the reserve, and a session is paid on Tuesday."""
    books.sell("1", 1_000_000, "JD_PAY")
    books.end_day()
    books.trade("JD_PAY", day_of(0), 1_000_000, 0, 1_800)
    books.no_trade(day_of(0), "JD_PAY")
    books.statement(day_of(1), Line(998_200, "NETSUNION-20251110-1"))
    assert books.reconcile(day_of(1))["differences"] == []
    return books


@pytest.mark.parametrize(
    ("number", "amount_fen", "again_fen"),
    [("SWEEP8", -1_500, -1_500), ("BUFFER8", 1_500, 1_500), ("INTEREST8", 1_500, 1_600)],
)
def test_two_lines_of_one_movement(
    rich: Institution, number: str, amount_fen: int, again_fen: int
) -> None:
    """The second is in doubt, and the rest of the statement is booked."""
    books = rich
    books.statement(
        day_of(2), Line(amount_fen, number, "W8"), Line(again_fen, number, "W9"), Line(77, "WHO")
    )
    told = books.reconcile(day_of(2))
    kind = "receipt_unknown" if again_fen > 0 else "payout_missing_here"
    assert kinds(told) == sorted(
        [(kind, "confirmed", abs(again_fen)), ("receipt_unknown", "confirmed", 77)],
        key=lambda one: told["differences"][0]["amount_fen"] != one[2],
    )
    same_again(books, 2, 1)
    books.statement(day_of(3), Line(amount_fen, number, "W10"), Line(5, "WHO"))
    assert len(kinds(books.reconcile(day_of(3)))) == 4
    same_again(books, 2, 3)


def test_a_line_without_a_serial_that_stands_elsewhere_on_the_next_version(
    rich: Institution,
) -> None:
    books = rich
    opening_fen = books.balance_fen
    books.statement(day_of(2), Line(300, "INTEREST1", NONE), Line(-100, "SWEEP1", NONE))
    books.reconcile(day_of(2))
    books.statement(
        day_of(2), Line(7, "WHO"), Line(-100, "SWEEP1", NONE), Line(300, "INTEREST1", NONE),
        opening_fen=opening_fen,
    )  # fmt: skip
    assert kinds(books.reconcile(day_of(2))) == [("receipt_unknown", "confirmed", 7)]
    assert books.balance("6011") == 300
    same_again(books, 2)


def test_what_an_owner_refuses_is_in_doubt_and_stops_nothing(rich: Institution) -> None:
    """Each of two sweeps takes no more than there is of fees; together they do."""
    books = rich
    inside_fen = books.balance("2202.09")
    assert inside_fen > 0
    books.statement(
        day_of(2), Line(-inside_fen, "SWEEP1"), Line(-inside_fen, "SWEEP2"), Line(300, "INTEREST2")
    )
    told = books.reconcile(day_of(2))
    assert kinds(told) == [("payout_missing_here", "confirmed", inside_fen)]
    assert found(told) == {
        "sweep": (1, inside_fen), "interest": (1, 300), "in_doubt": (1, inside_fen),
    }  # fmt: skip
    assert books.balance(SHORTAGE) == inside_fen
    same_again(books, 2)


BY_HAND = {
    "sweep, by the serial": (
        (InstructSweep("S1", 4_000, "fees"), PostSweep("S1", 4_000, "STM9")),
        Line(-4_000, "S1", "STM9"),
    ),
    "sweep, by the number": (
        (InstructSweep("SWEEP9", 4_000, "fees"), PostSweep("SWEEP9", 4_000, "SWEEP9")),
        Line(-4_000, "SWEEP9", "W9"),
    ),
    "sweep, of another number": (
        (InstructSweep("S1", 4_000, "fees"), PostSweep("S1", 4_000, "STM9")),
        Line(-4_000, "SWEEP7", "STM9"),
    ),
    "buffer": ((PostOwnFunds("BUFFER7", "buffer", 500, "STM2"),), Line(500, "BUFFER7", "STM2")),
    "buffer, without a number": (
        (PostOwnFunds("B7", "buffer", 500, "STM2"),), Line(500, "", "STM2"),
    ),
    "interest, by the number": (
        (PostOwnFunds("I1", "interest", 300, "INTEREST2011Q1"),),
        Line(300, "INTEREST2011Q1", "B77"),
    ),
    "interest": (
        (PostOwnFunds("INTEREST2011Q1", "interest", 300, "B77"),),
        Line(300, "INTEREST2011Q1", "B77"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", BY_HAND)
def test_what_was_booked_by_hand_is_not_booked_again(rich: Institution, how: str) -> None:
    books = rich
    commands, line = BY_HAND[how]
    books.do(*commands)
    booked_fen = books.balance(RESERVE)
    books.statement(day_of(2), line)
    assert books.reconcile(day_of(2))["differences"] == []
    assert books.balance(RESERVE) == booked_fen
    same_again(books, 2, 1)
    # That line is one line.
    books.statement(day_of(3), line._replace(serial="ANOTHER"))
    told = books.reconcile(day_of(3))
    assert [one["amount_fen"] for one in told["differences"]] == [abs(line.amount_fen)]
    same_again(books, 2, 3)


@pytest.mark.parametrize("how", BY_HAND)
def test_what_was_booked_by_hand_is_the_earlier_line_in_any_order(
    rich: Institution, how: str
) -> None:
    books = rich
    commands, line = BY_HAND[how]
    books.do(*commands)
    opening_fen = books.balance_fen
    books.statement(day_of(3), line, opening_fen=opening_fen + line.amount_fen)
    assert books.reconcile(day_of(3))["differences"] == []
    books.statement(day_of(2), line, opening_fen=opening_fen)
    books.balance_fen += line.amount_fen
    (one,) = books.reconcile(day_of(2))["differences"]
    assert (one["date"], one["amount_fen"]) == (day_of(3).isoformat(), abs(line.amount_fen))
    same_again(books, 2, 3)


@pytest.mark.parametrize(("number", "amount_fen"), [("I1", 301), ("I1", -300), ("INTEREST1", 301)])
def test_what_was_booked_by_hand_is_not_another_line(
    rich: Institution, number: str, amount_fen: int
) -> None:
    books = rich
    books.do(PostOwnFunds("I1", "interest", 300, "B77"))
    booked_fen = books.balance(RESERVE)
    books.statement(day_of(2), Line(amount_fen, number, "B77"))
    assert len(books.reconcile(day_of(2))["differences"]) == 1
    assert books.balance(RESERVE) == booked_fen + amount_fen


@pytest.mark.parametrize("number", ["TOPUP1", "WHATEVER", ""])
def test_a_top_up_that_was_shown_by_hand_is_its_line(books: Institution, number: str) -> None:
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    earned_fen = books.balance("2202.09")
    books.trade("JD_PAY", day_of(0), 10_000, 0, earned_fen + 700)
    books.no_trade(day_of(0), "JD_PAY")
    books.statement(day_of(1), Line(10_000 - earned_fen - 700, "NETSUNION-20251110-1"))
    books.reconcile(day_of(1))
    assert books.balance("1122.06") == 700
    with books.desk.engine.connect() as connection:
        (one,) = top_ups.underway(connection, "in")
    books.do(ShowTopUp(one.reference, "T1"))
    books.statement(day_of(2), Line(700, number, "T1"))
    assert books.reconcile(day_of(2))["differences"] == []
    assert books.balance("1122.06") == 0
    same_again(books, 2, 1)
    books.statement(day_of(3), Line(700, "TOPUP1", "T2"))
    assert kinds(books.reconcile(day_of(3)))[-1] == ("receipt_unknown", "confirmed", 700)
    same_again(books, 2, 3)
