"""The second client of a drill, in a process of its own: what others notice of an attack.

It asks for /health and makes a transfer, in turn, until its input is closed; then it writes, as one
line of JSON, when each began (monotonic seconds), which it was, how long it took and its status.
"""

import http.client
import itertools
import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:  # The process is there at once, and small.
    from benchmarks.drills.served import Served

PAYER, PAYEE = "payer", "payee"  # Whose wallets have money.
EVERY_S = 0.02
TIMEOUT_S = 10
HEALTH, TRANSFER = "health", "transfer"


class Seen(Struct, frozen=True, array_like=True):
    """One request. `status` is 0 when there was no answer."""

    began_s: float
    what: str
    took_ms: float
    status: int


class SecondClient:
    """The process, from the drill's side. Use it as a context; `seen` is filled at its end."""

    def __init__(self, server: "Served") -> None:
        self._server = server
        self.seen: list[Seen] = []

    def __enter__(self) -> "SecondClient":
        arguments = [self._server.host, str(self._server.port), self._server.operator]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # It has begun.
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            said, _ = self._process.communicate("", timeout=3 * TIMEOUT_S)
            self.seen = [Seen(*one) for one in json.loads(said or "[]")]
        finally:
            self._process.kill()


class _Client:
    def __init__(self, host: str, port: int, key: str) -> None:
        self._place = (host, port)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, what: str, number: int) -> int:
        """The status; on a connection that the server has closed meanwhile it asks once more, as
        every client must (a transfer under its number is made once)."""
        kept = self._connection is not None
        try:
            return self._asked(what, number)
        except (OSError, http.client.HTTPException):
            self._connection = None
            if not kept:
                return 0
        try:
            return self._asked(what, number)
        except (OSError, http.client.HTTPException):
            self._connection = None
            return 0

    def _asked(self, what: str, number: int) -> int:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._place, timeout=TIMEOUT_S)
        if what == HEALTH:
            self._connection.request("GET", "/health")
        else:
            body = {"transfer_no": f"T{number}", "payer": PAYER, "payee": PAYEE, "amount_fen": 1}
            self._connection.request("POST", "/v1/transfers", json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def main(host: str, port: str, key: str) -> None:
    """The process."""
    client = _Client(host, int(port), key)
    seen: list[Any] = []
    print("begun", flush=True)
    for number in itertools.count():
        what = TRANSFER if number % 2 else HEALTH
        began_s = time.monotonic()
        status = client.ask(what, number)
        seen.append((began_s, what, (time.monotonic() - began_s) * 1_000, status))
        if select.select([sys.stdin], [], [], EVERY_S)[0]:  # Closed: the drill is over.
            break
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
