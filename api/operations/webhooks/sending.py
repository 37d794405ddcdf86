"""One try: an event goes out, and what came of it comes back as a word. Nothing is raised.

A new connection each time, to an address that was checked; one deadline over everything; redirects
are not followed; of the answer only its status is looked at, and nothing of its body is read, so
that there is nothing it could fill.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from ssl import SSLContext
from typing import Any, Literal

import httpcore2
import httpx2
from msgspec import Struct

from api.operations.webhooks.addresses import Allow, Target, fault, is_public, parsed, target
from domain.channel.adapters.deadline import within
from domain.channel.adapters.wire import BROKEN

Result = Literal[
    "delivered",
    "answered",  # With a status that is no success.
    "redirected",
    "timed_out",
    "not_connected",
    "broken",  # The connection, or the protocol.
    "not_found",  # No such name.
    "refused",  # The address is not one that may be sent to.
    "no_secret",  # Nothing to sign with.
]
DEADLINE_S = 10.0
NAMES_AT_ONCE = 64
MOST_ADDRESSES = 3  # Of a name, tried one after another.
GONE = 410  # The receiver wants no more: by the standard nothing is sent any more.


class Outcome(Struct, frozen=True):
    """`status`: of the answer, 0 for none."""

    result: Result
    status: int = 0
    took_ms: int = 0

    @property
    def is_delivered(self) -> bool:
        return self.result == "delivered"


class Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to one address, whatever the name means now."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return await self._inner.connect_tcp(
            self._address, port, timeout, local_address, socket_options
        )


class Sender:
    """`allow`: "public" sends by https to public addresses alone; "local" anywhere, for development
    and tests. `resolve` gives a name's addresses, and raises OSError for one that has none."""

    def __init__(
        self,
        allow: Allow = "public",
        deadline_s: float = DEADLINE_S,
        resolve: Callable[[str, int], list[str]] | None = None,
    ) -> None:
        self.allow = allow
        self._resolve = resolve or _resolved
        self._deadline_s = deadline_s
        # Names are asked for in threads of their own: one that is slow to be found slows no other.
        self._names = ThreadPoolExecutor(NAMES_AT_ONCE, "webhook-names")

    def close(self) -> None:
        self._names.shutdown(wait=False, cancel_futures=True)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        began_ns = time.monotonic_ns()
        outcome = await within(self._sent(target(url), headers, body), self._deadline_s)
        took_ms = (time.monotonic_ns() - began_ns) // 1_000_000
        found = outcome or Outcome("timed_out")
        return Outcome(found.result, found.status, took_ms)

    async def _sent(self, to: Target, headers: Mapping[str, str], body: bytes) -> Outcome:
        if fault(to, self.allow):  # It was allowed once, by other settings.
            return Outcome("refused")
        addresses = await self._addresses(to)
        if isinstance(addresses, Outcome):
            return addresses
        outcome = Outcome("not_connected")
        for address in addresses[:MOST_ADDRESSES]:
            outcome = await self._asked(to, address, headers, body)
            if outcome.result != "not_connected":
                break
        return outcome

    async def _addresses(self, to: Target) -> list[str] | Outcome:
        """What the name means; one that is not public speaks against all of them."""
        addresses = [to.host]
        if parsed(to.host) is None:
            ask = partial(self._resolve, to.host, to.port)
            try:
                addresses = await asyncio.get_running_loop().run_in_executor(self._names, ask)
            except (OSError, UnicodeError):
                return Outcome("not_found")
        for text in addresses:
            address = parsed(text)
            if self.allow != "local" and (address is None or not is_public(address)):
                return Outcome("refused")
        return addresses or Outcome("not_found")

    async def _asked(
        self, to: Target, address: str, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        origin = httpcore2.Origin(to.scheme.encode(), to.host.encode(), to.port)
        trusted = _trusted() if to.scheme == "https" else None
        connection = httpcore2.AsyncHTTPConnection(
            origin, ssl_context=trusted, network_backend=Pinned(address)
        )
        try:
            response = await connection.handle_async_request(_request(to, headers, body))
            return _read(response.status)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
            return Outcome("not_connected")
        except BROKEN:
            return Outcome("broken")
        finally:
            await connection.aclose()


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _request(to: Target, headers: Mapping[str, str], body: bytes) -> httpcore2.Request:
    sent = {
        "Host": to.shown_host,
        "User-Agent": "zhangfang",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    url = httpcore2.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.path)
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    return httpcore2.Request(b"POST", url, headers=pairs, content=body)


def _read(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome("delivered", status)
    return Outcome("redirected" if 300 <= status < 400 else "answered", status)


@cache
def _trusted() -> SSLContext:
    """The certificate authorities that https is checked with: read once."""
    return httpx2.create_ssl_context(trust_env=False)
