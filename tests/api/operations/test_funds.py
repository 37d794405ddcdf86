"""The fund side of reconciliation, on both databases: sessions and statements against what is owed,
again and again, in whatever order they come."""

from pathlib import Path

import pytest

from api.operations.bills.funds import statement_answer
from domain.reconciliation import session
from domain.reconciliation.funding import MapQuota
from projections.models import differences, quotas
from tests.api.operations.funding import Institution, Line, day_of, found, kinds, states

BANK, RESERVE, RECONCILED = "BANK_TRANSFER", "1001.01", "1122.02."
SESSION = "NETSUNION-20251110-1"
PAYABLE, SURPLUS, SHORTAGE = f"2202.01.{BANK}", f"2241.08.{BANK}", f"1122.04.{BANK}"


def sold(books: Institution) -> None:
    """Monday's trade: 100 by JD Pay, 200 by WeChat Pay; both bills are there on Tuesday."""
    books.sell("1", 10_000, "JD_PAY")
    books.sell("2", 20_000, "WECHAT_PAY")
    books.end_day()
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.trade("WECHAT_PAY", day_of(0), 20_000, 0, 40)
    books.no_trade(day_of(0), "JD_PAY", "WECHAT_PAY")


def test_one_net_sum_pays_for_all_channels_of_a_network(books: Institution) -> None:
    sold(books)
    earned_fen = books.balance("2202.09")
    books.statement(day_of(1), Line(29_942, SESSION))
    told = books.reconcile(day_of(1))
    assert found(told) == {"session": (1, 29_942)}
    assert states(told) == {SESSION: "settled"}
    assert told["differences"] == []
    assert books.balance(RESERVE) == 29_942
    # Verdicts have debited what the sessions credit; here there are none.
    assert books.balance(f"{RECONCILED}JD_PAY") == -10_000
    assert books.balance(f"{RECONCILED}WECHAT_PAY") == -20_000
    assert books.balance("2202.02.JD_PAY") == -18
    assert books.balance("2202.09") == earned_fen - 58 == books.balance("1122.05")
    head = books.desk.ledger.head().position
    again = books.reconcile(day_of(1))
    assert again == told
    assert books.desk.ledger.head().position == head


def test_what_fees_take_above_own_money_is_topped_up(books: Institution) -> None:
    sold(books)
    books.trade("JD_PAY", day_of(0), 10_000, 0, 1_018)
    earned_fen = books.balance("2202.09")
    assert earned_fen < 1_058
    books.statement(day_of(1), Line(28_942, SESSION))
    assert states(books.reconcile(day_of(1))) == {SESSION: "settled"}
    assert books.balance("2202.09") == 0 == books.balance("1122.05")
    assert books.balance("1122.06") == 1_058 - earned_fen == -books.balance("1001.02")
    books.statement(day_of(2), Line(1_058 - earned_fen, "TOPUP-1"))
    assert found(books.reconcile(day_of(2))) == {"top_up": (1, 1_058 - earned_fen)}
    assert books.balance("1122.06") == 0
    assert books.balance(RESERVE) == books.balance_fen
    head = books.desk.ledger.head().position
    books.reconcile(day_of(2))
    assert books.desk.ledger.head().position == head


def test_a_session_over_days_and_too_little(books: Institution) -> None:
    sold(books)
    books.statement(day_of(1), Line(10_000, SESSION), Line(9_000, SESSION))
    told = books.reconcile(day_of(1))
    assert kinds(told) == [("session_short", "suspected", 10_942)]
    assert books.balance(f"{RECONCILED}WECHAT_PAY") == -20_000 + 10_942
    books.statement(day_of(2), Line(10_932, SESSION))
    assert kinds(books.reconcile(day_of(2))) == [("session_short", "suspected", 10)]
    books.statement(day_of(3))
    assert kinds(books.reconcile(day_of(3))) == [("session_short", "suspected", 10)]
    books.statement(day_of(4))
    assert kinds(books.reconcile(day_of(4))) == [("session_short", "confirmed", 10)]
    assert books.balance("1122.04.WECHAT_PAY") == 10
    assert books.balance(f"{RECONCILED}WECHAT_PAY") == -20_000
    books.right()
    books.statement(day_of(5), Line(10, SESSION))
    told = books.reconcile(day_of(5))
    assert states(told)[SESSION] == "settled"
    assert told["differences"] == []
    assert books.balance("1122.04.WECHAT_PAY") == 0
    assert books.balance(RESERVE) == 29_942


