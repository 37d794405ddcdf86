"""One channel's connections: one request out, one bounded answer in, within a deadline.

Nothing is raised for what the outside does: what went wrong is `Lost`, with the reason. Each
channel has its own number of connections (bulkhead): a slow one slows no other.

It stands on httpcore2, the lower half of httpx2: a signed request has its headers already, follows
no redirect and keeps no cookie, and what a client does beside that took half of the whole. There is
no pool either: one looks at all its connections for each request.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache

import httpcore2
import httpx2
from msgspec import Struct
from msgspec.structs import replace

from domain.channel.adapters.deadline import within
from domain.channel.adapters.masking import masked
from domain.channel.adapters.reading import safe
from domain.channel.network import Answer, Exchange
from domain.channel.port import Unknown

MAX_BYTES = 256 * 1024  # Of an answer's body.
# A connection that was idle longer is opened anew: servers close theirs after 5 s, and a request
# on a connection that is just being closed would be lost.
IDLE_SECONDS = 3
BROKEN = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ConnectionNotAvailable,
    OSError,
    AttributeError,  # The library's, of a socket that was closed while it connected.
)
# A compressed answer could be small outside and huge inside.
ALWAYS = ((b"Accept-Encoding", b"identity"), (b"User-Agent", b"zhangfang"), (b"Accept", b"*/*"))


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a channel may take, and how many requests it is asked at once."""

    connect_ms: int = 3000
    request_ms: int = 8000
    connections: int = 64


class Request(Struct, frozen=True):
    """A request as it goes over the wire; `target` is path and query, as it is signed."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class Reply(Struct, frozen=True):
    """What came back, whatever it says. Header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    exchange: Exchange

    @property
    def is_hindered(self) -> bool:
        """Whoever answers is in trouble, or asked too often: what was asked is unknown."""
        return self.status >= 500 or self.status == 429


class Lost(Struct, frozen=True):
    """No answer that could be read. `sent` is False when it is certain that nothing left."""

    reason: str
    sent: bool
    exchange: Exchange

    def answer(self) -> Answer:
        return Answer(Unknown(self.reason), exchange=self.exchange, sent=self.sent)


