"""Running concurrent callers: in the event loop the HTTP server would use."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from api.operations.loops import loop_factory

T = TypeVar("T")


def run_in_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a new loop, such as the server has."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(coroutine)
