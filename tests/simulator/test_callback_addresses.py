"""Addresses to which nothing can be sent: a callback is not taken, and is not lost either."""

import asyncio
from typing import Any, cast

import pytest

from simulator.callbacks import Caller

CLOSED = "http://127.0.0.1:1/callbacks"
ODD = [
    CLOSED,
    f"http://{'a' * 70}.cn/",
    "ftp://127.0.0.1/",
    "http://",
    "http://[::1/",
    "x",
    "http://127.0.0.1:99999/",
]


@pytest.mark.parametrize("address", ODD)
def test_what_cannot_be_reached_is_not_taken(address: str) -> None:
    async def posted() -> int:
        return await Caller(cast(Any, None))._posted(address, {}, b"{}")

    assert asyncio.run(posted()) == 0
