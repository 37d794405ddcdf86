"""The outbox: sends what is committed to channels over a network, and asks after what is open.

    due, by the read model ──claim: a commit──▶ asked ──▶ blob kept ──▶ answer: a commit
          ▲                                                                   │
          └────────────── when to ask again stands in the facts ◀─────────────┘

Each channel has a loop of its own, as many requests at once as it is allowed, and a rate: a slow
one slows no other. While a network is waited for nothing is held: no lease, no transaction. Several
outboxes may run on one ledger; whoever claims an attempt makes it. What is lost with a process is
asked about by the next one, for the claim is on record.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.asked_for import AskedFor
from api.operations.exchanges import written
from api.operations.gates import Gate, Pause
from api.operations.loops import loop_factory
from api.operations.payees import NO_ACCOUNT, Payees, Wanted
from api.operations.personal import Personal
from domain.channel.adapters.deadline import within
from domain.channel.network import Adapter, Answer, Order, Pace
from domain.channel.port import Unknown
from domain.kernel import DAY_US, Command, Request
from domain.ledger.answer import Answer as Decided
from domain.ledger.ledger import Ledger, utc_us
from domain.payment.asking import ClaimAttempt, WithholdInstruction, answer_command
from domain.payment.instruction import State
from domain.payment.orders import other_number
from projections.models import instructions_due
from projections.models.instructions_due import Due

log = logging.getLogger("zhangfang.outbox")
T = TypeVar("T")

OUTBOX = "system:outbox"
POLL_US = 500_000  # How long a hint may be lost, in real time.
AGAIN_US = 1_000_000  # After a claim that was not made; in real time.
LEAST_US = 5_000  # Between two turns in which nothing was begun.
END_S = 10.0  # What requests under way may still take when it is told to stop.
THREADS = 4  # For the database.
BATCH = 200  # Claims of a channel in one turn.


class OutboxStatus(Struct):
    """What operators see: attempts made, those under way, and the last trouble (UTC µs, text)."""

    made: int = 0
    under_way: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""


class Claimed(Struct, frozen=True):
    """An attempt that is this outbox's to make."""

    instruction_id: str
    attempt: int
    kind: str
    wanted: Wanted


