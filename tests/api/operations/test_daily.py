"""Reconciliation by the day, on both databases: fetched, matched and posted by a worker that is
killed anywhere, from channels that are not ready, have no trade, or cannot be reached."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

import pytest

from api.cli.serving import EVER
from api.operations import attention
from api.operations.bills import daily
from api.operations.bills.daily import AGAIN_US, READY_US, Daily, is_done
from domain.channel.bills import (
    BillAnswer,
    BillCame,
    BillKind,
    BillLost,
    BillNotReady,
    BillSource,
    NoTrade,
    Sink,
)
from domain.kernel import SHANGHAI, day_end_us
from domain.reconciliation import bill, session, statement, verdict
from simulator.bills import camt053
from simulator.bills.head import Head
from simulator.bills.reserve import Entry
from tests.api.operations.funding import FIRST, Institution, day_of, noon
from tests.reconciliation.bill_oracle import Row, jd

TEN = day_end_us(day_of(0)) + READY_US  # Of Tuesday: Monday's bills are there.
Script = dict[tuple[str, BillKind], bytes | BillAnswer]


class Scripted:
    """A channel that answers by a script, and counts how often it is asked."""

    def __init__(self, channel: str, outside: "Outside") -> None:
        self.channel = channel
        self._outside = outside

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        self._outside.asked.append((self.channel, kind, day))
        said = self._outside.says.get((self.channel, kind), NoTrade("nothing moved"))
        on = day_of(0) if kind == "trade" else self._outside.day
        if day != on or not isinstance(said, bytes):
            return said if not isinstance(said, bytes) else NoTrade("nothing moved")
        sink(said)
        return BillCame(len(said))

    async def aclose(self) -> None:
        pass


class Outside:
    def __init__(self) -> None:
        self.says: Script = {}
        self.day = day_of(0)  # Of the statement.
        self.asked: list[tuple[str, BillKind, date]] = []

    def sources(self) -> Mapping[str, BillSource]:
        names = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "BANK_TRANSFER")
        return {name: Scripted(name, self) for name in names}


class Clock:
    def __init__(self) -> None:
        self.now_us = TEN - 1

    def __call__(self) -> int:
        return self.now_us


def made(books: Institution, outside: Outside, clock: Clock, days_behind: int = 7) -> Daily:
    return Daily(books.desk, books.writes, outside.sources, clock, days_behind=days_behind)


def jd_file() -> bytes:
    at = datetime(2025, 11, 10, 12, tzinfo=SHANGHAI)
    return jd([Row("JD_PAY", False, "pay-P1", "S1", 10_000, 18_000, at)], 0)


def bank_file(*amounts: tuple[int, str], day: date = FIRST) -> bytes:
    entries = [Entry(noon(day), fen, number, f"B{fen}", "x") for fen, number in amounts]
    head = Head(merchant="RESERVE", day=day)
    return b"".join(camt053.write(head, 0, lambda: entries))


def sold(books: Institution) -> Outside:
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    outside = Outside()
    outside.says["JD_PAY", "trade"] = jd_file()
    outside.says["BANK_TRANSFER", "bank"] = bank_file((77, "NOBODY"))
    return outside


def test_nothing_is_asked_before_ten(books: Institution) -> None:
    outside, clock = sold(books), Clock()
    runner = made(books, outside, clock)
    runner.round()
    assert outside.asked == []
    clock.now_us = TEN
    runner.round()
    assert {one[:2] for one in outside.asked} == {
        ("WECHAT_PAY", "trade"), ("WECHAT_PAY", "fund"), ("JD_PAY", "trade"),
        ("CLOUD_QUICKPASS", "trade"), ("BANK_TRANSFER", "bank"),
    }  # fmt: skip
    ledger, day = books.desk.ledger, day_of(0)
    assert ledger.state(verdict.stream("JD_PAY", day)).found.paid_fen == 10_000  # type: ignore[union-attr]
    assert ledger.state(statement.stream("BANK_TRANSFER", day)).last is not None
    assert session.status_of(ledger.state(session.stream("NETSUNION", day)).last) == "awaited"
    assert books.balance("2241.08.BANK_TRANSFER") == 77
    assert is_done(ledger, day)
    # Found done: nothing is asked or posted again.
    position, asked = ledger.head().position, len(outside.asked)
    runner.round()
    made(books, outside, clock).round()
    assert (ledger.head().position, len(outside.asked)) == (position, asked)


def test_what_is_not_ready_or_lost_is_asked_for_again(books: Institution) -> None:
    outside, clock = sold(books), Clock()
    outside.says["JD_PAY", "trade"] = BillNotReady("it is being made")
    outside.says["BANK_TRANSFER", "bank"] = BillLost("no answer")
    clock.now_us = TEN
    runner = made(books, outside, clock)
    runner.round()
    ledger, day = books.desk.ledger, day_of(0)
    assert ledger.state(bill.stream("JD_PAY", "trade", day)).newest is None
    asked = len(outside.asked)
    clock.now_us += AGAIN_US - 1
    runner.round()
    assert len(outside.asked) == asked
    clock.now_us += 1
    outside.says["JD_PAY", "trade"] = jd_file()
    outside.says["BANK_TRANSFER", "bank"] = bank_file()
    runner.round()
    assert len(outside.asked) == asked + 2
    assert ledger.state(verdict.stream("JD_PAY", day)).found is not None
    assert is_done(ledger, day)


def test_a_day_is_compared_once_the_books_have_ended_it(books: Institution) -> None:
    """After a week without a server its bills may be there before the payouts of its days are."""
    books.sell("1", 10_000, "JD_PAY")
    outside, clock = Outside(), Clock()
    outside.says["JD_PAY", "trade"] = jd_file()
    outside.says["BANK_TRANSFER", "bank"] = bank_file(
        (-9_940, "payout-SHOP-2025-11-10-1"), day=day_of(1)
    )
    outside.day = day_of(1)
    clock.now_us = day_end_us(day_of(6)) + READY_US
    runner, ledger = made(books, outside, clock), books.desk.ledger
    runner.round()
    statements = [bill.stream("BANK_TRANSFER", "bank", day_of(count)) for count in range(7)]
    assert all(ledger.state(one).newest is not None for one in statements), "they are fetched"
    assert books.balance("1122.04.BANK_TRANSFER") == 0, "nothing is found to be missing"
    for _ in range(7):
        books.end_day()
    runner.round()
    assert all(is_done(ledger, day_of(count)) for count in range(7))
    assert books.balance("2202.01.BANK_TRANSFER") == 0 == books.balance("1122.04.BANK_TRANSFER")
    assert books.balance("1001.01") == -9_940


class Killed(BaseException):
    """As a kill does: nothing catches it."""


def test_killed_between_any_two_steps_it_goes_on(
    books: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round dies before its first commit, its second, and so on, until one gets through: a new
    one each time, which knows only what is on record."""
    outside, clock = sold(books), Clock()
    clock.now_us = TEN
    ledger = books.desk.ledger
    submit, submit_all = type(ledger).submit, type(ledger).submit_all
    left = 0

    def one(self: object, request: object) -> object:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return submit(self, request)  # type: ignore[arg-type]

    def several(self: object, requests: object) -> object:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return submit_all(self, requests)  # type: ignore[arg-type]

    monkeypatch.setattr(type(ledger), "submit", one)
    monkeypatch.setattr(type(ledger), "submit_all", several)
    deaths = 0
    for steps in range(1, 60):
        left = steps
        try:
            made(books, outside, clock).round()
            break
        except Killed:
            deaths += 1
            clock.now_us += 1
    monkeypatch.undo()
    assert deaths > 3
    assert is_done(ledger, day_of(0))
    assert books.balance("1122.02.JD_PAY") == 10_000
    assert books.balance("2241.08.BANK_TRANSFER") == 77 == books.balance("1001.01")


