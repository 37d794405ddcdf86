"""The import: a feed's merchants, then its days, each ended by the end-of-day run.

What was imported before is answered from the receipts: an import that was killed goes on where it
stopped, and importing the same feed again changes nothing. A row whose day is over is posted late:
on the open business day, under its own time.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from msgspec import UNSET, Struct
from msgspec.structs import astuple, replace

from api.operations.desk import Desk, in_chunks, operating, request
from api.operations.end_of_day import DayReport, Hindrance, certify_closed, end_of_day
from api.operations.feed.reader import Feed
from api.operations.feed.rejects import Awaiting, Late, Reject
from api.operations.feed.rows import FeedOrder, MerchantRow, RefundRow
from api.operations.feed.sorting import Sorter
from api.operations.feed.terms import NONE, FeedTerms, refuse_strangers
from api.operations.importing.checks import known_merchants, refuse_gaps, refuse_merchants
from api.operations.importing.wave import ACTOR, WAVE_SIZE, Confirmation, Tally, Wave
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US, Request, day_end_us, shanghai_date
from domain.ledger.answer import Refusal
from domain.member import agreement, member
from domain.member.agreement import STANDARD
from domain.member.commands import (
    RegisterMember,
    SetFeeRule,
    SetSettlementTerms,
    SignMerchantAgreement,
)
from domain.member.terms import Consent, SettlementTerms
from domain.money import FeeRule
from domain.order.commands import CONFIRM_AFTER_US
from domain.refusals import Code, Refused
from domain.transaction import transaction
from projections.engine.lease import Lease
from projections.models import transactions

ONE_DAY = timedelta(days=1)
EVER_US = 2**62
PAGE = 10_000

# Told after every wave and day: the day at hand, and records consumed of how many.
Progress = Callable[[date, int, int], None]


class ImportReport(Struct, frozen=True):
    """What an import did. `new` counts requests this run decided, `replayed` those that an earlier
    run had; `new` = 0 means that the feed was in the books already. `late` counts rows this run
    posted on a day after their own, `awaiting_approval` refunds above a debt limit that nobody has
    approved yet. `hindrances` are the steps that still wait at the end."""

    first_day: date | None
    last_day: date | None
    merchants: int
    checkouts: int
    transactions: int
    refunds: int
    confirmed: int
    rejected: int
    late: int
    awaiting_approval: int
    new: int
    replayed: int
    days_closed: int
    batches_settled: int
    facts: int
    position: int
    hindrances: list[Hindrance]


class Due(NamedTuple):
    """A timer that will run out (UTC µs); `order_no` is empty for one of an earlier feed."""

    at_us: int
    transaction_id: str
    order_no: str = ""


class Importer:
    """One run over one feed. What it refuses is added to `feed.rejects`."""

    def __init__(
        self,
        desk: Desk,
        feed: Feed,
        progress: Progress = lambda *_: None,
        *,
        allow_gap: bool = False,
        terms: FeedTerms = NONE,
    ) -> None:
        self.late: Sorter[Late] = Sorter(Late, lambda one: (one.file, one.line))
        self.awaiting: Sorter[Awaiting] = Sorter(Awaiting, lambda one: (one.file, one.line))
        self._desk = desk
        self._feed = feed
        self._progress = progress
        self._allow_gap = allow_gap
        self._terms = terms
        self._tally = Tally()
        self._timers: Iterator[Due] = iter(())
        self._next: Due | None = None
        self._taken_up: set[str] = set()  # Waiting before this run; not to be queued twice.
        self._unpaid: set[str] = set()
        self._days_closed = self._batches_settled = 0
        self._last_day: DayReport | None = None
        self._wave = Wave(desk, self._tally, _Told(self))

    @property
    def rejects(self) -> list[Reject]:
        """All rows refused so far, by file and line: of a feed that is not larger than memory."""
        return list(self._feed.rejects)

    def run(self, settle_through: date | None = None) -> ImportReport:
        """Run the feed, then the days after it through `settle_through`, each with its end.

        Raises Refused before anything is booked when a merchant is refused, when terms are told of
        one that the feed does not list, or when the feed has a gap of more than 31 days that is not
        allowed; and when somebody else runs the ledger's operations, or the books cannot be opened.
        """
        with operating(self._desk) as held:
            return self._run(held, settle_through)

    def _run(self, held: Lease, settle_through: date | None) -> ImportReport:
        before = self._desk.ledger.head().position
        first, last = self._feed.first_day, self._feed.last_day
        refuse_merchants(self._desk.ledger, self._feed)
        refuse_strangers(self._feed, self._terms)
        if first is not None and last is not None:
            open_date: date | None = self._desk.ledger.state(day.STREAM).open_date
            refuse_gaps(self._feed, open_date, allow_gap=self._allow_gap)
            self._open_books(first)
            certify_closed(self._desk)
            self._register_merchants(first)
            self._take_up_timers()
            self._run_days(held, first, max(last, settle_through or last))
            self._desk.catch_up()
        return self._report(before)

    # Opening.

    def _open_books(self, first: date) -> None:
        state = self._desk.ledger.state(day.STREAM)
        if state.open_date is None:
            at_us = day_end_us(first) - DAY_US
            opening = request(f"books.open:{first}", at_us, OpenBooks(first), ACTOR)
            self._desk.ledger.submit(opening).unwrap()

    def _register_merchants(self, first: date) -> None:
        """New merchants are registered; the terms of known ones change as the feed says, from its
        first day on (or the open day, when that is later). Raises what refuses one."""
        since = max(first, self._open_date())
        requests: list[Request] = []
        for row, version, known in known_merchants(self._desk.ledger, self._feed):
            agreed = self._terms.get(row.merchant)
            wanted = None if agreed is None else agreed.of(row)
            requests += _terms(row, wanted, version, known, first, since)
            if known.needs_agreement and not self._has_signed(row.merchant, first):
                requests.append(_signing(row, version, first))
        answers = self._tally.count(in_chunks(self._desk.ledger, requests))
        for one, answer in zip(requests, answers, strict=True):
            if (why := answer.refused) is not None:
                merchant: str = one.command.member_id  # type: ignore[attr-defined]
                file = self._feed.merchants_file
                reject = Reject(file, 0, why.code, why.field, why.detail, merchant)
                self._feed.rejects.add(reject)
        refuse_merchants(None, self._feed)

    def _has_signed(self, merchant: str, first: date) -> bool:
        """Whether anything was signed, or ended, that has begun on the feed's first day."""
        return agreement.has_begun(self._desk.ledger.state(agreement.stream(merchant)), first)

    def _take_up_timers(self) -> None:
        """Transactions of earlier feeds, or of live trade, that wait for their confirmation; after
        them those of this feed, each when its time comes."""
        self._desk.catch_up()
        waiting: list[Due] = []
        last: transactions.Timer | None = None
        with self._desk.engine.connect() as connection:
            while page := transactions.awaiting_confirmation(connection, EVER_US, PAGE, last):
                waiting += [Due(one.confirm_by_us, one.transaction_id) for one in page]
                last = page[-1]
        self._taken_up = {one.transaction_id for one in waiting}
        self._timers = heapq.merge(sorted(waiting), self._timers_of_feed())
        self._next = next(self._timers, None)

    def _timers_of_feed(self) -> Iterator[Due]:
        """The timers of the feed's transactions, by time: its checkouts again, seven days later."""
        placed_at = attrgetter("placed_at_us")
        for at_us, together in groupby(self._feed.checkouts(), placed_at):
            due = [
                Due(
                    at_us + CONFIRM_AFTER_US,
                    transaction.identity(row.merchant, checkout.order_no),
                    checkout.order_no,
                )
                for checkout in together
                for row in checkout.lines
            ]
            yield from sorted(one for one in due if one.transaction_id not in self._taken_up)

    # Days.

    def _run_days(self, held: Lease, first: date, last: date) -> None:
        by_day = groupby(self._feed.actions(), lambda action: shanghai_date(_at_us(action)))
        upcoming = next(by_day, None)
        # Days between the open one and the feed's first end first: what the feed brings must not be
        # posted to a day long before it.
        on = min(first, self._open_date())
        while on <= last:
            held.check()
            if upcoming is not None and upcoming[0] == on:
                self._day(on, upcoming[1])
                upcoming = next(by_day, None)
            else:
                self._day(on, iter(()))
            on += ONE_DAY
        open_date = self._open_date()
        if on < open_date:  # The feed ends before the open day; timers ran out since.
            self._due(day_end_us(open_date) - DAY_US)
            self._run_wave(on, open_date, 1)

    def _day(self, on: date, rows: Iterator[FeedOrder | RefundRow]) -> None:
        """Run a day's rows with the timers between them, in waves; then end it, unless it is over
        and they are late."""
        open_date = self._open_date()
        late_on = open_date if on < open_date else None
        for row in rows:
            self._due(_at_us(row))
            self._wave.actions.append(row)
            self._run_wave(on, late_on, WAVE_SIZE)
        self._due(day_end_us(on))
        self._run_wave(on, late_on, 1)
        if late_on is None:
            report = end_of_day(self._desk, on)
            self._days_closed += report.closed
            self._batches_settled += report.settled
            self._last_day = report
        self._progress(on, self._feed.consumed, self._feed.total_rows)

    def _run_wave(self, on: date, late_on: date | None, full: int) -> None:
        if len(self._wave.actions) >= full:
            self._wave.run(late_on)
            self._progress(on, self._feed.consumed, self._feed.total_rows)

    def _due(self, before_us: int) -> None:
        """Confirmations whose time comes before an instant join the wave."""
        while (due := self._next) is not None and due.at_us < before_us:
            self._next = next(self._timers, None)
            if due.order_no not in self._unpaid:
                self._wave.actions.append(Confirmation(due.at_us, due.transaction_id))

    def _open_date(self) -> date:
        open_date = self._desk.ledger.state(day.STREAM).open_date
        if open_date is None:
            raise Refused(Code.DAY_NOT_OPEN, "date")
        return open_date

    def _report(self, before: int) -> ImportReport:
        position = self._desk.ledger.head().position
        return ImportReport(
            first_day=self._feed.first_day,
            last_day=self._feed.last_day,
            merchants=len(self._feed.merchants),
            checkouts=self._tally.checkouts,
            transactions=self._tally.transactions,
            refunds=self._tally.refunds,
            confirmed=self._tally.confirmed,
            rejected=len(self._feed.rejects),
            late=len(self.late),
            awaiting_approval=len(self.awaiting),
            new=self._tally.new,
            replayed=self._tally.replayed,
            days_closed=self._days_closed,
            batches_settled=self._batches_settled,
            facts=position - before,
            position=position,
            # A step that is held up is tried again every day: the last one says what still is.
            hindrances=self._last_day.hindrances if self._last_day is not None else [],
        )


