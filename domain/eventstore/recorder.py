"""What the store needs of a database: the interface both recorders implement, and their rows.

One commit = one `writing()` session: the ledger's lock is taken first, then the head is read, so
whatever a session appends has the next positions, without gaps, in commit order.
"""

import hashlib
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

# With `as`: callers of a recorder take its errors from here.
from eventsourcing.persistence import IntegrityError as IntegrityError
from eventsourcing.persistence import InterfaceError as InterfaceError
from eventsourcing.persistence import OperationalError as OperationalError
from eventsourcing.persistence import PersistenceError as PersistenceError
from eventsourcing.persistence import StoredEvent
from msgspec import Struct

from domain.eventstore.seals import NO_SEAL, Seal, SealedChange, seal_of_commit


class EventRow(NamedTuple):
    """One stored fact, in the column order of the `events` table."""

    position: int
    stream: str
    version: int
    name: str
    state: bytes


class ReceiptRow(NamedTuple):
    """The kept answer to one request. `digest` is SHA-256 of the command; `outcome` is JSON."""

    number: str
    digest: bytes
    outcome: bytes


class Receipt(NamedTuple):
    """A receipt as read back, with the commit it stands in and that commit's last position."""

    number: str
    digest: bytes
    outcome: bytes
    commit: int
    position: int


class SnapshotRow(NamedTuple):
    """A cached state: never trusted by auditors, may be deleted at any time."""

    stream: str
    version: int
    state: bytes


class Head(NamedTuple):
    """The newest commit: its number (0 = empty ledger), last position, and hash (32 bytes)."""

    number: int
    position: int
    hash: bytes


class CommitRow(NamedTuple):
    """One row of the commit log. `first_position` > `last_position` when it holds receipts only.

    `seal_number` is 0 and `seal` empty for commits from before there were seals.
    """

    number: int
    first_position: int
    last_position: int
    receipts: int
    recorded_at_us: int
    digest: bytes
    hash: bytes
    seal_number: int = 0
    seal: bytes = b""


GENESIS = Head(0, 0, bytes(32))


class Append(Struct, frozen=True):
    """What one commit writes; event positions must be head.position + 1, + 2, …

    `blobs` go beside the history, under their SHA-256; what is there already is left alone.
    """

    events: Sequence[EventRow]
    receipts: Sequence[ReceiptRow]
    snapshots: Sequence[SnapshotRow]
    recorded_at_us: int
    blobs: Sequence[bytes] = ()


class CommitUnknown(Exception):
    """The database was lost while a commit was on its way: it may stand or may not.

    Only the ledger itself can tell: read the receipts of the commit again, and answer from those.
    """


# The database is away, full or locked: no fault of a request, which may be repeated.
AWAY: tuple[type[Exception], ...] = (OperationalError, InterfaceError, CommitUnknown)


def commit_row(head: Head, append: Append, sealed: Seal) -> CommitRow:
    """The commit-log row of what is appended after `head`, `sealed` being the newest seal.

    Raises ValueError unless the positions are head.position + 1, + 2, … without a gap.
    """
    position = head.position
    for event in append.events:
        position += 1
        if event[0] != position:
            raise ValueError(f"position {event[0]} where {position} is next")
    number, digest = head.number + 1, digest_of(append.events, append.receipts)
    hashed = chain(head.hash, digest)
    return CommitRow(
        number,
        head.position + 1,
        position,
        len(append.receipts),
        append.recorded_at_us,
        digest,
        hashed,
        *seal_of_commit(sealed, number, hashed, append.recorded_at_us),
    )


class Session(Protocol):
    """An open commit, holding the ledger's lock."""

    head: Head

    def streams_since(self, position: int) -> set[str]:
        """The streams that got facts after `position`."""

    def append(self, append: Append) -> Head:
        """Write events, receipts, snapshots and the commit-log row; the new head.

        At most once in a session, and nothing stands before `writing()` has ended. Without events
        and receipts there is no commit-log row, and the head stays.
        """


