"""Leases: what only one process of a ledger may do at a time, such as running its day.

A lease goes with its holder: however a process ends, nobody has to clean up after it.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from projections.engine.wakeup import seconds

POLL_MS = 20


class LeaseTaken(Exception):
    """Somebody else has the lease."""


class LeaseLost(Exception):
    """The connection that held the lease is gone, and the lease with it."""


class Lease:
    """A lease that is held."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def check(self) -> None:
        """Raises LeaseLost. On SQLite a lease cannot be lost."""
        if self._connection is None:
            return
        try:
            self._connection.execute(sa.text("SELECT 1"))
        except DBAPIError as error:
            raise LeaseLost("the connection that held the lease is gone") from error


@contextmanager
def lease(engine: Engine, name: str, patience_ms: int = 0) -> Iterator[Lease]:
    """Hold the ledger's lease of a name. Raises LeaseTaken when it is not free within patience."""
    taking = _on_sqlite if engine.dialect.name == "sqlite" else _on_postgres
    with taking(engine, name, time.monotonic_ns() + patience_ms * 1_000_000) as held:
        yield held


@contextmanager
def _on_sqlite(engine: Engine, name: str, deadline_ns: int) -> Iterator[Lease]:
    # An empty SQLite file beside the ledger: its lock goes with the process, on every system.
    path = f"{engine.url.database}-{name}"
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        while True:
            try:
                connection.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                _wait_or_give_up(name, deadline_ns, error)
        yield Lease(None)
    finally:
        connection.close()


@contextmanager
def _on_postgres(engine: Engine, name: str, deadline_ns: int) -> Iterator[Lease]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        where = connection.execute(sa.text("SELECT current_database(), current_schema()")).one()
        digested = hashlib.sha256(f"zhangfang-{name}/{where[0]}/{where[1]}".encode()).digest()
        key = {"key": int.from_bytes(digested[:8], "big", signed=True)}
        while not connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), key):
            _wait_or_give_up(name, deadline_ns, None)
        try:
            yield Lease(connection)
        finally:
            try:
                connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)
            except SQLAlchemyError:
                connection.invalidate()  # Closed, it holds nothing; in the pool it might.


def _wait_or_give_up(name: str, deadline_ns: int, cause: Exception | None) -> None:
    if time.monotonic_ns() >= deadline_ns:
        raise LeaseTaken(name) from cause
    time.sleep(seconds(POLL_MS))
