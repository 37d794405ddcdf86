"""The deliverer: sends what members want to hear, beside everything else and slower than nothing.

    events, by the read model ──take──▶ deliveries ──pick──▶ signed, sent ──▶ recorded
                                             ▲                                   │
                                             └──── due again, by the plan ◀──────┘

Each endpoint has its own requests under way and its own pauses: a slow one slows itself. One that
fails gets one request at a time, and all that fail together no more than a quarter of all there is.
Nothing is held while a network is waited for. Of several processes one delivers, by a lease; one
that dies between a request and its record sends it again: at least once, and a receiver knows an
event by its id. After the last try the endpoint is paused by a command, before that is recorded, so
that a crash between the two leaves nothing half-done.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.loops import loop_factory
from api.operations.webhooks import deliveries
from api.operations.webhooks.deliveries import Attempt, Made, Name, Picked, Work
from api.operations.webhooks.plan import next_try_us, quiet_us
from api.operations.webhooks.sending import GONE, Outcome, Sender
from api.operations.webhooks.signing import Secrets, signed
from domain.channel.adapters.deadline import within
from domain.kernel import DAY_US, Request
from domain.ledger.ledger import Ledger, utc_us
from domain.member.hooking import StopEndpoint
from domain.member.webhook import Why
from domain.refusals import Refused
from projections.engine.lease import Lease, LeaseTaken, lease
from projections.engine.writing import writing
from projections.models.webhook_endpoints import Endpoint

log = logging.getLogger("zhangfang.webhooks")
T = TypeVar("T")

DELIVERER = "system:webhooks"
LEASE = "webhooks"
POLL_S = 0.5  # How long a hint may be lost, and how late a try may be.
GATHER_S = 0.02  # After a hint: what happens until then is one turn.
AT_ONCE = 256  # Requests under way, of all endpoints,
AT_ONCE_EACH = 16  # of one,
AT_ONCE_FAILING = 64  # and of all that have failed and not been well since.
END_S = 10.0
THREADS = 2  # For the database.
KEPT_DAYS = 30  # Of the log of attempts.
SWEEP_US = 3600 * 1_000_000


class DelivererStatus(Struct):
    """What operators see: requests that were made, delivered or not; those under way; endpoints
    that were paused; the last trouble (UTC µs, text)."""

    delivered: int = 0
    failed: int = 0
    paused: int = 0
    under_way: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""


class Wanted(Struct, frozen=True):
    """A request that is to be made."""

    endpoint: Endpoint
    picked: Picked
    keys: list[str]


class Standing(Struct):
    """What is known of an endpoint between two turns: the positions under way, failures in a row,
    until when it is left alone (UTC µs), and the round that it was paused in."""

    under_way: set[int]
    failures: int = 0
    quiet_until_us: int = 0
    stopped: tuple[int, int] | None = None
    turn: int = 0  # The last in which something was sent.


class Deliverer:
    """Runs in a thread of its own; `turn` and `idle` are for whoever wants to step it."""

    def __init__(
        self,
        ledger: Ledger,
        reads: Engine,
        writes: Engine,
        secrets: Secrets,
        sender: Sender,
        clock: Callable[[], int],
        *,
        factor: int = 1,
        wall: Callable[[], int] = utc_us,
    ) -> None:
        """`clock` is the books' (UTC µs), by which tries are due, running `factor` times as fast as
        the wall's, by which requests are signed."""
        self._ledger = ledger
        self._reads = reads
        self._writes = writes
        self._secrets = secrets
        self._sender = sender
        self._clock = clock
        self._factor = factor
        self._wall = wall
        self._standing: dict[Name, Standing] = {}
        self._made: list[tuple[Made, asyncio.Future[None]]] = []
        self._recording: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept_us = 0
        self._turns = 0
        self._threads = ThreadPoolExecutor(THREADS, "webhooks")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hint = asyncio.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self.status = DelivererStatus()

    # From outside.

    def start(self) -> None:
        """Whoever keeps the read models up calls `wake` when they have gone on."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, wait a while for what is under way, and end the thread."""
        self._stop.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._threads.shutdown()
        self._sender.close()

    def wake(self) -> None:
        """Something may be to be sent. From any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._hint.set)

    # Its loop.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            try:
                with lease(self._reads, LEASE) as mine:
                    await self._deliver(mine)
            except LeaseTaken:  # By another process.
                await self._pause_for_a_while()
            except Exception as error:  # The database, or the lease is lost: it tries again.
                self._in_trouble(error)
                await self._pause_for_a_while()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, mine: Lease) -> None:
        """While the lease is held. Raises LeaseLost, and the database's errors."""
        while not self._stop.is_set():
            self._hint.clear()
            await self._in_thread(mine.check)
            begun = await self.turn()
            self.status.trouble_at_us, self.status.trouble = None, ""
            if not begun:
                await within(self._hint.wait(), POLL_S)
            await asyncio.sleep(GATHER_S)

    def _in_trouble(self, error: Exception) -> None:
        """Operators see what hinders it; it goes on."""
        self.status.trouble_at_us = self._clock()
        self.status.trouble = f"{type(error).__name__}: {error}"
        log.error("the deliverer cannot go on; it tries again", exc_info=error)

    async def _pause_for_a_while(self) -> None:
        await within(self._hint.wait(), POLL_S)
        self._hint.clear()
        await asyncio.sleep(GATHER_S)

    # A turn.

    async def turn(self) -> int:
        """Begin what may be sent now: how many requests."""
        now_us = self._clock()
        wanted = await self._in_thread(lambda: self._wanted(now_us))
        for one in wanted:
            self._of(one.endpoint.name).under_way.add(one.picked.position)
            self.status.under_way += 1
            task = asyncio.create_task(self._attempt(one, now_us))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(wanted)

    async def idle(self) -> None:
        """Until every request under way has been made and recorded."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _of(self, name: Name) -> Standing:
        return self._standing.setdefault(name, Standing(set()))

    def _wanted(self, now_us: int) -> list[Wanted]:
        """In a thread: the database is asked, and what is new is taken."""
        if now_us - self._swept_us >= SWEEP_US:
            self._sweep(now_us)
        with self._reads.connect() as connection:
            found = [one for one in deliveries.work(connection) if one.has_any(now_us)]
        self._turns += 1
        failing = sum(len(one.under_way) for one in self._standing.values() if one.failures)
        wanted: list[Wanted] = []
        # Who was served longest ago comes first.
        for one in sorted(found, key=lambda one: self._of(one.endpoint.name).turn):
            standing = self._of(one.endpoint.name)
            left = AT_ONCE - self.status.under_way - len(wanted)
            free = min(self._free(one.endpoint, now_us), left)
            if free <= 0 or (standing.failures and failing >= AT_ONCE_FAILING):
                continue
            begun = self._of_endpoint(one, free, now_us)
            if begun:
                standing.turn = self._turns
                failing += len(begun) if standing.failures else 0
                wanted += begun
        return wanted

    def _sweep(self, now_us: int) -> None:
        """What endpoints that were removed have left, and old attempts."""
        with writing(self._writes) as connection:
            deliveries.forget(connection)
            deliveries.drop_old(connection, now_us - KEPT_DAYS * DAY_US)
        self._swept_us = now_us

    def _free(self, endpoint: Endpoint, now_us: int) -> int:
        """How many requests to an endpoint may be begun now."""
        standing = self._of(endpoint.name)
        if standing.stopped == (endpoint.since_position, endpoint.round):
            return 0  # Paused a moment ago; the read model does not know yet.
        if standing.failures and now_us < standing.quiet_until_us:
            return 0
        return (1 if standing.failures else AT_ONCE_EACH) - len(standing.under_way)

    def _of_endpoint(self, one: Work, free: int, now_us: int) -> list[Wanted]:
        endpoint, under_way = one.endpoint, self._of(one.endpoint.name).under_way
        if self._has_new(one, now_us):
            with writing(self._writes) as connection:
                cursor = deliveries.settled(connection, one, now_us)
                deliveries.take(connection, endpoint, cursor, now_us)
        with self._reads.connect() as connection:
            found = deliveries.pick(connection, endpoint.name, now_us, free + len(under_way))
        picked = [each for each in found if each.position not in under_way][:free]
        if not picked:
            return []
        keys = self._keys(endpoint, now_us)
        return [Wanted(endpoint, each, keys) for each in picked]

    def _has_new(self, one: Work, now_us: int) -> bool:
        """Whether something is to be written before anything is picked."""
        settled, cursor = one.endpoint, one.cursor
        if cursor is None or cursor.since_position != settled.since_position:
            return True
        if cursor.round != settled.round:
            return True
        if one.head <= cursor.position and (one.again or 0) <= cursor.again:
            return False
        with self._reads.connect() as connection:
            return not deliveries.is_full(connection, settled.name, now_us)

    def _keys(self, endpoint: Endpoint, now_us: int) -> list[str]:
        """The secrets that sign now; none when they cannot be read: then nothing is sent."""
        numbers = [endpoint.secret]
        if endpoint.older and now_us < endpoint.older_until_us:
            numbers.append(endpoint.older)
        try:
            return self._secrets.read(endpoint.member, numbers)
        except Refused as no:
            log.error("the secrets of %s/%s cannot be read: %s", *endpoint.name, no.code)
            return []

    # A try.

    async def _attempt(self, one: Wanted, now_us: int) -> None:
        standing = self._of(one.endpoint.name)
        try:
            outcome = await self._sent(one)
            await self._record(one, outcome, now_us)
            if outcome.is_delivered:
                standing.failures = 0
            else:
                standing.failures += 1
                standing.quiet_until_us = self._clock() + quiet_us(standing.failures)
        except Exception:  # Nothing is on record: it is sent again.
            log.exception("what came of %s/%s could not be recorded", *one.endpoint.name)
            standing.failures += 1
            standing.quiet_until_us = self._clock() + quiet_us(standing.failures)
        finally:
            standing.under_way.discard(one.picked.position)
            self.status.under_way -= 1
            self._hint.set()

    async def _sent(self, one: Wanted) -> Outcome:
        if not one.keys:
            return Outcome("no_secret")
        event_id = f"evt_{one.picked.position}_{one.endpoint.member}"
        headers = signed(one.keys, event_id, one.picked.body, self._wall())
        return await self._sender.send(one.endpoint.url, headers, one.picked.body.encode())

    async def _record(self, one: Wanted, outcome: Outcome, now_us: int) -> None:
        attempt = Attempt(
            now_us,
            one.picked.position,
            one.picked.kind,
            one.picked.tries + 1,
            outcome.took_ms,
            outcome.status,
            outcome.result,
        )
        due_us = None
        if outcome.is_delivered:
            self.status.delivered += 1
        else:
            self.status.failed += 1
            due_us = next_try_us(attempt.attempt, self._clock())
            if due_us is None or outcome.status == GONE:
                await self._pause(one, "gone" if outcome.status == GONE else "tries")
                due_us = now_us
        await self._keep(Made(one.endpoint.name, attempt, due_us))

    async def _pause(self, one: Wanted, why: Why) -> None:
        endpoint = one.endpoint
        round = endpoint.round
        command = StopEndpoint(*endpoint.name, round, why, one.picked.position)
        number = f"webhook-stop:{endpoint.since_position}:{round}:{one.picked.position}:{why}"
        answer = await self._ledger.submit_async(Request(number, self._clock(), DELIVERER, command))
        if answer.refused is not None:
            log.warning("%s/%s is not paused: %s", *endpoint.name, answer.refused)
        self._of(endpoint.name).stopped = (endpoint.since_position, round)
        self.status.paused += 1

    async def _keep(self, made: Made) -> None:
        """Durably; what comes of a moment's requests shares a transaction."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._made.append((made, future))
        if self._recording is None or self._recording.done():
            self._recording = asyncio.create_task(self._flush())
        await future

    async def _flush(self) -> None:
        while self._made:
            mine, self._made = self._made, []
            failed: Exception | None = None
            try:
                await self._in_thread(lambda mine=mine: self._write([one for one, _ in mine]))  # type: ignore[misc]
            except Exception as error:
                failed = error
            for _, future in mine:
                if future.done():
                    continue
                if failed is None:
                    future.set_result(None)
                else:
                    future.set_exception(failed)

    def _write(self, made: list[Made]) -> None:
        with writing(self._writes) as connection:
            deliveries.record(connection, made)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
