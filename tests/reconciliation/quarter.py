"""The real quarter under test: parts of its feed, ledgers that have it in their books, and what
those say of its bills, beside what bill_oracle.py and fund_oracle.py say.
"""

import csv
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import select

from api.context import AppContext, open_context
from api.operations.bills.funds import Funds, reconcile_funds, statement_answer
from api.operations.bills.importing import Importer, Wanted
from api.operations.explained import UNEXPLAINED
from api.operations.explaining import explain, transits
from api.operations.importing import HistoryChannel
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler
from domain.accounting import account
from domain.ledger.ledger import Ledger, utc_us
from domain.ledger.proof import verify_log
from domain.reconciliation import verdict
from domain.reconciliation.bills.formats import format_for
from domain.reconciliation.bills.line import BillKind
from projections.models.balances import TABLE as BALANCES
from tests.fresh import Write
from tests.reconciliation.bill_oracle import (
    CHANNELS,
    Bills,
    Verdicts,
    feed_rows,
    render,
    seeded,
)
from tests.reconciliation.fund_files import camt, wechat_fund
from tests.reconciliation.fund_oracle import (
    BANK,
    Bank,
    differences,
    matched,
    payouts_of,
    seeded_bank,
)
from tests.stories.books import import_feed, open_books

FEED = Path(__file__).parents[3] / "shared" / "data" / "online-retail"
OPERATOR = "operator:lin"
Source = tuple[str, BillKind]
SOURCES: tuple[Source, ...] = (
    *((channel, "trade") for channel in CHANNELS),
    ("WECHAT_PAY", "fund"),
    (BANK, "bank"),
)
# Of what stands on these, each channel has an account of its own.
OF_CHANNELS = ("1122.01", "1122.02", "1122.04", "2202.01", "2202.02", "2241.08")
PASSED = ("1001.01", "1122.02", "1122.04", "2202.02", "2241.05", "2241.07", "2241.08")
FILES = ("merchants", "orders", "refunds", "bad_refunds")


