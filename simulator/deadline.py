"""A deadline for something that is awaited."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(work: Coroutine[Any, Any, T], seconds: float) -> T | None:
    """What comes of it, or None when the time is over: then it is cancelled.

    Where `asyncio.timeout` runs out just as the work ends, Python before 3.13 cancels what is
    awaited next instead: a callback that was sent would never be put down as sent.
    """
    loop = asyncio.get_running_loop()
    task, ended = loop.create_task(work), loop.create_future()

    def end(_: object = None) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(end)
    timer = loop.call_later(seconds, end)
    try:
        await ended
        return task.result() if task.done() else None
    finally:
        timer.cancel()
        task.cancel()
