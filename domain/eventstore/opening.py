"""Opening the recorder of a ledger: the one place that knows both databases."""

from pathlib import Path

from eventsourcing.persistence import PersistenceError

from domain.eventstore.database import Database, refused
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.recorder import LedgerRecorder
from domain.eventstore.sqlite import SQLiteLedgerRecorder

NO_LEDGER = "holds no ledger that can be read"


def open_recorder(database: Database, *, lock_timeout_ms: int = 10_000) -> LedgerRecorder:
    """The recorder of a ledger whose tables exist. `close()` it when done.

    `lock_timeout_ms` is how long `writing()` waits for other writers before Refused(BUSY).
    Raises Refused(REQUEST_INVALID, "database") when the database has no ledger yet.
    """
    recorder: PostgresLedgerRecorder | SQLiteLedgerRecorder | None = None
    trouble = "cannot be reached"
    try:
        if database.dialect == "postgresql":
            recorder = PostgresLedgerRecorder.open(database, lock_timeout_ms=lock_timeout_ms)
        elif Path(database.path).is_file():  # SQLite would make one.
            recorder = SQLiteLedgerRecorder.open(database, lock_timeout_ms=lock_timeout_ms)
        else:
            raise refused(f"{database!r} {NO_LEDGER}: there is no such file")
        trouble = f"{NO_LEDGER}, or one of an older version"
        recorder.newest()  # An older version's tables cannot answer this.
    except PersistenceError as error:
        if recorder is not None:
            recorder.close()
        raise refused(f"{database!r} {trouble}: {error}") from error
    return recorder
