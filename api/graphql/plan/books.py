"""Where plans read: a few threads, each with a connection of its own, that only reads.

A plan is a function of the connection. The event loop hands it to a thread and is woken once, with
the answer, so that it never waits for a database. One statement is a view of the books by itself;
several are read in one transaction, as `view.py` does for the stock executor.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy.sql import ClauseElement

from domain.eventstore.database import Database, configure_sqlite, session_arguments
from projections.tables.listing import Dialect, Names, Rendered, rendered

ResultT = TypeVar("ResultT")
Rows = list[tuple[Any, ...]]
SQLITE_THREADS = 2
POSTGRES_THREADS = 8
KEPT_STATEMENTS = 512  # Prepared, of a connection.
_log = logging.getLogger("zhangfang.api")


@lru_cache(maxsize=256)
def _rendered(make: Callable[[Names], ClauseElement], names: Names, dialect: Dialect) -> Rendered:
    return rendered(make(names), dialect)


class Books(Protocol):
    """A connection that only reads."""

    dialect: Dialect

    def rows(self, statement: Rendered, values: Mapping[str, Any]) -> Rows:
        """All rows of a statement."""

    def prepared(self, make: Callable[[Names], ClauseElement], names: Names) -> Rendered:
        """The statement that a function of the module makes for a set of filters."""
        return _rendered(make, names, self.dialect)

    def keys(self, name: str, keys: list[str]) -> dict[str, Any]:
        """The parameter of a statement that takes any number of keys."""

    def view(self, tables: Collection[str]) -> Any:
        """A context in which all statements see one state of these tables."""

    def close(self) -> None: ...


class SqliteBooks(Books):
    """Of a SQLite file."""

    dialect: Dialect = "sqlite"

    def __init__(self, database: Database) -> None:
        self._connection = sqlite3.connect(
            database.path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=KEPT_STATEMENTS,
        )
        configure_sqlite(self._connection)
        self._connection.execute("PRAGMA query_only = ON")

    def rows(self, statement: Rendered, values: Mapping[str, Any]) -> Rows:
        parameters = [
            value.isoformat() if isinstance(value, date) else value
            for value in statement.parameters(values)
        ]
        return self._connection.execute(statement.text, parameters).fetchall()

    def keys(self, name: str, keys: list[str]) -> dict[str, Any]:
        return {name: msgspec.json.encode(keys).decode()}

    @contextmanager
    def view(self, tables: Collection[str]) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


@lru_cache(maxsize=256)
def _begun(tables: frozenset[str]) -> bytes:
    """What begins a view, in one message. The locks are taken before anything is read, as in
    view.py: a swap in the middle would show empty tables."""
    begun = b"BEGIN ISOLATION LEVEL REPEATABLE READ"
    if not tables:
        return begun
    names = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(tables))
    return begun + sql.SQL("; LOCK TABLE {} IN ACCESS SHARE MODE").format(names).as_bytes()


class PostgresBooks(Books):
    """Of a schema of a PostgreSQL database."""

    dialect: Dialect = "postgresql"

    def __init__(self, database: Database) -> None:
        arguments = session_arguments(database, read_only=True)
        self._connection = psycopg.connect(**arguments, autocommit=True)
        self._connection.prepared_max = KEPT_STATEMENTS
        self._cursor = self._connection.cursor()

    def rows(self, statement: Rendered, values: Mapping[str, Any]) -> Rows:
        parameters = statement.parameters(values)
        return self._cursor.execute(statement.text.encode(), parameters).fetchall()

    def keys(self, name: str, keys: list[str]) -> dict[str, Any]:
        return {name: keys}

    @contextmanager
    def view(self, tables: Collection[str]) -> Iterator[None]:
        self._cursor.execute(_begun(frozenset(tables)), prepare=False)
        try:
            yield
        finally:
            self._cursor.execute(b"ROLLBACK", prepare=False)

    def close(self) -> None:
        self._connection.close()


class _Job(Generic[ResultT]):
    """Something to read, and who waits for it."""

    __slots__ = ("_answered", "_loop", "_work")

    def __init__(self, work: Callable[[Books], ResultT], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self._answered: asyncio.Future[ResultT] = loop.create_future()

    async def answer(self) -> ResultT:
        return await self._answered

    def run(self, books: Books) -> None:
        """Raises what the databases raise."""
        if self._answered.cancelled():
            return
        try:
            result = self._work(books)
        except Exception as error:
            self.fail(error)
            if isinstance(error, sqlite3.Error | psycopg.Error):
                raise
        else:
            self._tell(self._settle, result, None)

    def fail(self, error: Exception) -> None:
        self._tell(self._settle, None, error)

    def _settle(self, result: Any, error: Exception | None) -> None:
        if self._answered.done():  # Nobody waits any more.
            return
        if error is None:
            self._answered.set_result(result)
        else:
            self._answered.set_exception(error)

    def _tell(self, settle: Callable[..., None], *values: Any) -> None:
        with suppress(RuntimeError):  # The loop has ended.
            self._loop.call_soon_threadsafe(settle, *values)


class Readers:
    """Threads that read. `run` may be called from any event loop."""

    def __init__(self, database: Database, most: int | None = None) -> None:
        sqlite = database.dialect == "sqlite"
        self._database = database
        self._open = SqliteBooks if sqlite else PostgresBooks
        self._most = most or (SQLITE_THREADS if sqlite else POSTGRES_THREADS)
        self._threads: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._unanswered = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[[Books], ResultT]) -> ResultT:
        """What `work` makes of a connection, or raises; also what connecting raises."""
        job = _Job(work, asyncio.get_running_loop())
        with self._lock:
            self._unanswered += 1
            if len(self._threads) < min(self._most, self._unanswered):
                thread = threading.Thread(target=self._work, name="reader", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)
        return await job.answer()

    def close(self) -> None:
        """End the threads, after what they have begun."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        books: Books | None = None
        while (job := self._jobs.get()) is not None:
            try:
                books = books or self._open(self._database)
            except Exception as error:
                job.fail(error)
            else:
                try:
                    job.run(books)
                except Exception as error:  # The connection may be of no use any more.
                    _log.warning("a plan was not read: %s", error)
                    books.close()
                    books = None
            with self._lock:
                self._unanswered -= 1
        if books is not None:
            books.close()
