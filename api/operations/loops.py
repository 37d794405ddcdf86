"""The event loop the server uses, for threads that have one of their own."""

import asyncio
from collections.abc import Callable

import uvicorn


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """As uvicorn chooses: uvloop where there is one. None: the usual loop."""
    return uvicorn.Config("", loop="auto").get_loop_factory()
