"""Which pages of other origins a browser lets talk to us: those an operator names, and no others.

Keys are sent in a header that a page must set itself, so no answer is ever for "whoever is logged
in": credentials are not allowed, and an origin is named whole or not at all. A preflight (预检) of
an origin that is not named is refused as a problem document, without a word that a browser could
take for a yes.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import Problem, problem_response
from domain.refusals import Code, Refused

METHODS = ("GET", "HEAD", "POST", "DELETE")
HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
)
SHOWN = ("ETag", "Idempotent-Replayed", "Retry-After", "X-Request-Id")
KEPT_S = 600  # How long a browser may remember the answer to a preflight.
_VARY = (b"vary", b"Origin")


class Cors:
    """ASGI middleware, inside the doors and outside of everything that answers."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(one.encode() for one in origins)
        self._headers = frozenset(one.lower() for one in HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"origin"]
        origin = given[0] if len(given) == 1 else b""
        allowed = origin in self._origins
        if given and scope["method"] == "OPTIONS":
            request = Request(scope)
            if "access-control-request-method" in request.headers:
                await self._preflight(request, origin, allowed)(scope, receive, send)
                return

        async def shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), _VARY]
                if allowed:
                    headers.append((b"access-control-allow-origin", origin))
                    shown = ", ".join(SHOWN).encode()
                    headers.append((b"access-control-expose-headers", shown))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, shared)

    def _preflight(self, request: Request, origin: bytes, allowed: bool) -> Response:
        wanted = request.headers.get("access-control-request-headers", "")
        names = {one.strip().lower() for one in wanted.split(",")} - {""}
        if not allowed:
            return _no("Origin", "pages of this origin may not ask; see ZHANGFANG_CORS_ORIGINS")
        if request.headers["access-control-request-method"] not in METHODS:
            return _no("Access-Control-Request-Method", f"one of {', '.join(METHODS)}")
        if not names <= self._headers:
            return _no("Access-Control-Request-Headers", f"none but {', '.join(HEADERS)}")
        headers = {
            "Access-Control-Allow-Origin": origin.decode(),
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(HEADERS),
            "Access-Control-Max-Age": str(KEPT_S),
            "Vary": "Origin",
        }
        return Response(status_code=204, headers=headers)


def _no(field: str, detail: str) -> Response:
    refused = Refused(Code.NOT_ALLOWED, field, detail)
    return problem_response(Problem(refused, headers={"Vary": "Origin"}))
