"""The simulator's own book: one SQLite file, written by one process.

What was answered is in the book: an answer waits for the commit that holds it, and so does an
answer that only read what is not committed yet. Many requests share one commit (group commit): all
that arrive while the disk is busy go into the next. WAL with synchronous FULL survives kill -9.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY, network TEXT NOT NULL, merchant TEXT NOT NULL, number TEXT NOT NULL,
  time TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, amount INTEGER NOT NULL,
  party_kind TEXT NOT NULL, party_id TEXT NOT NULL, party_name TEXT NOT NULL,
  original_id INTEGER, whole_id INTEGER, subject TEXT NOT NULL, notify_url TEXT NOT NULL,
  fingerprint TEXT NOT NULL, created_us INTEGER NOT NULL, expires_us INTEGER, ended_us INTEGER,
  code TEXT, reason TEXT, return_serial TEXT, returned_us INTEGER, detail TEXT NOT NULL,
  UNIQUE (network, kind, merchant, number, time)) STRICT;
CREATE INDEX IF NOT EXISTS orders_original ON orders (original_id) WHERE original_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_whole ON orders (whole_id) WHERE whole_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS accounts (
  id TEXT PRIMARY KEY, bank TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  opening INTEGER NOT NULL, balance INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS movements (
  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, kind TEXT NOT NULL,
  serial TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
  target TEXT NOT NULL, amount INTEGER NOT NULL, fee INTEGER NOT NULL,
  at_us INTEGER NOT NULL, reversed_us INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS movements_order ON movements (order_id);
CREATE INDEX IF NOT EXISTS movements_at ON movements (at_us);
CREATE INDEX IF NOT EXISTS orders_accepted ON orders (created_us)
  WHERE network = 'wechat' AND kind = 'refund';
CREATE TABLE IF NOT EXISTS bill_days (
  day TEXT PRIMARY KEY, seed TEXT NOT NULL, faults TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS bills (
  id INTEGER PRIMARY KEY, network TEXT NOT NULL, kind TEXT NOT NULL, variant TEXT NOT NULL,
  day TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
  bytes INTEGER NOT NULL, lines INTEGER NOT NULL, sha1 TEXT NOT NULL, sha256 TEXT NOT NULL,
  published_us INTEGER NOT NULL, UNIQUE (network, kind, variant, day, version)) STRICT;
CREATE INDEX IF NOT EXISTS orders_given_up ON orders (ended_us)
  WHERE network = 'wechat' AND kind = 'refund' AND state = 'CLOSED';
CREATE TABLE IF NOT EXISTS owed (
  network TEXT NOT NULL, day TEXT NOT NULL, payments INTEGER NOT NULL, refunds INTEGER NOT NULL,
  fees INTEGER NOT NULL, restored INTEGER NOT NULL, restored_fees INTEGER NOT NULL,
  PRIMARY KEY (network, day)) STRICT;
CREATE TABLE IF NOT EXISTS reserve_days (day TEXT PRIMARY KEY, closing INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS transfers (
  id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, amount INTEGER NOT NULL,
  reference TEXT NOT NULL, words TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS transfers_at ON transfers (at_us);
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY, due_us INTEGER NOT NULL, kind TEXT NOT NULL, order_id INTEGER NOT NULL,
  detail TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due_us);
CREATE TABLE IF NOT EXISTS callbacks (
  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL,
  body TEXT NOT NULL, due_us INTEGER, leased INTEGER NOT NULL, attempts INTEGER NOT NULL,
  status INTEGER, ended_us INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_us) WHERE due_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS callbacks_order ON callbacks (order_id);
CREATE TABLE IF NOT EXISTS signings (
  number TEXT PRIMARY KEY, owner TEXT NOT NULL, account TEXT NOT NULL, party TEXT NOT NULL,
  name TEXT NOT NULL, identity TEXT NOT NULL, phone TEXT NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, code TEXT NOT NULL, agreement TEXT NOT NULL DEFAULT '',
  tries INTEGER NOT NULL, entry INTEGER NOT NULL, expires_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS signings_party ON signings (party);
CREATE INDEX IF NOT EXISTS signings_phone ON signings (phone);
CREATE TABLE IF NOT EXISTS holders (
  account TEXT PRIMARY KEY, identity TEXT NOT NULL, phone TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS messages (
  number TEXT PRIMARY KEY, phone TEXT NOT NULL, words TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS messages_phone ON messages (phone);
CREATE TABLE IF NOT EXISTS people (identity TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS attempts (key TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY, fault TEXT NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL,
  at_us INTEGER NOT NULL, UNIQUE (fault, key, attempt)) STRICT;
"""


class InUse(Exception):
    """Another simulator works in the directory."""


class Book:
    """The book of a directory. Every function of `write` and `read` gets the open connection, runs
    at once and whole, and never awaits; one that raises leaves nothing behind."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self._lock = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f"{directory} is in use by another simulator") from None
        self._db = sqlite3.connect(
            directory / "book.db", isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        self._group: asyncio.Future[None] | None = None  # Whose commit is still to come.
        self._busy: asyncio.Future[None] | None = None  # Whose commit is under way.
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Before the server runs: one function, one commit."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._db)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return result

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a function and returns what it returned once that is on the disk."""
        while self._busy is not None:
            await asyncio.shield(self._busy)
        group = self._begin()
        self._db.execute("SAVEPOINT one")
        try:
            result = work(self._db)
        except BaseException:
            self._db.execute("ROLLBACK TO one")
            self._db.execute("RELEASE one")
            raise
        self._db.execute("RELEASE one")
        await asyncio.shield(group)
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a function that only reads; waits for the commit of what it may have seen."""
        while self._busy is not None:
            await asyncio.shield(self._busy)
        result, group = work(self._db), self._group
        if group is not None:
            await asyncio.shield(group)
        return result

    def reader(self) -> sqlite3.Connection:
        """Another connection, for a thread that reads what is committed."""
        path = (self.directory / "book.db").resolve().as_uri()
        db = sqlite3.connect(f"{path}?mode=ro", uri=True, isolation_level=None)
        db.row_factory = sqlite3.Row
        return db

    def close(self) -> None:
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._db.close()
        self._lock.close()

    def _begin(self) -> "asyncio.Future[None]":
        if self._group is None:
            self._group = asyncio.get_running_loop().create_future()
            self._db.execute("BEGIN IMMEDIATE")
            task = asyncio.get_running_loop().create_task(self._commit(self._group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._group

    async def _commit(self, group: "asyncio.Future[None]") -> None:
        await asyncio.sleep(0)  # Everything that is ready now joins.
        self._group, self._busy = None, group
        try:
            await asyncio.to_thread(self._db.execute, "COMMIT")
        except Exception as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            group.set_exception(error)
            group.exception()  # Looked at, also when nobody waits.
        else:
            group.set_result(None)
        finally:
            self._busy = None
