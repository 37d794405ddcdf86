"""A deadline for something that is awaited."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(work: Coroutine[Any, Any, T], timeout_s: float) -> T | None:
    """What comes of it, None when the time is over: then it is cancelled.

    Not `asyncio.timeout`: where that runs out just as the work ends, Python before 3.13 cancels
    whatever the caller awaits next.
    """
    loop = asyncio.get_running_loop()
    task, ended = loop.create_task(work), loop.create_future()

    def end(_: object = None) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(end)
    timer = loop.call_later(timeout_s, end)
    try:
        await ended
        return task.result() if task.done() else None
    finally:
        timer.cancel()
        task.cancel()