def test_too_much_is_kept_apart_until_another_bill_says_why(books: Institution) -> None:
    sold(books)
    books.statement(day_of(1), Line(30_942, SESSION))
    told = books.reconcile(day_of(1))
    assert kinds(told) == [("session_over", "confirmed", 1_000)]
    assert books.balance("2241.08.WECHAT_PAY") == 1_000
    assert books.balance(RESERVE) == 30_942
    books.trade("JD_PAY", day_of(0), 11_000, 0, 18)
    told = books.reconcile(day_of(1))
    assert (told["differences"], states(told)) == ([], {SESSION: "settled"})
    assert books.balance("2241.08.WECHAT_PAY") == 0
    assert books.balance(f"{RECONCILED}JD_PAY") == -11_000


@pytest.mark.parametrize(
    ("came_fen", "kind", "account"),
    [(30_942, "session_over", "2241.08"), (28_942, "session_short", "1122.04")],
)
def test_a_difference_is_of_the_channel_that_leads_by_the_newest_bills(
    books: Institution, came_fen: int, kind: str, account: str
) -> None:
    sold(books)
    books.statement(day_of(1), Line(came_fen, SESSION))
    for count in (2, 3, 4):
        books.statement(day_of(count))
    assert kinds(books.reconcile(day_of(4))) == [(kind, "confirmed", 1_000)]
    assert books.balance(f"{account}.WECHAT_PAY") == 1_000
    # Both bills are issued again: as much is due, the most of it from JD Pay.
    books.trade("JD_PAY", day_of(0), 20_000, 0, 18)
    books.trade("WECHAT_PAY", day_of(0), 10_000, 0, 40)
    [told] = books.reconcile(day_of(4))["differences"]
    assert (told["type"], told["channel"], told["state"]) == (kind, "JD_PAY", "confirmed")
    assert books.balance(f"{account}.WECHAT_PAY") == 0
    assert books.balance(f"{account}.JD_PAY") == 1_000
    books.desk.catch_up()
    with books.desk.engine.connect() as connection:
        found = [
            (one.kind, one.channel, one.account)
            for channel in ("WECHAT_PAY", "JD_PAY")
            for one in differences.of_day(connection, channel, day_of(0), ("confirmed",))
        ]
    assert found == [(kind, "JD_PAY", f"{account}.JD_PAY")]


@pytest.mark.parametrize("against", [0, 1, 2])
@pytest.mark.parametrize("refunded_fen", [3_000, 50_000])
@pytest.mark.parametrize("named", [0, 2], ids=["names the first", "names the last"])
def test_one_line_for_several_sessions_of_which_one_is_against_us(
    books: Institution, against: int, refunded_fen: int, named: int
) -> None:
    due_fen = [10_000 - 18, 10_000 - 18, 10_000 - 18]
    due_fen[against] = 5 - refunded_fen
    for count, fen in enumerate(due_fen):
        books.end_day()
        books.no_trade(day_of(count), "JD_PAY")
        if fen > 0:
            books.trade("JD_PAY", day_of(count), 10_000, 0, 18)
        else:
            books.trade("JD_PAY", day_of(count), 0, refunded_fen, -5)
    came_fen = sum(due_fen)  # Of 50,000 the line goes out.
    books.statement(day_of(3), Line(came_fen, f"NETSUNION-2025111{named}-1"))
    told = books.reconcile(day_of(3))
    assert (kinds(told), set(states(told).values())) == ([], {"settled"})
    assert [one["arrived_fen"] for one in told["sessions"]] == due_fen
    assert books.balance(RESERVE) == came_fen
    assert books.balance(f"{RECONCILED}JD_PAY") == refunded_fen - 20_000
    with books.desk.engine.connect() as connection:
        said = statement_answer(books.desk.ledger, connection, day_of(3))
    assert said is not None  # As the bank booked it: one line.
    sums = {"count": 1, "paid_fen": max(came_fen, 0), "refunded_fen": max(-came_fen, 0)}
    assert said["matched"] == sums
    head = books.desk.ledger.head().position
    assert books.reconcile(day_of(3)) == told
    assert books.desk.ledger.head().position == head
    # Issued again with a line for each, it is the same.
    lines = [Line(fen, f"NETSUNION-2025111{count}-1") for count, fen in enumerate(due_fen)]
    books.statement(day_of(3), *lines, opening_fen=0)
    told = books.reconcile(day_of(3))
    assert (kinds(told), set(states(told).values())) == ([], {"settled"})
    assert books.balance(RESERVE) == came_fen


