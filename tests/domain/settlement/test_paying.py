"""Weekly and monthly cycles and the least payout, in the real books."""

from datetime import date

from domain.member.commands import SetSettlementTerms
from tests.books import Books
from tests.examples import MERCHANT, PAY_DAY
from tests.keeping import (
    DAY,
    end_day,
    end_days,
    money,
    refunded,
    sold,
)

# Cycles.


def test_a_week_is_one_batch_and_one_payout(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "weekly:mon"))
    for order in range(5):  # Wednesday to Sunday.
        sold(books, f"O{order}", 1_000)
        end_day(books)
    batch_id = f"{MERCHANT}-2010-12-05"
    batch = books.state(f"settlement-{batch_id}")
    assert (batch.count, batch.net_fen, batch.due_date) == (5, 4_970, date(2010, 12, 6))
    sold(books, "O5", 1_000)
    end_day(books)  # Monday.
    assert [one.amount_fen for one in books.state(f"settlement-{batch_id}").payouts] == [4_970]
    assert books.state(f"settlement-{MERCHANT}-2010-12-12").net_fen == 994


def test_what_was_cleared_stays_with_its_batch_when_the_cycle_changes(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "weekly:mon"))
    sold(books, "O1")
    end_day(books)
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY + DAY, "T+1"))
    sold(books, "O2")
    end_day(books)
    weekly, daily = (
        books.state(f"settlement-{MERCHANT}-{on}") for on in ("2010-12-05", "2010-12-02")
    )
    assert (weekly.status, weekly.cycle) == ("collecting", "weekly:mon")
    assert (daily.status, daily.due_date) == ("reviewed", date(2010, 12, 3))


def test_too_little_is_carried_to_the_next_batch(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 5_000))
    sold(books, "O1", 4_000)
    end_days(books, 2)
    first = books.state(f"settlement-{MERCHANT}-{PAY_DAY}")
    assert (first.status, first.min_payout_fen) == ("carried_forward", 5_000)
    assert money(books)[0] == 3_976
    assert books.state(f"settlement-{MERCHANT}-2010-12-31").status == "collecting"
    sold(books, "O2", 2_000)
    end_days(books, 4)  # Friday's is due on Monday.
    paid = [
        payout.amount_fen
        for name, (_, state, _) in books.states.items()
        if name.startswith("settlement-")
        for payout in state.payouts
    ]
    assert (paid, money(books)[0]) == ([3_976 + 1_988], 0)


def test_too_little_is_tried_again_once_a_month(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "D+1", None, 5_000))
    sold(books, "O1", 4_000)
    end_days(books, 40)
    opened = [name for name in books.states if name.startswith(f"settlement-{MERCHANT}-")]
    assert [name[-10:] for name in opened] == ["2010-12-01", "2010-12-31", "2011-01-31"]
    today = books.state("day-books").open_date
    books.do(SetSettlementTerms(MERCHANT, today, "D+1"))
    assert books.state(f"settlement-{MERCHANT}-2011-01-31").min_payout_fen == 5_000
    end_days(books, 60)
    assert money(books)[0] == 0


def test_a_debt_is_recovered_of_too_little_as_well(books: Books) -> None:
    sold(books, "O1", 1_000)
    end_days(books, 2)
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY + 2 * DAY, "D+1", None, 50_000))
    refunded(books, "O1", 1_000)
    sold(books, "O2", 4_000)
    end_days(books, 4)
    assert money(books) == [3_976 - 994, 0, 0, 0]


def test_reserve_and_deposit_count_for_the_least_payout(tenth: Books) -> None:
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 990, 1_000, 1))
    sold(tenth, "O1", 1_000)
    end_days(tenth, 2)  # 895 are too little, and 99 are released that day: not much, but enough.
    assert tenth.state(f"settlement-{MERCHANT}-{PAY_DAY}").payouts[0].amount_fen == 994
    assert money(tenth) == [0, 0, 0, 0]


def test_a_lone_reserve_below_the_least_payout_waits_for_the_month(tenth: Books) -> None:
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 500, 1_000, 2))
    sold(tenth, "O1", 1_000)
    end_days(tenth, 8)
    assert money(tenth) == [0, 99, 0, 0]
    assert tenth.state(f"settlement-{MERCHANT}-2010-12-31").status == "collecting"
