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
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        return task.result() if task.done() else None
    finally:
        task.cancel()
