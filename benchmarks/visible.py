"""From the acknowledgement of a commit to its being visible: a GraphQL query with its `atLeast`.

One process has the ledger, the projections and GraphQL, as `zhangfang serve` has. Probes are small
commands that come one at a time: at rest, and while another thread trades whole lifecycles at a
rate, in a commit every 50 ms. What is timed begins when the probe's own commit was acknowledged.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from api.context import AppContext, open_context
from api.graphql.app import GraphQLReads
from api.graphql.asked import Asked
from api.http.keys import Caller
from benchmarks.books import request, submit
from benchmarks.callers import run_in_loop
from benchmarks.figures import Backend, Visible, quantiles
from benchmarks.lifecycles import Market
from domain.channel.adapters.simulated import SimulatedChannel
from domain.member.commands import RegisterMember

RATE = 1_000  # Lifecycles a second.
EVERY_S = 0.05  # A commit of new orders, and one of their outcomes, as often.
PAUSE_S = 0.03  # Between two probes at rest: nothing is under way any more.
QUERY = "query ($id: ID!, $at: BigInt) { member(id: $id, atLeast: $at) { name } }"
AUDITOR = Caller("auditor", None, "bench")
_numbers = itertools.count(1)


class Case:
    """What is visible how soon, on one backend."""

    def __init__(self, url: str, backend: Backend) -> None:
        self._backend = backend
        self._context: AppContext = open_context(url, SimulatedChannel(), projections=True)
        self._reads = GraphQLReads(self._context)
        self._market = Market(self._context.ledger)
        self._context.start()
        self._rest_ms: list[float] = []
        self._loaded_ms: list[float] = []
        self._traded, self._seconds = 0, 0.0
        self.name = f"{backend} visible"

    def close(self) -> None:
        self._reads.close()
        self._context.close()

    def measure(self, seconds: float) -> None:
        """Probes at rest for half of the time, then beside trade."""
        run_in_loop(self._probe(seconds / 2, self._rest_ms, PAUSE_S))
        with self._trading():
            run_in_loop(self._probe(seconds / 2, self._loaded_ms, 0))

    async def _probe(self, seconds: float, found: list[float], pause_s: float) -> None:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            member = f"PROBE{next(_numbers)}"
            command = RegisterMember(member, "personal", member)
            answer = await self._context.ledger.submit_async(request(f"probe:{member}", command))
            began = time.perf_counter()
            asked = Asked(QUERY, {"id": member, "at": str(answer.position)})
            read = await self._reads.answer(AUDITOR, asked)
            found.append((time.perf_counter() - began) * 1000)
            assert read == {"data": {"member": {"name": member}}}, read
            await asyncio.sleep(pause_s)

    @contextmanager
    def _trading(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._trade, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _trade(self, stop: threading.Event) -> None:
        began = due = time.perf_counter()
        orders, traded = int(RATE * EVERY_S), 0
        while not stop.is_set():
            for some in self._market.waves(orders):
                submit(self._context.ledger, some)
            traded += orders
            due += EVERY_S
            stop.wait(max(0.0, due - time.perf_counter()))
        self._seconds += time.perf_counter() - began
        self._traded += traded

    def result(self) -> Visible:
        return Visible(
            self._backend,
            *quantiles(self._rest_ms),
            int(self._traded / self._seconds),
            *quantiles(self._loaded_ms),
        )
