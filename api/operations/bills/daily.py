"""Reconciliation by the day: the bills of the day before are fetched from ten o'clock on, matched,
and what differs is recorded, without anybody.

A day is compared once the books have ended it: before that its payouts are not instructed, and its
statement would show what nobody here knows of.

Everything it goes by is on record: a day's bill is wanted until there is a version of it, a day is
worked on until its newest versions are the ones that were compared. So a process that is killed
anywhere is followed by one that goes on. That a bill is not ready is no fact: it is asked for again
after a while, at once by a new process. Off where no source of bills is set.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.bills.fetching import fetch_bill
from api.operations.bills.funds import Funds, reconcile_funds
from api.operations.bills.importing import BillRefused, Importer, Wanted
from api.operations.bills.lines import OthersFill
from api.operations.bills.reading import BillChanged
from api.operations.desk import WORKER, Desk
from api.operations.reconciling.running import Books, Reconciler
from domain.channel.bills import BillSource
from domain.channel.channels import CHANNELS, PAYOUT_CHANNEL
from domain.channel.commands import is_registered
from domain.clearing import day as business
from domain.kernel import DAY_US, MICROSECONDS, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.reconciliation import bill, session, statement, verdict
from domain.reconciliation.bills.formats import format_for
from domain.reconciliation.bills.line import BillKind
from domain.reconciliation.funding import CLEARING, channels_of, expected
from domain.refusals import Refused
from projections.engine.lease import LeaseTaken, lease
from projections.models import business_days

log = logging.getLogger("zhangfang.bills")

READY_US = 10 * 3600 * MICROSECONDS  # After midnight: bills of the day before are there, as a rule.
AGAIN_US = 30 * 60 * MICROSECONDS  # Then what was not ready, or could not be had, is asked for.
POLL_SECONDS = 30
MOST_DAYS = 14  # However far back days are ended: older bills are left to persons.
BILLS = "bills"  # The lease of whoever fetches and matches.
Sources = Callable[[], Mapping[str, BillSource]]
Asked = tuple[str, BillKind, date]
FundBill = tuple[str, int]  # The bill's stream, and its version.


class DailyStatus(Struct):
    """What operators see: rounds done, and the last trouble (UTC µs, text), kept until it ends."""

    rounds: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""


class Daily:
    """Runs in a thread of its own beside the worker; `round` is one pass."""

    def __init__(
        self,
        desk: Desk,
        writes: Engine,
        sources: Sources,
        clock: Callable[[], int],
        *,
        days_behind: int,
    ) -> None:
        """`clock`: the books', UTC µs. Days further back than `days_behind`, at most MOST_DAYS, are
        left to persons."""
        self._desk, self._writes, self._sources = desk, writes, sources
        self._clock = clock
        self._days_behind = min(days_behind, MOST_DAYS)
        self._not_before: dict[Asked, int] = {}
        self._looked_at: set[FundBill] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bills", daemon=True)
        self.status = DailyStatus()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.round()
                self.status.trouble_at_us, self.status.trouble = None, ""
            except Exception as error:  # The next round may do better; operators see what hinders.
                self.status.trouble_at_us = self._clock()
                self.status.trouble = f"{type(error).__name__}: {error}"
                log.exception("reconciliation by the day failed; it is tried again")
            self._stop.wait(POLL_SECONDS)

    def round(self) -> None:
        """Fetch what is wanted, and work on each day that is not done; one process at a time."""
        with suppress(LeaseTaken), lease(self._desk.engine, BILLS):
            days = list(self._days())
            for day in days:
                self._fetch(day)
            for day in days:
                if self._stop.is_set():
                    return
                if self._is_ended(day):
                    self._work_on(day)
            self.status.rounds += 1

    def _days(self) -> Iterator[date]:
        """Days whose bills can be there: from the books' first one on, the oldest first."""
        ledger, now_us = self._desk.ledger, self._clock()
        if ledger.state(business.STREAM).open_date is None:
            return  # Nothing can be posted.
        last = shanghai_date(now_us - READY_US - DAY_US)
        self._desk.projector.catch_up()
        with self._desk.engine.connect() as connection:
            opened = business_days.first_day(connection)
        first = max(last - timedelta(days=self._days_behind - 1), opened or last)
        for count in range((last - first).days + 1):
            yield first + timedelta(days=count)

    def _is_ended(self, day: date) -> bool:
        """Whether the books have closed it: the worker may still be days behind the clock."""
        open_date = self._desk.ledger.state(business.STREAM).open_date
        return open_date is not None and day < open_date

    def _work_on(self, day: date) -> None:
        """Compare a day whose newest bills have not been, by what is on record."""
        late = self._late(day)
        if (late or not is_done(self._desk.ledger, day)) and self._reconcile(day):
            self._looked_at |= late

    def _late(self, day: date) -> set[FundBill]:
        """Fund bills that came after the session that they are for was settled, and have not been
        looked at here: that one has nothing to change is no fact. One that came before stays so,
        and is not asked about again."""
        ledger = self._desk.ledger
        found: set[FundBill] = set()
        for channel in CHANNELS.values():
            fund = bill.stream(channel.name, "fund", day)
            newest = ledger.state(fund).newest
            if newest is None or newest.read is None or (fund, newest.number) in self._looked_at:
                continue
            settled = session.stream(channel.network, day)
            is_late = _last_position(ledger, fund) > _last_position(ledger, settled)
            (found if is_late else self._looked_at).add((fund, newest.number))
        return found

    def _fetch(self, day: date) -> None:
        found = self._sources()
        for channel, kind in wanted_bills(self._desk.ledger, found):
            one = (channel, kind, day)
            now_us = self._clock()
            waits = self._not_before.get(one, 0) > now_us or self._stop.is_set()
            if waits or self._desk.ledger.state(bill.stream(channel, kind, day)).newest is not None:
                continue
            try:
                self._fetch_one(channel, kind, day)
                self._not_before.pop(one, None)
            except (Refused, BillRefused) as no:
                self._not_before[one] = now_us + AGAIN_US
                log.info("%s %s %s: %s", channel, kind, day, no)

    def _fetch_one(self, channel: str, kind: BillKind, day: date) -> None:
        """Each source is closed once it has been asked."""
        source = self._sources()[channel]
        importer = Importer(self._desk.ledger, self._writes, WORKER)
        wanted = Wanted(channel, day, kind, format_for(channel, kind, None))
        fetch_bill(source, importer, wanted, utc_us, at_us=self._clock, pauses=())

    def _reconcile(self, day: date) -> bool:
        """Whether nothing hindered it."""
        desk = self._desk
        books = Books(desk.ledger, desk.engine, self._writes, desk.projector)
        try:
            Reconciler(books, WORKER, self._clock).run(day)
            reconcile_funds(Funds(*books, WORKER, self._clock()), day)
        except (Refused, BillChanged, OthersFill) as no:
            log.warning("%s: %s", day, no)
            return False
        return True


