"""One channel's connections: one request out, one bounded answer in, within a deadline.

Nothing is raised for what the outside does: what went wrong is `Lost`, with the reason. Each
channel has its own number of connections (bulkhead): a slow one slows no other.

Each connection is a client with a pool of one. A pool looks at all its connections for each
request: with 256 of them that was half of what a request cost.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

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
ONE_CONNECTION = httpx2.Limits(
    max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS
)


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
        self._verify = _trusted() if self._base.startswith("https:") else False
        self._idle: list[httpx2.AsyncClient] = []  # The one that was used last is used next.
        self._clients: list[httpx2.AsyncClient] = []
        self.prefix = httpx2.URL(self._base).raw_path.decode().rstrip("/")

    async def ask(self, request: Request) -> Reply | Lost:
        """Send a request and read its answer, within the deadline of the whole."""
        whole = _seconds(self._limits.request_ms)
        if not await within(self._free.acquire(), whole):
            busy = f"all {self._limits.connections} connections are busy: nothing was sent"
            return self._lost(request, busy, sent=False)
        client = self._idle.pop() if self._idle else self._new()
        try:
            reply = await within(self._asked(client, request), whole)
            if reply is None:
                return self._lost(request, f"no answer within {self._limits.request_ms} ms")
            return reply
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return self._lost(request, f"no connection: {_told(error)}", sent=False)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            return self._lost(request, f"the connection broke: {_told(error)}")
        finally:
            self._idle.append(client)
            self._free.release()

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()

    def _new(self) -> httpx2.AsyncClient:
        whole = _seconds(self._limits.request_ms)
        client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(whole, connect=_seconds(self._limits.connect_ms)),
            # A compressed answer could be small outside and huge inside.
            headers={"Accept-Encoding": "identity", "User-Agent": "zhangfang"},
            transport=httpx2.AsyncHTTPTransport(
                verify=self._verify, trust_env=False, limits=ONE_CONNECTION
            ),
            trust_env=False,  # No proxy and no password from the environment.
            follow_redirects=False,
        )
        self._clients.append(client)
        return client

    async def _asked(self, client: httpx2.AsyncClient, request: Request) -> Reply | Lost:
        path = request.target.removeprefix(self.prefix)
        async with client.stream(
            request.method, self._base + path, headers=request.headers, content=request.body
        ) as response:
            body, whole = await _bounded(response)
            status, headers = response.status_code, dict(response.headers)
        if not whole:
            return self._lost(request, f"an answer above {MAX_BYTES} bytes", status, body[:4096])
        if headers.get("content-encoding", "identity") != "identity":
            return self._lost(request, "an answer that is compressed", status)
        return Reply(status, headers, body, self._exchange(request, status, body))

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


async def _bounded(response: httpx2.Response) -> tuple[bytes, bool]:
    """The body, and whether it is the whole: reading stops above MAX_BYTES."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            return bytes(body[:MAX_BYTES]), False
    return bytes(body), True


def _told(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000