@pytest.mark.parametrize("named", [0, 2], ids=["names the first", "names the last"])
def test_one_line_for_several_sessions_before_the_bills_of_some(
    books: Institution, named: int
) -> None:
    for count in range(3):
        books.end_day()
        books.no_trade(day_of(count), "JD_PAY")
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.statement(day_of(3), Line(3 * 9_982, f"NETSUNION-2025111{named}-1"))
    books.reconcile(day_of(3))
    for count in (2, 1):
        books.trade("JD_PAY", day_of(count), 10_000, 0, 18)
        told = books.reconcile(day_of(3))
    assert (kinds(told), set(states(told).values())) == ([], {"settled"})
    assert [one["arrived_fen"] for one in told["sessions"]] == [9_982] * 3
    assert books.balance(RESERVE) == 3 * 9_982
    assert books.balance(SURPLUS) == books.balance(f"{RECONCILED}JD_PAY") + 30_000 == 0


def test_money_that_comes_before_its_bill(books: Institution) -> None:
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    books.statement(day_of(1), Line(9_982, SESSION))
    told = books.reconcile(day_of(1))
    assert told["sessions"][0]["awaits"] == ["WECHAT_PAY", "JD_PAY"]
    assert told["differences"] == []
    assert books.balance(RESERVE) == 9_982
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.no_trade(day_of(0), "JD_PAY")
    told = books.reconcile(day_of(1))
    assert (told["differences"], states(told)) == ([], {SESSION: "settled"})
    assert books.balance(f"{RECONCILED}JD_PAY") == -10_000
    assert books.balance(f"{RECONCILED}WECHAT_PAY") == 0


def test_a_session_against_us_and_several_in_one_line(books: Institution) -> None:
    for count in range(3):
        books.end_day()
        books.no_trade(day_of(count), "JD_PAY")
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.trade("JD_PAY", day_of(1), 0, 500, -1)
    books.trade("JD_PAY", day_of(2), 20_000, 0, 36)
    books.statement(day_of(2), Line(9_982, SESSION), Line(-499, "NETSUNION-20251111-1"))
    told = books.reconcile(day_of(2))
    assert told["differences"] == [] and set(states(told).values()) == {"settled", "awaited"}
    assert books.balance(RESERVE) == 9_982 - 499
    # The next is a sum of its own day and of the one before, of which nothing has come.
    books.end_day()
    books.no_trade(day_of(3), "JD_PAY")
    books.trade("JD_PAY", day_of(3), 1_000, 0, 2)
    books.statement(day_of(4), Line(20_962, "NETSUNION-20251113-1"))
    told = books.reconcile(day_of(4))
    assert (told["differences"], set(states(told).values())) == ([], {"settled"})
    assert books.balance(RESERVE) == books.balance_fen


def test_payouts_are_matched_by_their_number(books: Institution) -> None:
    sold(books)
    books.end_day()
    payout = "payout-SHOP-2025-11-10-1"
    paid_fen = books.balance(PAYABLE)
    assert paid_fen == 29_820
    books.statement(day_of(1), Line(29_942, SESSION), Line(-paid_fen, payout))
    told = books.reconcile(day_of(1))
    assert found(told) == {"session": (1, 29_942), "payout": (1, paid_fen)}
    assert told["differences"] == []
    assert (books.balance(PAYABLE), books.balance(RESERVE)) == (0, 29_942 - paid_fen)


def test_a_payout_that_the_bank_does_not_show(books: Institution) -> None:
    sold(books)
    books.end_day()
    paid_fen = books.balance(PAYABLE)
    books.statement(day_of(1), Line(29_942, SESSION))
    assert kinds(books.reconcile(day_of(1))) == [("payout_missing_at_bank", "suspected", 29_820)]
    for count in (2, 3, 4):
        books.statement(day_of(count))
    told = books.reconcile(day_of(4))
    assert kinds(told) == [("payout_missing_at_bank", "confirmed", 29_820)]
    assert (books.balance(PAYABLE), books.balance(SURPLUS)) == (0, paid_fen)
    books.right()
    books.statement(day_of(9), Line(-paid_fen, "payout-SHOP-2025-11-10-1"), opening_fen=29_942)
    told = books.reconcile(day_of(9))
    assert told["differences"] == []
    assert (books.balance(PAYABLE), books.balance(SURPLUS)) == (0, 0)
    assert books.balance(RESERVE) == 29_942 - paid_fen


