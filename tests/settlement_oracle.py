"""What batches and reserves must be for a feed, from its CSV files alone: no code of the project.

    transaction  released 7 × 24 h after it was placed, with what was not refunded until then
    reserve      r % of what a release brings (half up) is kept until n days after its clearing date
    refund after release: the fee on it and its share of the reserve come back, unless that reserve
                 was released; the rest is taken from pending, then from available, then owed
    24:00        reserves of the date are released, a debt is taken out first; batches of the date
                 are sealed, and those due are paid: pending up to Σ net + carry, less the debt,
                 and what was released

A merchant's terms are (cycle, least payout, basis points, days). Only for feeds without broken rows
and with a book that begins with them. Fen throughout.
"""

import csv
import gzip
import heapq
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

SHANGHAI = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
# The State Council's notices for 2010 and 2011, from December on: weekdays off, weekends worked.
OFF = {
    date(2011, 1, 3),
    *(date(2011, 2, 2) + n * DAY for n in (0, 1, 2, 5, 6)),
    *(date(2011, 4, 4) + n * DAY for n in range(2)),
    date(2011, 5, 2),
    date(2011, 6, 6),
}
WORKED = {date(2011, 1, 30), date(2011, 2, 12), date(2011, 4, 2)}
NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def works(day: date) -> bool:
    return day in WORKED or (day.weekday() < 5 and day not in OFF)


def next_working(day: date) -> date:
    while not works(day):
        day += DAY
    return day


class Terms(NamedTuple):
    cycle: str
    least: int = 0
    bps: int = 0
    days: int = 0


def pay_day(cycle: str, cleared: date) -> date | None:
    """The next day of pay after a clearing date; None where every date is settled by itself."""
    how, _, rest = cycle.partition(":")
    name = rest.partition(":")[0]
    for ahead in range(1, 40):
        day = cleared + ahead * DAY
        if how == "weekly" and NAMES[day.weekday()] == name:
            return day
        if how == "monthly":
            last = (day + DAY).month != day.month
            if (name == "last" and last) or name == str(day.day):
                return day
    return None


def last_date(cycle: str, cleared: date) -> date:
    day = pay_day(cycle, cleared)
    return cleared if day is None else day - DAY


def due(cycle: str, cleared: date) -> date:
    day = pay_day(cycle, cleared)
    if day is not None:
        return day if cycle.endswith(":D") else next_working(day)
    kind, _, number = cycle.partition("+")
    left = int(number)
    if kind == "D":
        return cleared + left * DAY
    if left == 0:
        return next_working(cleared)
    day = cleared
    while left:
        day += DAY
        left -= works(day)
    return day


def half_up(amount: int, bps: int) -> int:
    whole, rest = divmod(amount * bps, 10_000)
    return whole + (rest >= 5_000)


class Batch:
    def __init__(self) -> None:
        self.count = self.gross = self.fee = self.refund = self.net = self.withheld = 0
        self.due: date | None = None
        self.paid_on: date | None = None
        self.carry_in = self.matured = self.recovered = self.carry_out = 0
        self.payout = self.released = 0


class Reserve:
    def __init__(self) -> None:
        self.withheld = self.returned = self.released = self.recovered = 0
        self.open = True


class Sale:
    def __init__(self, amount: int) -> None:
        self.kept = amount  # Not refunded.
        self.released = False
        self.release_on: date | None = None


