"""`zhangfang drill cashier`: many payers at once, faults outside, kills between; then every page,
both books and the history are asked what became of each session."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from msgspec import Struct, field

from benchmarks.drills.cashier.browser import Device, Found
from benchmarks.drills.cashier.judging import checked_back, judged, named, read_books, unexplained
from benchmarks.drills.cashier.payers import METHODS, Case, Payer, devices, drawn
from benchmarks.drills.channels.clocked import Clock, Given, Hands
from benchmarks.drills.channels.judging import compared, incidents, read
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.resting import Resting
from benchmarks.drills.channels.staging import (
    EPOCH_US,
    free_port,
    on_the_clock,
    opened,
    settings_file,
)
from benchmarks.drills.channels.system import System
from benchmarks.drills.channels.traffic import Traffic
from domain.ledger.ledger import Ledger
from migrations.run import migrate

FACTS_OF_A_SESSION = 6  # At least, about; what kills are drawn from.
ENOUGH = 100  # Sessions in which money moves by each method, whatever the seed.
REST_S = 300

Tell = Callable[[str], None]


class Plan(Struct, frozen=True):
    """What is run: on which ledger, drawn by what."""

    url: str
    seed: int
    sessions: int
    faults: str
    kills: int
    factor: int


def drill(
    url: str,
    tell: Tell,
    *,
    seed: int,
    sessions: int,
    faults: str = "all",
    kills: int = 3,
    factor: int,
) -> dict[str, Any]:
    """On an empty place for a ledger. The same seed draws the same sessions, payers, faults and
    kills. `passed` is what it comes to: nothing is paid twice, every page is true, no money is
    stranded, both books are equal, ours verify."""
    began = time.monotonic()
    plan = Plan(url, seed, sessions, faults, kills, factor)
    backend = "sqlite" if url.startswith("sqlite") else "postgresql"
    again = f"zhangfang drill cashier --backend {backend} --seed {seed} --sessions {sessions}"
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as log:
        ran = _ran(plan, Path(directory), log, tell)
    tell("compare")
    return {
        "seed": seed,
        "factor": factor,
        "sessions": sessions,
        "again": f"{again} --kills {kills} --faults {faults} --factor {factor}",
        **_judged(plan, ran),
        "seconds": round(time.monotonic() - began, 1),
    }


class Ran(Struct):
    """What happened, before it is judged. `ends`: per session and tab, what it shows and what it
    shows loaded anew; `backs`: by session, its way back."""

    cases: list[Case]
    found: Found
    at_rest: bool
    ends: dict[str, list[tuple[str, str]]]
    backs: dict[str, str]
    keys: dict[str, str]
    wrong: list[str]
    book: list[dict[str, Any]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)


def _ran(plan: Plan, place: Path, log: IO[str], tell: Tell) -> Ran:
    migrate(plan.url)
    clock = Clock(EPOCH_US, time.time_ns() // 1_000, plan.factor, str(place / "advanced"))
    hands = Hands(clock)
    orders, cases = drawn(plan.seed, plan.sessions)
    keys = opened(plan.url, clock, plan.sessions, orders)
    by = ("--seed", str(plan.seed), "--faults", plan.faults, "--payer", "mixed")
    outside = Outside(place / "outside", *by, *on_the_clock(clock))
    try:
        settings = settings_file(place, outside, port := free_port(), plan.sessions)
        vault = f"sqlite:///{place / 'vault.db'}"
        at, theirs = _deaths(plan)
        given = Given(plan.url, port, str(settings), clock, at, vault)
        with System(given, log) as system:
            busy = Traffic(system.url, keys, plan.seed, lambda _: None)
            tell(f"{plan.sessions} payers, the server is killed at {list(at)}")
            with closing(Resting(plan.url, outside, hands, busy.post, plan.seed)) as resting:
                stage = Stage(plan, system.url, keys.platform, outside, theirs)
                ran = asyncio.run(stage.run(cases, lambda: resting.rests(REST_S), tell))
        ran.book, totals = outside.book(), outside.get("/book/totals")
        struck = outside.get("/faults?limit=1")["counts"]
    finally:
        outside.stop()
    ran.wrong += [*busy.wrong, *filter(None, [system.failed]), *incidents(log)]
    ran.wrong += [] if totals["balanced"] else ["the simulator's own book is not balanced"]
    ran.said = {"kills": {"server": system.kills, "simulator": outside.kills}, "faults": struck}
    return ran


def _deaths(plan: Plan) -> tuple[tuple[int, ...], frozenset[int]]:
    """The log positions at which the server is killed, and the payers at whose coming the simulator
    is."""
    draw = random.Random(f"{plan.seed}/kills")
    with closing(Ledger.open(plan.url)) as ledger:
        first = ledger.head().position + plan.sessions // 2  # Half of them are opened.
    part = max(plan.sessions * FACTS_OF_A_SESSION // max(plan.kills, 1), 2)  # One kill in each.
    at = tuple(first + one * part + draw.randrange(1, part) for one in range(plan.kills))
    return at, frozenset(draw.sample(range(plan.sessions), min(plan.sessions, plan.kills)))


class Stage:
    """All payers at once, in one loop, until the outside and the system have nothing to do."""

    def __init__(
        self, plan: Plan, url: str, key: str, outside: Outside, theirs: frozenset[int]
    ) -> None:
        self._plan, self._outside, self._theirs = plan, outside, theirs
        self._found = Found()
        self._device = devices(url, self._found)
        self._key = key

    async def run(self, cases: list[Case], rests: Callable[[], bool], tell: Tell) -> Ran:
        shop = self._device()
        payers = await asyncio.gather(
            *(self._played(shop, number, case) for number, case in enumerate(cases))
        )
        tell("at rest?")
        at_rest = await asyncio.to_thread(rests)
        await asyncio.gather(*(one.settle() for one in payers))
        ends = dict(await asyncio.gather(*(self._left(one) for one in payers)))
        backs = {one.case.session_no: one.tabs[0].seen.back for one in payers if one.tabs}
        keys = (await shop.get("/v1/cashier-keys")).json()
        gone = [f"{one.case.session_no}: nobody answered {one.gone}" for one in payers if one.gone]
        wrong = [*gone, *self._found.wrong]
        return Ran(cases, self._found, at_rest, ends, backs, keys, wrong)

    async def _played(self, shop: Device, number: int, case: Case) -> Payer:
        if number in self._theirs:
            await asyncio.to_thread(self._outside.kill)
        link = await shop.opened(case.wish(), self._key)
        payer = Payer(case, link, self._plan.seed, self._device)
        await payer.pay()
        return payer

    async def _left(self, payer: Payer) -> tuple[str, list[tuple[str, str]]]:
        return payer.case.session_no, await payer.leave()


def _judged(plan: Plan, ran: Ran) -> dict[str, Any]:
    books = read_books(plan.url)
    twice, strayed, kinds = judged(ran.cases, books, ran.book)
    untrue = list(_untrue(ran, kinds))
    held, used = Counter(kinds.values()), METHODS if plan.sessions >= ENOUGH else ()
    sound = ran.at_rest and not (ran.wrong or twice or books.overtaken or untrue)
    found = compared(plan.url, ran.book, used, passed=sound)
    unnamed, explained = unexplained(strayed, ran.cases, named(read(plan.url), ran.book))
    return {
        "pages": ran.found.pages,
        "streams": dict(ran.found.streams.most_common()),
        "told": ran.found.told,
        "choices": ran.found.forms,
        "notes": dict(ran.found.notes.most_common()),
        "ends": dict(held),
        **ran.said,
        "at_rest": ran.at_rest,
        "wrong": ran.wrong,
        "twice": twice,
        "overtaken": books.overtaken,
        "untrue": untrue,
        "strayed": unnamed,
        "explained": explained,
        **found,
        "passed": found["passed"] and not unnamed,
    }


def _untrue(ran: Ran, kinds: dict[str, str]) -> Iterator[str]:
    """Pages that show other than how things stand, and ways back that say so."""
    for session_no, truth in kinds.items():
        for place, (shown, anew) in enumerate(ran.ends[session_no]):
            if anew != truth or shown not in ("", truth):
                yield f"{session_no}, tab {place}: {truth}; shows {shown or '-'}, anew {anew}"
        if ran.backs.get(session_no):
            wrong = checked_back(ran.backs[session_no], ran.keys, session_no, truth)
            if wrong:
                yield wrong
        elif any(one.session_no == session_no and one.order_no for one in ran.cases):
            yield f"{session_no}: no way back"