class Outbox:
    """Runs in a thread of its own; `turn` and `idle` are for whoever wants to step it."""

    def __init__(
        self,
        ledger: Ledger,
        reads: Engine,
        adapters: Mapping[str, Adapter],
        clock: Callable[[], int],
        *,
        factor: int = 1,
        wall: Callable[[], int] = utc_us,
        paces: Mapping[str, Pace] | None = None,
        payees: Mapping[str, str] | None = None,
        personal: Personal | None = None,
        waits: Callable[[], bool] = lambda: False,
        days_behind: int = 7,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`clock` is the books' (UTC µs), running `factor` times as fast as the wall's, by which
        adapters sign. `payees`: merchants' accounts at the bank, by member; `personal`: those that
        are bound; a payout to neither is withheld. While `waits()`, nothing new is begun; what was
        issued more than `days_behind` days ago and never sent is history, and left to whoever
        brings it."""
        self._ledger = ledger
        self._reads = reads
        self._adapters = dict(adapters)
        self._clock = clock
        self._factor = factor
        self._wall = wall
        self._payees = Payees(payees or {}, personal)
        self._waits = waits
        self._behind_us = days_behind * DAY_US
        self._pause = pause
        given = paces or {}
        self._gates = {
            name: Gate(given.get(name, one.pace), pause) for name, one in self._adapters.items()
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(THREADS, "outbox-reads")
        self._asked_for = AskedFor(ledger, self._in_thread)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._news: asyncio.Event | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self.status = OutboxStatus()

    # From outside.

    def start(self) -> None:
        """Whoever keeps the read models up calls `wake` when they have gone on."""
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more, wait a while for what is under way, and end the thread."""
        self._stopped = True
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join()
        self._threads.shutdown()

    def wake(self) -> None:
        """The read models have gone on: something may be due. From any thread."""
        loop = self._loop
        if loop is not None and self._news is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._news.set)

    # Its loops.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self.run())

    async def run(self) -> None:
        """Serve all channels until told to stop."""
        self._news, self._stopping = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopped:
            return
        looking = asyncio.create_task(self._look(self._news))
        loops = [asyncio.create_task(self._serve(channel)) for channel in self._adapters]
        await self._stopping.wait()
        looking.cancel()
        self._hint()
        await asyncio.gather(*loops)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for adapter in self._adapters.values():
            await adapter.aclose()

    def _hint(self) -> None:
        for gate in self._gates.values():
            gate.hint()

    async def _look(self, news: asyncio.Event) -> None:
        """Whenever the read models have gone on: one look for all channels, and a hint to those
        that have something to do. An idle channel costs nothing."""
        channels = tuple(self._gates)
        while True:
            await news.wait()
            news.clear()
            soon_us = self._clock() + POLL_US * self._factor
            try:
                due = await self._read(lambda view: instructions_due.next_due(view, channels))
            except Exception:  # Their own looks find it, too, and say it.
                self._hint()
                continue
            for channel, due_us in due.items():
                if due_us <= soon_us:
                    self._gates[channel].hint()

    async def _serve(self, channel: str) -> None:
        gate = self._gates[channel]
        assert self._stopping is not None
        while not self._stopping.is_set():
            gate.forget_hints()
            started = 0
            try:
                started = await self._turn(channel)
                self.status.trouble_at_us, self.status.trouble = None, ""
            except Exception as error:  # The others go on; operators see what hinders this one.
                self.status.trouble_at_us = self._clock()
                self.status.trouble = f"{channel}: {type(error).__name__}: {error}"
                log.exception("%s: a turn of the outbox failed; it tries again", channel)
            if not started:
                await gate.hinted(self._wait_s(gate.next_us))

    def _wait_s(self, next_us: int | None) -> float:
        """Until an instant of the books' clock, or a hint may have been lost."""
        left_us = POLL_US
        if next_us is not None:
            left_us = max((next_us - self._clock()) // self._factor, LEAST_US)
        return min(left_us, POLL_US) / 1_000_000

    # A turn.

    async def turn(self) -> int:
        """Begin what is due now at every channel: how many attempts."""
        return sum([await self._turn(channel) for channel in self._adapters])

    async def idle(self) -> None:
        """Until every attempt under way has been made and recorded."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _turn(self, channel: str) -> int:
        gate = self._gates[channel]
        free, gate.next_us = min(gate.free, BATCH), None  # An attempt that ends gives a hint.
        if free <= 0 or self._waits():
            return 0
        now_us = self._clock()
        gate.passed = {one: until for one, until in gate.passed.items() if until > now_us}
        most = free + len(gate.told) + len(gate.passed)
        rows, gate.next_us = await self._due(channel, now_us, most)
        # The read model may not know yet of what was claimed a moment ago.
        told = gate.told
        stale = {
            one.instruction_id for one in rows if told.get(one.instruction_id, 0) >= one.attempt
        }
        kept = stale | gate.under_way.keys()
        gate.told = {one: attempt for one, attempt in told.items() if one in kept}
        skipped = gate.told.keys() | gate.passed.keys()
        found = [one for one in rows if one.instruction_id not in skipped]
        if rows and not found:  # What it is told of next gives a hint.
            gate.next_us = min(gate.passed.values(), default=None)
        claimed = await self._claimed(channel, found[:free], now_us) if found else []
        for one in claimed:
            gate.begin(one.instruction_id, one.attempt)
            task = asyncio.create_task(self._attempt(channel, one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claimed)

    async def _due(self, channel: str, now_us: int, most: int) -> tuple[list[Due], int | None]:
        """What is due now; if nothing is, when something will be."""
        since_us = now_us - self._behind_us

        def read(view: Any) -> tuple[list[Due], int | None]:
            rows = instructions_due.due(view, channel, now_us, most, since_us)
            next_us = None if rows else instructions_due.next_due(view, [channel]).get(channel)
            return rows, next_us if next_us is not None and next_us > now_us else None

        return await self._read(read)

    async def _claimed(self, channel: str, due: Sequence[Due], now_us: int) -> list[Claimed]:
        adapter = self._adapters[channel]
        unsent = [one for one in due if one.purpose == "payout" and one.attempt == 1]
        held = await self._withheld(unsent, now_us) if unsent else set()
        wanted = [one for one in due if one.instruction_id not in held]
        # What was never asked has had no other number: nothing is to be read for it.
        before = await self._asked_for.states(
            [one.instruction_id for one in wanted if one.attempt > 1]
        )
        answers = await asyncio.gather(
            *(
                self._claim(adapter, one, before.get(one.instruction_id, State()), now_us)
                for one in wanted
            )
        )
        kinds = {
            one.instruction_id: str((answer.result or {}).get("kind", ""))
            for one, answer in zip(wanted, answers, strict=True)
            if not answer.replayed
        }
        mine = [one for one in wanted if kinds.get(one.instruction_id)]
        gate = self._gates[channel]
        gate.told.update({one.instruction_id: one.attempt for one in mine})
        # Another's, not due by the facts, or refused for now: never left alone for good.
        again_us, claimed = now_us + AGAIN_US * self._factor, {one.instruction_id for one in mine}
        for one in due:
            if one.instruction_id not in claimed:
                gate.passed[one.instruction_id] = again_us
        orders = await self._asked_for.orders([one.instruction_id for one in mine])
        return [
            Claimed(one.instruction_id, one.attempt, kinds[one.instruction_id], wanted)
            for one, wanted in zip(mine, orders, strict=True)
        ]

    async def _claim(self, adapter: Adapter, due: Due, state: State, now_us: int) -> Decided:
        instruction_id = due.instruction_id
        command = ClaimAttempt(
            instruction_id,
            due.attempt,
            due.purpose in adapter.repeatable,
            adapter.number(instruction_id),
            adapter.number(other_number(instruction_id, state)),
        )
        # One that claims at the same instant has the same number, and one of the two is a replay.
        number = f"claim:{instruction_id}:{due.attempt}:{now_us}"
        return await self._submit(number, command, now_us)

    async def _withheld(self, due: Sequence[Due], now_us: int) -> set[str]:
        """Those that cannot be sent: it stands on record why."""
        ids = [one.instruction_id for one in due]
        held = set()
        for one, wanted in zip(ids, await self._asked_for.orders(ids), strict=True):
            _, why = await self._addressed(wanted)
            if why:
                held.add(one)
                number = f"withhold:{one}:{now_us}"
                await self._submit(number, WithholdInstruction(one, why), now_us)
        return held

    async def _addressed(self, wanted: Wanted) -> tuple[Order | None, str]:
        """With the account in clear, for as long as it is needed; or why there is none."""
        order = wanted.order
        if order is None or wanted.is_bare:
            return order, ""
        return await self._in_thread(lambda: self._payees.addressed(order, wanted.to))

    # An attempt.

    async def _attempt(self, channel: str, claimed: Claimed) -> None:
        gate, adapter = self._gates[channel], self._adapters[channel]
        self.status.under_way += 1
        try:
            try:
                await gate.slot()
                answer = await self._asked(adapter, gate.pace, claimed)
            finally:
                gate.answered()
            await self._record(claimed, answer)
        except Exception:  # The claim is on record: it is asked about when that has run out.
            log.exception("the answer to %s could not be recorded", claimed.instruction_id)
        finally:
            gate.end(claimed.instruction_id)
            self.status.under_way -= 1
            self.status.made += 1

    async def _asked(self, adapter: Adapter, pace: Pace, claimed: Claimed) -> Answer:
        order, why = claimed.wanted.order, ""
        if order is None:
            return Answer(Unknown("what it is a refund of is not on record"), sent=False)
        if claimed.kind == "send":
            order, why = await self._addressed(claimed.wanted)
            if order is None:  # It was there a moment ago.
                return Answer(Unknown(why or NO_ACCOUNT), sent=False)
        ask = {"send": adapter.send, "query": adapter.query, "close": adapter.close}[claimed.kind]
        try:
            answer = await within(ask(order, self._wall()), pace.deadline_s)
        except Exception as error:
            log.exception("the adapter of %s failed on %s", adapter.channel, claimed.instruction_id)
            return Answer(Unknown(f"the adapter failed: {type(error).__name__}"))
        return answer or Answer(Unknown(f"no answer within {pace.deadline_s} s"))

    async def _record(self, claimed: Claimed, answer: Answer) -> None:
        made = written(answer)
        command = answer_command(claimed.instruction_id, answer, claimed.attempt, made.name)
        number = f"outcome:{claimed.instruction_id}:attempt:{claimed.attempt:08}"
        decided = await self._submit(number, command, self._clock(), made.blobs)
        if decided.refused is not None:
            log.warning("%s: %s", claimed.instruction_id, decided.refused)

    # The ledger and its read side.

    async def _submit(
        self, number: str, command: Command, at_us: int, kept: tuple[bytes, ...] = ()
    ) -> Decided:
        return await self._ledger.submit_async(Request(number, at_us, OUTBOX, command, kept))

    async def _read(self, query: Callable[[Any], T]) -> T:
        def read() -> T:
            with self._reads.connect() as connection:
                return query(connection)

        return await self._in_thread(read)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