def wanted_bills(ledger: Ledger, sources: Mapping[str, object]) -> Iterator[tuple[str, BillKind]]:
    """Which bills of a day are wanted: of channels that have accounts here and a source; WeChat
    Pay's fund bill as well, which alone says what it gave back of earlier days."""
    for one in CHANNELS.values():
        if one.name not in sources or not is_registered(ledger.state, one.name):
            continue
        kinds: tuple[BillKind, ...] = ("bank",) if one.name == PAYOUT_CHANNEL else ("trade", "fund")
        for kind in kinds:
            with suppress(Refused):  # It has no such bill, or none that we can read.
                format_for(one.name, kind, None)
                yield one.name, kind


def is_done(ledger: Ledger, day: date) -> bool:
    """Whether the newest versions of a day's bills are those that were compared."""
    for clearing in CLEARING:
        channels = channels_of(clearing, ledger.state)
        for channel in channels:
            newest = ledger.state(bill.stream(channel, "trade", day)).newest
            reached = ledger.state(verdict.stream(channel, day)).found
            if newest is not None and (reached is None or reached.bill != newest.number):
                return False
        shares = expected(ledger.state, channels, day)
        last = ledger.state(session.stream(clearing, day)).last
        if last is None and sum(one.due_fen for one in shares) != 0:
            return False
        if last is not None and _versions(last.shares) != _versions(shares):
            return False
    newest = ledger.state(bill.stream(PAYOUT_CHANNEL, "bank", day)).newest
    matched = ledger.state(statement.stream(PAYOUT_CHANNEL, day)).last
    return newest is None or (matched is not None and matched.version == newest.number)


def _last_position(ledger: Ledger, stream: str) -> int:
    """Where a stream's last fact lies; 0 if it has none."""
    return max((one.position for one in ledger.history(stream)), default=0)


def _versions(shares: Sequence[session.Expected]) -> list[tuple[str, int]]:
    return [(one.channel, one.version) for one in shares]
