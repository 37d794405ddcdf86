"""What every answer of the server has, whoever gives it: the guard around the whole application.

A request has an id, which its lines in the log and its answer carry. Pages bring their own policy;
everything else is no page, and says so to a browser that takes it for one.
"""

import logging
import random
import re
import time
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

REQUEST_ID = b"x-request-id"
_is_request_id = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch
_log = logging.getLogger("zhangfang.access")

NO_PAGE = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", NO_PAGE),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"cache-control", b"no-store"),
)


class Doors:
    """ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began_ns = time.perf_counter_ns()
        status = 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                lacking = _lacking(tuple([name for name, _ in headers]))
                message["headers"] = [*headers, *lacking, (REQUEST_ID, request_id)]
            await send(message)

        bound = bind_contextvars(request_id=request_id.decode())
        try:
            try:
                await self._app(scope, receive, guarded)
            except Exception:
                if not status:
                    raise
                # It is answered, and was logged under its incident number when it was.
            if _log.isEnabledFor(logging.INFO):
                route = getattr(scope.get("route"), "path", None)
                took_ms = (time.perf_counter_ns() - began_ns) // 1_000_000
                # The route and not the path: ids of members stand in paths.
                _log.info("%s %s %d %d ms", scope["method"], route or "-", status, took_ms)
        finally:
            reset_contextvars(**bound)


@lru_cache(maxsize=256)
def _lacking(given: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """What is added to an answer that has headers of these names."""
    names = {name.lower() for name in given}
    return tuple(pair for pair in SECURITY if pair[0] not in names)


def _request_id(scope: Scope) -> bytes:
    """The caller's own, if it is one, so that it finds its request in our log; else a new one."""
    given = [value for name, value in scope["headers"] if name == REQUEST_ID]
    if len(given) == 1 and _is_request_id(given[0]):
        return bytes(given[0])
    return b"%016x" % random.getrandbits(64)  # A name, no secret: it may be guessed.
