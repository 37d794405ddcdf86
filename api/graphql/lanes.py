"""Where queries run that answer with much: event loops of their own, beside the server's.

GraphQL completes a page's values in one go, and while it does, nothing else of its event loop goes
on. So what is small runs in the server's loop, as quick as can be, and what is large in a lane: it
takes its turn with other large ones, and health, commands and small queries go on.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

import anyio

from domain.refusals import Code, Refused

LANES = 2
AT_ONCE = 4  # Queries of a lane that read, or wait for a position, at the same time.
MOST_WAITING = 64

ResultT = TypeVar("ResultT")
Work = Callable[[anyio.CapacityLimiter], Coroutine[None, None, ResultT]]


class _Lane:
    """One event loop in a thread of its own, begun when it is first needed."""

    def __init__(self, number: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.limiter = anyio.CapacityLimiter(AT_ONCE)
        self._turns = asyncio.Semaphore(AT_ONCE)
        name = f"large-queries-{number}"
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Work[ResultT]) -> ResultT:
        async with self._turns:
            return await work(self.limiter)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Lanes:
    """Used from the server's event loop."""

    def __init__(self) -> None:
        self._lanes: list[_Lane] = []
        self._next = itertools.count()
        self._waiting = 0

    async def run(self, work: Work[ResultT]) -> ResultT:
        """The result of what `work` makes, run in a lane with that lane's limiter.

        Raises Refused(BUSY, "query") when too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise Refused(Code.BUSY, "query", "too many large queries are waiting")
        number = next(self._next) % LANES
        if number >= len(self._lanes):
            self._lanes.append(_Lane(number))
        lane = self._lanes[number]
        self._waiting += 1
        try:
            running = asyncio.run_coroutine_threadsafe(lane.run(work), lane.loop)
            return await asyncio.wrap_future(running)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the lanes; what still runs there is not answered."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.close()
