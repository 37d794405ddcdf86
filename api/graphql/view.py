"""One view of the books for a whole request: all its fields are read at one position.

The read models move on together, a whole commit at a time, in one transaction. So one transaction
that only reads sees a transaction's state and its entries, or debits and credits, as they belong
together, however many queries a request makes. It is one connection, used by one query at a time,
in a worker thread: the event loop never waits for the database.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from domain.refusals import Code, Refused
from projections.registry import READ_MODELS

ResultT = TypeVar("ResultT")
_TABLES = ", ".join(sorted(table.name for m in READ_MODELS.values() for table in m.tables))
# Before anything is read: a rebuild that swapped tables in the middle of a view would show it new
# ones, filled behind its back.
_LOCK = text(f"LOCK TABLE {_TABLES} IN ACCESS SHARE MODE")


class View:
    """Opened by the first query, at what is there then. `end` it at the end of the request: when a
    field has failed, others may still be on their way, and must not open it again.

    A task that waits for a query can be cancelled, its thread can not: so what a thread opens and
    what is closed is decided under a lock of threads.

    `limiter` says how many requests may have one at once.
    """

    __slots__ = (
        "_admitted", "_connection", "_ended", "_engine", "_limiter", "_one_query", "_one_thread",
    )  # fmt: skip

    def __init__(self, engine: Engine, limiter: anyio.CapacityLimiter) -> None:
        self._engine = engine
        self._limiter = limiter
        self._one_query = anyio.Lock()
        self._one_thread = threading.Lock()
        self._admitted = self._ended = False
        self._connection: Connection | None = None

    async def read(self, query: Callable[[Connection], ResultT]) -> ResultT:
        """The result of a query. After an error the next query has a view of its own."""
        async with self._one_query:
            if self._ended:  # Nobody waits for it.
                raise anyio.get_cancelled_exc_class()
            if not self._admitted:
                await self._limiter.acquire_on_behalf_of(self)
                self._admitted = True
            try:
                return await anyio.to_thread.run_sync(self._run, query)
            except BaseException:
                await self._end()
                raise

    async def close(self) -> None:
        """What is read from now on is read at a newer position."""
        async with self._one_query:
            await self._end()

    async def end(self) -> None:
        """Nothing is read any more."""
        self._ended = True
        try:
            await self.close()
        except BaseException:
            self._give_up()
            raise

    def _run(self, query: Callable[[Connection], ResultT]) -> ResultT:
        with self._one_thread:
            if self._ended:
                raise Refused(Code.BUSY, "query", "its request has ended")
            if self._connection is None:
                self._connection = _begun(self._engine)
            return query(self._connection)

    def _close(self) -> None:
        with self._one_thread:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    async def _end(self) -> None:
        if not self._admitted:
            return
        try:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)
        except BaseException:  # A shield of anyio is none against a task's `cancel`.
            self._give_up()
            raise
        self._release()

    def _give_up(self) -> None:
        """Close without waiting for it."""
        threading.Thread(target=self._close, name="closing", daemon=True).start()
        self._release()

    def _release(self) -> None:
        if self._admitted:
            self._admitted = False
            self._limiter.release_on_behalf_of(self)


def _begun(engine: Engine) -> Connection:
    connection = engine.connect()
    if connection.dialect.name == "sqlite":
        return connection  # A transaction of SQLite is one view by nature, its tables included.
    try:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        try:
            connection.execute(_LOCK)
        except ProgrammingError:  # A table is missing: each query says what it misses.
            connection.rollback()
        return connection
    except BaseException:
        connection.close()
        raise
