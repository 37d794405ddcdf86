"""What went over a wire, as a blob: one JSON text per answer, masked by the channel's adapter."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from domain.channel.network import Answer, Exchange
from domain.eventstore import blobs

MOST_BYTES = 64 * 1024  # Of a body; what comes after is cut, and it says so.


def written(answer: Answer) -> bytes | None:
    """The blob of an answer: its exchanges in order. None when nothing went over a wire."""
    made = [*answer.earlier, *([answer.exchange] if answer.exchange is not None else [])]
    if not made:
        return None
    return msgspec.json.encode([_exchange(one) for one in made], order="deterministic")


def _exchange(one: Exchange) -> dict[str, Any]:
    return {
        "method": one.method,
        "url": one.url,
        "sent": _body(one.sent),
        "status": one.status,
        "received": _body(one.received),
    }


def _body(content: bytes) -> str | dict[str, Any]:
    """Text where it is text; else Base64. A cut one says how long it was."""
    kept = content[:MOST_BYTES]
    try:
        text: str | dict[str, Any] = kept.decode()
    except UnicodeDecodeError:
        text = {"base64": base64.b64encode(kept).decode()}
    return text if len(kept) == len(content) else {"bytes": len(content), "first": text}


class Keeper:
    """Keeps blobs for coroutines of one loop: those of a moment share a transaction.

    `put` is called in a thread by `in_thread`, and raises the database's errors to all who wait.
    """

    def __init__(
        self,
        put: Callable[[Sequence[bytes]], None],
        in_thread: Callable[[Callable[[], None]], Any],
    ) -> None:
        self._put = put
        self._in_thread = in_thread
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def keep(self, content: bytes | None) -> str:
        """The name under which it is kept, durably; "" for nothing."""
        if content is None:
            return ""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((content, future))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await future
        return blobs.name_of(content)

    async def _flush(self) -> None:
        while self._waiting:
            mine, self._waiting = self._waiting, []
            contents = [content for content, _ in mine]
            failed: Exception | None = None
            try:
                await self._in_thread(lambda contents=contents: self._put(contents))  # type: ignore[misc]
            except Exception as error:
                failed = error
            for _, future in mine:
                if future.done():
                    continue
                if failed is None:
                    future.set_result(None)
                else:
                    future.set_exception(failed)