class LedgerRecorder(Protocol):
    """A database that keeps one ledger. Both implementations give the same answers."""

    def writing(self, expected: Head | None = None) -> AbstractContextManager[Session]:
        """Begin, take the ledger's lock, read the head; commit on exit, roll back on exception.

        `expected` saves a round trip: the recorder may believe that this is the head still, and
        find out when it writes. Raises Refused(BUSY) when the lock cannot be had in time;
        IntegrityError of the eventsourcing library on a duplicate stream version, position, commit
        or receipt (all of these may come when the block ends, and nothing was recorded then);
        CommitUnknown when the connection broke while committing.
        """

    def head(self) -> Head: ...

    def read_states(self, streams: Iterable[str]) -> tuple[list[SnapshotRow], list[EventRow]]:
        """The newest snapshot of each stream that has one, and every fact after it.

        One view of the ledger: each stream's facts follow its snapshot without a gap. Facts are in
        order of position, so those of one stream are in order of version.
        """

    def read_stream(self, stream: str, after_version: int = 0, limit: int = 1000) -> list[EventRow]:
        """One stream's facts in order of version."""

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[EventRow]:
        """Facts with after < position (<= until), in order of position."""

    def read_receipts(self, numbers: Iterable[str]) -> list[Receipt]: ...

    def read_commits(self, after_number: int, limit: int) -> list[CommitRow]: ...

    def newest(self) -> tuple[Head, Seal]:
        """The newest commit and the newest seal, of one moment."""

    def read_changes(self, after_seal: int, limit: int) -> list[SealedChange]:
        """What is sealed beside commits, in order of the seals' numbers."""

    def receipts_of_commit(self, number: int) -> list[ReceiptRow]:
        """The receipts one commit wrote, in order of their number."""

    def stray_receipts(self, limit: int) -> list[str]:
        """Numbers of receipts that name a commit the log does not have, at most `limit`."""

    def read_snapshots(self, stream: str, version: int, limit: int) -> list[SnapshotRow]:
        """Snapshots after (stream, version), in that order, at most `limit`."""

    def broken_streams(self, limit: int) -> list[str]:
        """Streams whose versions are not 1, 2, 3, …; their names in order, at most `limit`."""

    def close(self) -> None: ...


def newest_of(row: Sequence[Any] | None) -> tuple[Head, Seal]:
    """From a row of the newest commit (five columns, with its seal) and the newest change (two)."""
    if row is None:
        return GENESIS, NO_SEAL
    seals = [Seal(row[at], row[at + 1]) for at in (3, 5) if row[at]]
    head = GENESIS if row[0] is None else Head(*row[:3])
    return head, max(seals, default=NO_SEAL)


_number = struct.Struct(">Q").pack
_three_numbers = struct.Struct(">QQQ").pack


def digest_of(events: Sequence[EventRow], receipts: Sequence[ReceiptRow]) -> bytes:
    """SHA-256 over exactly the stored bytes of one commit: events by position, receipts by number.

    Every field is preceded by its length (8 bytes, big-endian), numbers are 8 bytes big-endian, so
    that no two different commits share an input.
    """
    parts: list[bytes] = [_number(len(events))]
    for position, stream, version, name, state in events:
        stream_bytes, name_bytes = stream.encode(), name.encode()
        parts += (
            _three_numbers(position, version, len(stream_bytes)),
            stream_bytes,
            _number(len(name_bytes)),
            name_bytes,
            _number(len(state)),
            state,
        )
    for number, digest, outcome in sorted(receipts):
        number_bytes = number.encode()
        parts += (
            _number(len(number_bytes)),
            number_bytes,
            digest,
            _number(len(outcome)),
            outcome,
        )
    return hashlib.sha256(b"".join(parts)).digest()


def chain(previous: bytes, digest: bytes) -> bytes:
    """The commit's hash: SHA-256(previous hash || digest)."""
    return hashlib.sha256(previous + digest).digest()


# A row of the driver as an EventRow, at a third of the price of EventRow._make.
as_event = cast(Callable[[tuple[Any, ...]], EventRow], partial(tuple.__new__, EventRow))


def library_append(head: Head, stored_events: Sequence[StoredEvent]) -> Append:
    """What the eventsourcing library wants stored, as one commit after `head`, recorded now."""
    events = [
        EventRow(position, str(e.originator_id), e.originator_version, e.topic, e.state)
        for position, e in enumerate(stored_events, head.position + 1)
    ]
    return Append(events, (), (), time.time_ns() // 1000)
