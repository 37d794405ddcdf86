"""A deadline cuts off what is awaited, and nothing else."""

import asyncio

import pytest

from simulator.deadline import within


async def _answer(after_s: float, ended: list[str]) -> str:
    try:
        await asyncio.sleep(after_s)
    except asyncio.CancelledError:
        ended.append("cut off")
        raise
    return "answered"


def test_what_comes_in_time_is_the_answer_and_what_does_not_is_cut_off() -> None:
    async def play() -> None:
        ended: list[str] = []
        assert await within(_answer(0, ended), 5) == "answered"
        assert await within(_answer(60, ended), 0) is None
        await asyncio.sleep(0)
        assert ended == ["cut off"]

    asyncio.run(play())


def test_what_fails_fails_here() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(within(fails(), 5))


def test_what_is_awaited_next_is_never_cut_off() -> None:
    """Also where the time is over just as the work ends."""

    async def play() -> int:
        after = 0
        for place in range(300):
            await within(asyncio.sleep(place % 7 / 10_000), 0.0003)
            await asyncio.sleep(0)
            after += 1
        return after

    assert asyncio.run(play()) == 300
