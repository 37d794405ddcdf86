"""The end of a month: every account that is a transit ends at zero, or says why not."""

import pytest
from sqlalchemy import text

from api.operations.explained import UNEXPLAINED
from api.operations.explaining import explain
from domain.accounting.owning import InstructSweep
from domain.payment.commands import RecordOutcome
from domain.refusals import Refused
from domain.transaction.commands import RefundTransaction
from tests.api.operations.funding import Institution, Line, day_of, noon, states

DAYS = 12
BANK = "BANK_TRANSFER"


def payouts_of(books: Institution, count: int) -> list[Line]:
    """What the bank pays out on a day: all that succeeded on it."""
    books.desk.catch_up()
    query = "SELECT number, owed_fen FROM outgoings WHERE paid_on = :day"
    with books.desk.engine.connect() as connection:
        rows = connection.execute(text(query), {"day": day_of(count).isoformat()})
        return [Line(-owed_fen, number) for number, owed_fen in rows]


def month(books: Institution) -> list[Line]:
    """Twelve days of trade in three channels, each reconciled the next day; sessions arrive at ten,
    payouts are shown on their day. Refunds on two of them. What the last day is paid by."""
    waiting: list[Line] = []
    for count in range(DAYS):
        day = day_of(count)
        amounts = {
            "JD_PAY": 10_000 + count * 111,
            "WECHAT_PAY": 20_000 + count * 77,
            "CLOUD_QUICKPASS": 5_000 + count,
        }
        for channel, fen in amounts.items():
            books.sell(f"{count}-{channel}", fen, channel)
        refunded = 1_000 if count in (3, 7) else 0
        if refunded:
            number = f"R{count}"
            books.do(RefundTransaction(number, f"SHOP-{count}-JD_PAY", refunded))
            books.do(RecordOutcome(f"refund-{number}", succeeded=f"S{number}"))
        came = {}
        books.end_day()
        for channel, fen in amounts.items():
            back = refunded if channel == "JD_PAY" else 0
            fee = (fen - back) * 2 // 1_000
            books.trade(channel, day, fen, back, fee)
            books.verdict(channel, day, fen, back)
            came[channel] = fen - back - fee
        compact = f"{day:%Y%m%d}"
        books.statement(day, *waiting, *payouts_of(books, count))
        waiting = [
            Line(came["JD_PAY"] + came["WECHAT_PAY"], f"NETSUNION-{compact}-1"),
            Line(came["CLOUD_QUICKPASS"], f"UNIONPAY-{compact}-1"),
        ]
        told = books.reconcile(day)
        assert told["differences"] == []
    return waiting


def test_every_transit_ends_at_zero(books: Institution) -> None:
    sessions = month(books)
    # The last day's money is still to come, and stands by name.
    last = day_of(DAYS - 1)
    assert set(books.transits()) == {
        *(f"1122.02.{one}" for one in ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS")),
        *(f"2202.02.{one}" for one in ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS")),
    }
    for account in books.transits():
        channel = account.rpartition(".")[2]
        assert books.explained(account) == {f"{channel} {last}": books.balance(account)}
    fees_fen = books.balance("2202.09")
    due_fen = sum(books.balance(f"2202.02.{one}") for one in ("WECHAT_PAY", "JD_PAY"))
    due_fen += books.balance("2202.02.CLOUD_QUICKPASS")
    swept_fen = fees_fen - due_fen
    books.do(InstructSweep("SWEEP-2025-11", swept_fen, "month end"))
    books.end_day()
    books.no_trade(day_of(DAYS))
    books.statement(
        day_of(DAYS), *sessions, *payouts_of(books, DAYS), Line(-swept_fen, "SWEEP-2025-11")
    )
    told = books.reconcile(day_of(DAYS))
    assert told["differences"] == []
    assert set(states(told).values()) == {"settled"}
    assert books.transits() == []
    assert books.balance("1001.01") == books.balance_fen
    assert books.balance("2202.09") == books.balance("1122.05") == 0
    # Income less what the channels took is what was swept.
    income_fen = books.balance("6001.01") - books.balance("6401.01")
    assert books.balance("1001.02") == swept_fen == income_fen


def test_what_is_left_is_named(books: Institution) -> None:
    books.sell("1", 10_000, "JD_PAY")
    books.sell("2", 20_000, "WECHAT_PAY")
    books.end_day()
    books.trade("JD_PAY", day_of(0), 10_000, 0, 18)
    books.verdict("JD_PAY", day_of(0), 10_000)
    books.end_day()
    books.statement(day_of(0))
    books.statement(day_of(1), Line(777, "NOBODY"))
    books.reconcile(day_of(1))
    day = day_of(0)
    assert books.explained("1122.01.WECHAT_PAY") == {f"WECHAT_PAY {day}": 20_000}
    assert books.explained("1122.01.JD_PAY") == {}
    assert books.explained("1122.02.JD_PAY") == {f"JD_PAY {day}": 10_000}
    assert books.explained("2202.02.JD_PAY") == {f"JD_PAY {day}": 18}
    assert books.explained(f"2202.01.{BANK}") == {"payout-SHOP-2025-11-10-1 (paid)": 29_820}
    [(name, fen)] = books.explained(f"2241.08.{BANK}").items()
    assert name.startswith("difference-") and fen == 777
    for account in books.transits():
        assert UNEXPLAINED not in books.explained(account)
    with pytest.raises(Refused):
        books.explained("2241.01.ANN")
    # A line of Monday that Tuesday's bill brings is set off.
    books.sell("3", 500, "JD_PAY")
    books.end_day()
    for count, fen in ((1, 200), (2, 300)):
        books.trade("JD_PAY", day_of(count), fen, 0, 1)
        books.verdict("JD_PAY", day_of(count), fen)
    assert books.explained("1122.01.JD_PAY") == {}
    assert noon(day) < noon(books.day)


def test_each_session_has_what_its_bill_says(books: Institution) -> None:
    """A session that we owe is named beside those that are owed to us, and not taken off them;
    1122.01, whose lines another day's bill may bring, says what was set off."""
    for order, fen in (("1", 3_000), ("2", 1_000), ("3", 5_000)):
        books.sell(order, fen, "JD_PAY")
        books.end_day()
    for count, (fen, back) in enumerate(((3_000, 0), (500, 700), (4_000, 100))):
        books.trade("JD_PAY", day_of(count), fen, back, (fen - back) * 2 // 1_000)
        books.verdict("JD_PAY", day_of(count), fen, back)
    assert books.explained("1122.02.JD_PAY") == {
        f"JD_PAY {day_of(0)}": 3_000,
        f"JD_PAY {day_of(1)}": -200,
        f"JD_PAY {day_of(2)}": 3_900,
    }
    assert books.explained("2202.02.JD_PAY") == {
        f"JD_PAY {day_of(0)}": 6,
        f"JD_PAY {day_of(1)}": -1,
        f"JD_PAY {day_of(2)}": 7,
    }
    # The bill of the fourth day brings 400 of what is missing: those of the day before it.
    books.end_day()
    books.trade("JD_PAY", day_of(3), 400, 0, 1)
    books.verdict("JD_PAY", day_of(3), 400)
    books.desk.catch_up()
    with books.desk.engine.connect() as connection:
        told = explain(connection, "1122.01.JD_PAY")
    named = {one.since: one for one in told.items}
    assert {day: one.amount_fen for day, one in named.items()} == {day_of(1): 500, day_of(2): 600}
    assert named[day_of(2)].why.endswith(f"; besides, 4.00 is set off: {day_of(3)}")
    assert "set off" not in named[day_of(1)].why
