"""Reconciling a day: what matching finds is compared with what is recorded, and only what is new is
recorded.

What is found follows from the bills in force and the facts alone. So a run that was killed, or came
before another bill, is made good by the next one, and a second run changes nothing. A day's bill
can settle other days too: those come first, so that a run that is stopped between leaves the day
itself undone, and the next one begins with them again.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, select

from api.operations.bills.lines import fill_all
from api.operations.reconciling import days, queries
from api.operations.reconciling.finding import Bill, Finder
from domain.channel.channels import CHANNELS
from domain.channel.commands import is_registered
from domain.channel.costs import pool_days
from domain.kernel import Command, Request
from domain.ledger.ledger import Ledger
from domain.reconciliation import bill, verdict
from domain.reconciliation.commands import begun_day, checked_channel
from domain.reconciliation.difference import A_BILL, UNDECIDED, Why
from domain.reconciliation.judging import (
    MOST_CHANGES,
    Finding,
    Gone,
    ReachVerdict,
    RecordDifferences,
)
from domain.refusals import Code, Refused
from projections.engine.engine import Projector
from projections.models import differences
from projections.models.differences import TABLE as DIFFERENCES
from projections.models.differences import Difference
from projections.rebuilding.digest import snapshot

AGAIN = 5  # How often a day is found anew when its bill or verdict changes meanwhile.


class Report(NamedTuple):
    """Told while a day is worked on: lines done, of how many."""

    channel: str
    day: date
    done: int
    lines: int


Progress = Callable[[Report], None]


class Books(NamedTuple):
    """Where a run reads and writes."""

    ledger: Ledger
    reads: Engine
    writes: Engine
    projector: Projector


class Reconciler:
    """Runs for one person. `clock`: UTC µs."""

    def __init__(
        self, books: Books, actor: str, clock: Callable[[], int], progress: Progress | None = None
    ) -> None:
        self._books = books
        self._actor = actor
        self._clock = clock
        self._progress = progress or (lambda _: None)

    def run(self, day: date, channel: str | None = None) -> None:
        """A day's bills, of one channel or of all that take payments, and what they settle of other
        days. Raises Refused, BillChanged, OthersFill."""
        begun_day(day, self._clock())
        for one in self.channels(channel):
            self._fill(one)
            if self._newest(one, day) is None:
                continue
            self._books.projector.catch_up()
            with snapshot(self._books.reads, []) as connection:
                queries.set_up(connection)
                others = days.settled_by(connection, one, day, self._versions(one, day))
            for other in others:
                if self._books.ledger.state(verdict.stream(one, other)).revision:
                    self._day(one, other)
            self._day(one, day)

    def channels(self, channel: str | None) -> list[str]:
        """The one that is named, or all that have accounts and take payments."""
        load = self._books.ledger.state
        if channel is not None:
            return [checked_channel(channel, load)]
        named = [one.name for one in CHANNELS.values() if one.pays_in]
        return [one for one in named if is_registered(load, one)]

    def _newest(self, channel: str, day: date) -> bill.Version | None:
        return self._books.ledger.state(bill.stream(channel, "trade", day)).newest

    def _versions(self, channel: str, day: date) -> list[str]:
        """The bill in force, and the one on which the last verdict was: what only that one had has
        to be looked for anew."""
        newest = self._newest(channel, day)
        found = self._books.ledger.state(verdict.stream(channel, day)).found
        numbers = {newest.number if newest else 0, found.bill if found else 0} - {0}
        return [f"{channel}.trade.{day}.{number}" for number in sorted(numbers)]

    def _fill(self, channel: str) -> None:
        """The lines of every newest version, where they are not there."""
        books = self._books
        books.projector.catch_up()
        told = partial(self._filled, channel)
        fill_all(books.ledger, books.reads, books.writes, channel, told)

    def _filled(self, channel: str, day: date, done: int, lines: int) -> None:
        self._progress(Report(channel, day, done, lines))

    def _day(self, channel: str, day: date) -> None:
        for left in reversed(range(AGAIN)):
            try:
                self._once(channel, day)
                return
            except Refused as no:
                if no.code != Code.RECONCILIATION_STALE or not left:
                    raise
                self._fill(channel)

    def _once(self, channel: str, day: date) -> None:
        ledger, newest = self._books.ledger, self._newest(channel, day)
        if newest is None:
            return
        state = ledger.state(verdict.stream(channel, day))
        position = self._books.projector.catch_up()["instructions"]
        read = newest.read
        lines, fees = (read.lines, read.fee_milli_fen) if read is not None else (0, 0)
        named = Bill(f"{channel}.trade.{day}.{newest.number}", channel, day, newest.number)
        one = _Recording(self, named, state.revision, position)
        done = 0

        def progress(more: int) -> None:
            nonlocal done
            done += more
            self._progress(Report(channel, day, done, lines))

        with snapshot(self._books.reads, []) as connection:
            queries.set_up(connection)
            complete = days.complete(connection, channel, timedelta(days=pool_days(channel)))
            finder = Finder(ledger, connection, named, complete, progress)
            one.record(connection, finder.differences())
            one.clear(connection)
        found = finder.found(lines, fees)
        if found != state.found:
            self.submit(ReachVerdict(channel, day, state.revision, position, found), position)

    def submit(self, command: ReachVerdict | RecordDifferences, position: int) -> None:
        """A request of its own for every state of the books that it was found in."""
        said = hashlib.sha256(msgspec.json.encode(command)).hexdigest()[:24]
        named = f"{command.channel}:{command.date}:{command.revision}:{position}:{said}"
        wish: Command = command
        request = Request(f"reconcile:{named}", self._clock(), self._actor, wish)
        self._books.ledger.submit(request).unwrap()


class _Recording:
    """What is found on one day, compared with what is recorded, and recorded."""

    def __init__(self, reconciler: Reconciler, named: Bill, revision: int, position: int) -> None:
        self._reconciler = reconciler
        self._bill = named
        self._revision = revision
        self._position = position
        self._there: set[bytes] = set()  # Ids of what was found: 12 bytes each.

    def record(self, connection: Connection, found: Iterator[Finding]) -> None:
        waiting: list[Finding] = []
        new: list[Finding] = []
        for one in found:
            self._there.add(bytes.fromhex(one.id))
            waiting.append(one)
            if len(waiting) == queries.NAMES_AT_ONCE:
                new = self._submitted(new + _news(connection, waiting), MOST_CHANGES)
                waiting = []
        self._submitted(new + _news(connection, waiting), 1)

    def clear(self, connection: Connection) -> None:
        """What is recorded as open and was not found is none; what was claimed has come."""
        wanted = (
            DIFFERENCES.c.channel == self._bill.channel,
            DIFFERENCES.c.on_date == self._bill.day,
            DIFFERENCES.c.state.in_(UNDECIDED) | (DIFFERENCES.c.awaits == A_BILL),
            DIFFERENCES.c.state != "resolved",
            DIFFERENCES.c.kind.in_(queries.TRADE_KINDS),
        )
        columns = (DIFFERENCES.c.difference_id, DIFFERENCES.c.kind)
        query = select(*columns).where(*wanted).order_by(DIFFERENCES.c.position)
        gone = [
            Gone(row.difference_id, _why(row.kind))
            for row in connection.execute(query)
            if bytes.fromhex(row.difference_id) not in self._there
        ]
        for part in queries.chunks(gone, MOST_CHANGES):
            self._send((), tuple(part))

    def _submitted(self, new: list[Finding], least: int) -> list[Finding]:
        """What is left when full commands of these were submitted."""
        while len(new) >= least:
            self._send(tuple(new[:MOST_CHANGES]), ())
            new = new[MOST_CHANGES:]
        return new

    def _send(self, found: tuple[Finding, ...], gone: tuple[Gone, ...]) -> None:
        named = (self._bill.channel, self._bill.day, self._bill.version, self._revision)
        self._reconciler.submit(RecordDifferences(*named, found, gone), self._position)


def _news(connection: Connection, found: Sequence[Finding]) -> list[Finding]:
    """Those that are not recorded as they are."""
    ids = [one.id for one in found]
    query = select(*DIFFERENCES.columns)
    rows = queries.among(connection, query, DIFFERENCES.c.difference_id, ids)
    known = {row.difference_id: Difference(*row) for row in rows}
    return [one for one, name in zip(found, ids, strict=True) if _is_new(one, known.get(name))]


def _is_new(one: Finding, known: differences.Difference | None) -> bool:
    if known is None or known.state == "reversed":
        return True
    if known.state == "resolved" and (known.resolution == "adopt" or known.awaits == A_BILL):
        return True  # It has let its money go.
    about = one.about
    money = (about.ours_fen, about.bill_fen, about.amount_fen)
    same = money == (known.ours_fen, known.bill_fen, known.amount_fen)
    if known.state == "suspected":
        where = (about.bill, about.line, about.serial, about.instruction_id, one.cause)
        there = (known.bill, known.line, known.serial, known.instruction_id, known.cause)
        return one.certain or not same or where != there
    claimed = known.state == "approved" and known.awaits == A_BILL
    return one.certain and not same and (claimed or known.state in UNDECIDED)


def _why(kind: str) -> Why:
    return "matched" if "missing" in kind else "agrees"
