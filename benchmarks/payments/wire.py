"""HTTP/1.1 by hand, for load that must cost less than what it measures.

Only what both ends here need: bodies with a length, connections that are kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

HEAD_END = b"\r\n\r\n"


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Message(NamedTuple):
    """A request or an answer: its first line, its head with it, and its body."""

    first: bytes
    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.first.split(b" ", 2)[1])


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message of a connection. Raises IncompleteReadError at its end."""
    head = await reader.readuntil(HEAD_END)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, text = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(text)
    body = await reader.readexactly(length) if length else b""
    return Message(head.split(b"\r\n", 1)[0], head, body)


class Client:
    """Many requests at once to one address, each on a connection of its own that is kept."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self._idle: list[Connection] = []

    async def ask(self, request: bytes) -> Message:
        """One request, written out whole. Raises ConnectionError."""
        while self._idle:
            kept = self._idle.pop()
            with suppress(ConnectionError):  # It was idle too long.
                return await self._on(kept, request)
        return await self._on(await asyncio.open_connection(*self.address), request)

    async def _on(self, connection: Connection, request: bytes) -> Message:
        reader, writer = connection
        try:
            writer.write(request)
            answer = await read_message(reader)
        except asyncio.IncompleteReadError as end:
            writer.close()
            raise ConnectionResetError("the connection was closed") from end
        except BaseException:
            writer.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


def post(path: str, key: str, body: bytes) -> bytes:
    """A POST of JSON with a bearer key, as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


Answers = Callable[[Message], Awaitable[bytes]]


async def listen(answers: Answers) -> tuple[asyncio.Server, int]:
    """A server on a free port of the loopback: `answers` gives the whole answer to a request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(await answers(await read_message(reader)))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])