class Merchant:
    """One merchant's books."""

    def __init__(self, fee_bps: int, terms: Terms) -> None:
        self.fee_bps, self.terms = fee_bps, terms
        self.pending = self.available = self.debt = self.carry = 0
        self.batches: dict[date, Batch] = {}
        self.reserves: dict[date, Reserve] = defaultdict(Reserve)

    def batch(self, on: date) -> Batch:
        return self.batches.setdefault(last_date(self.terms.cycle, on), Batch())

    def fee(self, amount: int) -> int:
        return half_up(amount, self.fee_bps)

    def share(self, amount: int) -> int:
        return half_up(amount - self.fee(amount), self.terms.bps)

    def release(self, sale: Sale, on: date) -> None:
        if not sale.kept:
            return
        sale.released = True
        fee, share = self.fee(sale.kept), self.share(sale.kept)
        net = sale.kept - fee - share
        self.pending += net
        if share:
            sale.release_on = on + self.terms.days * DAY
            self.reserves[sale.release_on].withheld += share
        batch = self.batch(on)
        batch.count += 1
        batch.gross += sale.kept
        batch.fee += fee
        batch.net += net
        batch.withheld += share

    def take_back(self, sale: Sale, amount: int, on: date) -> None:
        before, sale.kept = sale.kept, sale.kept - amount
        if not sale.released:
            return
        fee = self.fee(before) - self.fee(sale.kept)
        share = 0
        if sale.release_on is not None and self.reserves[sale.release_on].open:
            share = self.share(before) - self.share(sale.kept)
            self.reserves[sale.release_on].returned += share
        owed = amount - fee - share
        from_pending = min(owed, self.pending)
        from_available = min(owed - from_pending, self.available)
        self.pending -= from_pending
        self.available -= from_available
        self.debt += owed - from_pending - from_available
        batch = self.batch(on)
        batch.count += 1
        batch.fee -= fee
        batch.refund += amount
        batch.net -= from_pending
        batch.withheld -= share

    def end(self, on: date) -> None:
        for release_on in sorted(self.reserves):
            reserve = self.reserves[release_on]
            held = reserve.withheld - reserve.returned
            if release_on <= on and reserve.open:
                reserve.open = False
                reserve.released = held
                reserve.recovered = min(held, self.debt)
                self.debt -= reserve.recovered
                self.available += held - reserve.recovered
                if held > reserve.recovered:
                    self.batch(on)
        for cleared, batch in self.batches.items():
            if cleared <= on and batch.due is None:
                batch.due = due(self.terms.cycle, cleared)
        waiting = [
            (b.due, cleared) for cleared, b in self.batches.items() if b.due and not b.paid_on
        ]
        for due_on, cleared in sorted(waiting):
            if due_on <= on:
                self._settle(self.batches[cleared], on)

    def _settle(self, batch: Batch, on: date) -> None:
        batch.paid_on, batch.carry_in = on, self.carry
        wanted = batch.net + self.carry
        there = max(0, min(wanted, self.pending))
        batch.recovered = min(self.debt, there)
        pending_payout, released = there - batch.recovered, self.available
        too_little = 0 < pending_payout + released < self.terms.least
        if too_little:
            pending_payout = released = 0
        batch.matured = batch.recovered + pending_payout
        batch.released, batch.payout = released, pending_payout + released
        batch.carry_out = self.carry = wanted - batch.matured
        self.debt -= batch.recovered
        self.available -= released
        alone = self.carry > 0 and self.pending - batch.matured == self.carry
        self.pending -= batch.matured
        if alone or self.available:
            tomorrow = on + DAY
            if too_little:
                while (tomorrow + DAY).day != 1:
                    tomorrow += DAY
            self.batch(tomorrow)


def settled(directory: Path, terms: dict[str, Terms], through: date) -> dict[str, Merchant]:
    """Every merchant's books at the end of a day, from the files of a feed."""
    merchants = {
        row["merchant"]: Merchant(
            int(row["fee_bps"]), terms.get(row["merchant"], Terms(row["settlement_cycle"]))
        )
        for row in _rows(directory, "merchants")
    }
    sales: dict[tuple[str, str], Sale] = {}
    placed: dict[tuple[str, str], datetime] = {}
    events: list[tuple[datetime, int, int, Any]] = []
    for row in _rows(directory, "orders"):
        key, at = (row["order_no"], row["merchant"]), datetime.fromisoformat(row["placed_at"])
        sales[key], placed[key] = Sale(int(row["amount"])), at
        heapq.heappush(events, (at + 7 * DAY, 1, len(events), key))
    numbers: set[str] = set()
    refunds = [*_rows(directory, "refunds"), *_rows(directory, "bad_refunds")]
    for number, row in enumerate(refunds):
        at = datetime.fromisoformat(row["requested_at"])
        heapq.heappush(events, (at, 0, number, row))
    on: date | None = None
    while events:
        at, kind, _, what = heapq.heappop(events)
        day = at.astimezone(SHANGHAI).date()
        on = _end_until(merchants, on or day, day)
        if kind:
            merchants[what[1]].release(sales[what], day)
            continue
        key, amount = (what["order_no"], what["merchant"]), int(what["amount"])
        known = key in sales and placed[key] <= at and what["refund_no"] not in numbers
        if known and amount <= sales[key].kept:
            numbers.add(what["refund_no"])
            merchants[key[1]].take_back(sales[key], amount, day)
    assert on is not None
    _end_until(merchants, on, through + DAY)
    return merchants


def _end_until(merchants: dict[str, Merchant], on: date, day: date) -> date:
    while on < day:
        for merchant in merchants.values():
            merchant.end(on)
        on += DAY
    return on


def _rows(directory: Path, name: str) -> Iterator[dict[str, str]]:
    content = gzip.decompress((directory / f"{name}.csv.gz").read_bytes())
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
