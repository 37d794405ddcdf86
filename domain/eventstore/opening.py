"""Opening the recorder of a ledger: the one place that knows both databases."""

from pathlib import Path

from eventsourcing.persistence import PersistenceError

from domain.eventstore.database import Database, refused
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.recorder import LedgerRecorder
from domain.eventstore.sqlite import SQLiteLedgerRecorder
from domain.refusals import Code, Refused


class NoLedger(Refused):
    """Refused(REQUEST_INVALID, "database"): there is a database, or room for one, but no ledger."""

    def __init__(self, database: Database, why: object) -> None:
        detail = f"{database!r} holds no ledger that can be read: {why}"
        super().__init__(Code.REQUEST_INVALID, "database", detail)


def open_recorder(database: Database, *, lock_timeout_ms: int = 10_000) -> LedgerRecorder:
    """The recorder of a ledger whose tables exist. `close()` it when done.

    `lock_timeout_ms` is how long `writing()` waits for other writers before Refused(BUSY).
    Raises NoLedger when the database has no ledger yet, and Refused(REQUEST_INVALID, "database")
    when it cannot be reached.
    """
    recorder: PostgresLedgerRecorder | SQLiteLedgerRecorder
    try:
        if database.dialect == "postgresql":
            recorder = PostgresLedgerRecorder.open(database, lock_timeout_ms=lock_timeout_ms)
        elif Path(database.path).is_file():  # SQLite would make one.
            recorder = SQLiteLedgerRecorder.open(database, lock_timeout_ms=lock_timeout_ms)
        else:
            raise NoLedger(database, "there is no such file")
    except PersistenceError as error:
        raise refused(f"{database!r} cannot be reached: {error}") from error
    try:
        recorder.newest()  # An older version's tables cannot answer this.
    except PersistenceError as error:
        recorder.close()
        raise NoLedger(database, error) from error
    return recorder
