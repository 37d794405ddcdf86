"""A simulator in its own process, a client that signs and checks on its own, and a receiver.

Nothing here imports the simulator: what it says is checked by `cryptography` and by what the
protocol says.
"""

import base64
import json
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ROOT = Path(__file__).parent.parent.parent
EPOCH = "2026-11-25T08:00:00+08:00"


class Outside:
    """`python -m simulator` in a directory."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self.options = directory, options
        self.start()

    def start(self, *options: str) -> None:
        program = [sys.executable, "-m", "simulator", "--directory", str(self.directory)]
        self.process = subprocess.Popen(
            [*program, "--json", *self.options, *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.base_url = said["base_url"]
        self.keys = json.loads(Path(said["keys"]).read_text())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def get(self, path: str) -> Any:
        return self.raw("GET", path)[1]

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        return self.raw("POST", path, json.dumps(body).encode())[:2]

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> tuple[int, Any, Any]:
        """Status, decoded body, headers. Raises OSError when the connection drops."""
        request = urllib.request.Request(
            self.base_url + path, data=body, method=method, headers=headers or {}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                content, status, told = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as error:
            content, status, told = error.read(), error.code, error.headers
        return status, json.loads(content) if content else None, told

    def book(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.get(f"/book?after={after}&limit=100")
            found, after = found + page["orders"], page["next"]
        return found

    def entry(self, number: str) -> dict[str, Any]:
        return next(order for order in self.book() if order["number"] == number)

    def at_rest(self, seconds: int = 30) -> None:
        """Until nothing is due any more."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            totals = self.get("/book/totals")
            if totals["tasks"] == 0 and totals["callbacks_waiting"] == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"not at rest: {totals}")


class Member:
    """The institution at one signed-JSON network."""

    def __init__(self, outside: Outside, network: str) -> None:
        self.outside, self.network = outside, network
        self.keys = outside.keys["networks"][network]
        self.merchant = self.keys["merchant"]
        self._private = Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(self.keys["our_private"])
        )
        self._theirs = Ed25519PublicKey.from_public_bytes(
            base64.b64decode(self.keys["their_public"])
        )

    def sign(self, method: str, path: str, body: bytes, **other: str) -> dict[str, str]:
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        said = {
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Key-Id": self.keys["our_key_id"],
            **other,
        }
        message = f"{method}\n{path}\n{said['X-Timestamp']}\n{said['X-Nonce']}\n".encode()
        signed = self._private.sign(message + body + b"\n")
        return {"X-Signature": base64.b64encode(signed).decode(), **said}

    def verify(self, first: str, second: str, headers: Any, body: bytes) -> None:
        """Raises InvalidSignature."""
        assert headers["X-Key-Id"] == self.keys["their_key_id"]
        assert abs(int(headers["X-Timestamp"]) - time.time()) < 300
        message = f"{first}\n{second}\n{headers['X-Timestamp']}\n{headers['X-Nonce']}\n".encode()
        signature = base64.b64decode(headers["X-Signature"])
        self._theirs.verify(signature, message + body + b"\n")

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        content = json.dumps(body).encode() if body is not None else b""
        headers = self.sign(method, path, content)
        request = urllib.request.Request(
            self.outside.base_url + path,
            data=content if method == "POST" else None,
            method=method,
            headers=headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                told, status, said = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as error:
            told, status, said = error.read(), error.code, error.headers
        self.verify("ANSWER", headers["X-Nonce"], said, told)
        return status, json.loads(told)

    def wish(self, number: str, **other: Any) -> dict[str, Any]:
        """The body of an order. A None leaves a field out."""
        wish = {
            "merchant": self.merchant,
            "number": number,
            "kind": "payout" if self.network == "bank" else "payment",
            "amount": 10_000,
            "currency": "CNY",
            "party": {"kind": "card", "id": "6222020200112233"},
            "subject": "nuts",
            "notify_url": "http://127.0.0.1:9/nobody",
            **other,
        }
        return {name: value for name, value in wish.items() if value is not None}

    def place(self, number: str, **other: Any) -> tuple[int, Any]:
        return self.ask("POST", f"/{self.network}/orders", self.wish(number, **other))

    def query(self, number: str, kind: str = "payment", more: str = "") -> tuple[int, Any]:
        path = f"/{self.network}/orders/{number}?merchant={self.merchant}&kind={kind}{more}"
        return self.ask("GET", path)

    def close(self, number: str, **other: Any) -> tuple[int, Any]:
        body = {"merchant": self.merchant, "kind": "payment", **other}
        return self.ask("POST", f"/{self.network}/orders/{number}/close", body)

    def until(self, number: str, *states: str, kind: str = "payment") -> dict[str, Any]:
        """The order when it has come to one of the states."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            order: dict[str, Any] = self.query(number, kind)[1]
            if order.get("state") in states:
                return order
            time.sleep(0.02)
        raise AssertionError(f"still {order}")


class Receiver:
    """Takes callbacks; `statuses` are answered first, then 204."""

    def __init__(self, *statuses: int) -> None:
        self.got: queue.Queue[tuple[str, Any, bytes]] = queue.Queue()
        waiting, got = list(statuses), self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # Its sender was killed in the middle of it.
                    self.close_connection = True
                    return
                got.put((self.path, self.headers, body))
                self.send_response(waiting.pop(0) if waiting else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks/x?by=test"

    def next(self) -> tuple[str, Any, bytes]:
        return self.got.get(timeout=20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
