"""The attacks of `drill doors`, each bounded in connections, bytes and seconds.

Each answers with what the attacker saw, and whether that is as it should be.
"""

import http.client
import json
import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.drills.served import Served

Seen = dict[str, Any]

DOCUMENTS = 256
MIB = 1024 * 1024
HEADER_BYTES, URL_BYTES = 60 * MIB, 100 * MIB
SILENT = SLOW = 500
WAIT_S = 25  # By then every connection that says nothing, or too little, must be closed.
ALIASES = 30
LARGE = 24
LONGEST = 19_000  # Characters of a document that is still read.
TIMEOUT_S = 60
TAKEN_BYTES = 8 * MIB  # What may have been on its way before a refusal reached us.

PAGE = "transactions(first: 100) { edges { node { id orderNo merchantId buyerId subject state "
PAGE += "amount { minor decimal } refunded { minor } entries { reference position rule at "
PAGE += "lines { account title debit { minor } credit { minor } } } } } }"


def documents(server: Served) -> Seen:
    """D1: documents of 1 MB, each another one; then as many that are not too long to be read."""
    statuses: Counter[int] = Counter()
    lengths = (MIB - 2_000, LONGEST)
    bodies = [_document(number, length) for length in lengths for number in range(DOCUMENTS)]
    with ThreadPoolExecutor(4) as pool:
        for status, _ in pool.map(lambda body: _query(server, body), bodies):
            statuses[status] += 1
    return {"sent": len(bodies), "statuses": _named(statuses), "ok": not statuses[0]}


def _document(number: int, length: int) -> bytes:
    padding = "x" * (length - 60)
    return json.dumps({"query": f"# {number} 😀{padding}\n{{ ledger {{ position }} }}"}).encode()


def _query(server: Served, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {server.auditor}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def large_heads(server: Served) -> Seen:
    """D2: a header of 60 MB, eight at once, and a URL of 100 MB: refused early, with a status."""
    head = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Large: "
    with ThreadPoolExecutor(8) as pool:
        headers = list(pool.map(lambda _: _poured(server, head, HEADER_BYTES), range(8)))
    url = _poured(server, b"GET /", URL_BYTES)
    return {
        "headers": [{"status": status, "taken_bytes": taken} for status, taken in headers],
        "url": {"status": url[0], "taken_bytes": url[1]},
        "ok": all(status == 431 and taken < TAKEN_BYTES for status, taken in headers)
        and url[0] == 414
        and url[1] < TAKEN_BYTES,
    }


def _poured(server: Served, head: bytes, size: int) -> tuple[int, int]:
    """Send a head and then letters, until somebody hangs up; the status and what was taken."""
    sent, chunk = 0, b"x" * 65_536
    with socket.create_connection((server.host, server.port), TIMEOUT_S) as connection:
        try:
            connection.sendall(head)
            while sent < size:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # It has hung up; what it said may still be there to be read.
        try:
            said = connection.recv(4096)
        except OSError:
            said = b""
    return _status(said), sent


def _status(said: bytes) -> int:
    words = said.split(b" ", 2)
    return int(words[1]) if said.startswith(b"HTTP/1.1 ") and words[1].isdigit() else 0


def silence(server: Served) -> Seen:
    """D3: 500 connections that say nothing, 500 that send a byte a second: closed after seconds."""
    began = time.monotonic()
    with _Crowd(server) as crowd:
        most_files = 0
        while crowd.open and time.monotonic() - began < WAIT_S:
            crowd.tick()
            most_files = max(most_files, _open_files(server.pid))
        return {
            "silent": SILENT,
            "slow": SLOW,
            "left_open": crowd.open,
            "statuses": _named(crowd.statuses),
            "took_s": round(time.monotonic() - began, 1),
            "most_files": most_files,
            "ok": crowd.open == 0,
        }


class _Crowd:
    """Connections that only take up room."""

    def __init__(self, server: Served) -> None:
        self.statuses: Counter[int] = Counter()
        self._selector = selectors.DefaultSelector()
        self._slow: set[socket.socket] = set()
        self._said = 0
        for number in range(SILENT + SLOW):
            connection = socket.create_connection((server.host, server.port), TIMEOUT_S)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            if number % 2:
                self._slow.add(connection)

    def __enter__(self) -> "_Crowd":
        return self

    def __exit__(self, *_error: object) -> None:
        for registered in list(self._selector.get_map().values()):
            self._leave(registered.fileobj)

    @property
    def open(self) -> int:
        return len(self._selector.get_map())

    def tick(self) -> None:
        """A second: the slow ones say one byte more, and whoever was closed leaves."""
        until = time.monotonic() + 1
        letter = b"GET /health HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaa"[self._said :][:1]
        self._said += 1
        for connection in list(self._slow):
            try:
                connection.send(letter)
            except OSError:
                self._leave(connection)
        while self.open and time.monotonic() < until:
            for found, _ in self._selector.select(until - time.monotonic()):
                self._read(found.fileobj)

    def _read(self, connection: Any) -> None:
        try:
            said = connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said:
            self.statuses[_status(said)] += 1
        else:
            self._leave(connection)

    def _leave(self, connection: Any) -> None:
        self._slow.discard(connection)
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()


def _open_files(pid: int) -> int:
    """How many files a process has open; 0 where the system does not tell."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def large_answers(server: Served) -> Seen:
    """D4: 30 pages with entries in one query are refused; large ones within the budget, many at
    once, are served while others are too."""
    many = " ".join(f"a{number}: {PAGE}" for number in range(ALIASES))
    status, said = _query(server, json.dumps({"query": f"{{ {many} }}"}).encode())
    refused = status == 200 and b'"data"' not in said and b"ask for fewer" in said
    one = json.dumps({"query": f"{{ {PAGE} }}"}).encode()
    with ThreadPoolExecutor(4) as pool:
        served = list(pool.map(lambda _: _query(server, one), range(LARGE)))
    statuses = Counter(status for status, _ in served)
    whole = all(b'"errors"' not in said and said for _, said in served)
    return {
        "refused": refused,
        "large": LARGE,
        "answer_bytes": max(len(said) for _, said in served),
        "statuses": _named(statuses),
        "ok": refused and whole and set(statuses) == {200},
    }


def _named(statuses: Counter[int]) -> dict[str, int]:
    return {str(status or "no answer"): count for status, count in sorted(statuses.items())}


ATTACKS: dict[str, Callable[[Served], Seen]] = {
    "documents": documents,
    "large_heads": large_heads,
    "silence": silence,
    "large_answers": large_answers,
}
