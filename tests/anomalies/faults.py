"""A recorder between the ledger and its database that breaks on demand."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import (
    CommitRow,
    EventRow,
    Head,
    LedgerRecorder,
    Receipt,
    ReceiptRow,
    Session,
    SnapshotRow,
)
from domain.eventstore.seals import Seal, SealedChange
from domain.ledger.ledger import Ledger, utc_us


class Undone(Exception):
    """Raised inside a commit so that it is rolled back; nobody else sees it."""


class Fault(NamedTuple):
    """What one commit meets: an error once it `stands`, or in its place."""

    error: Exception
    stands: bool = False


class Breaking:
    """A `LedgerRecorder` that passes everything on, except for the faults that are planned.

    Each commit takes the first of `faults`, if there is one. `before_read` is called with the
    streams of each read of states outside of a commit.
    """

    def __init__(self, inner: LedgerRecorder) -> None:
        self.inner = inner
        self.faults: list[Fault] = []
        self.before_read: Callable[[list[str]], None] = lambda _streams: None
        self.commits = 0
        self._writing = False

    @contextmanager
    def writing(self, expected: Head | None = None) -> Iterator[Session]:
        self._writing = True
        self.commits += 1
        fault = self.faults.pop(0) if self.faults else None
        try:
            with self.inner.writing(expected) as session:
                yield session
                if fault is not None and not fault.stands:
                    raise Undone
        except Undone:
            pass
        finally:
            self._writing = False
        if fault is not None:
            raise fault.error

    def head(self) -> Head:
        return self.inner.head()

    def read_states(self, streams: Iterable[str]) -> tuple[list[SnapshotRow], list[EventRow]]:
        wanted = list(streams)
        if not self._writing:
            self.before_read(wanted)
        return self.inner.read_states(wanted)

    def read_stream(self, stream: str, after_version: int = 0, limit: int = 1000) -> list[EventRow]:
        return self.inner.read_stream(stream, after_version, limit)

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[EventRow]:
        return self.inner.read_log(after, limit, until)

    def read_receipts(self, numbers: Iterable[str]) -> list[Receipt]:
        return self.inner.read_receipts(numbers)

    def read_commits(self, after_number: int, limit: int) -> list[CommitRow]:
        return self.inner.read_commits(after_number, limit)

    def newest(self) -> tuple[Head, Seal]:
        return self.inner.newest()

    def read_changes(self, after_seal: int, limit: int) -> list[SealedChange]:
        return self.inner.read_changes(after_seal, limit)

    def receipts_of_commit(self, number: int) -> list[ReceiptRow]:
        return self.inner.receipts_of_commit(number)

    def stray_receipts(self, limit: int) -> list[str]:
        return self.inner.stray_receipts(limit)

    def read_snapshots(self, stream: str, version: int, limit: int) -> list[SnapshotRow]:
        return self.inner.read_snapshots(stream, version, limit)

    def broken_streams(self, limit: int) -> list[str]:
        return self.inner.broken_streams(limit)

    def close(self) -> None:
        self.inner.close()


@contextmanager
def breakable(url: str) -> Iterator[tuple[Ledger, Breaking]]:
    database = parse_database_url(url)
    recorder = Breaking(open_recorder(database))
    ledger = Ledger(database, recorder, utc_us)
    try:
        yield ledger, recorder
    finally:
        ledger.close()