def test_a_payout_that_comes_back_by_the_statement_alone(books: Institution) -> None:
    sold(books)
    books.end_day()
    payout, paid_fen = "payout-SHOP-2025-11-10-1", books.balance(PAYABLE)
    books.statement(day_of(1), Line(29_942, SESSION), Line(-paid_fen, payout))
    books.reconcile(day_of(1))
    books.statement(day_of(2), Line(paid_fen, payout))
    told = books.reconcile(day_of(2))
    assert found(told) == {"came_back": (1, paid_fen)}
    assert told["differences"] == []
    assert books.balance("2241.03.SHOP") == paid_fen
    assert books.balance(RESERVE) == 29_942
    head = books.desk.ledger.head().position
    assert books.reconcile(day_of(2)) == told
    assert books.desk.ledger.head().position == head


def test_what_nobody_knows_and_what_comes_twice(books: Institution) -> None:
    sold(books)
    books.end_day()
    payout, paid_fen = "payout-SHOP-2025-11-10-1", books.balance(PAYABLE)
    books.statement(
        day_of(1),
        Line(29_942, SESSION),
        Line(777, "NOBODY-1"),
        Line(-paid_fen, payout),
        Line(-paid_fen, payout),
        Line(-5, ""),
    )
    told = books.reconcile(day_of(1))
    assert sorted(kinds(told)) == [
        ("payout_missing_here", "confirmed", 5),
        ("payout_missing_here", "confirmed", paid_fen),
        ("receipt_unknown", "confirmed", 777),
    ]
    assert books.balance(SURPLUS) == 777
    assert books.balance(SHORTAGE) == paid_fen + 5
    assert books.balance(RESERVE) == books.balance_fen
    books.right()
    # Issued again without them: nothing is left of them.
    books.balance_fen = 0
    books.statement(day_of(1), Line(29_942, SESSION), Line(-paid_fen, payout))
    told = books.reconcile(day_of(1))
    assert (told["differences"], told["statement"]["version"]) == ([], 2)
    assert (books.balance(SURPLUS), books.balance(SHORTAGE)) == (0, 0)
    assert books.balance(RESERVE) == books.balance_fen


def test_own_funds_and_a_broken_chain(books: Institution) -> None:
    sold(books)
    books.statement(
        day_of(1), Line(29_942, SESSION), Line(300, "INTEREST-Q4"), Line(-100, "SWEEP-1")
    )
    told = books.reconcile(day_of(1))
    assert found(told)["interest"] == (1, 300) and found(told)["sweep"] == (1, 100)
    assert (told["differences"], told["statement"]["gap_fen"]) == ([], None)
    assert books.balance("6011") == 300 and books.balance("1001.02") == 100
    books.statement(day_of(2), Line(-1_000_000, "SWEEP-2"), opening_fen=30_145)
    told = books.reconcile(day_of(2))
    # More than own money lies there: it is no sweep.
    assert kinds(told) == [("payout_missing_here", "confirmed", 1_000_000)]
    assert told["statement"]["gap_fen"] == 3
    head = books.desk.ledger.head().position
    books.reconcile(day_of(2))
    assert books.desk.ledger.head().position == head


def test_any_order_of_arrival_ends_the_same(books: Institution, tmp_path: Path) -> None:
    """A statement that comes late makes what was found without it none."""
    sold(books)
    books.end_day()
    payout, paid_fen = "payout-SHOP-2025-11-10-1", books.balance(PAYABLE)
    books.statement(day_of(2), Line(-paid_fen, payout), opening_fen=29_942)
    told = books.reconcile(day_of(2))
    assert found(told) == {"payout": (1, paid_fen)}
    books.statement(day_of(1), Line(29_942, SESSION), Line(-paid_fen, payout), opening_fen=0)
    told = books.reconcile(day_of(1))
    # The earlier line is the payout's; the later one is nobody's.
    assert kinds(told) == [("payout_missing_here", "confirmed", paid_fen)]
    assert told["differences"][0]["date"] == day_of(2).isoformat()
    assert books.balance(PAYABLE) == 0
    last = books.desk.ledger.state(session.stream("NETSUNION", day_of(0))).last
    assert last is not None and session.status_of(last) == "settled"


def test_a_quota_and_what_is_available_of_it(books: Institution) -> None:
    books.sell("0", 700, "JD_PAY")
    books.end_day()
    for _ in range(2):  # Again is nothing new.
        books.do(MapQuota("NETSUNION", 1_000_000, "New Year"))
    books.sell("1", 10_000, "JD_PAY")
    books.sell("2", 9_000, "CLOUD_QUICKPASS")
    books.end_day()
    books.desk.catch_up()
    with books.desk.engine.connect() as connection:
        [one] = quotas.quotas(connection)
    # The payout of the first day's sale left on the second day, by NetsUnion as well.
    assert (one.clearing, one.on) == ("NETSUNION", day_of(1))
    assert (one.came_fen, one.went_fen) == (10_000, 696)
    assert one.available_fen == 1_009_304
