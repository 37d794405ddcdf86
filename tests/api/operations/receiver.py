"""A receiver of webhooks: a real server on this machine, which does what a test tells it to.

It checks nothing itself: tests verify what it got with another author's code (`standardwebhooks`).
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import Struct
from standardwebhooks import Webhook

HANG, CLOSE, ENDLESS = "hang", "close", "endless"
Answer = int | str  # A status, one of the words above, or where to redirect to.
Answers = Callable[["Got"], Answer]


class Got(Struct, frozen=True):
    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def position(self) -> int:
        return int(self.event["position"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Receiver:
    """`answers` says what follows a request; None: 204, always."""

    def __init__(self, answers: Answers | None = None, port: int = 0) -> None:
        self.answers: Answers = answers or (lambda got: 204)
        self.got: list[Got] = []
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._answer(self)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?shop=1"

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def let_go(self) -> None:
        """Whoever hangs is left without an answer."""
        self._over.set()

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def positions(self) -> list[int]:
        return [one.position for one in self.got]

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """The events, each proved by its signature. Raises WebhookVerificationError."""
        return [Webhook(secret).verify(one.body, dict(one.headers)) for one in self.got]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length", "0"))
        body = handler.rfile.read(length)
        got = Got({k.lower(): v for k, v in handler.headers.items()}, body, handler.path)
        self.got.append(got)
        answer = self.answers(got)
        if answer == HANG:
            self._over.wait(120)
            return
        if answer == CLOSE:
            handler.close_connection = True
            return
        status = answer if isinstance(answer, int) else 302
        handler.send_response(200 if answer == ENDLESS else status)
        if answer == ENDLESS:
            handler.end_headers()
            self._pour(handler)
            return
        if isinstance(answer, str):
            handler.send_header("location", answer)
        handler.send_header("content-length", "0")
        handler.end_headers()

    def _pour(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            while not self._over.is_set():
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            pass
