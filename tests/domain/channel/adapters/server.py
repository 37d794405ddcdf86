"""A small HTTP server for the tests, which answers by script: also with what no server should."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct


class Asked(Struct, frozen=True):
    """A request as it came; header names in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Reply(Struct, frozen=True):
    """What to answer. `cut`: so many bytes of the body are sent, then the connection ends.
    `pause_s`: between the head and each byte of the body."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    cut: int | None = None
    pause_s: float = 0


class Raw(Struct, frozen=True):
    """Bytes instead of an answer, then the end of the connection."""

    sent: bytes = b""


class Silence(Struct, frozen=True):
    """No answer, and the connection stays open."""


Script = Callable[[Asked], Awaitable[Reply | Raw | Silence]]


class Server:
    """Use it as an async context manager; `url` is where it listens."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.open = 0  # Connections: now, at most, and ever.
        self.most_open = 0
        self.taken = 0

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._ended = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        self._server.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.taken += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        reply = await self._script(asked)
        match reply:
            case Silence():
                await self._ended.wait()
                return False
            case Raw(sent):
                writer.write(sent)
                await writer.drain()
                return False
        return await self._answer(writer, reply)

    async def _answer(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        lines = [f"HTTP/1.1 {reply.status} Told"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.status != 204:
            lines.append(f"Content-Length: {len(reply.body)}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if reply.pause_s:
            for place in range(len(body)):
                writer.write(body[place : place + 1])
                await writer.drain()
                await asyncio.sleep(reply.pause_s)
        else:
            writer.write(body)
        await writer.drain()
        return reply.cut is None
