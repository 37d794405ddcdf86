"""Payments in flight: so many are asked for at once over REST, each until its callback was taken.

Channels call this process, which notes when, and passes the callback on to the server: only so is
it known when a callback came. Of some payments it is then asked by GraphQL until they are paid.
"""

import asyncio
import itertools
import json
import time
from contextlib import suppress
from typing import NamedTuple

from benchmarks.payments.outside import Lane
from benchmarks.payments.wire import Client, Message, post

LOOK_S = 0.05  # Between two payments that are looked at by GraphQL: looking is load, too.
ASK_AGAIN_S = 0.01
GIVE_UP_S = 30.0
BARE = b"pay-bare"  # Begins the numbers of orders that no ledger knows.
QUERY = "query ($no: ID!) { payment(no: $no) { state } }"


class Keys(NamedTuple):
    """Of whoever asks for payments, and of whoever reads."""

    operator: str
    auditor: str


class Came(NamedTuple):
    """A callback that was taken: when it came here, and when the server had answered it, by
    `time.perf_counter`."""

    at: float
    answered: float = 0.0


class Callbacks:
    """Between the channels and the server. Of what no ledger knows, all is taken here."""

    def __init__(self) -> None:
        self.forward: Client | None = None
        self._waits: dict[bytes, asyncio.Future[Came]] = {}

    def expect(self, number: str) -> "asyncio.Future[Came]":
        future = asyncio.get_running_loop().create_future()
        self._waits[number.encode()] = future
        return future

    async def answer(self, request: Message) -> bytes:
        came = Came(time.perf_counter())
        number = json.loads(request.body)["order"]["number"].encode()
        if self.forward is None or number.startswith(BARE):
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        try:
            reply = await self.forward.ask(request.head + request.body)
        except OSError:
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        if reply.status == 204:
            waiting = self._waits.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(came._replace(answered=time.perf_counter()))
        return reply.head + reply.body


class Seen:
    """What one measurement found: ms of each payment, and of those that were looked at."""

    def __init__(self) -> None:
        self.paid_ms: list[float] = []
        self.visible_ms: list[float] = []
        self.seconds = 0.0


class Load:
    """Payments of prepared orders on one lane."""

    def __init__(
        self,
        server: Client,
        keys: Keys,
        callbacks: Callbacks,
        lane: Lane,
        orders: "itertools.count[int]",
    ) -> None:
        self._server, self._keys, self._callbacks = server, keys, callbacks
        self._lane, self._orders = lane, orders
        self._look_at = 0.0
        self._looks: set[asyncio.Task[None]] = set()
        self._ends, self._in_time = 0.0, 0
        self.seen = Seen()

    async def run(self, in_flight: int, seconds: float) -> None:
        """Keep so many in flight for so long, then let the last ones end; those count only for
        what they took."""
        self._ends = time.perf_counter() + seconds
        before = len(self.seen.paid_ms)
        done = await asyncio.gather(*(self._one_after_another() for _ in range(in_flight)))
        self.seen.seconds += seconds
        self._in_time += sum(done)
        await asyncio.gather(*self._looks)
        assert len(self.seen.paid_ms) > before, "no payment came to its end"

    @property
    def per_second(self) -> float:
        """Payments that were paid while the measurement ran."""
        return self._in_time / self.seen.seconds

    async def _one_after_another(self) -> int:
        """How many ended in time."""
        done = 0
        while time.perf_counter() < self._ends:
            ended = await self._pay(next(self._orders))
            done += ended <= self._ends
        return done

    async def _pay(self, number: int) -> float:
        """When it was paid."""
        body = json.dumps({"payment_no": f"B{number}", "method": self._lane.method}).encode()
        paid = self._callbacks.expect(self._lane.number(f"pay-B{number}"))
        began = time.perf_counter()
        path = f"/v1/orders/B{number}/payments"
        answer = await self._server.ask(post(path, self._keys.operator, body))
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status} {answer.body[:300]!r}")
        async with asyncio.timeout(GIVE_UP_S):
            came = await paid
        ended = time.perf_counter()
        self.seen.paid_ms.append((ended - began) * 1000)
        if ended - self._look_at > LOOK_S:
            self._look_at = ended
            task = asyncio.create_task(self._look(number, came))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)
        return ended

    async def _look(self, number: int, came: Came) -> None:
        """From the callback until GraphQL says that it is paid."""
        body = json.dumps({"query": QUERY, "variables": {"no": f"B{number}"}}).encode()
        request = post("/graphql", self._keys.auditor, body)
        while True:
            answer = await self._server.ask(request)
            state = None
            with suppress(TypeError, KeyError):
                state = json.loads(answer.body)["data"]["payment"]["state"]
            now = time.perf_counter()
            if state == "succeeded":
                self.seen.visible_ms.append((now - came.at) * 1000)
                return
            if now - came.at > GIVE_UP_S:
                raise RuntimeError(f"payment B{number} is {state}: {answer.body[:300]!r}")
            await asyncio.sleep(ASK_AGAIN_S)
