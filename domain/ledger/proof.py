"""Proving the log: hashes, gaps, seals, decoding, conservation, floors, reserve identity, dates.

Reads everything that was ever stored, in order, trusting nothing but the rows themselves: no
projection, no cache; snapshots are compared with the facts, never believed. What it finds is named
by commit and position.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from msgspec import Struct

from domain.accounting import account
from domain.accounting.chart import (
    FEE_EARNED,
    OWN_IN_RESERVE,
    RESERVE_IDENTITY,
    chart_account,
    split_id,
)
from domain.accounting.entry import imbalance_of
from domain.clearing import day
from domain.eventstore.recorder import (
    GENESIS,
    CommitRow,
    EventRow,
    LedgerRecorder,
    chain,
    digest_of,
)
from domain.kernel import Entry, Recorded
from domain.ledger import codec, promised
from domain.ledger.capacity import CapacityBook
from domain.ledger.certificate_book import CertificateBook
from domain.ledger.controls import ItemBook
from domain.ledger.position_book import PositionBook
from domain.ledger.seals import SealChain
from domain.ledger.unit import WITH_ENTRY
from domain.refusals import Refused

COMMITS_PAGE = 1_000
SNAPSHOTS_PAGE = 100
BEFORE_ALL = -(2**63)  # Below every position and number that a row should have.
COMMIT_ROW = [int] * 5 + [bytes] * 2 + [int, bytes]
MAX_FINDINGS = 100
NAMES_BLOB = (
    "exchange",
    "blob",
    "mapping",
    "evidence",
)  # What a fact calls the SHA-256 of what it needs.

# Told how many facts are done, of how many.
Progress = Callable[[int, int], None]
# Of the blobs that facts name (hex SHA-256): those that are wrong, and how.
Blobs = Callable[[list[str]], list[tuple[str, str]]]
# Whether an error says that the database is away, busy or full.
Away = Callable[[Exception], bool]


class Finding(Struct, frozen=True):
    """Something that is off: which check, where (commit, position, stream), and what."""

    check: str
    where: str
    detail: str


class _Enough(Exception):
    """As many findings as anyone will read."""


class _Books:
    """What the facts so far add up to."""

    def __init__(self, report: Callable[[str, str, str], None], kept: dict[int, int]) -> None:
        """`kept`: what snapshots say was promised, by position."""
        self._report = report
        self._balances: dict[str, int] = {}  # account -> debits − credits, fen
        self._identity_fen = 0
        self._mirrored = False  # From the account's opening on; older books have none.
        self._open: date | None = None
        self._unposted: dict[tuple[str, str], list[int]] = {}  # of the commit at hand
        self._touched: set[str] = set()
        self._items = ItemBook(report)
        self._positions = PositionBook(report)
        self.certificates = CertificateBook(report)
        self.capacity = CapacityBook(report, kept)
        self.named: dict[str, str] = {}  # Blobs that the facts of the commit at hand name: where.

    def take(self, recorded: Recorded) -> None:
        fact = recorded.fact
        where = f"position {recorded.position} ({recorded.reference})"
        self._items.take(recorded, where)
        self._positions.take(recorded, where)
        self.certificates.take(recorded, where)
        self.capacity.take(recorded)
        for field in NAMES_BLOB:
            if named := getattr(fact, field, ""):
                self.named[named] = where
        if isinstance(fact, account.Posted):
            self._posted(recorded, fact, where)
        elif isinstance(fact, account.Opened):
            self._mirrored = self._mirrored or fact.account == OWN_IN_RESERVE
        elif isinstance(fact, day.Opened):
            self._open = fact.date
        elif isinstance(fact, day.Closed):
            self._open = None
        elif type(fact) in WITH_ENTRY and fact.entry is not None:
            self._entered(recorded.reference, fact.entry, where)

    def _entered(self, reference: str, entry: Entry, where: str) -> None:
        wrong = imbalance_of((entry,))
        if wrong:
            self._report("conservation", where, wrong)
        if entry.date != self._open:
            self._report("accounting date", where, f"{entry.date}, but {self._open} was open")
        for line in entry.lines:
            self._count((line.account, reference), line.debit_fen, line.credit_fen)

    def _posted(self, recorded: Recorded, fact: account.Posted, where: str) -> None:
        name = account.id_of(recorded.stream)
        moved_fen = 0
        for line in fact.lines:
            moved_fen += line.debit_fen - line.credit_fen
            self._count((name, line.entry), -line.debit_fen, -line.credit_fen)
        self._balances[name] = self._balances.get(name, 0) + moved_fen
        self._touched.add(name)
        try:
            if split_id(name)[0] in RESERVE_IDENTITY:
                self._identity_fen += moved_fen
        except Refused as no:
            self._report("chart", where, str(no))

    def _count(self, key: tuple[str, str], debit_fen: int, credit_fen: int) -> None:
        totals = self._unposted.setdefault(key, [0, 0])
        totals[0] += debit_fen
        totals[1] += credit_fen

    def end_commit(self, number: int) -> None:
        """What must hold after every commit."""
        where = f"commit {number}"
        for (name, reference), (debit_fen, credit_fen) in self._unposted.items():
            if debit_fen or credit_fen:
                off = f"{name}, {reference}: {debit_fen} / {credit_fen} fen not posted as entered"
                self._report("conservation", where, off)
        if self._identity_fen:
            self._report("reserve identity", where, f"off by {self._identity_fen} fen")
        if self._mirrored and not self._touched.isdisjoint((FEE_EARNED, OWN_IN_RESERVE)):
            self._check_mirror(where)
        for name in self._touched:
            self._check_balance(name, where)
        self._unposted.clear()
        self._touched.clear()

    def _check_mirror(self, where: str) -> None:
        inside_fen, mirror_fen = (
            -self._balances.get(FEE_EARNED, 0),
            self._balances.get(OWN_IN_RESERVE, 0),
        )
        if inside_fen != mirror_fen:
            said = f"{FEE_EARNED} is at {inside_fen} fen, {OWN_IN_RESERVE} at {mirror_fen}"
            self._report("mirror", where, said)

    def _check_balance(self, name: str, where: str) -> None:
        try:
            line = chart_account(name)
        except Refused:
            return  # Reported when it was posted to.
        balance_fen = self._balances[name] if line.debit_normal else -self._balances[name]
        if line.floored and balance_fen < 0:
            self._report("floor", where, f"{name} is at {balance_fen} fen")
        self._items.compare(name, balance_fen, where)


def verify_log(
    recorder: LedgerRecorder,
    progress: Progress = lambda _done, _total: None,
    away: Away = lambda _error: False,
    blobs: Blobs = lambda _named: [],
) -> list[Finding]:
    """Everything that is off in the log, at most MAX_FINDINGS; empty when it is sound. `blobs`
    hashes again what facts name.

    Raises what `away` says is the database's trouble and not the log's.
    """
    findings: list[Finding] = []

    def report(check: str, where: str, detail: str) -> None:
        findings.append(Finding(check, where, detail))
        if len(findings) >= MAX_FINDINGS:
            raise _Enough

    with suppress(_Enough):
        with _stumbling(report, "the commits", away):
            _walk(recorder, report, progress, away, blobs)
        with _stumbling(report, "the versions", away):
            for stream in recorder.broken_streams(10):
                report("versions", stream, "its versions are not 1, 2, 3, …")
        with _stumbling(report, "the receipts", away):
            for number in recorder.stray_receipts(10):
                report("receipts", number, "names a commit that the log does not have")
        with _stumbling(report, "the snapshots", away):
            _check_snapshots(recorder, report)
    return findings


@contextmanager
def _stumbling(report: Any, where: str, away: Away) -> Iterator[None]:
    """Whatever is stumbled over in a log somebody has tampered with is a finding, and says where.

    Not what `away` knows: then the database is the trouble, and nothing is known about the log.
    """
    try:
        yield
    except _Enough:
        raise
    except Exception as error:
        if away(error):
            raise
        report("log", where, f"cannot be read: {type(error).__name__}: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _walk(
    recorder: LedgerRecorder, report: Any, progress: Progress, away: Away, blobs: Blobs
) -> None:
    books = _Books(report, _kept_promises(recorder))
    head = GENESIS
    seals = SealChain(recorder, report)
    end = recorder.head()  # Whatever is committed from now on is for the next run to prove.
    for row in recorder.read_log(BEFORE_ALL, MAX_FINDINGS, 0):
        report("gaps", f"position {row.position}", "stands before the first commit of the log")
    for commit in _commits(recorder, end.number):
        where = f"commit {commit.number}"
        if [type(value) for value in commit] != COMMIT_ROW:  # SQLite keeps any type anywhere.
            report("gaps", where, "its row in the log cannot be read")
            raise _Enough
        if commit.number != head.number + 1:
            report("gaps", where, f"follows commit {head.number}")
        if commit.first_position != head.position + 1:
            report("gaps", where, f"begins at {commit.first_position} after {head.position}")
        with _stumbling(report, where, away):
            rows = _events(recorder, head.position, commit.last_position)
            _check_hashes(recorder, commit, rows, head.hash, report)
            for row in rows:
                try:
                    books.take(codec.decode(row))
                except (codec.UnknownFact, AttributeError, TypeError) as unknown:
                    report("decoding", f"position {row.position}", str(unknown))
            books.end_commit(commit.number)
            books.capacity.end_commit(commit.number, commit.last_position)
            books.certificates.end_commit(commit.hash)
            if books.named:
                named, books.named = books.named, {}
                for name, wrong in blobs(list(named)):
                    report("blobs", named[name], f"{name} {wrong}")
        seals.take(commit)
        # Go on from what the row claims, so that one bad commit is one finding.
        head = head._replace(number=commit.number, position=commit.last_position, hash=commit.hash)
        progress(head.position, end.position)
    seals.end(head)
    books.capacity.end(head.position)
    newest = recorder.head()
    beyond = recorder.read_log(newest.position, 1)
    if beyond and recorder.head() == newest:  # Else it came with a commit made in between.
        report("gaps", f"position {beyond[0].position}", "stands in no commit of the log")


def _kept_promises(recorder: LedgerRecorder) -> dict[int, int]:
    """What snapshots say was promised, by position; what cannot be read is found with them."""
    kept: dict[int, int] = {}
    with suppress(Exception):
        position = BEFORE_ALL
        while page := recorder.read_snapshots(promised.STREAM, position, SNAPSHOTS_PAGE):
            ours = [row for row in page if row.stream == promised.STREAM]
            found = ((row.version, promised.decoded(row)) for row in ours)
            kept |= {at: fen for at, fen in found if fen is not None}
            if len(ours) < len(page):
                break
            position = ours[-1].version
    return kept


def _check_hashes(
    recorder: LedgerRecorder, commit: CommitRow, rows: list[EventRow], previous: bytes, report: Any
) -> None:
    where = f"commit {commit.number}"
    expected = commit.last_position - commit.first_position + 1
    if len(rows) != expected:
        report("gaps", where, f"{expected} facts are logged, {len(rows)} are stored")
    receipts = recorder.receipts_of_commit(commit.number)
    if len(receipts) != commit.receipts:
        report("receipts", where, f"{commit.receipts} are logged, {len(receipts)} are stored")
    try:
        digest = digest_of(rows, receipts)
    except (AttributeError, TypeError, struct.error):
        digest = b""
    if digest != commit.digest:
        report("hash", where, "its facts or receipts are not the ones that were committed")
    if chain(previous, commit.digest) != commit.hash:
        report("hash", where, "it does not follow from the commit before")


def _check_snapshots(recorder: LedgerRecorder, report: Any) -> None:
    """Snapshots prove nothing, but decisions start from them: each must be what its facts give.

    One of another shape of its class is never used, and passed over here too.
    """
    stream, version = "", 0
    state: Any = None
    while page := recorder.read_snapshots(stream, version, SNAPSHOTS_PAGE):
        for snapshot in page:
            where = f"{snapshot.stream}#{snapshot.version}"
            if type(snapshot.version) is not int:  # SQLite keeps any type anywhere.
                report("snapshot", where, "cannot be read")
                raise _Enough
            if snapshot.stream.startswith(promised.EVERY):
                # Compared with the facts on the walk through the log.
                if promised.decoded(snapshot) is None:
                    report("snapshot", where, "cannot be read")
                stream, version, state = snapshot.stream, snapshot.version, None
                continue
            if snapshot.stream != stream:
                stream, version = snapshot.stream, 0
                state = _initial(stream)
            if state is not None:
                evolve = codec.aggregate_of(stream).evolve
                for row in recorder.read_stream(stream, version, snapshot.version - version):
                    state = evolve(state, codec.decode(row).fact)
            version = snapshot.version
            if state is None or not codec.is_readable(snapshot):
                report("snapshot", where, "cannot be read")
                continue
            kept = codec.decode_snapshot(snapshot)
            if kept is not None and kept != state:
                report("snapshot", where, "is not what the facts give")


def _initial(stream: str) -> Any | None:
    try:
        return codec.aggregate_of(stream).State()
    except codec.UnknownFact:
        return None


def _commits(recorder: LedgerRecorder, last: int) -> Iterator[CommitRow]:
    number = BEFORE_ALL
    while page := recorder.read_commits(number, COMMITS_PAGE):
        yield from (commit for commit in page if commit.number <= last)
        number = page[-1].number
        if number >= last:
            return


def _events(recorder: LedgerRecorder, after: int, until: int) -> list[EventRow]:
    return recorder.read_log(after, max(until - after, 0) + 1, until)
