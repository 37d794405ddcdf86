"""Opening the recorder of a ledger: the one place that knows both databases."""

from pathlib import Path

from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import DBAPIError

from domain.eventstore.database import Database, refused, sqlalchemy_engine
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.recorder import LedgerRecorder
from domain.eventstore.sqlite import SQLiteLedgerRecorder
from domain.eventstore.upgrades import unfinished
from domain.refusals import Code, Refused


class NoLedger(Refused):
    """Refused(REQUEST_INVALID, "database"): there is a database, or room for one, but no ledger."""

    def __init__(self, database: Database, why: object) -> None:
        detail = f"{database!r} holds no ledger that can be read: {why}"
        super().__init__(Code.REQUEST_INVALID, "database", detail)


class UnfinishedUpgrade(Refused):
    """Refused(REQUEST_INVALID, "database"): an older ledger has yet to record what it needs now."""

    def __init__(self, database: Database, names: list[str]) -> None:
        detail = f"{database!r} is an older ledger; not finished: {', '.join(names)}"
        super().__init__(Code.REQUEST_INVALID, "database", detail)


def open_recorder(
    database: Database, *, lock_timeout_ms: int = 10_000, upgrading: bool = False
) -> LedgerRecorder:
    """The recorder of a ledger whose tables exist. `close()` it when done.

    `lock_timeout_ms` is how long `writing()` waits for other writers before Refused(BUSY).
    `upgrading` opens it for whoever finishes its upgrades. Raises NoLedger when the database has no
    ledger yet, UnfinishedUpgrade, and Refused(REQUEST_INVALID, "database") when it cannot be
    reached.
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
        _refuse_unfinished(database, upgrading=upgrading)
    except PersistenceError as error:
        recorder.close()
        raise NoLedger(database, error) from error
    except Refused:
        recorder.close()
        raise
    return recorder


def _refuse_unfinished(database: Database, *, upgrading: bool) -> None:
    engine = sqlalchemy_engine(database, read_only=True)
    try:
        left = unfinished(engine)
    except DBAPIError as error:  # An older version has no such table.
        raise NoLedger(database, error.orig) from error
    finally:
        engine.dispose()
    if left and not upgrading:
        raise UnfinishedUpgrade(database, [one.name for one in left])
