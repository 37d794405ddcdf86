"""Server processes on the loopback, what they and their database connections take of the CPU, and
a client with one connection."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

from benchmarks.drills.served import running
from domain.eventstore.database import parse_database_url

PROC = Path("/proc")
PROGRAMS = {
    "plan": ("api.cli",),
    "stock": ("benchmarks.graphql.serving", "stock"),
    "floor": ("benchmarks.graphql.serving", "floor"),
}
_TIMEOUT_S = 60


Cpu = dict[int, float]  # Of each thread, in ms.


class Spent(Struct, frozen=True):
    """CPU so far: of a server's process, and of the database's processes that serve it."""

    server: Cpu
    database: Cpu

    def since(self, before: "Spent") -> tuple[float, float]:
        """What server and database took after `before`, in ms."""
        return _since(self.server, before.server), _since(self.database, before.database)


def _since(now: Cpu, before: Cpu) -> float:
    return sum(ms - before.get(thread, 0.0) for thread, ms in now.items())


class Server:
    """A running server on a ledger. `database` tells whether CPU of a database is seen: that of a
    PostgreSQL server on this machine."""

    def __init__(self, address: tuple[str, int], pid: int, url: str, name: str) -> None:
        self.address = address
        self._pid = pid
        self._name = name
        database = parse_database_url(url)
        postgres = database.dialect == "postgresql"
        self._admin: psycopg.Connection[Any] | None = None
        if postgres:
            self._admin = psycopg.connect(**database.connection_arguments, autocommit=True)

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()

    def spent(self) -> Spent:
        """Raises RuntimeError when the database's processes are not on this machine."""
        database: Cpu = {}
        for pid in self._backends():
            database |= _cpu(pid)
        return Spent(_cpu(self._pid), database)

    def _backends(self) -> list[int]:
        if self._admin is None:
            return []
        named = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        pids = [row[0] for row in self._admin.execute(named, (self._name,))]
        for pid in pids:
            with suppress(OSError):
                if (PROC / str(pid) / "comm").read_text().startswith("postgres"):
                    continue
            raise RuntimeError("PostgreSQL must run on this machine: its CPU is part of a query's")
        return pids


def _cpu(pid: int) -> Cpu:
    """What each thread of a process has run, user and system."""
    threads = PROC / str(pid) / "task"
    if not (PROC / str(pid) / "schedstat").exists():
        # A system that keeps no such record has one in clock ticks.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return {pid: (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")}
    found = {}
    for thread in threads.iterdir():
        with suppress(OSError):  # It has just ended.
            found[int(thread.name)] = int((thread / "schedstat").read_text().split()[0]) / 1e6
    return found


@contextmanager
def server(kind: str, url: str, name: str) -> Iterator[Server]:
    """A server with one of the executors. What works beside it is off: reads are measured. `name`
    is what PostgreSQL calls its connections."""
    settings = {
        "ZHANGFANG_RATE": "off",
        "ZHANGFANG_BACKGROUND": "off",
        "ZHANGFANG_IDLE_SECONDS": "60",
        "PGAPPNAME": name,
    }
    with running(url, program=PROGRAMS[kind], settings=settings) as (host, port, pid):
        found = Server((host, port), pid, url, name)
        try:
            yield found
        finally:
            found.close()


class Client:
    """Asks a server the same thing again and again, on one connection."""

    def __init__(self, address: tuple[str, int], key: str, body: dict[str, Any]) -> None:
        encoded = msgspec.json.encode(body)
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(encoded)}\r\n\r\n"
        )
        self._request = head.encode() + encoded
        self._socket = socket.create_connection(address, timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ask(self) -> bytes:
        """The body of the answer. Raises RuntimeError for any status but 200."""
        self._socket.sendall(self._request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head = got[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"the server answered {got[:200]!r}")
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        while len(got) < end + 4 + length:
            got += self._more()
        return got[end + 4 :]

    def ask_for(self, seconds: float) -> list[float]:
        """What each answer took, in seconds, one after the other for so long."""
        waits = []
        until = (began := time.perf_counter()) + seconds
        while began < until:
            self.ask()
            now = time.perf_counter()
            waits.append(now - began)
            began = now
        return waits

    def _more(self) -> bytes:
        got = self._socket.recv(1 << 18)
        if not got:
            raise RuntimeError("the server closed the connection")
        return got