@pytest.mark.parametrize(("behind", "first"), [(7, 9), (1, 15), (EVER, 2)])
def test_days_that_were_missed_are_fetched_and_no_more(
    books: Institution, behind: int, first: int
) -> None:
    outside, clock = sold(books), Clock()
    for _ in range(15):
        books.end_day()
    clock.now_us = day_end_us(day_of(15)) + READY_US
    made(books, outside, clock, behind).round()
    days = {one[2] for one in outside.asked}
    assert days == {day_of(count) for count in range(first, 16)}
    assert daily.READY_US == 36_000_000_000


def test_a_server_of_all_days_goes_back_to_the_first_of_the_books(books: Institution) -> None:
    outside, clock = sold(books), Clock()
    for _ in range(9):
        books.end_day()
    clock.now_us = day_end_us(day_of(9)) + READY_US
    made(books, outside, clock, EVER).round()
    assert {one[2] for one in outside.asked} == {day_of(count) for count in range(10)}


def test_the_desk_says_which_bills_are_awaited(books: Institution) -> None:
    outside, clock = sold(books), Clock()
    clock.now_us = TEN
    made(books, outside, clock).round()
    books.end_day()
    books.end_day()
    books.trade("JD_PAY", day_of(1))
    books.desk.catch_up()
    with books.desk.engine.connect() as connection:
        found = attention.awaited_bills(connection)
    told = [(one.channel, one.kind, one.bill_date) for one in found.items]
    assert not found.more and len(told) == 4 + 5
    assert told[0] == ("BANK_TRANSFER", "bank", day_of(1))
    assert ("JD_PAY", "trade", day_of(1)) not in told and ("JD_PAY", "trade", day_of(2)) in told
