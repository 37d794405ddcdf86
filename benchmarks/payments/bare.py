"""The floor: the same signed requests by the same adapter, with no ledger behind them."""

import asyncio
import itertools
import time
from pathlib import Path

from benchmarks.payments.load import BARE
from benchmarks.payments.outside import Lane
from domain.channel.adapters.loading import load
from domain.channel.network import Order
from domain.channel.port import Unknown
from domain.kernel import DAY_US
from domain.ledger.ledger import utc_us


class Bare:
    """Orders at the channels of a settings file, so many at once, one after another."""

    def __init__(self, settings: Path) -> None:
        self._adapters = load(settings)
        self._numbers = itertools.count(1)

    async def close(self) -> None:
        for adapter in self._adapters.values():
            await adapter.aclose()

    async def run(self, lane: Lane, in_flight: int, seconds: float) -> float:
        """Orders a second that were answered."""
        ends = time.perf_counter() + seconds
        done = await asyncio.gather(*(self._send(lane, ends) for _ in range(in_flight)))
        return sum(done) / seconds

    async def _send(self, lane: Lane, ends: float) -> int:
        adapter, done = self._adapters[lane.channel], 0
        while time.perf_counter() < ends:
            now_us = utc_us()
            name = f"{BARE.decode()}{next(self._numbers)}"
            order = Order(
                instruction_id=name,
                number=adapter.number(name),
                purpose="payment",
                channel=lane.channel,
                amount_fen=100,
                party="buyer",
                subject="坚果",
                sent_us=now_us,
                expires_us=now_us + DAY_US,
            )
            answer = await adapter.send(order, now_us)
            if isinstance(answer.said, Unknown):
                raise RuntimeError(f"{lane.channel}: {answer.said.reason}")
            done += time.perf_counter() <= ends
        return done
