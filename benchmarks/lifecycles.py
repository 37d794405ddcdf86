"""Whole lifecycles: checked out, paid into escrow, released, cleared, settled, paid out.

A business day is 1,000 orders of one line each at 50 merchants, submitted as an import does, in
waves of 300 orders: one commit places orders and starts payments, one brings the channel's answers
and the buyers' confirmations. Then the day is cut off, its batches sealed, reviewed, settled and
paid out, and it is closed: all of that counts. A slice of time is as many whole days as fit in it.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import date

from benchmarks.books import (
    FEE,
    FIRST_DAY,
    METHOD,
    open_books,
    open_market,
    request,
    submit,
)
from benchmarks.callers import run_in_loop
from benchmarks.databases import stored_bytes
from benchmarks.figures import Backend, Lifecycles
from domain.clearing import day
from domain.clearing.commands import CloseDay, CutOffDay
from domain.clearing.split import batch_id
from domain.kernel import Request, day_end_us
from domain.ledger.ledger import Ledger
from domain.money import fee_fen
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.payment.payment import instruction_id
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.transaction.commands import ConfirmReceipt
from domain.transaction.transaction import identity

MERCHANTS, BUYERS, ORDERS, WAVE, CALLERS = 50, 200, 1_000, 300, 256
assert fee_fen(FEE, 1_000) < 1_000  # Every order leaves its merchant something to be paid out.
HALVES = (slice(2), slice(2, 4))  # Of an order's steps: the channel's answer comes between.
_numbers = itertools.count(1)


class Market:
    """A ledger with merchants and buyers, and its open business day."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        open_books(ledger)
        self._shops, self._buyers = open_market(ledger, MERCHANTS, BUYERS)
        self._day: date = FIRST_DAY

    def run_day(self, trade: Callable[["Market", list[int]], None], orders: int = ORDERS) -> None:
        """Trade that many orders and settle them. Raises Refused when any step is refused."""
        numbers = list(itertools.islice(_numbers, orders))
        trade(self, numbers)
        self._end_day(sorted({self._shop(number) for number in numbers}))

    def waves(self, orders: int) -> list[list[Request]]:
        """The commits of that many orders of the open day, up to the buyers' confirmations."""
        steps = [self._steps(number) for number in itertools.islice(_numbers, orders)]
        return [[one for order in steps for one in order[part]] for part in HALVES]

    def in_waves(self, numbers: list[int]) -> None:
        """Some hundred orders to a commit."""
        for start in range(0, len(numbers), WAVE):
            steps = [self._steps(number) for number in numbers[start : start + WAVE]]
            submit(self.ledger, [one for order in steps for one in order[:2]])
            submit(self.ledger, [one for order in steps for one in order[2:]])

    def by_callers(self, numbers: list[int]) -> None:
        """Callers who each wait for every step of an order before the next."""
        run_in_loop(self._callers(numbers))

    async def _callers(self, numbers: list[int]) -> None:
        left = iter(numbers)

        async def caller() -> None:
            for number in left:
                for step in self._steps(number):
                    (await self.ledger.submit_async(step)).unwrap()

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    def _shop(self, number: int) -> str:
        return self._shops[number % MERCHANTS]

    def _steps(self, number: int) -> list[Request]:
        """The four requests of one order, in their order."""
        at_us = day_end_us(self._day) - 3_600_000_000
        shop, order_no = self._shop(number), f"O{number}"
        buyer = self._buyers[number * 7 % BUYERS]
        line = OrderLine(shop, 1_000 + number * 13 % 50_000, "goods", 1 + number % 3)
        asked = instruction_id(order_no)
        paid = RecordOutcome(asked, succeeded=f"SIM-{asked}")
        return [
            request(f"checkout:{order_no}", Checkout(order_no, buyer, (line,)), at_us),
            request(f"pay:{order_no}", PayOrder(order_no, order_no, METHOD), at_us),
            request(f"outcome:{asked}", paid, at_us),
            request(
                f"confirm:{order_no}", ConfirmReceipt(identity(shop, order_no), "buyer"), at_us
            ),
        ]

    def _end_day(self, shops: list[str]) -> None:
        on, at_us = self._day, day_end_us(self._day) - 1
        batches = [batch_id(shop, on) for shop in shops]
        cut_off = [request(f"cut_off:{on}", CutOffDay(on), at_us)]
        sealed = [request(f"seal:{one}", SealBatch(one), at_us) for one in batches]
        submit(self.ledger, cut_off + sealed)
        reviewed = [
            request(f"review:{one}", ReviewBatch(one), at_us, "system:review") for one in batches
        ]
        settle = [request(f"settle:{one}", SettleBatch(one), at_us) for one in batches]
        settled = submit(self.ledger, reviewed + settle)[len(batches) :]
        paid_out = [
            request(f"outcome:{one}", RecordOutcome(one, succeeded=f"SIM-{one}"), at_us)
            for answer in settled
            for one in answer.unwrap()["instruction_ids"]
        ]
        closed = [request(f"close:{on}", CloseDay(on), at_us)]
        submit(self.ledger, paid_out + closed)
        state = self.ledger.state(day.STREAM)
        assert state.open_date is not None
        self._day = state.open_date


class Case:
    """The lifecycles of one backend, on one new ledger."""

    def __init__(self, ledger: Ledger, backend: Backend) -> None:
        self._market = Market(ledger)
        self._backend = backend
        self._done = self._facts = self._by_callers = 0
        self._bytes = 0
        self._seconds = self._caller_seconds = 0.0
        self.name = f"{backend} lifecycles"

    def measure(self, seconds: float) -> None:
        """Some days in waves, and half as long by callers."""
        ledger = self._market.ledger
        facts, size = ledger.head().position, stored_bytes(ledger.database.url)
        days, lasted = self._days(Market.in_waves, seconds)
        self._facts += ledger.head().position - facts
        self._bytes += stored_bytes(ledger.database.url) - size
        self._done += days * ORDERS
        self._seconds += lasted
        days, lasted = self._days(Market.by_callers, seconds / 2)
        self._by_callers += days * ORDERS
        self._caller_seconds += lasted

    def _days(
        self, trade: Callable[[Market, list[int]], None], seconds: float
    ) -> tuple[int, float]:
        began = time.perf_counter()
        for days in itertools.count(1):
            self._market.run_day(trade)
            lasted = time.perf_counter() - began
            if lasted >= seconds:
                return days, lasted
        raise AssertionError("unreachable")

    def result(self) -> Lifecycles:
        return Lifecycles(
            self._backend,
            int(self._done / self._seconds),
            int(self._facts / self._seconds),
            self._bytes // self._done,
            CALLERS,
            int(self._by_callers / self._caller_seconds),
        )
