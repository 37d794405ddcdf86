"""What a channel over a network may be asked: so many at once, so often, for so long.

Each channel has a gate of its own, so that a slow one slows no other.
"""

import asyncio
from collections.abc import Awaitable, Callable

from domain.channel.adapters.deadline import within
from domain.channel.network import Pace

Pause = Callable[[float], Awaitable[None]]


class Gate:
    """Of one channel, in one event loop. `under_way` are the attempts being made, by instruction,
    until their answers are on record; `asking` is how many of them the channel has not answered;
    `told` those the read model may not know of yet; `passed` those that could not be claimed, with
    when to try again (UTC µs by the clock given in)."""

    def __init__(self, pace: Pace, pause: Pause) -> None:
        self.pace = pace
        self.under_way: dict[str, int] = {}
        self.asking = 0
        self.told: dict[str, int] = {}
        self.passed: dict[str, int] = {}
        self.next_us: int | None = None  # When something is due, by the clock given in.
        self._pause = pause
        self._next_s = 0.0
        self._hint: asyncio.Event | None = None

    @property
    def free(self) -> int:
        """How many more may be begun now. An answer that is being recorded keeps nothing at the
        channel; but no more than the channel is asked at once may wait for that."""
        most = self.pace.at_once
        return min(most - self.asking, 2 * most - len(self.under_way))

    def begin(self, instruction_id: str, attempt: int) -> None:
        """An attempt is this process's to make."""
        self.under_way[instruction_id] = attempt
        self.asking += 1

    def answered(self) -> None:
        """The channel is done with one of them."""
        self.asking -= 1
        self.hint()

    def end(self, instruction_id: str) -> None:
        """What it answered is on record."""
        del self.under_way[instruction_id]
        self.hint()

    def hint(self) -> None:
        """Something may be due, or a place may be free."""
        if self._hint is not None:
            self._hint.set()

    def forget_hints(self) -> None:
        """What is hinted from now on is not missed."""
        if self._hint is None:
            self._hint = asyncio.Event()
        self._hint.clear()

    async def hinted(self, timeout_s: float) -> None:
        """Until a hint comes, or the time is over."""
        assert self._hint is not None
        await within(self._hint.wait(), timeout_s)

    async def slot(self) -> None:
        """Until the channel's rate allows one more request."""
        if not self.pace.per_second:
            return
        now_s = asyncio.get_running_loop().time()
        mine_s = max(self._next_s, now_s)
        self._next_s = mine_s + 1 / self.pace.per_second
        if mine_s > now_s:
            await self._pause(mine_s - now_s)
