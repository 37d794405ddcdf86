"""Durable transfers: N concurrent callers, each waits for its answer before it asks again.

Callers are coroutines of one event loop, as the HTTP server's handlers are. Uniform: between any
two of 100 wallets; hot: from any of them to one more.
"""

import asyncio
import itertools
import random
import time

from benchmarks.books import ACTOR, OPENED_US, open_books, open_wallets
from benchmarks.callers import run_in_loop
from benchmarks.figures import Backend, Shape, Transfers
from domain.kernel import Request
from domain.ledger.ledger import Ledger
from domain.payment.commands import TransferMoney

CALLERS = (1, 8, 32, 256)
SHAPES: tuple[Shape, ...] = ("uniform", "hot")
WALLETS = 100
AMOUNT_FEN = 1
SEED = 20251111
_runs = itertools.count(1)


def pairs(members: list[str], shape: Shape) -> list[tuple[str, str]]:
    """Payers and payees by chance, the same in every run."""
    chance = random.Random(SEED)
    chosen = []
    for _ in range(9973):  # Prime, so that callers do not fall into step.
        payer = chance.randrange(WALLETS)
        payee = (payer + 1 + chance.randrange(WALLETS - 1)) % WALLETS
        chosen.append((members[payer], members[WALLETS if shape == "hot" else payee]))
    return chosen


class Case:
    """One line of the report: an open ledger, how many ask, and whom they pay."""

    def __init__(
        self, ledger: Ledger, members: list[str], backend: Backend, callers: int, shape: Shape
    ) -> None:
        self._ledger = ledger
        self._pairs = pairs(members, shape)
        self._backend = backend
        self._callers = callers
        self._shape: Shape = shape
        self._waits: list[float] = []
        self._seconds = 0.0
        self.name = f"{backend} transfers, {callers} callers, {shape}"

    def measure(self, seconds: float) -> None:
        """Run for a while and add what was seen."""
        waits, lasted = run_in_loop(self._all(seconds))
        self._waits += waits
        self._seconds += lasted

    def warm_up(self, seconds: float) -> None:
        """Run without counting."""
        run_in_loop(self._all(seconds))

    def result(self) -> Transfers:
        waits = sorted(self._waits)
        return Transfers(
            self._backend,
            self._callers,
            self._shape,
            int(len(waits) / self._seconds),
            round(waits[len(waits) // 2] * 1000, 2),
            round(waits[len(waits) * 99 // 100] * 1000, 2),
        )

    async def _all(self, seconds: float) -> tuple[list[float], float]:
        run = next(_runs)
        waits: list[float] = []
        began = time.perf_counter()
        until = began + seconds
        callers = (self._caller(f"{run}-{n}", n, until, waits) for n in range(self._callers))
        await asyncio.gather(*callers)
        return waits, time.perf_counter() - began

    async def _caller(self, name: str, start: int, until: float, waits: list[float]) -> None:
        clock, submit, chosen = time.perf_counter, self._ledger.submit_async, self._pairs
        asked = clock()
        for count in itertools.count():
            payer, payee = chosen[(start * 37 + count) % len(chosen)]
            number = f"{name}-{count}"
            command = TransferMoney(number, payer, payee, AMOUNT_FEN)
            answer = await submit(Request(f"transfer:{number}", OPENED_US, ACTOR, command))
            answer.unwrap()
            answered = clock()
            waits.append(answered - asked)
            if answered >= until:
                return
            asked = answered


def cases(ledger: Ledger, backend: Backend) -> list[Case]:
    """Every case of a backend, on one new ledger."""
    open_books(ledger)
    members = open_wallets(ledger, WALLETS + 1)
    made = [Case(ledger, members, backend, n, shape) for n in CALLERS for shape in SHAPES]
    made[-1].warm_up(0.2)  # Statements prepared, caches filled.
    return made
