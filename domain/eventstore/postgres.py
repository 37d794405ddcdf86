"""The ledger in one schema of PostgreSQL.

Writers of one ledger are kept apart by an advisory lock, held from before the head is read until
the commit: positions are commit order without gaps, and a role with nothing but SELECT and INSERT
is enough (LOCK TABLE would need more, and would collide with ANALYZE and VACUUM).

A commit is two round trips: BEGIN, lock, head; then every row, one NOTIFY, and COMMIT. Where the
writer knows the head already it is one: if somebody else has written meanwhile, the number of the
commit is taken, and the database refuses all of it.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Never

import eventsourcing.persistence as library
import psycopg
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import PoolTimeout

from domain.eventstore.arrays import bigints, byteas, texts
from domain.eventstore.blobs import hashed
from domain.eventstore.database import Database, ledger_key
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
from domain.eventstore.statements import SESSION_SETTINGS, STATEMENTS
from domain.refusals import Code, Refused

POOL_SIZE = 2
POOL_OVERFLOW = 14
STALLED_S = 60  # A writer that does nothing for this long loses its lock: the server ends it.

Rows = list[tuple[Any, ...]]

LAST = 2**63 - 1


class LedgerDatastore(PostgresDatastore):
    """The library's connection pool, its connections prepared for the ledger's statements."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            dbname=database.name,
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            connect_timeout=10.0,
            idle_in_transaction_session_timeout=STALLED_S,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            schema=database.schema,
            originator_id_type="text",
        )
        self.database_name = database.name
        # The library takes no further connection parameters, its pool does.
        self.pool.kwargs = {
            **database.connection_arguments,
            "row_factory": dict_row,
            "application_name": f"zhangfang {database.schema}"[:63],  # For whoever watches.
        }

    def register_type_adapters(self) -> None:
        """Nothing: our statements take arrays, not the library's composite types, and it does not
        quote the schema when it looks for those (`?schema=user`)."""

    def after_connect_func(self) -> Callable[[psycopg.Connection[Any]], None]:
        library_settings = super().after_connect_func()

        def after_connect(connection: psycopg.Connection[Any]) -> None:
            library_settings(connection)
            connection.execute(SESSION_SETTINGS)

        return after_connect


