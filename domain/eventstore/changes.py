"""Writing into `sealed_changes`, in the transaction that makes the change itself."""

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import OperationalError

from domain.eventstore.database import BUSY_TIMEOUT_S, IMMEDIATE, ledger_key
from domain.eventstore.recorder import newest_of
from domain.eventstore.seals import seal_of_change
from domain.eventstore.statements import NEWEST
from domain.refusals import Code, Refused

_INSERT = text("INSERT INTO sealed_changes VALUES (:seal_number, :commit_number, :entry, :seal)")


def lock_ledger(connection: Connection) -> None:
    """Keep every other writer of the ledger away until the transaction ends.

    The first thing in it. Raises Refused(BUSY) when a writer does not let go in time.
    """
    if connection.dialect.name == "sqlite":
        assert connection.get_execution_options().get(IMMEDIATE), "begun as one that reads"
        return
    schema = connection.scalar(text("SELECT current_schema()"))
    key = ledger_key(connection.engine.url.database or "", schema or "")
    connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S}s'"))
    try:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
            raise Refused(Code.BUSY, "database", "others were writing all the time") from error
        raise


def seal_entry(connection: Connection, entry: bytes) -> None:
    """Write an entry under the newest seal. The ledger must be locked."""
    row: Row[tuple[object, ...]] | None = connection.execute(text(NEWEST)).first()
    head, sealed = newest_of(row)
    seal = seal_of_change(sealed, head.number, entry)
    values = {"seal_number": seal.number, "commit_number": head.number}
    connection.execute(_INSERT, values | {"entry": entry, "seal": seal.seal})
