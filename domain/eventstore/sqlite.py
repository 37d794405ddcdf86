"""The ledger in one SQLite file.

One connection writes, guarded by a lock within the process and by BEGIN IMMEDIATE between
processes; readers have connections of their own and, with WAL, neither wait nor make wait. A commit
is on disk when it is acknowledged (`synchronous = FULL`).
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Never

import eventsourcing.persistence as library
import msgspec
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from domain.eventstore.blobs import ADD_SQLITE, hashed
from domain.eventstore.database import Database, configure_sqlite
from domain.eventstore.recorder import (
    GENESIS,
    Append,
    CommitRow,
    CommitUnknown,
    EventRow,
    Head,
    Receipt,
    ReceiptRow,
    Session,
    SnapshotRow,
    as_event,
    commit_row,
    library_append,
    newest_of,
)
from domain.eventstore.seals import Seal, SealedChange
from domain.eventstore.statements import NEWEST
from domain.refusals import Code, Refused

Rows = list[tuple[Any, ...]]
LAST = 2**63 - 1

HEAD = "SELECT number, last_position, hash FROM commit_log ORDER BY number DESC LIMIT 1"
INSERT_EVENT = """
    INSERT INTO events (notification_id, originator_id, originator_version, topic, state)
    VALUES (?, ?, ?, ?, ?)"""
INSERT_RECEIPT = """
    INSERT INTO receipts (number, digest, outcome, commit_number) VALUES (?, ?, ?, ?)"""
# Another process may have kept the same state: whoever was first will do.
INSERT_SNAPSHOT = """
    INSERT INTO snapshots (stream, version, state) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"""
INSERT_COMMIT = """
    INSERT INTO commit_log
        (number, first_position, last_position, receipts, recorded_at_us, digest, hash,
         seal_number, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
STREAMS_SINCE = "SELECT DISTINCT originator_id FROM events WHERE notification_id > ?"
# One statement, so one view. CROSS JOIN fixes the order: each stream is looked up by its key.
# Both marks stand for the same list: a numbered mark needs a mapping from Python 3.14 on.
STATES = """
    SELECT 0, s.stream, s.version, '', s.state
    FROM json_each(?) AS w CROSS JOIN snapshots AS s
    WHERE s.stream = w.value
      AND s.version = (SELECT max(version) FROM snapshots WHERE stream = w.value)
    UNION ALL
    SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
    FROM json_each(?) AS w CROSS JOIN events AS e
    WHERE e.originator_id = w.value
      AND e.originator_version > coalesce(
          (SELECT max(version) FROM snapshots WHERE stream = w.value), -1)"""
STREAM = """
    SELECT notification_id, originator_id, originator_version, topic, state FROM events
    WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version LIMIT ?"""
LOG = """
    SELECT notification_id, originator_id, originator_version, topic, state FROM events
    WHERE notification_id > ? AND notification_id <= ? ORDER BY notification_id LIMIT ?"""
NOTIFICATIONS = """
    SELECT notification_id, originator_id, originator_version, topic, state FROM events
    WHERE notification_id > ? AND notification_id <= ?
      AND (json_array_length(?) = 0 OR topic IN (SELECT value FROM json_each(?)))
    ORDER BY notification_id LIMIT ?"""
RECEIPTS = """
    SELECT r.number, r.digest, r.outcome, r.commit_number, c.last_position
    FROM json_each(?) AS w CROSS JOIN receipts AS r ON r.number = w.value
    CROSS JOIN commit_log AS c ON c.number = r.commit_number"""
COMMITS = """
    SELECT number, first_position, last_position, receipts, recorded_at_us, digest, hash,
        seal_number, seal
    FROM commit_log WHERE number > ? ORDER BY number LIMIT ?"""
CHANGES = """
    SELECT seal_number, commit_number, entry, seal FROM sealed_changes
    WHERE seal_number > ? ORDER BY seal_number LIMIT ?"""
STRAY_RECEIPTS = """
    SELECT r.number FROM receipts AS r LEFT JOIN commit_log AS c ON c.number = r.commit_number
    WHERE c.number IS NULL ORDER BY r.number LIMIT ?"""
SNAPSHOTS = """
    SELECT stream, version, state FROM snapshots
    WHERE (stream, version) > (?, ?) ORDER BY stream, version LIMIT ?"""
BROKEN_STREAMS = """
    SELECT originator_id FROM events GROUP BY originator_id
    HAVING min(originator_version) <> 1 OR max(originator_version) <> count(*)
    ORDER BY originator_id LIMIT ?"""
RECEIPTS_OF_COMMIT = """
    SELECT number, digest, outcome FROM receipts WHERE commit_number = ? ORDER BY number"""


class SQLiteLedgerRecorder(SQLiteApplicationRecorder):
    """A `LedgerRecorder` on SQLite; also the library's application recorder on our tables."""

    def __init__(self, datastore: SQLiteDatastore, *, lock_timeout_ms: int = 10_000) -> None:
        super().__init__(datastore, events_table_name="events")
        self.select_max_notification_id_statement = "SELECT max(notification_id) FROM events"
        self._patience_ms = lock_timeout_ms
        self._one_writer = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reading = threading.Condition()
        self._readers: set[int] = set()  # Threads.
        self._closed = False

    @classmethod
    def open(cls, database: Database, *, lock_timeout_ms: int) -> "SQLiteLedgerRecorder":
        """A recorder with its own connections to the file."""
        datastore = SQLiteDatastore(
            database.path,
            lock_timeout=30,
            pool_size=5,
            max_overflow=30,
            pool_timeout=30.0,
            originator_id_type="text",
        )
        return cls(datastore, lock_timeout_ms=lock_timeout_ms)

    def close(self) -> None:
        """Close every connection; an open commit and reads under way are waited for."""
        with self._one_writer:
            self._drop_writer()
        # The driver crashes the process when a connection is closed under a running statement.
        with self._reading:
            self._closed = True
            # This thread reads nothing now, though Ctrl-C may have kept it from saying so.
            self._readers.discard(threading.get_ident())
            self._reading.wait_for(lambda: not self._readers)
        self.datastore.close()

    def create_table(self) -> None:
        """Refused: `migrations.run.migrate` creates every table."""
        raise library.ProgrammingError("tables are created by migrations only")

    # Writing.

    @contextmanager
    def writing(self, expected: Head | None = None) -> Iterator[Session]:
        """See `LedgerRecorder.writing`; here reading the head costs nothing."""
        if not self._one_writer.acquire(timeout=self._patience_ms / 1000):
            raise Refused(Code.BUSY)
        try:
            connection, head, sealed = self._begin()
            try:
                yield _SQLiteSession(connection, head, sealed)
                self._commit(connection)
            except BaseException:
                self._roll_back(connection)
                raise
        finally:
            self._one_writer.release()

    def _begin(self) -> tuple[sqlite3.Connection, Head, Seal]:
        try:
            if self._writer is None:
                self._writer = self._open_writer()
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(NEWEST).fetchone()
        except sqlite3.Error as error:
            self._drop_writer()
            if _busy(error):
                raise Refused(Code.BUSY) from None
            _raise(error)
        return connection, *newest_of(row)

    def _open_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.datastore.pool.db_name,
            isolation_level=None,
            check_same_thread=False,  # Only ever used by the thread that holds the lock.
        )
        configure_sqlite(connection)
        connection.execute(f"PRAGMA busy_timeout = {self._patience_ms}")
        return connection

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if _primary_code(error) == sqlite3.SQLITE_IOERR:
                # The rows may have reached the file although the sync failed.
                raise CommitUnknown(str(error)) from error
            _raise(error)
        except sqlite3.Error as error:
            _raise(error)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop_writer()

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def insert_events(
        self, stored_events: Sequence[library.StoredEvent], **_: Any
    ) -> Sequence[int] | None:
        """The library's door: one commit, logged and chained like any other. Returns positions."""
        if not stored_events:
            return None
        with self.writing() as session:
            append = library_append(session.head, stored_events)
            session.append(append)
        return [event.position for event in append.events]

    # Reading.

    @contextmanager
    def _one_read(self) -> Iterator[None]:
        with self._reading:
            if self._closed:
                raise library.ConnectionPoolClosedError
            self._readers.add(threading.get_ident())
        try:
            yield
        finally:
            with self._reading:
                self._readers.discard(threading.get_ident())
                self._reading.notify_all()

    def _read(self, statement: str, *parameters: Any) -> Rows:
        with self._one_read(), self.datastore.get_connection(commit=False) as connection:
            cursor = connection.cursor().sqlite_cursor
            cursor.row_factory = None  # The library's rows are dicts; ours are tuples.
            try:
                rows: Rows = cursor.execute(statement, parameters).fetchall()
                return rows
            except sqlite3.Error as error:
                _raise(error)
            finally:
                cursor.close()

    def head(self) -> Head:
        """The newest commit, or GENESIS."""
        rows = self._read(HEAD)
        return Head(*rows[0]) if rows else GENESIS

    def newest(self) -> tuple[Head, Seal]:
        """The newest commit and the newest seal, of one moment."""
        return newest_of(self._read(NEWEST)[0])

    def read_states(self, streams: Iterable[str]) -> tuple[list[SnapshotRow], list[EventRow]]:
        """See `LedgerRecorder.read_states`; one statement."""
        wanted = _json(streams)
        rows = self._read(STATES, wanted, wanted)
        snapshots = [SnapshotRow(row[1], row[2], row[4]) for row in rows if row[0] == 0]
        events = [as_event(row) for row in rows if row[0] != 0]
        events.sort()
        return snapshots, events

    def read_stream(self, stream: str, after_version: int = 0, limit: int = 1000) -> list[EventRow]:
        """One stream's facts in order of version."""
        return list(map(as_event, self._read(STREAM, stream, after_version, limit)))

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[EventRow]:
        """Facts with after < position (<= until), in order of position."""
        last = LAST if until is None else until
        return list(map(as_event, self._read(LOG, after, last, limit)))

    def read_receipts(self, numbers: Iterable[str]) -> list[Receipt]:
        """The receipts there are of these request numbers."""
        return [Receipt(*row) for row in self._read(RECEIPTS, _json(numbers))]

    def read_commits(self, after_number: int, limit: int) -> list[CommitRow]:
        """Rows of the commit log, in order."""
        return [CommitRow(*row) for row in self._read(COMMITS, after_number, limit)]

    def read_changes(self, after_seal: int, limit: int) -> list[SealedChange]:
        """What is sealed beside commits, in order of the seals' numbers."""
        return [SealedChange(*row) for row in self._read(CHANGES, after_seal, limit)]

    def receipts_of_commit(self, number: int) -> list[ReceiptRow]:
        """The receipts one commit wrote, in order of their number."""
        return [ReceiptRow(*row) for row in self._read(RECEIPTS_OF_COMMIT, number)]

    def broken_streams(self, limit: int) -> list[str]:
        """Streams whose versions are not 1, 2, 3, …"""
        return [row[0] for row in self._read(BROKEN_STREAMS, limit)]

    def stray_receipts(self, limit: int) -> list[str]:
        """Numbers of receipts that name a commit the log does not have."""
        return [row[0] for row in self._read(STRAY_RECEIPTS, limit)]

    def read_snapshots(self, stream: str, version: int, limit: int) -> list[SnapshotRow]:
        """Snapshots after (stream, version), in that order."""
        return [SnapshotRow(*row) for row in self._read(SNAPSHOTS, stream, version, limit)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[library.Notification]:
        """The library's page of the log. Its own statement asks for rowid, which has our name."""
        after = -1 if start is None else start - inclusive_of_start
        last = LAST if stop is None else stop
        wanted = _json(topics)
        rows = self._read(NOTIFICATIONS, after, last, wanted, wanted, limit)
        return [library.Notification(s, v, n, d, id=p) for p, s, v, n, d in rows]


class _SQLiteSession:
    """A commit being made, in the open transaction."""

    def __init__(self, connection: sqlite3.Connection, head: Head, sealed: Seal) -> None:
        self._connection = connection
        self._appended = False
        self._sealed = sealed
        self.head = head

    def streams_since(self, position: int) -> set[str]:
        return {row[0] for row in self._connection.execute(STREAMS_SINCE, (position,))}

    def append(self, append: Append) -> Head:
        if self._appended:
            raise ValueError("a session appends once")
        commit = commit_row(self.head, append, self._sealed)
        self._appended = True
        try:
            self._connection.executemany(INSERT_SNAPSHOT, append.snapshots)
            if not append.events and not append.receipts:
                return self.head
            self._connection.executemany(INSERT_EVENT, append.events)
            receipts = [(*receipt, commit.number) for receipt in append.receipts]
            self._connection.executemany(INSERT_RECEIPT, receipts)
            if append.blobs:  # A ledger from before them has no such table.
                rows = [{"digest": name, "bytes": one} for name, one in hashed(append.blobs)]
                self._connection.executemany(ADD_SQLITE, rows)
            self._connection.execute(INSERT_COMMIT, commit)
        except sqlite3.Error as error:
            _raise(error)
        self.head = Head(commit.number, commit.last_position, commit.hash)
        return self.head


def _json(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _primary_code(error: sqlite3.Error) -> int:
    # The low byte is the kind; the rest says which of its variants. Errors of the module itself
    # (a closed connection) have no code at all.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _busy(error: sqlite3.Error) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _raise(error: sqlite3.Error) -> Never:
    """The library's error for the driver's: the store's callers know only those."""
    for kind in type(error).__mro__:
        known = getattr(library, kind.__name__, None) if kind.__module__ == "sqlite3" else None
        if known is not None:
            raise known(str(error)) from error
    raise library.PersistenceError(str(error)) from error