class _Told:
    """What the waves say of single rows."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer

    def refused(self, row: FeedOrder | RefundRow, why: Refusal) -> None:
        feed = self._importer._feed
        for one in row.lines if isinstance(row, FeedOrder) else (row,):
            feed.refuse(one, Refused(why.code, why.field, why.detail))

    def unpaid(self, checkout: FeedOrder) -> None:
        self._importer._unpaid.add(checkout.order_no)

    def awaiting(self, row: RefundRow) -> None:
        at_us = row.requested_at_us
        one = Awaiting(row.file, row.line, row.refund_no, at_us, row.text)
        self._importer.awaiting.add(one)

    def late(self, row: FeedOrder | RefundRow, on: date) -> None:
        feed, late = self._importer._feed, self._importer.late
        if isinstance(row, FeedOrder):
            for one in row.lines:
                at_us, file = one.placed_at_us, feed.orders_file
                late.add(Late(file, one.line, one.order_no, at_us, str(on), one.text))
        else:
            at_us = row.requested_at_us
            late.add(Late(row.file, row.line, row.refund_no, at_us, str(on), row.text))


def _terms(
    row: MerchantRow,
    wanted: SettlementTerms | None,
    version: int,
    known: member.State,
    first: date,
    since: date,
) -> list[Request]:
    """What makes a merchant's terms those of the feed, and `wanted` of its settlement if they are
    told beside it. Their numbers carry the member's version: terms may go back and forth, also
    within one day.

    They apply from `since` on; from the feed's `first` day on, though that may be over, where the
    merchant has none yet on that day: rows that are late find the terms of their own time.
    """
    rule, terms = FeeRule(row.fee_bps), wanted or SettlementTerms(row.settlement_cycle)
    if known.kind is None:
        command = RegisterMember(
            row.merchant, "enterprise", row.name, rule, terms.cycle, agreement=STANDARD
        )
        requests = [request(f"register:{row.merchant}", _begins_us(first), command, ACTOR)]
        if terms != SettlementTerms(terms.cycle):
            requests.append(_settled(row.merchant, version, first, terms))
        return requests
    requests = []
    had = known.fee_rule_in_force(first)
    if had is None or known.fee_rule_in_force(since) != rule:
        on = first if had is None else since
        number = f"fee:{row.merchant}:{version}"
        consent = Consent(row.merchant, on, "the merchants of the feed")
        fees = SetFeeRule(row.merchant, on, rule, consent, notice_days=0)
        requests.append(request(number, _begins_us(on), fees, ACTOR))
    agreed = known.settlement_terms_in_force(first)
    now = known.settlement_terms_in_force(since)
    if wanted is None and now is not None:
        terms = replace(now, cycle=row.settlement_cycle)  # A feed says the cycle, and no more.
    if agreed is None or now != terms:
        on = first if agreed is None else since
        requests.append(_settled(row.merchant, version, on, terms))
    return requests


def _settled(merchant: str, version: int, on: date, terms: SettlementTerms) -> Request:
    cycle, most, *more = astuple(terms)
    later = [value or UNSET for value in more]
    change = SetSettlementTerms(merchant, on, cycle, most, *later)
    return request(f"cycle:{merchant}:{version}", _begins_us(on), change, ACTOR)


def _signing(row: MerchantRow, version: int, first: date) -> Request:
    """A merchant that has no agreement yet on the feed's first day signs what a feed needs."""
    command = SignMerchantAgreement(row.merchant, first, STANDARD)
    return request(f"agreement:{row.merchant}:{version}", _begins_us(first), command, ACTOR)


def _begins_us(on: date) -> int:
    return day_end_us(on) - DAY_US


def _at_us(action: FeedOrder | RefundRow) -> int:
    return action.placed_at_us if isinstance(action, FeedOrder) else action.requested_at_us
