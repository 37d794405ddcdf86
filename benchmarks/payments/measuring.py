"""`zhangfang bench payments`: payments a second through channels over HTTP, and how soon they are
visible, beside the same signed requests alone.

A server as `zhangfang serve` starts it, with its worker, outbox, projections and GraphQL; a
simulator for each lane; and this process, which asks and is called back. All are on this machine,
so that its cores are shared by both sides of the wire.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.callers import run_in_loop
from benchmarks.drills.served import running
from benchmarks.figures import Backend, Beside, Payments, quantiles
from benchmarks.graphql.processes import Server
from benchmarks.payments.bare import Bare
from benchmarks.payments.load import Callbacks, Keys, Load
from benchmarks.payments.outside import FAST, SLOW, USUAL, Lane, settings_of, written
from benchmarks.payments.wire import Client, listen
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.ledger.ledger import utc_us
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout
from domain.order.order import OrderLine

IN_FLIGHT = (1, 32, 256)
BESIDE, STUCK = 32, 64  # In flight on the fast lane, while so many wait on the slow one.
MERCHANTS, BUYERS = 20, 200
MOST_PER_SECOND = 450  # For which there are orders; more than there can be paid here.
WARM_UP_S = 0.5
MARGIN = 2_000
FIRST = 100_000  # Of orders: their payments' numbers are then long enough for every channel.
WAVE = 500

Tell = Callable[[str], None]


class Place(NamedTuple):
    """What is measured against: the server, and what asks it."""

    server: Server
    client: Client
    keys: Keys
    callbacks: Callbacks
    orders: "itertools.count[int]"

    def load(self, lane: Lane) -> Load:
        return Load(self.client, self.keys, self.callbacks, lane, self.orders)


def measure(
    url: str, backend: Backend, seconds: float, tell: Tell
) -> tuple[list[Payments], Beside]:
    """On an empty ledger with every table made; each cell for so many seconds."""
    cells = [(lane, in_flight) for lane in (FAST, USUAL) for in_flight in IN_FLIGHT]
    paid_for = int((len(cells) + 3) * (seconds + WARM_UP_S) * MOST_PER_SECOND) + MARGIN
    tell(f"{backend}: {paid_for:,} orders")
    keys = prepared(url, paid_for)
    return run_in_loop(_measured(url, backend, seconds, keys, cells, tell))


async def _measured(
    url: str,
    backend: Backend,
    seconds: float,
    keys: Keys,
    cells: Sequence[tuple[Lane, int]],
    tell: Tell,
) -> tuple[list[Payments], Beside]:
    callbacks = Callbacks()
    listener, port = await listen(callbacks.answer)
    with ExitStack() as stack:
        stack.callback(listener.close)
        name = tempfile.TemporaryDirectory(prefix="zhangfang-bench-")
        directory = Path(stack.enter_context(name))
        settings = written(directory, settings_of(directory, port, stack))
        bare = Bare(settings)
        alone = [await bare.run(lane, in_flight, seconds) for lane, in_flight in cells]
        await bare.close()
        environment = {
            "ZHANGFANG_CHANNELS": str(settings),
            "ZHANGFANG_RATE": "off",
            "PGAPPNAME": "bench-payments",
        }
        host, to, pid = stack.enter_context(running(url, settings=environment))
        server = Server((host, to), pid, url, "bench-payments")
        stack.callback(server.close)
        client = callbacks.forward = Client((host, to))
        stack.callback(client.close)
        place = Place(server, client, keys, callbacks, itertools.count(FIRST))
        found = []
        for (lane, in_flight), floor in zip(cells, alone, strict=True):
            tell(f"{backend}: {in_flight} in flight, answers take {lane.answer_ms} ms")
            found.append(await _cell(place, backend, lane, in_flight, seconds, floor))
        tell(f"{backend}: beside a channel that takes {SLOW.answer_ms} ms")
        return found, await _beside(place, backend, seconds)


async def _cell(
    place: Place, backend: Backend, lane: Lane, in_flight: int, seconds: float, floor: float
) -> Payments:
    await place.load(lane).run(in_flight, WARM_UP_S)
    load, before = place.load(lane), place.server.spent()
    await load.run(in_flight, seconds)
    server_ms, database_ms = place.server.spent().since(before)
    count = len(load.seen.paid_ms)
    return Payments(
        backend,
        lane.answer_ms,
        in_flight,
        round(load.per_second, 1),
        round(floor, 1),
        *quantiles(load.seen.paid_ms),
        *quantiles(load.seen.visible_ms),
        round(server_ms / count, 2),
        round(database_ms / count, 2),
    )


async def _beside(place: Place, backend: Backend, seconds: float) -> Beside:
    """The fast lane alone, and while the slow one is full."""
    alone, beside, slow = place.load(FAST), place.load(FAST), place.load(SLOW)
    await alone.run(BESIDE, seconds)
    filling = asyncio.create_task(slow.run(STUCK, seconds + WARM_UP_S))
    await asyncio.sleep(WARM_UP_S)
    await beside.run(BESIDE, seconds)
    await filling
    return Beside(
        backend,
        round(alone.per_second, 1),
        quantiles(alone.seen.paid_ms)[1],
        round(beside.per_second, 1),
        quantiles(beside.seen.paid_ms)[1],
        SLOW.answer_ms,
        STUCK,
    )


def prepared(url: str, orders: int) -> Keys:
    """Books, members and so many orders that are to be paid; keys of who pays and who reads."""
    with open_desk(url) as context:
        numbers = itertools.count(1)

        def do(commands: Sequence[Command]) -> None:
            requests = [
                Request(f"bench-{next(numbers)}", utc_us(), "system:bench", one) for one in commands
            ]
            for answer in context.ledger.submit_all(requests):
                answer.unwrap()

        do([OpenBooks(shanghai_date(utc_us())), RegisterChannel(SLOW.channel)])
        shops = [f"SHOP{one}" for one in range(MERCHANTS)]
        do(
            [
                RegisterMember(one, "enterprise", "shop", FeeRule(60), "T+1", agreement=STANDARD)
                for one in shops
            ]
        )
        buyers = [f"buyer{one}" for one in range(BUYERS)]
        do([RegisterMember(one, "personal", "buyer") for one in buyers])
        for first in range(FIRST, FIRST + orders, WAVE):
            do(
                [
                    Checkout(
                        f"B{one}",
                        buyers[one % BUYERS],
                        (OrderLine(shops[one % MERCHANTS], 1_000 + one % 900, "坚果 250g", 1),),
                    )
                    for one in range(first, min(first + WAVE, FIRST + orders))
                ]
            )
        context.projector.catch_up()
        made = [
            create_key(context.writes, role, None, utc_us, "bench")
            for role in ("operator", "auditor")
        ]
    return Keys(*made)
