"""So many payers at once: a session is opened, its page, a choice, told of the payment, the result.

Beside it the floor: a page of the same size that is made of nothing, by the same server, asked for
by as many at once.
"""

import asyncio
import time

from benchmarks.cashier.pages import Browser, get
from benchmarks.cashier.place import Place
from benchmarks.cashier.prepared import METHOD, Names
from benchmarks.figures import Backend, CashierPages, quantiles

PAYERS = 50
WARM_UP_S = 0.5
GIVE_UP_S = 60.0


class Run:
    """What one measurement found (ms)."""

    def __init__(self) -> None:
        self.pages_ms: list[float] = []
        self.journeys_ms: list[float] = []
        self.in_time = 0  # Pages that came while it was measured.
        self.ended = 0  # Journeys, too.
        self.bytes = 0


async def measured(place: Place, backend: Backend, seconds: float) -> CashierPages:
    """The outside's payers pay at once."""
    place.tell(f"{backend}: {PAYERS} payers at once")
    await _payers(place, WARM_UP_S)
    before = place.server.spent()
    run = await _payers(place, seconds)
    server_ms, database_ms = place.server.spent().since(before)
    count = len(run.pages_ms)
    bare_ms = await _bare(place, run.bytes, seconds)
    return CashierPages(
        backend,
        PAYERS,
        round(run.in_time / seconds, 1),
        *quantiles(run.pages_ms),
        round(run.ended / seconds, 1),
        *quantiles(run.journeys_ms),
        round(server_ms / count, 2),
        round(database_ms / count, 2),
        run.bytes,
        round(len(bare_ms) / seconds, 1),
        *quantiles(bare_ms),
    )


async def _payers(place: Place, seconds: float) -> Run:
    run, ends = Run(), time.perf_counter() + seconds
    await asyncio.gather(*(_one_after_another(place, run, ends) for _ in range(PAYERS)))
    return run


async def _one_after_another(place: Place, run: Run, ends: float) -> None:
    def took(ms: float) -> None:
        run.pages_ms.append(ms)
        run.in_time += time.perf_counter() <= ends

    while time.perf_counter() < ends:
        number, began = next(place.numbers), time.perf_counter()
        link = await place.link(f"S{number}", Names.order(number))
        browser = Browser(place.client, link, took)
        await browser.open()
        run.bytes = len(browser.body)
        await browser.choose(METHOD)
        if browser.kind == "waiting":
            stream = await browser.stream()
            async with asyncio.timeout(GIVE_UP_S):
                await stream.paid_s()
            stream.close()
            await browser.load()
        if browser.kind != "paid":
            raise RuntimeError(f"session S{number} is {browser.kind}")
        ended = time.perf_counter()
        run.journeys_ms.append((ended - began) * 1000)
        run.ended += ended <= ends


async def _bare(place: Place, size: int, seconds: float) -> list[float]:
    """What bare pages took (ms)."""
    found: list[float] = []
    request, ends = get(f"/bare/{size}"), time.perf_counter() + seconds

    async def ask() -> None:
        while (began := time.perf_counter()) < ends:
            answer = await place.client.ask(request)
            if answer.status != 200 or len(answer.body) != size:
                raise RuntimeError(f"a bare page: {answer.status}")
            found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(ask() for _ in range(PAYERS)))
    return found
