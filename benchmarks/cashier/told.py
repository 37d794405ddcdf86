"""Pages that wait and are told by streams: what so many of them take, and how soon one is told.

What happens to a page is that its payer pays at the channel: the simulator calls back, this process
notes when and passes it on. `told` is from there until the page shows that it is paid, with the
commit in it; `committed` from there until the server has answered the callback, which it does after
the commit. What waits is asked about at the channel beside it, as always.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from benchmarks.cashier.pages import Browser, Told
from benchmarks.cashier.place import Place
from benchmarks.cashier.prepared import NETWORK, Names
from benchmarks.figures import Backend, CashierTold, quantiles
from benchmarks.listening.measuring import memory

FEWEST, MOST = 20, 150  # Payers of a cell, however long it is measured.
LISTENERS = 1_000
SETTLED_S = 1.0  # Until what connecting took is over.
PAUSE_S = 0.02
LOOK_S = 0.3
AT_ONCE = 50
GIVE_UP_S = 120.0


async def measured(
    place: Place, backend: Backend, listeners: int, pid: int, seconds: float
) -> CashierTold:
    """Of waiting sessions the first `listeners` stay idle; others are paid, one after another."""
    idle = await _ready(place, range(listeners))
    payers = iter(await _ready(place, range(listeners, listeners + 2 * MOST)))
    place.tell(f"{backend}: nobody listens but one")
    await _paid(place, [next(payers) for _ in range(FEWEST // 4)], seconds)
    some = [next(payers) for _ in range(MOST)]
    alone_ms, _ = await _paid(place, some, seconds)
    before = memory(pid)
    place.tell(f"{backend}: {listeners:,} pages listen")
    streams: list[Told] = []
    for first in range(0, listeners, AT_ONCE):
        some_pages = idle[first : first + AT_ONCE]
        streams += await asyncio.gather(*(one.stream() for one in some_pages))
    await asyncio.sleep(SETTLED_S)
    grown = memory(pid) - before
    told_ms, committed_ms = await _paid(place, list(payers), seconds)
    for one in streams:
        one.close()
    return CashierTold(
        backend,
        listeners,
        round(grown / listeners / 1024, 1),
        *quantiles(alone_ms),
        *quantiles(told_ms),
        quantiles(committed_ms)[0],
    )


async def _ready(place: Place, numbers: Sequence[int]) -> list[Browser]:
    """The pages of waiting sessions; each waits for its payer alone."""
    found = []
    for first in range(0, len(numbers), AT_ONCE):
        some = (_opened(place, one) for one in numbers[first : first + AT_ONCE])
        found += await asyncio.gather(*some)
    return found


async def _opened(place: Place, number: int) -> Browser:
    name, until = Names.waiting(number), time.perf_counter() + GIVE_UP_S
    browser = Browser(place.client, await place.link(name, name), lambda _: None)
    await browser.open()
    while not browser.is_asked:
        if time.perf_counter() > until:
            raise RuntimeError(f"session {name} is {browser.kind}: the channel was not asked")
        await asyncio.sleep(LOOK_S)
        await browser.load()
    return browser


async def _paid(
    place: Place, pages: Sequence[Browser], seconds: float
) -> tuple[list[float], list[float]]:
    """Payers who pay one after another, for so long: until the page is told, and until the callback
    is answered (ms)."""
    told: list[float] = []
    committed: list[float] = []
    until = time.perf_counter() + seconds
    for one in pages:
        if time.perf_counter() > until and len(told) >= FEWEST:
            break
        number = f"pay-{one.path.rpartition('/')[2]}-1"
        stream = await one.stream()
        expected = place.callbacks.expect(number)
        await place.act("pay", msgspec.json.encode({"network": NETWORK, "number": number}))
        async with asyncio.timeout(GIVE_UP_S):
            paid_s, came = await stream.paid_s(), await expected
        stream.close()
        told.append((paid_s - came.at) * 1000)
        committed.append((came.answered - came.at) * 1000)
        await asyncio.sleep(PAUSE_S)
    return told, committed
