"""The import: a feed's merchants, then its days, each ended by the end-of-day run.

What was imported before is answered from the receipts: an import that was killed goes on where it
stopped, and importing the same feed again changes nothing.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby, islice
from typing import Any, TypeVar

from msgspec import Struct

from api.operations.desk import CHUNK, Desk, in_chunks, operating, request
from api.operations.end_of_day import DayReport, Hindrance, end_of_day
from api.operations.feed.reader import Feed
from api.operations.feed.rejects import Reject, csv_row
from api.operations.feed.rows import Checkout, MerchantRow, RefundRow
from api.operations.importing.wave import ACTOR, WAVE_SIZE, Confirmation, Tally, Wave, number_of
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US, Request, day_end_us, iso_time, shanghai_date
from domain.ledger import answer as answers
from domain.ledger.answer import Answer, Refusal
from domain.ledger.states import fold_streams
from domain.member import member
from domain.member.commands import RegisterMember, SetFeeRule, SetSettlementTerms
from domain.money import FeeRule
from domain.order.commands import CONFIRM_AFTER_US
from domain.refusals import Code, Refused
from domain.transaction import transaction
from projections.engine.lease import Lease
from projections.models import transactions

ONE_DAY = timedelta(days=1)
EVER_US = 2**62
PAGE = 10_000
TermsT = TypeVar("TermsT")

# Told after every wave and day: the day at hand, and records consumed of how many.
Progress = Callable[[date, int, int], None]


class ImportReport(Struct, frozen=True):
    """What an import did. `new` counts requests this run decided, `replayed` those that an earlier
    run had; `new` = 0 means that the feed was in the books already."""

    first_day: date | None
    last_day: date | None
    merchants: int
    checkouts: int
    transactions: int
    refunds: int
    confirmed: int
    rejected: int
    new: int
    replayed: int
    days_closed: int
    batches_settled: int
    facts: int
    position: int
    hindrances: list[Hindrance]


class Importer:
    """One run over one feed. `rejects` is complete when `run` has returned."""

    def __init__(self, desk: Desk, feed: Feed, progress: Progress = lambda *_: None) -> None:
        self._desk = desk
        self._feed = feed
        self._progress = progress
        self._tally = Tally()
        self._timers: list[transactions.Timer] = []
        self._taken_up: set[str] = set()  # Waiting before this run; not to be queued twice.
        self._days: list[DayReport] = []
        self._ledger_rejects: list[Reject] = []
        self._merchants = 0
        self._wave = Wave(desk, self._tally, self._refuse_rows, self._paid, set())

    @property
    def rejects(self) -> list[Reject]:
        """The rows refused so far, by the reader and by the ledger."""
        return [*self._feed.rejects, *self._ledger_rejects]

    def run(self, settle_through: date | None = None) -> ImportReport:
        """Run the feed, then the days after it through `settle_through`, each with its end.

        Raises Refused when somebody else runs the ledger's operations, when the books cannot be
        opened or have passed the whole feed, or when a file changed while it was read.
        """
        with operating(self._desk) as held:
            return self._run(held, settle_through)

    def _run(self, held: Lease, settle_through: date | None) -> ImportReport:
        before = self._desk.ledger.head().position
        first, last = self._feed.first_day, self._feed.last_day
        if first is not None and last is not None:
            self._open_books(first)
            self._refuse_the_past(last)
            self._register_merchants(first)
            self._take_up_timers()
            rows = self._by_day()
            upcoming = next(rows, None)
            # Days between the open one and the feed's first end first: what the feed brings must
            # not be posted to a day long before it.
            on = min(first, self._open_date())
            while on <= max(last, settle_through or last):
                held.check()
                if upcoming is not None and upcoming[0] == on:
                    self._day(on, upcoming[1])
                    upcoming = next(rows, None)
                else:
                    self._day(on, iter(()))
                on += ONE_DAY
        else:
            for _ in self._feed.actions():
                pass  # No row is good: they are read once more for their reasons alone.
        self._desk.catch_up()
        return self._report(before)

    # Opening.

    def _open_books(self, first: date) -> None:
        state = self._desk.ledger.state(day.STREAM)
        if state.open_date is None:
            at_us = day_end_us(first) - DAY_US
            opening = request(f"books.open:{first}", at_us, OpenBooks(first), ACTOR)
            self._desk.ledger.submit(opening).unwrap()

    def _refuse_the_past(self, last: date) -> None:
        """Nothing of a feed that ends before the open day can be posted. Unless some of it was
        imported in its time, it is refused whole, before anything of it is in the books."""
        open_date = self._open_date()
        if last >= open_date:
            return
        placed = (one for one in self._feed.actions() if isinstance(one, Checkout))
        while numbers := [number_of(one) for one in islice(placed, CHUNK)]:
            if self._desk.ledger.recorder.read_receipts(numbers):
                return
        detail = f"the feed ends on {last}, and the open business day is {open_date}"
        raise Refused(Code.DAY_NOT_THE_OPEN_ONE, "feed", detail)

    def _register_merchants(self, first: date) -> None:
        """New merchants are registered; the terms of known ones change as the feed says, from its
        first day on (or the open day, when that is later)."""
        at_us = day_end_us(max(first, self._open_date())) - DAY_US
        requests: list[Request] = []
        rows = self._feed.merchants
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            streams = [member.stream(row.merchant) for row in some]
            known = fold_streams(self._desk.ledger.recorder, streams)
            for row, stream in zip(some, streams, strict=True):
                requests += _terms(row, *known[stream], at_us)
        for one, answer in zip(requests, in_chunks(self._desk.ledger, requests), strict=True):
            self._tally.new += not answer.replayed
            self._tally.replayed += answer.replayed
            if answer.refused is not None:
                self._refuse_merchant(one, answer.refused)
        self._merchants = len(self._feed.merchants)

    def _take_up_timers(self) -> None:
        """Transactions of earlier feeds, or of live trade, that wait for their confirmation."""
        self._desk.catch_up()
        last: transactions.Timer | None = None
        with self._desk.engine.connect() as connection:
            while page := transactions.awaiting_confirmation(connection, EVER_US, PAGE, last):
                self._timers += page
                last = page[-1]
        self._taken_up = {one.transaction_id for one in self._timers}
        heapq.heapify(self._timers)

    # Days.

    def _by_day(self) -> Iterator[tuple[date, Iterator[Checkout | RefundRow]]]:
        return groupby(self._feed.actions(), lambda action: shanghai_date(_at_us(action)))

    def _day(self, on: date, rows: Iterator[Checkout | RefundRow]) -> None:
        """Run a day's rows with the timers between them, in waves; then end it."""
        closed = on < self._open_date()
        submit = self._look_up if closed else self._desk.ledger.submit_all
        for row in rows:
            self._due(_at_us(row))
            self._wave.actions.append(row)
            self._run_wave(on, submit, WAVE_SIZE)
        self._due(day_end_us(on))
        self._run_wave(on, submit, 1)
        if not closed:
            self._days.append(end_of_day(self._desk, on))
        self._progress(on, self._feed.consumed, self._feed.total_rows)

    def _run_wave(self, on: date, submit: Any, full: int) -> None:
        if len(self._wave.actions) >= full:
            self._wave.run(submit)
            self._progress(on, self._feed.consumed, self._feed.total_rows)

    def _due(self, before_us: int) -> None:
        """Confirmations whose time comes before an instant join the wave."""
        while self._timers and self._timers[0][0] < before_us:
            at_us, transaction_id = heapq.heappop(self._timers)
            self._wave.actions.append(Confirmation(at_us, transaction_id))

    def _paid(self, checkout: Checkout) -> None:
        for row in checkout.lines:
            transaction_id = transaction.identity(row.merchant, checkout.order_no)
            if transaction_id not in self._taken_up:
                at_us = checkout.placed_at_us + CONFIRM_AFTER_US
                heapq.heappush(self._timers, transactions.Timer(at_us, transaction_id))

    def _open_date(self) -> date:
        open_date = self._desk.ledger.state(day.STREAM).open_date
        if open_date is None:
            raise Refused(Code.DAY_NOT_OPEN, "date")
        return open_date

    def _look_up(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Requests of a day that is closed: only what was imported before has an answer."""
        kept = {
            receipt.number: receipt
            for receipt in self._desk.ledger.recorder.read_receipts(
                [one.number for one in requests]
            )
        }
        return [
            answers.replay(kept[one.number], answers.digest_of(one.command))
            if one.number in kept
            else None
            for one in requests
        ]

    # Refusals and the report.

    def _refuse_rows(self, action: Checkout | RefundRow, why: Refusal) -> None:
        rows: Sequence[Any] = action.lines if isinstance(action, Checkout) else (action,)
        for row in rows:
            file = row.file if isinstance(row, RefundRow) else self._feed.orders_file
            text = csv_row(_fields(row)).rstrip("\n")
            self._ledger_rejects.append(
                Reject(file, row.line, why.code, why.field, why.detail, text)
            )

    def _refuse_merchant(self, one: Request, why: Refusal) -> None:
        merchant = one.command.member_id  # type: ignore[attr-defined]
        file = self._feed.merchants_file
        self._ledger_rejects.append(Reject(file, 0, why.code, why.field, why.detail, merchant))

    def _report(self, before: int) -> ImportReport:
        position = self._desk.ledger.head().position
        return ImportReport(
            first_day=self._feed.first_day,
            last_day=self._feed.last_day,
            merchants=self._merchants,
            checkouts=self._tally.checkouts,
            transactions=self._tally.transactions,
            refunds=self._tally.refunds,
            confirmed=self._tally.confirmed,
            rejected=len(self.rejects),
            new=self._tally.new,
            replayed=self._tally.replayed,
            days_closed=sum(report.closed for report in self._days),
            batches_settled=sum(report.settled for report in self._days),
            facts=position - before,
            position=position,
            hindrances=[one for report in self._days for one in report.hindrances],
        )


def _terms(row: MerchantRow, version: int, known: member.State, at_us: int) -> list[Request]:
    """What makes a merchant's terms those of the feed. Their numbers carry the member's version:
    terms may go back and forth, also within one day."""
    rule = FeeRule(row.fee_bps)
    if known.kind is None:
        command = RegisterMember(row.merchant, "enterprise", row.name, rule, row.settlement_cycle)
        return [request(f"register:{row.merchant}", at_us, command, ACTOR)]
    on = shanghai_date(at_us)
    requests = []
    if _in_force(known.fee_rules, on) != rule:
        number = f"fee:{row.merchant}:{version}"
        requests.append(request(number, at_us, SetFeeRule(row.merchant, on, rule), ACTOR))
    terms = _in_force(known.settlement_terms, on)
    if terms is None or terms.cycle != row.settlement_cycle:
        number = f"cycle:{row.merchant}:{version}"
        change = SetSettlementTerms(row.merchant, on, row.settlement_cycle)
        requests.append(request(number, at_us, change, ACTOR))
    return requests


def _in_force(terms: Sequence[tuple[date, TermsT]], on: date) -> TermsT | None:
    """The newest terms whose date has come; None when all begin later, or there are none."""
    return next((one for since, one in reversed(terms) if since <= on), None)


def _at_us(action: Checkout | RefundRow) -> int:
    return action.placed_at_us if isinstance(action, Checkout) else action.requested_at_us


def _fields(row: Any) -> list[str]:
    """The columns of a row, as the feed spells them."""
    if isinstance(row, RefundRow):
        times = iso_time(row.requested_at_us)
        return [row.refund_no, times, row.order_no, row.merchant, str(row.amount_fen)]
    return [
        row.order_no,
        iso_time(row.placed_at_us),
        row.buyer,
        row.merchant,
        str(row.amount_fen),
        str(row.items),
        row.subject,
        row.method,
    ]