class Wire:
    """The connections to one channel."""

    def __init__(self, base_url: str, limits: Limits) -> None:
        self._base = base_url.rstrip("/")
        self._limits = limits
        self._free = asyncio.Semaphore(limits.connections)
        # Over http nothing is verified; the first request need not wait for the authorities.
        self._trusted = _trusted() if self._base.startswith("https:") else None
        self._idle: list[httpcore2.AsyncHTTPConnection] = []  # The one used last is used next.
        self._to = _address(self._base)
        self._always = ((b"Host", _host(self._to)), *ALWAYS)
        whole = _seconds(limits.request_ms)
        times = {"connect": _seconds(limits.connect_ms), "read": whole, "write": whole}
        self._extensions = {"timeout": times}
        self.prefix = self._to.target.decode()

    async def ask(self, request: Request) -> Reply | Lost:
        """Send a request and read its answer, within the deadline of the whole."""
        whole = _seconds(self._limits.request_ms)
        if self._free.locked():
            free = await within(self._free.acquire(), whole)
        else:  # At once, and without a task of its own.
            free = await self._free.acquire()
        if not free:
            busy = f"all {self._limits.connections} connections are busy: nothing was sent"
            return self._lost(request, busy, sent=False)
        connection = await self._connection()
        try:
            reply = await within(self._asked(connection, request), whole)
            if reply is None:
                return self._lost(request, f"no answer within {self._limits.request_ms} ms")
            return reply
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            return self._lost(request, f"no connection: {_told(error)}", sent=False)
        except BROKEN as error:
            return self._lost(request, f"the connection broke: {_told(error)}")
        finally:
            if connection.is_idle():
                self._idle.append(connection)
            else:
                await connection.aclose()
            self._free.release()

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[httpcore2.Response]:
        """An answer that is read piece by piece, over a connection of its own. Raises one of BROKEN
        or httpcore2.ConnectError."""
        async with self._free:
            connection = await self._connection()
            try:
                response = await connection.handle_async_request(self._as_asked(request))
                try:
                    yield response
                finally:
                    await response.aclose()
            finally:
                await connection.aclose()

    async def aclose(self) -> None:
        """Close all connections that are not in use."""
        while self._idle:
            await self._idle.pop().aclose()

    async def _connection(self) -> httpcore2.AsyncHTTPConnection:
        """One that the channel has not closed yet, else a new one: it connects when it is used."""
        while self._idle:
            kept = self._idle.pop()
            if kept.is_available() and not kept.has_expired():
                return kept
            await kept.aclose()
        return httpcore2.AsyncHTTPConnection(
            self._to.origin, ssl_context=self._trusted, keepalive_expiry=IDLE_SECONDS
        )

    async def _asked(
        self, connection: httpcore2.AsyncHTTPConnection, request: Request
    ) -> Reply | Lost:
        response = await connection.handle_async_request(self._as_asked(request))
        try:
            body, whole = await _bounded(response)
        finally:
            await response.aclose()
        status, headers = response.status, _received(response)
        if not whole:
            return self._lost(request, f"an answer above {MAX_BYTES} bytes", status, body[:4096])
        if headers.get("content-encoding", "identity") != "identity":
            return self._lost(request, "an answer that is compressed", status)
        return Reply(status, headers, body, self._exchange(request, status, body))

    def _as_asked(self, request: Request) -> httpcore2.Request:
        target = self.prefix + request.target.removeprefix(self.prefix)
        to = self._to
        url = httpcore2.URL(scheme=to.scheme, host=to.host, port=to.port, target=target.encode())
        return httpcore2.Request(
            request.method,
            url,
            headers=[*self._always, *_sent(request)],
            content=request.body,
            extensions=self._extensions,
        )

    def _lost(
        self, request: Request, reason: str, status: int = 0, body: bytes = b"", sent: bool = True
    ) -> Lost:
        return Lost(safe(reason), sent, self._exchange(request, status, body))

    def _exchange(self, request: Request, status: int, body: bytes) -> Exchange:
        url = self._base + request.target.removeprefix(self.prefix)
        return Exchange(request.method, url, masked(request.body), status, masked(body))


def after(first: Answer, second: Answer) -> Answer:
    """The second answer, with what went over the wire for the first."""
    if first.exchange is None:
        return replace(second, sent=True)
    return replace(second, sent=True, earlier=(*first.earlier, first.exchange, *second.earlier))


def callback_exchange(method: str, target: str, body: bytes) -> Exchange:
    """A callback as it is kept: what the channel sent us, masked."""
    return Exchange(method, target, b"", 0, masked(body))


@cache
def _trusted() -> ssl.SSLContext:
    """The certificate authorities that https is checked with: read once."""
    return httpx2.create_ssl_context(trust_env=False)


def _address(base_url: str) -> httpcore2.URL:
    url = httpx2.URL(base_url)
    path = url.raw_path.rstrip(b"/")
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=path)


def _host(to: httpcore2.URL) -> bytes:
    """Of the header; the port is left out where it is the scheme's own."""
    host = b"[%s]" % to.host if b":" in to.host else to.host
    usual = {b"http": 80, b"https": 443}[to.scheme]
    return host if to.port in (None, usual) else b"%s:%d" % (host, to.port)


def _sent(request: Request) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    if request.body or request.method == "POST":
        headers.append((b"Content-Length", b"%d" % len(request.body)))
    return headers


def _received(response: httpcore2.Response) -> dict[str, str]:
    """Of several headers of one name, all, with commas between them."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _bounded(response: httpcore2.Response) -> tuple[bytes, bool]:
    """The body, and whether it is the whole: reading stops above MAX_BYTES."""
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return bytes(body[:MAX_BYTES]), False
    return bytes(body), True


def _told(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000
