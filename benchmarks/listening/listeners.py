"""Connections that listen, read as a browser reads them."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from benchmarks.payments.wire import HEAD_END

QUERY = "subscription ($m: ID) { transactionChanged(merchantId: $m) { id state lastPosition } }"


class Listener:
    """One connection that listens to a merchant; it remembers when each event came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.came_s: dict[str, float] = {}  # By transaction, on the clock of `perf_counter`.
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def told(self, transaction_id: str) -> float:
        """When it was told of a transaction. Raises ConnectionError when the stream has ended."""
        while transaction_id not in self.came_s:
            if self._reading.done():
                raise ConnectionError("the server has ended a subscription")
            self._changed.clear()
            await self._changed.wait()
        return self.came_s[transaction_id]

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()
        await asyncio.wait([self._reading])

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                if line.startswith(b"data: {"):
                    data = msgspec.json.decode(line[len(b"data: ") :])["data"]
                    self.came_s[data["transactionChanged"]["id"]] = time.perf_counter()
                    self._changed.set()
        finally:
            self._changed.set()


async def listen(address: tuple[str, int], key: str, merchant: str) -> Listener:
    """A subscription that has begun. Raises ConnectionError when it is refused."""
    body = msgspec.json.encode({"query": QUERY, "variables": {"m": merchant}})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(*address, limit=1 << 13)
    writer.write(head.encode() + body)
    answer = await reader.readuntil(HEAD_END)
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        writer.close()
        raise ConnectionError(f"a subscription was refused: {answer[:200]!r}")
    await reader.readuntil(b": position ")
    return Listener(reader, writer)


async def listen_all(
    address: tuple[str, int], key: str, merchants: Sequence[str]
) -> list[Listener]:
    """One for each, a few at a time."""
    found: list[Listener] = []
    for first in range(0, len(merchants), 50):
        some = (listen(address, key, one) for one in merchants[first : first + 50])
        found += await asyncio.gather(*some)
    return found
