"""Who listens to what in this process, and what wakes them.

However many listen, one look at a database says for all of them what has changed since the last
one, and it is made when the read models have moved and not before: who listens to what does not
change costs nothing. What several listeners need at the same moment is read once.

Used by one event loop; only `_moved` may be called by other threads.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from api.context import AppContext
from api.graphql.access import LISTENED
from api.graphql.listening.feeds import HEARD, Heard
from api.graphql.plan.books import Readers
from api.http.bearer import changed_callers
from api.http.errors import Problem
from api.http.keys import Caller
from domain.refusals import Code, Refused
from projections.engine import checkpoints
from projections.registry import READ_MODELS

if TYPE_CHECKING:
    from api.graphql.listening.listener import Listener

TICK_S = 2  # How often keys are looked at: who lost its right is told nothing after twice that.
MOST, MOST_PER_KEY = 250, 50
AGAIN_S = 1  # After a database that did not answer.
CLOSING, PER_PROCESS, PER_KEY = "the server stops", "listen here", "listen with this key"

log = logging.getLogger("zhangfang.api")


class Topic:
    """A field of Subscription. All changes up to position `at` were told to those who listen."""

    def __init__(self, field: str) -> None:
        self.heard: Heard = HEARD[field]
        self.models = LISTENED[field].models or tuple(READ_MODELS)
        self.listeners: dict[str, set[Listener]] = {}
        self.at = 0

    def add(self, one: "Listener") -> None:
        self.listeners.setdefault(one.name, set()).add(one)

    def remove(self, one: "Listener") -> None:
        there = self.listeners.get(one.name, set())
        there.discard(one)
        if not there:
            self.listeners.pop(one.name, None)


class Hub:
    """The listeners of one process: at most `most`, and `most_per_key` with one key."""

    def __init__(
        self,
        context: AppContext,
        readers: Readers,
        most: int = MOST,
        most_per_key: int = MOST_PER_KEY,
    ) -> None:
        self.most, self.most_per_key = most, most_per_key
        self.beside: Callable[[], int] = lambda: 0  # Who listens otherwise, within `most` too.
        self.topics = {field: Topic(field) for field in HEARD}
        self._context = context
        self._readers = readers
        self._listeners: set[Listener] = set()
        self._keys: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_hearing: Callable[[], None] | None = None
        self._told = False  # That read models have moved; the loop has not come to it yet.
        self._again = False
        self._persons_due = False
        self._looking: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._closed = False

    @property
    def count(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def admit(self, caller: Caller) -> None:
        """That one more may listen. Raises Problem 503, or 429 for the key's own limit."""
        if self._closed:
            raise Problem(Refused(Code.BUSY, "connection", CLOSING))
        if self.count + self.beside() >= self.most:
            detail = f"{self.most} {PER_PROCESS} already; try again"
            raise Problem(Refused(Code.BUSY, "connection", detail))
        if self._keys.get(caller.key_id, 0) >= self.most_per_key:
            detail = f"{self.most_per_key} {PER_KEY} already"
            refused = Refused(Code.BUSY, "Authorization", detail)
            raise Problem(refused, status=429, headers={"Retry-After": "5"})

    async def join(self, one: "Listener") -> int:
        """From now on it is woken. Returns up to where it has nothing to hear unless it asks for
        what was before. Raises as `admit`, and what the database raises."""
        self.admit(one.caller)
        while self._stop_hearing is None:
            await self.shared(self, self._begin)
        try:
            self.admit(one.caller)  # Others may have come while it was looked up.
        except Problem:
            if not self._listeners:
                self._rest()
            raise
        if not self._listeners:
            self._ticking = asyncio.create_task(self._tick())
        self._listeners.add(one)
        self._persons_due = True  # What a key may was looked up some seconds ago.
        self._keys[one.caller.key_id] = self._keys.get(one.caller.key_id, 0) + 1
        if not one.topic.listeners:  # Nobody was told of what moved meanwhile.
            one.topic.at = self._context.arrivals.position(one.topic.models)
        one.topic.add(one)
        return one.topic.at

    def leave(self, one: "Listener") -> None:
        """It is woken no more."""
        if one not in self._listeners:
            return
        self._listeners.discard(one)
        one.topic.remove(one)
        left = self._keys[one.caller.key_id] - 1
        if left:
            self._keys[one.caller.key_id] = left
        else:
            del self._keys[one.caller.key_id]
        if not self._listeners:
            self._rest()

    def close(self) -> None:
        """End all, as politely as a server that stops can; nobody is admitted any more."""
        self._closed = True
        for one in tuple(self._listeners):
            one.end()
        if self._looking is not None:
            self._looking.cancel()
        self._rest()

    async def shared(self, what: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` gives, made once for all who want the same before it is there."""
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.ensure_future(make())
            task.add_done_callback(partial(self._made, what))
        return await asyncio.shield(task)

    async def page(self, one: "Listener", upto: int) -> list[tuple[str, int]]:
        """What changed after its position, and up to another: numbers and positions, in order."""
        feed = one.topic.heard.feed
        assert feed is not None
        name, above = one.name, one.position

        async def read() -> list[tuple[str, int]]:
            return await self._readers.run(lambda books: feed.page(books, name, above, upto))

        rows: list[tuple[str, int]] = await self.shared((feed, name, above, upto), read)
        return rows

    def keep_alive(self, now_s: float) -> None:
        """Say something to those who were told nothing for long, by the monotonic clock."""
        for one in tuple(self._listeners):
            one.keep_alive(now_s)

    async def check(self) -> None:
        """End those whose key was revoked, or whose person is not what it was. One look at the
        keys, however many listen; at persons only when the ledger has gone on."""
        callers = {(one.caller.key_id, one.caller.capacity): one.caller for one in self._listeners}
        persons, self._persons_due = self._persons_due, False
        states = self._context.ledger.state if persons else None
        gone = await anyio.to_thread.run_sync(
            changed_callers, self._context.engine, callers.values(), states
        )
        ended = {(caller.key_id, caller.capacity) for caller in gone}
        for one in tuple(self._listeners):
            if (one.caller.key_id, one.caller.capacity) in ended:
                one.dismiss()

    # How things move.

    async def _begin(self) -> None:
        """Somebody listens: know where the read models are, and hear when they move."""
        await anyio.to_thread.run_sync(self._look)
        if self._stop_hearing is None:
            self._loop = asyncio.get_running_loop()
            self._stop_hearing = self._context.arrivals.listen(self._moved)

    def _look(self) -> None:
        began_ns = time.monotonic_ns()
        with self._context.engine.connect() as connection:
            states = checkpoints.load(connection, READ_MODELS)
        self._context.arrivals.looked(states, began_ns)

    def _rest(self) -> None:
        """Nobody listens any more."""
        if self._stop_hearing is not None:
            self._stop_hearing()
            self._stop_hearing = None
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _moved(self) -> None:
        if not self._told and self._loop is not None:
            self._told = True
            with suppress(RuntimeError):  # The loop is closed: nobody listens any more.
                self._loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        self._told, self._persons_due, self._again = False, True, True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._again and self._listeners:
            self._again = False
            for topic in self.topics.values():
                try:
                    await self._tell(topic)
                except Exception as error:  # The database's trouble passes; nothing is lost.
                    log.warning("who listens cannot be told: %r", error)
                    await asyncio.sleep(AGAIN_S)
                    self._again = True

    async def _tell(self, topic: Topic) -> None:
        """Wake whoever listens to what has changed since the last time."""
        upto = self._context.arrivals.position(topic.models)
        names, above, feed = frozenset(topic.listeners), topic.at, topic.heard.feed
        if upto <= above or not names:
            return
        changed = set(names)
        if feed is not None:
            changed = await self._readers.run(
                lambda books: feed.changed(books, sorted(names), above, upto)
            )
        topic.at = max(topic.at, upto)
        for name, listeners in topic.listeners.items():
            if name in changed or name not in names:  # Or it came while this was looked up.
                for one in listeners:
                    one.wake(above)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.keep_alive(time.monotonic())
            try:
                await self.check()
            except Exception as error:
                self._persons_due = True
                log.warning("keys cannot be looked at: %r", error)

    def _made(self, what: Hashable, task: "asyncio.Task[Any]") -> None:
        self._under_way.pop(what, None)
        if not task.cancelled():
            task.exception()  # Whoever wanted it may be gone.
