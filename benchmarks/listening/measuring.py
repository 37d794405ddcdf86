"""What is measured, on a server as `zhangfang serve` starts it, with its read models, on the
loopback: nobody listens; so many do, each to another merchant, and one to whom something happens;
so many do, all to that one."""

import asyncio
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec
from msgspec import Struct

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.callers import run_in_loop
from benchmarks.drills.served import running
from benchmarks.figures import Backend, Listening, quantiles
from benchmarks.graphql.processes import Server
from benchmarks.listening.listeners import Listener, listen_all
from benchmarks.payments.wire import Client, post
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.ledger.ledger import utc_us
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.money import FeeRule

LISTENERS = 1_000
SHOP, BUYER = "SHOP", "buyer"
SPARE = 400  # Connections and descriptors beside those of listeners.
PAUSE_S = 0.02
SETTLED_S = 1.0  # Until what connecting took is over.
FEWEST = 20  # Orders of a cell, however short it is measured.

Tell = Callable[[str], None]


class Place(Struct):
    """What is measured: the server, who asks it, and orders of which none has the same number."""

    server: Server
    pid: int
    client: Client
    operator: str
    auditor: str
    numbers: "itertools.count[int]"


def measure(url: str, backend: Backend, seconds: float, tell: Tell) -> Listening:
    """On an empty ledger with every table made; each of three cells for so many seconds."""
    with ExitStack() as stack:
        listeners = min(LISTENERS, stack.enter_context(descriptors(2 * LISTENERS + SPARE)) - SPARE)
        operator, auditor = prepared(url, listeners)
        environment = {
            "ZHANGFANG_RATE": "off",
            "ZHANGFANG_CONNECTIONS": str(2 * listeners + SPARE),
            "ZHANGFANG_LISTENERS": str(listeners + 1),
            "ZHANGFANG_LISTENERS_PER_KEY": str(listeners + 1),
            "PGAPPNAME": "bench-listening",
        }
        started = running(url, settings=environment, descriptors=3 * listeners + SPARE)
        host, port, pid = stack.enter_context(started)
        server = Server((host, port), pid, url, "bench-listening")
        stack.callback(server.close)
        client = Client((host, port))
        stack.callback(client.close)
        place = Place(server, pid, client, operator, auditor, itertools.count(1))
        return run_in_loop(_measured(place, backend, listeners, seconds, tell))


async def _measured(
    place: Place, backend: Backend, listeners: int, seconds: float, tell: Tell
) -> Listening:
    address, key = place.server.address, place.auditor
    tell(f"{backend}: nobody listens")
    [warm] = await listen_all(address, key, [SHOP])
    await _told(place, [warm], seconds / 4)
    alone_ms = await _idle(place, seconds / 2)
    before = memory(place.pid)
    tell(f"{backend}: {listeners:,} listen to others")
    idle = await listen_all(address, key, [f"{SHOP}{one}" for one in range(listeners)])
    await asyncio.sleep(SETTLED_S)
    grown = memory(place.pid) - before
    idle_ms = await _idle(place, seconds)
    answered_ms, one_ms = await _told(place, [warm], seconds)
    for one in (*idle, warm):
        await one.close()
    await asyncio.sleep(SETTLED_S)
    tell(f"{backend}: {listeners:,} listen to one")
    together = await listen_all(address, key, [SHOP] * listeners)
    _, all_ms = await _told(place, together, seconds)
    for one in together:
        await one.close()
    return Listening(
        backend,
        listeners,
        round(grown / listeners / 1024, 1),
        round(alone_ms, 1),
        round(idle_ms, 1),
        quantiles(answered_ms)[0],
        *quantiles(one_ms),
        *quantiles(all_ms),
    )


async def _idle(place: Place, seconds: float) -> float:
    """CPU of server and database in ms a second, while nothing happens."""
    before = place.server.spent()
    await asyncio.sleep(seconds)
    return sum(place.server.spent().since(before)) / seconds


async def _told(
    place: Place, listeners: Sequence[Listener], seconds: float
) -> tuple[list[float], list[float]]:
    """Orders one after the other: from sending one until it is answered, and until the last of the
    listeners is told of it (ms)."""
    answered: list[float] = []
    told: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(told) < FEWEST:
        order_no = f"B{next(place.numbers)}"
        line = {"merchant": SHOP, "amount_fen": 8_900, "subject": "nuts"}
        body = msgspec.json.encode({"order_no": order_no, "buyer": BUYER, "lines": [line]})
        began = time.perf_counter()
        answer = await place.client.ask(post("/v1/orders", place.operator, body))
        answered.append((time.perf_counter() - began) * 1000)
        if answer.status not in (200, 201):
            raise RuntimeError(f"an order was refused: {answer.body[:200]!r}")
        last = max([await one.told(f"{SHOP}-{order_no}") for one in listeners])
        told.append((last - began) * 1000)
        await asyncio.sleep(PAUSE_S)
    return answered, told


def prepared(url: str, shops: int) -> tuple[str, str]:
    """Books, a buyer, a merchant and so many others; keys of who sells and who listens."""
    with open_desk(url) as context:
        fee = FeeRule(60)
        commands: list[Command] = [
            OpenBooks(shanghai_date(utc_us())),
            RegisterMember(BUYER, "personal", "buyer"),
            RegisterMember(SHOP, "enterprise", "shop", fee, "T+1", agreement=STANDARD),
        ]
        commands += [
            RegisterMember(f"{SHOP}{one}", "enterprise", "shop", fee, "T+1", agreement=STANDARD)
            for one in range(shops)
        ]
        requests = [
            Request(f"bench-{number}", utc_us(), "system:bench", one)
            for number, one in enumerate(commands)
        ]
        for answer in context.ledger.submit_all(requests):
            answer.unwrap()
        context.projector.catch_up()
        operator, auditor = (
            create_key(context.writes, role, None, utc_us, "bench")
            for role in ("operator", "auditor")
        )
    return operator, auditor


def memory(pid: int) -> int:
    """What a process holds, in bytes."""
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(said.stdout) * 1024


@contextmanager
def descriptors(wanted: int) -> Iterator[int]:
    """So many may this process open in the block: as many as are wanted, if it is given them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (sys.maxsize if one == resource.RLIM_INFINITY else one for one in before)
    most = min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
