"""Pages that wait are told by a stream when what they show has changed, and need not ask.

    GET /pay/{session_no}/live, text/event-stream
        ◀── event: alive                    it is there; again whenever nothing was said for long
        ◀── id: <mark> / data: <the scene>  what the page shows has changed
        ◀── event: ended                    nothing more will come: the page waits for nothing

One look at the log says for all pages of a process which streams have new facts (ADR 38 does so
with read models). A scene is made anew when one of the streams it was read from is among them,
and sent when it is another. A scene is read on the write side, so it is never behind.

How many there are and how long each lasts is bounded: a page that is not let in, or whose stream
has ended, asks now and then as if there were no streams.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

import anyio.to_thread
from starlette.responses import Response
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Asked

from api.context import AppContext
from api.graphql.listening.hub import Hub
from api.http.connections import Crowd
from domain.eventstore.recorder import LedgerRecorder
from domain.kernel import States, StateT, Stream

MOST_PER_SESSION = 8  # Devices and tabs; whoever has the link may open more pages than that.
LONGEST_S = 300  # Then the page comes back, and shows again that it may.
ALIVE_S = 15
LOOK_S = 2  # Also without a hint.
AGAIN_S = 1  # After a database that did not answer.
AT_ONCE = 1_000  # Facts looked through; when there are as many, every page is made anew.
WAITS = ("waiting", "unknown", "moving")  # Kinds of scenes.
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # A proxy must not wait until it has more.
)
_ALIVE, _ENDED = b"event: alive\ndata:\n\n", b"event: ended\ndata:\n\n"
log = logging.getLogger("zhangfang.api")


class Shown(Protocol):
    """What a page shows: a tuple, in whose printed form there is all of it."""

    @property
    def kind(self) -> str: ...


Read = Callable[[States, str, int], Any]  # What the page of a session shows now, UTC µs.
Render = Callable[[Any], str]


def mark(found: Shown) -> str:
    """Of what a page shows: equal marks, equal scenes. It says nothing of them."""
    return blake2b(repr(found).encode(), digest_size=9).hexdigest()


class Lives:
    """The pages of one process that are told. They and subscriptions have a bound together, of
    which pages take half at most."""

    def __init__(self, context: AppContext, hub: Hub, crowd: Crowd | None = None) -> None:
        self.most, self.longest_s = max(1, hub.most // 2), LONGEST_S
        self.at_once = AT_ONCE
        self._context = context
        self._hub = hub
        self._pages: set[Page] = set()
        self._at: int | None = None  # All facts up to it were looked through.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hint: asyncio.Event | None = None  # Of that loop.
        self._watching: asyncio.Task[None] | None = None
        self._closed = False
        hub.beside = lambda: self.count
        context.ledger.on_commit(self._moved)
        if crowd is not None:
            crowd.on_ending(self.close)

    @property
    def count(self) -> int:
        """How many are told now."""
        return len(self._pages)

    def page(self, session_no: str, seen: str, read: Read, render: Render) -> Response:
        """A stream for a page that shows what has the mark `seen`; status 503 when too many are
        told already."""
        there = sum(one.session_no == session_no for one in self._pages)
        full = self.count >= self.most or self._hub.count + self.count >= self._hub.most
        if self._closed or full or there >= MOST_PER_SESSION:
            return Response(status_code=503, headers={"Retry-After": "5"})
        return Page(self, session_no, seen, read, render)

    def close(self) -> None:
        """End all: the server stops."""
        self._closed = True
        for one in tuple(self._pages):
            one.end()

    def enter(self, one: "Page") -> None:
        """It is one of those that are told."""
        self._pages.add(one)

    async def join(self) -> None:
        """From now on a page that has entered is woken by new facts. Raises what the database
        raises."""
        if self._at is None:
            at = await anyio.to_thread.run_sync(self._context.ledger.head)
            if self._at is None:  # Else another page was quicker, and has looked since.
                self._at = at.position
        if self._watching is None:
            self._loop, self._hint = asyncio.get_running_loop(), asyncio.Event()
            self._watching = asyncio.create_task(self._watch(self._hint))

    def leave(self, one: "Page") -> None:
        self._pages.discard(one)
        if not self._pages:
            self._at = None
            if self._watching is not None:
                self._watching.cancel()
                self._watching = None

    def read(self, one: "Page") -> Shown:
        """What it shows now; the streams that it is read from are known before they are read, so
        that no fact falls between. Blocks."""
        one.read_from = frozenset()

        def states(stream: "Stream[StateT]") -> StateT:
            one.read_from |= {stream}
            return self._context.ledger.state(stream)

        found: Shown = one.read(states, one.session_no, self._context.clock())
        return found

    def _moved(self, _position: int = 0) -> None:
        """Called by any thread."""
        loop, hint = self._loop, self._hint
        if self._watching is not None and loop is not None and hint is not None:
            with suppress(RuntimeError):  # The loop is closed: nobody listens any more.
                loop.call_soon_threadsafe(hint.set)

    async def _watch(self, hint: asyncio.Event) -> None:
        """Wake pages when there are new facts: of this process, or, by the read models' hints, of
        another."""
        stop = self._context.arrivals.listen(self._moved)
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(hint.wait(), LOOK_S)
                hint.clear()
                try:
                    await self._look()
                except Exception as error:  # The database's trouble passes; nothing is lost.
                    log.warning("pages cannot be told: %r", error)
                    await asyncio.sleep(AGAIN_S)
        finally:
            stop()

    async def _look(self) -> None:
        recorder, after = self._context.ledger.recorder, self._at or 0
        found = await anyio.to_thread.run_sync(_changed, recorder, after, self.at_once)
        self._at = found.upto
        for one in self._pages:
            if found.streams is None or not found.streams.isdisjoint(one.read_from):
                one.woken.set()


class _Changes(NamedTuple):
    """Which streams have facts up to a position; None: too many to say."""

    upto: int
    streams: frozenset[str] | None


def _changed(recorder: LedgerRecorder, after: int, at_once: int) -> _Changes:
    rows = recorder.read_log(after, at_once)
    if len(rows) == at_once:
        return _Changes(recorder.head().position, None)
    upto = rows[-1].position if rows else after
    return _Changes(upto, frozenset(row.stream for row in rows))


class Page(Response):
    """One page's stream, an answer of the application."""

    def __init__(
        self, lives: Lives, session_no: str, seen: str, read: Read, render: Render
    ) -> None:
        self.session_no = session_no
        self.read = read
        self.read_from: frozenset[str] = frozenset()
        self.woken = asyncio.Event()
        self._lives = lives
        self._seen = seen
        self._render = render
        self._telling: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Say nothing more. A page whose stream was not `ended` comes back."""
        if self._telling is not None:
            self._telling.cancel()

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        telling = scope["method"] != "HEAD"
        if telling:  # Before anything is waited for: as many as come at once are counted.
            self._lives.enter(self)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            if telling:
                await self._told(receive, send)
        finally:
            self._lives.leave(self)
        await send({"type": "http.response.body", "body": b""})

    async def _told(self, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        self._telling = asyncio.create_task(self._tell(send))
        try:
            await asyncio.wait({gone, self._telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, self._telling):
                task.cancel()
            await asyncio.gather(gone, self._telling, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        async def put(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        try:
            await self._lives.join()
            await put(_ALIVE)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lives.longest_s):
                    await self._tell_changes(put)
        except Exception as error:  # It comes back, and is told then.
            log.warning("a page is told nothing more: %r", error)

    async def _tell_changes(self, put: Callable[[bytes], Awaitable[None]]) -> None:
        while True:
            self.woken.clear()
            found = await anyio.to_thread.run_sync(self._lives.read, self)
            if (now := mark(found)) != self._seen:
                await put(_message(now, self._render(found)))
                self._seen = now
            if found.kind not in WAITS:
                await put(_ENDED)
                return
            while not self.woken.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.woken.wait(), ALIVE_S)
                    break
                await put(_ALIVE)


def _message(name: str, body: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in body.splitlines())
    return f"id: {name}\n{lines}\n\n".encode()


async def _gone(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
