"""One who listens: the position it has heard everything up to, and what sends it what is new.

    idle ──wake──▶ reading a page ──▶ an event for each change ──▶ idle again, at the hub's position
      └── the client is gone, it may hear no more, the server stops ──▶ ended

It keeps no queue. What has changed is looked for after its own position, in pages, and each thing
is told as it is when its turn comes: a client that reads slowly is told less often, and all the
same of everything.
While it is idle nothing of it runs but the wait for its client to go.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec
import psycopg

from api.graphql.errors import error_body, refusal_error
from api.graphql.listening.feeds import PAGE
from api.graphql.listening.hub import Hub, Topic
from api.http.errors import Problem
from api.http.keys import Caller
from domain.refusals import Code, Refused

KEEP_ALIVE_S = 15
NOTHING = b":\n\n"  # A comment: browsers and proxies see that the connection lives.
# Without a line of data a browser would not be told of it.
COMPLETE = b"event: complete\ndata:\n\n"
WAIT_S = 1  # For a key that asks too often, when nothing says how long.

Send = Callable[[bytes], Awaitable[None]]
# The answer about what changed, by its number, at a position; None: there is nothing to be seen.
Answers = Callable[[str, int], Awaitable[bytes | None]]
log = logging.getLogger("zhangfang.api")


def event(data: bytes, position: int | None = None) -> bytes:
    """An event `next` of the protocol; its id is where to go on."""
    number = b"" if position is None else b"id: %d\n" % position
    return b"%sevent: next\ndata: %s\n\n" % (number, data)


def refusal(refused: Refused) -> bytes:
    """What ends a subscription, as an answer."""
    errors = [error_body(refusal_error(refused))]
    return event(msgspec.json.encode({"errors": errors})) + COMPLETE


class Listener:
    """A subscription to the `name` of a topic, for a caller."""

    __slots__ = (
        "_answers",
        "_hub",
        "_last",
        "_over",
        "_send",
        "_sent_s",
        "_work",
        "caller",
        "name",
        "position",
        "topic",
    )

    def __init__(self, hub: Hub, caller: Caller, topic: Topic, name: str, answers: Answers) -> None:
        self.caller, self.topic, self.name = caller, topic, name
        self.position = 0  # Everything up to it was told.
        self._hub = hub
        self._answers = answers
        self._send: Send | None = None
        self._over: asyncio.Future[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._last = b""
        self._sent_s = 0.0

    async def join(self, after: int | None) -> None:
        """Be woken from now on; what changed after a position is to be told first. Raises as the
        hub does."""
        at = await self._hub.join(self)
        self.position = at if after is None else after

    async def run(self, gone: Callable[[], Coroutine[Any, Any, None]], send: Send) -> bytes:
        """Tell it what changes until `gone` returns, or something ends it: then what is to be said
        last. It has joined."""
        self._send, self._sent_s = send, time.monotonic()
        self._over = over = asyncio.get_running_loop().create_future()
        waiting: asyncio.Task[Any] = asyncio.create_task(gone())
        waiting.add_done_callback(lambda _: self.end())
        try:
            self.wake(self.position)
            await over
        finally:
            self.end()
            self._hub.leave(self)
            tasks = [waiting] if self._work is None else [waiting, self._work]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._last

    def wake(self, above: int) -> None:
        """Something may have changed; up to `above` nothing has that it was not told."""
        if self._work is None and self._over is not None:
            self.position = max(self.position, above)
            if self.position < self.topic.at:
                self._work = asyncio.create_task(self._tell())

    def keep_alive(self, now_s: float) -> None:
        """Say something when nothing was said for long, by the monotonic clock, so that who is gone
        is noticed."""
        silent_s = now_s - self._sent_s
        if self._work is None and self._over is not None and silent_s >= KEEP_ALIVE_S:
            self._work = asyncio.create_task(self._say_nothing())

    def leave(self) -> None:
        """Be woken no more, when it did not come to `run`."""
        self._hub.leave(self)

    def dismiss(self) -> None:
        """It may hear no more."""
        detail = "the API key was revoked, or its owner is another now"
        self.end(refusal(Refused(Code.NOT_AUTHENTICATED, "Authorization", detail)))

    def end(self, last: bytes = b"") -> None:
        """Say this and hang up. Without `complete` the client comes back, and goes on."""
        if self._over is not None:
            over, self._over = self._over, None
            self._last = last
            if not over.done():  # It may be cancelled.
                over.set_result(None)

    async def _say_nothing(self) -> None:
        try:
            await self._put(NOTHING)
        except Exception as error:  # It is gone.
            log.debug("a listener cannot be written to: %r", error)
            self.end()
        finally:
            self._work = None
        self.wake(self.position)

    async def _tell(self) -> None:
        try:
            while self.position < self.topic.at:
                await self._tell_page(self.topic.at)
        except (Refused, Problem, sqlite3.Error, psycopg.Error) as why:
            log.warning("a listener is sent away: %r", why)  # It comes back, and nothing is lost.
            self.end()
        except Exception as error:
            log.error("a listener is sent away", exc_info=error)
            self.end()
        finally:
            self._work = None

    async def _tell_page(self, upto: int) -> None:
        if self.topic.heard.feed is None:
            changes: Sequence[tuple[str, int]] = [("", upto)]
        else:
            changes = await self._hub.page(self, upto)
        newest = dict(changes)  # In order: of one thing the last position counts.
        for number, position in sorted(newest.items(), key=lambda one: one[1]):
            answer = await self._answer(number, position)
            if answer is not None:
                await self._put(event(answer, position))
            self.position = position
        if len(changes) < PAGE:
            self.position = max(self.position, upto)

    async def _answer(self, number: str, position: int) -> bytes | None:
        """Raises Refused(BUSY), and what a defect raises. A key that asks too often waits."""
        while True:
            try:
                return await self._answers(number, position)
            except Problem as problem:
                if problem.status != 429:
                    raise
                wait_s = problem.headers.get("Retry-After", "")
                await asyncio.sleep(int(wait_s) if wait_s.isdigit() else WAIT_S)

    async def _put(self, data: bytes) -> None:
        assert self._send is not None
        await self._send(data)
        self._sent_s = time.monotonic()
