"""Hints that the log may have grown: from this process, from PostgreSQL's NOTIFY, from SQLite.

A hint may come late, twice or never: whoever waits looks at the log again after at most 500 ms.
"""

import selectors
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg import sql

from domain.eventstore.database import Database

POLL_MS = 25  # How often a SQLite file is asked whether another connection has committed.
RECONNECT_MS = 500


def seconds(ms: int) -> float:
    """What the standard library's waiting functions take."""
    return ms / 1000


class WakeUp:
    """Wakes one waiting thread. `wake` may be called from anywhere, at any time, and is quick."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._bells: list[socket.socket] = []

    def wake(self, _position: int = 0) -> None:
        """Give a hint; fits `Ledger.on_commit`."""
        self._event.set()

    def wait(self, timeout_ms: int) -> bool:
        """True when a hint came, also one from before the call; False after the time."""
        came = self._event.wait(seconds(timeout_ms))
        self._event.clear()
        return came

    def follow(self, database: Database, channel: str = "", poll_ms: int = POLL_MS) -> None:
        """Take hints of commits made by other processes too, until `close`.

        `channel` is the PostgreSQL recorder's; SQLite needs none and is asked every `poll_ms`.
        """
        if database.dialect == "sqlite":
            self._start(_poll_sqlite, database, poll_ms)
            return
        bell, closing = socket.socketpair()
        self._bells.append(bell)
        self._start(_listen_postgres, database, channel, closing)

    def close(self) -> None:
        """Stop following, and wake whoever waits."""
        self._stop.set()
        self._event.set()
        for bell in self._bells:
            # Whoever waits for a socket reads the end of this one, also when a process that was
            # forked meanwhile has it open too.
            with suppress(OSError):
                bell.shutdown(socket.SHUT_WR)
            bell.close()
        for thread in self._threads:
            thread.join()
        self._bells.clear()
        self._threads.clear()

    def _start(self, source: Callable[..., None], *what: object) -> None:
        thread = threading.Thread(
            target=source, args=(self.wake, self._stop, *what), name="zhangfang-wakeup", daemon=True
        )
        self._threads.append(thread)
        thread.start()


def _poll_sqlite(
    wake: Callable[[], None], stop: threading.Event, database: Database, poll_ms: int
) -> None:
    while not stop.is_set():
        connection = None
        try:
            # The number changes when another connection has committed; asking reads no page.
            connection = sqlite3.connect(database.path, isolation_level=None)
            seen = None
            while not stop.wait(seconds(poll_ms)):
                (now,) = connection.execute("PRAGMA data_version").fetchone()
                if now != seen:
                    seen = now
                    wake()
        except sqlite3.Error:
            stop.wait(seconds(RECONNECT_MS))
        finally:
            if connection is not None:
                connection.close()


def _listen_postgres(
    wake: Callable[[], None],
    stop: threading.Event,
    database: Database,
    channel: str,
    closing: socket.socket,
) -> None:
    with closing:
        while not stop.is_set():
            try:
                _listen(wake, stop, database, channel, closing)
            except psycopg.Error:
                stop.wait(seconds(RECONNECT_MS))


def _listen(
    wake: Callable[[], None],
    stop: threading.Event,
    database: Database,
    channel: str,
    closing: socket.socket,
) -> None:
    """Until `closing` can be read. Raises psycopg.Error when the connection breaks."""
    with (
        psycopg.connect(**database.connection_arguments, autocommit=True) as connection,
        selectors.DefaultSelector() as sockets,
    ):
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        wake()  # For what was committed before anybody listened.
        for one in (connection, closing):
            sockets.register(one, selectors.EVENT_READ)
        while not stop.is_set():
            for _ in connection.notifies(timeout=0):
                wake()
            sockets.select()
