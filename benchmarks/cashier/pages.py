"""A browser by hand: it costs less than what it measures."""

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import urlencode

from benchmarks.payments.wire import HEAD_END, Client, Message

_COOKIE = re.compile(rb"^set-cookie: ([^;\r]+)", re.IGNORECASE | re.MULTILINE)
_LOCATION = re.compile(rb"^location: ([^\r]+)", re.IGNORECASE | re.MULTILINE)
_HIDDEN = re.compile(rb'name="(attempt|page|token)" value="([^"]*)"')
_KIND = re.compile(rb'class="scene ([a-z]+)"')
_LIVE = re.compile(rb'hx-sse:connect="([^"]+)"')
_ASKED = b'class="button"'  # It leads to the channel: nothing more changes until the payer pays.


def get(path: str, cookie: bytes = b"") -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: bench\r\n".encode()
    return head + (b"Cookie: " + cookie + b"\r\n" if cookie else b"") + b"\r\n"


class Browser:
    """One payer's, of one session. `took_ms` notes what each page took."""

    def __init__(self, client: Client, link: str, took: Callable[[float], None]) -> None:
        self._client, self._link, self._took = client, link, took
        self._cookie = b""
        self.path = link.rpartition("/")[0]
        self.body = b""

    @property
    def kind(self) -> str:
        found = _KIND.search(self.body)
        return found[1].decode() if found else ""

    @property
    def is_asked(self) -> bool:
        """Whether it waits for the payer alone."""
        return self.kind == "waiting" and _ASKED in self.body

    async def open(self) -> None:
        """By the link, and on to the page."""
        answer = await self._timed(get(self._link), 303)
        cookie = _COOKIE.search(answer.head)
        assert cookie is not None
        self._cookie = cookie[1]
        await self.load()

    async def load(self) -> None:
        self.body = (await self._timed(get(self.path, self._cookie), 200)).body

    async def choose(self, method: str) -> None:
        """Send the form of the page, and on to what it leads to."""
        fields = {name.decode(): text.decode() for name, text in _HIDDEN.findall(self.body)}
        form = urlencode({**fields, "method": method}).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: bench\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
        ).encode()
        sent = head + b"Cookie: " + self._cookie + b"\r\n\r\n" + form
        answer = await self._timed(sent, 303)
        to = _LOCATION.search(answer.head)
        if to is None or to[1].decode() != self.path:
            raise RuntimeError(f"a choice was refused: {answer.head[:500]!r}")
        await self.load()

    async def stream(self) -> "Told":
        """Be told from now on, of what the page does not show yet."""
        found = _LIVE.search(self.body)
        assert found is not None, self.kind
        reader, writer = await asyncio.open_connection(*self._client.address, limit=1 << 14)
        writer.write(get(found[1].decode(), self._cookie))
        answer = await reader.readuntil(HEAD_END)
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            writer.close()
            raise ConnectionError(f"a page is not told: {answer[:200]!r}")
        await reader.readuntil(b"event: alive")
        return Told(reader, writer)

    async def _timed(self, request: bytes, status: int) -> Message:
        began = time.perf_counter()
        answer = await self._client.ask(request)
        self._took((time.perf_counter() - began) * 1000)
        if answer.status != status:
            raise RuntimeError(f"{request[:60]!r}: {answer.status} {answer.body[:300]!r}")
        return answer


class Told:
    """A page's stream. `paid_s` is when it said that it is paid, by `perf_counter`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def paid_s(self) -> float:
        """Raises ConnectionError when the stream ends before."""
        while line := await self._reader.readline():
            if b'class="scene paid"' in line:
                return time.perf_counter()
        raise ConnectionError("the server has ended a page's stream")

    def close(self) -> None:
        self._writer.close()