def part_of(directory: Path, last: date) -> None:
    """The feed up to a day, as files, without the refunds that must be refused."""
    for name in FILES:
        with gzip.open(FEED / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        at = {"orders": "placed_at", "refunds": "requested_at"}.get(name, "")
        kept = [row for row in rows if not at or row[at][:10] <= last.isoformat()]
        with gzip.open(directory / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(kept if name != "bad_refunds" else [])


@cache
def writing(feed: Path, through: date | None = None) -> Write:
    """Imports a feed, and ends the days up to one."""

    def write(url: str) -> None:
        with open_books(url) as desk:
            import_feed(desk, feed, through)

    return write


@dataclass(frozen=True, eq=False)
class Made:
    """What the bills and statements of some days are, what must be found, and how the books that
    they are about are written."""

    feed: Path
    write: Write
    bills: Bills
    verdicts: Verdicts
    bank: Bank

    @property
    def kinds(self) -> set[str]:
        """Which differences there are."""
        of_bills = {kind for one in self.verdicts.values() for kind, *_ in one.differences}
        return of_bills | {one.kind for _, _, one, _ in differences(self.bank, self.bank.last)}

    def file(self, source: Source, day: date) -> bytes:
        channel, kind = source
        if kind == "bank":
            return camt(self.bank, day)
        if kind == "fund":
            return wechat_fund(self.bank, self.bills, day)
        return render(channel, day, self.bills[channel, day])


@cache
def made(feed: Path, last: date, seed: int, share: float) -> Made:
    """Of every day up to `last`; a share of what there is goes wrong in some way."""
    bills, verdicts = seeded(feed_rows(feed), last, seed, share)
    bank = seeded_bank(bills, payouts_of(feed, last), last, seed, 0.25)
    return Made(feed, writing(feed, last), bills, verdicts, bank)


class Stopped(Exception):
    """What a test throws in place of a kill: nothing is caught on the way."""


class Mortal:
    """A ledger that takes so many submissions, and then stops whoever submits."""

    def __init__(self, ledger: Ledger, left: int) -> None:
        self._ledger, self._left = ledger, left

    def __getattr__(self, name: str) -> Any:
        if name in ("submit", "submit_all"):
            if not self._left:
                raise Stopped
            self._left -= 1
        return getattr(self._ledger, name)


class Desk(NamedTuple):
    """A ledger under test, and how its bills come in."""

    context: AppContext
    directory: Path

    def bring(self, one: Made, source: Source, day: date) -> None:
        """Take in a bill, or the statement of a day."""
        path = self.directory / "bill"
        path.write_bytes(one.file(source, day))
        importer = Importer(self.context.ledger, self.context.writes, OPERATOR)
        channel, kind = source
        wanted = Wanted(channel, day, kind, format_for(channel, kind, None))
        importer.import_file(path, wanted, utc_us())

    def compare(self, day: date, source: Source | None = None, dies_after: int = -1) -> Any:
        """What `zhangfang reconcile` does, of one bill or of all, and `zhangfang funds reconcile`,
        whose answer it is; stopped after so many commands it is begun anew."""
        ledger = self.context.ledger
        given = Mortal(ledger, dies_after) if dies_after >= 0 else ledger
        try:
            return self._compare(given, day, source)
        except Stopped:
            return self._compare(ledger, day, source)

    def _compare(self, ledger: Any, day: date, source: Source | None) -> Any:
        books = Books(ledger, *self.books[1:])
        if source is None or source[1] == "trade":
            channel = source[0] if source is not None else None
            Reconciler(books, OPERATOR, utc_us).run(day, channel)
        return reconcile_funds(Funds(*books, OPERATOR, utc_us()), day)

    @property
    def books(self) -> Books:
        one = self.context
        return Books(one.ledger, one.engine, one.writes, one.projector)

    def answers(self, day: date, channels: Sequence[str] = CHANNELS) -> list[dict[str, Any]]:
        """What is said of channels' bills, and of the bank's statement where there is one."""
        self.context.projector.catch_up()
        with self.context.engine.connect() as connection:
            bank = statement_answer(self.context.ledger, connection, day)
            return answer(connection, day, channels) + ([bank] if bank is not None else [])

    def balance(self, leaf: str) -> int:
        return self.context.ledger.state(account.stream(leaf)).balance_fen


@contextmanager
def opened(url: str, directory: Path) -> Iterator[Desk]:
    context = open_context(url, HistoryChannel())
    try:
        yield Desk(context, directory)
    finally:
        context.close()


def days_of(bills: Bills) -> list[date]:
    return sorted({day for _, day in bills})


Said = tuple[int, int, int, int, Counter[tuple[str, str, int, int]]]


def found(desk: Desk, bills: Bills) -> dict[tuple[str, date], Said]:
    """What the books say of each bill and statement, without ids and times."""
    said = {}
    for day in days_of(bills):
        for one in desk.answers(day):
            listed = Counter(
                (each["type"], each["number"], each["ours_fen"], each["bill_fen"])
                for each in one["differences"]
            )
            matched = one["matched"]
            sums = (matched["count"], matched["paid_fen"], matched["refunded_fen"])
            said[one["channel"], day] = (one["lines"], *sums, listed)
    return said


def expected(verdicts: Verdicts, bank: Bank | None = None) -> dict[tuple[str, date], Said]:
    said: dict[tuple[str, date], Said] = {
        key: (one.lines, one.count, one.paid_fen, one.refunded_fen, Counter(one.differences))
        for key, one in verdicts.items()
    }
    if bank is not None:
        for day in bank.statements:
            said[BANK, day] = (*matched(bank, day), Counter())
        for channel, day, one, _ in differences(bank, bank.last):
            said[channel, day][-1][one.kind, one.number, one.ours, one.bank] += 1
    return said


def stands(desk: Desk, waits: Counter[str], codes: Iterable[str]) -> None:
    """Each account of these codes has what the oracle says, and no more."""
    for code in codes:
        leaves = [f"{code}.{one}" for one in (*CHANNELS, BANK)] if code in OF_CHANNELS else [code]
        there = {leaf: desk.balance(leaf) for leaf in leaves}
        assert there == {leaf: waits[leaf] for leaf in leaves}


def explained(desk: Desk) -> None:
    """The log proves itself, and all that stands on a transit account is said to be something."""
    findings = verify_log(desk.context.ledger.recorder)
    assert not findings, [str(one) for one in findings]
    desk.context.projector.catch_up()
    with desk.context.engine.connect() as connection:
        for leaf in transits(connection):
            told = explain(connection, leaf)
            assert sum(one.amount_fen for one in told.items) == told.balance_fen
            assert UNEXPLAINED not in [one.name for one in told.items], leaf


class Ends(NamedTuple):
    """What it has come to: answers with the ids of differences, who was matched with whom, what
    each account has, and how often which fact stands in which stream. No times, no positions."""

    answers: list[Any]
    verdicts: dict[str, Any]
    balances: dict[str, int]
    facts: dict[str, list[str]]

    def digest(self) -> str:
        """Of all but the facts: in another order of arrival there are more of them."""
        said = (self.answers, self.verdicts, self.balances)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def ends(desk: Desk, days: Iterable[date]) -> Ends:
    days = list(days)
    answers = [one for day in days for one in desk.answers(day)]
    for one in answers:
        for each in one["differences"]:
            del each["since"]
    load = desk.context.ledger.state
    streams = {f"{one}.{day}": verdict.stream(one, day) for day in days for one in CHANNELS}
    verdicts = {name: msgspec.to_builtins(load(one).found) for name, one in streams.items()}
    with desk.context.engine.connect() as connection:
        rows = connection.execute(select(BALANCES.c.account, BALANCES.c.balance_fen))
        there = {one.account: one.balance_fen for one in rows}
    facts = defaultdict(list)
    for row in desk.context.ledger.recorder.read_log(0, 10**9):
        if not row.stream.startswith("account-"):  # One for all that a command posts at once.
            facts[row.stream].append(row.name)
    return Ends(answers, verdicts, there, dict(facts))