class PostgresLedgerRecorder(PostgresApplicationRecorder):
    """A `LedgerRecorder` on PostgreSQL; also the library's application recorder on our tables.

    `channel` is notified once per commit: `zhangfang_` and the ledger's key in hex (names of
    channels belong to the whole database, so it is derived from the schema like the lock's key).
    """

    datastore: LedgerDatastore

    def __init__(self, datastore: LedgerDatastore, *, lock_timeout_ms: int = 10_000) -> None:
        super().__init__(datastore, events_table_name="events")
        lock_key = ledger_key(datastore.database_name, datastore.schema)
        self.channel = f"zhangfang_{lock_key & (2**64 - 1):016x}"
        self.channel_name = self.channel  # Where the library's subscriptions listen.
        self._patience_s = lock_timeout_ms / 1000
        self._one_writer = threading.Lock()  # So that waiting writers do not use up the pool.
        self._sealed: tuple[Head, Seal] | None = None  # After the last commit of our own.
        parts = {
            "s": Identifier(datastore.schema),
            "patience": Literal(f"{lock_timeout_ms}ms"),
            "lock_key": Literal(lock_key),
            "channel": Literal(self.channel),
        }
        self.sql = {
            name: SQL(text).format(**parts).as_bytes(None) for name, text in STATEMENTS.items()
        }

    @classmethod
    def open(cls, database: Database, *, lock_timeout_ms: int) -> "PostgresLedgerRecorder":
        """A recorder with its own pool. Raises the library's OperationalError if unreachable."""
        try:  # The pool would only say that it waited; a connection of its own says what is wrong.
            psycopg.connect(**database.connection_arguments).close()
        except psycopg.Error as error:
            _raise(error)
        return cls(LedgerDatastore(database), lock_timeout_ms=lock_timeout_ms)

    def close(self) -> None:
        """Close the pool; connections in use are closed when they come back."""
        self.datastore.close()

    def create_table(self) -> None:
        """Refused: `migrations.run.migrate` creates every table."""
        raise library.ProgrammingError("tables are created by migrations only")

    # Writing.

    @contextmanager
    def writing(self, expected: Head | None = None) -> Iterator[Session]:
        """See `LedgerRecorder.writing`."""
        if not self._one_writer.acquire(timeout=self._patience_s):
            raise Refused(Code.BUSY)
        try:
            ours, self._sealed = self._sealed, None
            if expected is None or ours is None or ours[0] != expected:
                connection, newest = self._begin()
                session = _PostgresSession(self, connection, newest, locked=True)
            else:
                connection = self._connection()
                session = _PostgresSession(self, connection, ours, locked=False)
            try:
                yield session
                session.commit()
                self._sealed = session.head, session.sealed
            finally:
                session.abandon()
                self._give_back(connection)
        finally:
            self._one_writer.release()

    def _begin(self) -> tuple[psycopg.Connection[Any], tuple[Head, Seal]]:
        """A connection that holds the ledger's lock, the head, and the newest seal.

        Connections that died in the pool are passed over: nothing has been sent on them yet.
        """
        tries = POOL_SIZE + POOL_OVERFLOW
        while True:
            connection = self._connection()
            try:
                return connection, self._lock(connection)
            except psycopg.errors.LockNotAvailable:
                self._give_back(connection)
                raise Refused(Code.BUSY) from None
            except psycopg.Error as error:
                self._give_back(connection)
                tries -= 1
                if tries < 0 or not _lost(connection, error):
                    _raise(error)

    def _connection(self) -> psycopg.Connection[Any]:
        try:
            return self.datastore.pool.getconn()
        except PoolTimeout:
            raise Refused(Code.BUSY, "", "no database connection was free in time") from None

    def _lock(self, connection: psycopg.Connection[Any]) -> tuple[Head, Seal]:
        with connection.pipeline(), connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(self.sql["begin"], prepare=True)
            cursor.execute(self.sql["patience"], prepare=True)
            cursor.execute(self.sql["lock"], prepare=True)
            # Its own statement after the lock was had, so that it sees the last holder's commit.
            with connection.cursor(row_factory=tuple_row, binary=True) as newest:
                newest.execute(self.sql["newest"], prepare=True)
                return newest_of(newest.fetchone())

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        try:
            connection.rollback()  # Nothing to do after a commit.
        except psycopg.Error:
            connection.close()  # The pool replaces it.
        finally:
            self.datastore.pool.putconn(connection)

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

    def _read(self, statement: str, *parameters: Any) -> Rows:
        for attempt in range(POOL_SIZE + POOL_OVERFLOW + 1):
            with self.datastore.get_connection() as connection:
                try:
                    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                        cursor.execute(self.sql[statement], parameters, prepare=True)
                        return cursor.fetchall()
                except psycopg.OperationalError as error:
                    if attempt == POOL_SIZE + POOL_OVERFLOW or not _lost(connection, error):
                        raise
                    connection.close()
        raise AssertionError("unreachable")

    def head(self) -> Head:
        """The newest commit, or GENESIS."""
        rows = self._read("head")
        return Head(*rows[0]) if rows else GENESIS

    def newest(self) -> tuple[Head, Seal]:
        """The newest commit and the newest seal, of one moment."""
        return newest_of(self._read("newest")[0])

    def read_states(self, streams: Iterable[str]) -> tuple[list[SnapshotRow], list[EventRow]]:
        """See `LedgerRecorder.read_states`; one statement, one round trip."""
        rows = self._read("states", texts(list(streams)))
        snapshots = [SnapshotRow(row[1], row[2], row[4]) for row in rows if row[0] == 0]
        events = [as_event(row) for row in rows if row[0] != 0]
        events.sort()
        return snapshots, events

    def read_stream(self, stream: str, after_version: int = 0, limit: int = 1000) -> list[EventRow]:
        """One stream's facts in order of version."""
        return list(map(as_event, self._read("stream", stream, after_version, limit)))

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[EventRow]:
        """Facts with after < position (<= until), in order of position."""
        last = LAST if until is None else until
        return list(map(as_event, self._read("log", after, last, limit)))

    def read_receipts(self, numbers: Iterable[str]) -> list[Receipt]:
        """The receipts there are of these request numbers."""
        return [Receipt(*row) for row in self._read("receipts", texts(list(numbers)))]

    def read_commits(self, after_number: int, limit: int) -> list[CommitRow]:
        """Rows of the commit log, in order."""
        return [CommitRow(*row) for row in self._read("commits", after_number, limit)]

    def read_changes(self, after_seal: int, limit: int) -> list[SealedChange]:
        """What is sealed beside commits, in order of the seals' numbers."""
        return [SealedChange(*row) for row in self._read("changes", after_seal, limit)]

    def receipts_of_commit(self, number: int) -> list[ReceiptRow]:
        """The receipts one commit wrote, in order of their number."""
        return [ReceiptRow(*row) for row in self._read("receipts_of_commit", number)]

    def broken_streams(self, limit: int) -> list[str]:
        """Streams whose versions are not 1, 2, 3, …"""
        return [row[0] for row in self._read("broken_streams", limit)]

    def stray_receipts(self, limit: int) -> list[str]:
        """Numbers of receipts that name a commit the log does not have."""
        return [row[0] for row in self._read("stray_receipts", limit)]

    def read_snapshots(self, stream: str, version: int, limit: int) -> list[SnapshotRow]:
        """Snapshots after (stream, version), in that order."""
        return [SnapshotRow(*row) for row in self._read("snapshots", stream, version, limit)]


class _PostgresSession:
    """A commit being made, in one pipeline: rows are on their way while the rest is prepared.

    `locked`: the ledger's lock is held, and `newest` was read under it; else it is yet to be taken.
    """

    def __init__(
        self,
        recorder: PostgresLedgerRecorder,
        connection: psycopg.Connection[Any],
        newest: tuple[Head, Seal],
        *,
        locked: bool,
    ) -> None:
        self._sql = recorder.sql
        self._connection = connection
        self._cursor = connection.cursor()
        self._pipeline: ExitStack | None = None
        self._appended = False
        self._locked = locked
        self.head, self.sealed = newest

    def streams_since(self, position: int) -> set[str]:
        try:
            with self._connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                cursor.execute(self._sql["streams_since"], (position,), prepare=True)
                return {row[0] for row in cursor}
        except psycopg.Error as error:
            _raise(error)

    def append(self, append: Append) -> Head:
        if self._appended:
            raise ValueError("a session appends once")
        self._appended = True
        self._pipeline = ExitStack()
        try:
            self._pipeline.enter_context(self._connection.pipeline())
            if not self._locked:
                for statement in ("begin", "patience", "lock"):
                    self._send(statement)
            self._send_rows(append)
        except psycopg.errors.LockNotAvailable:
            raise Refused(Code.BUSY) from None
        except psycopg.Error as error:
            _raise(error)
        return self.head

    def _send_rows(self, append: Append) -> None:
        if append.events:  # First: the server inserts them while the digest is computed here.
            positions, streams, versions, names, states = zip(*append.events, strict=True)
            stored = bigints(positions), texts(streams), bigints(versions)
            self._send("insert_events", *stored, texts(names), byteas(states))
        commit = commit_row(self.head, append, self.sealed)
        if append.receipts:
            numbers, digests, outcomes = zip(*append.receipts, strict=True)
            columns = texts(numbers), byteas(digests), byteas(outcomes)
            self._send("insert_receipts", commit.number, *columns)
        if append.snapshots:
            streams, versions, states = zip(*append.snapshots, strict=True)
            self._send("insert_snapshots", texts(streams), bigints(versions), byteas(states))
        if append.blobs:
            hashes, contents = zip(*hashed(append.blobs), strict=True)
            self._send("insert_blobs", byteas(hashes), byteas(contents))
        if append.events or append.receipts:
            self._send("insert_commit", *commit, commit.seal_number)
            self._send("notify")
            self.head = Head(commit.number, commit.last_position, commit.hash)
            self.sealed = Seal(commit.seal_number, commit.seal)

    def _send(self, statement: str, *parameters: Any) -> None:
        self._cursor.execute(self._sql[statement], parameters, prepare=True)

    def commit(self) -> None:
        """Send COMMIT after the rows, and wait until the server has answered for all of it."""
        if self._pipeline is None:
            return
        try:
            with self._pipeline:
                # After a failed statement the server skips the rest of the pipeline, this too.
                self._send("commit")
        except psycopg.errors.LockNotAvailable:
            raise Refused(Code.BUSY) from None
        except psycopg.Error as error:
            if _lost(self._connection, error):
                raise CommitUnknown(str(error)) from error
            _raise(error)
        finally:
            self._pipeline = None

    def abandon(self) -> None:
        """Leave the pipeline, if `commit` has not; the caller rolls back."""
        if self._pipeline is not None:
            with suppress(psycopg.Error):
                self._pipeline.close()


def _lost(connection: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that nothing is known of what was under way."""
    state = error.sqlstate
    gone = connection.broken or connection.closed
    return gone or (state is not None and state.startswith(("08", "57P")))


def _raise(error: psycopg.Error) -> Never:
    """The library's error for the driver's: the store's callers know only those."""
    for kind in type(error).__mro__:
        if kind.__module__ == "psycopg" or kind.__module__ == "psycopg.errors":
            known = getattr(library, kind.__name__, None)
            if known is not None:
                raise known(str(error)) from error
    raise library.PersistenceError(str(error)) from error
