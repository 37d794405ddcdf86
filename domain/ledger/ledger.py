"""The ledger: where requests go in, and where their answers and the facts come out.

All callers of a process share one committer thread. It folds queued requests one after another
over an overlay and writes them in one database transaction; each caller gets its own answer once
that is durable. Other processes may write the same ledger: the recorder's lock makes commits
serial, and whatever others committed is taken in before deciding.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from domain.eventstore.database import Database, parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import Head, LedgerRecorder
from domain.kernel import Recorded, Request, StateT, Stream
from domain.ledger import codec
from domain.ledger.answer import Answer
from domain.ledger.committer import Committer
from domain.ledger.states import fold_stream
from domain.refusals import Code, Refused

MAX_BATCH = 1_000

log = logging.getLogger(__name__)

SHARE = 100  # Coroutines of one turn of an event loop that are queued as one job.

Given = Answer | BaseException
TellT = TypeVar("TellT")


class _Waiting:
    """Coroutines of one event loop, each with its request and the future it waits for.

    All of a turn are one job: they are queued, answered and woken together, at a price per turn
    and not per request.
    """

    __slots__ = ("futures", "loop", "requests", "since_ns")
    alone = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.since_ns = time.monotonic_ns()
        self.requests: list[Request] = []
        self.futures: list[asyncio.Future[Answer]] = []

    def answer(self, given: Sequence[Given]) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits there any more.
            self.loop.call_soon_threadsafe(self.resolve, given)

    def resolve(self, given: Sequence[Given]) -> None:
        """In the loop's own thread."""
        for future, mine in zip(self.futures, given, strict=True):
            if future.done():
                continue  # The caller went away; the answer is kept with its request.
            if isinstance(mine, BaseException):
                future.set_exception(mine)
            else:
                future.set_result(mine)


class _Job:
    """Requests that one thread waits for; `alone` means a commit of their own."""

    __slots__ = ("alone", "future", "requests", "since_ns")

    def __init__(self, requests: Sequence[Request], *, alone: bool) -> None:
        self.requests = requests
        self.since_ns = time.monotonic_ns()
        self.future: Future[list[Answer]] = Future()
        self.alone = alone

    def answer(self, given: Sequence[Given]) -> None:
        answers: list[Answer] = []
        for mine in given:
            if isinstance(mine, BaseException):  # A defect is its own caller's alone.
                self.future.set_exception(mine)
                return
            answers.append(mine)
        self.future.set_result(answers)


class Batched(NamedTuple):
    """What one turn of the committer was: its commits (0 when everything was known) and new facts,
    how long the first request waited in the queue and how long deciding and writing took (ns).
    `answers` is None when nothing was recorded because it failed."""

    commits: int
    facts: int
    answers: Sequence[Given] | None
    queued_ns: int
    took_ns: int


def utc_us() -> int:
    """Now, UTC µs."""
    return time.time_ns() // 1000


class Ledger:
    """One open ledger. Thread-safe. `close()` it when done; it does not migrate."""

    def __init__(
        self, database: Database, recorder: LedgerRecorder, clock: Callable[[], int] = utc_us
    ) -> None:
        self.database = database
        self.recorder = recorder
        self._committer = Committer(recorder, clock)
        self._callbacks: list[Callable[[int], None]] = []
        self._meters: list[Callable[[Batched], None]] = []
        self._queue: list[_Job | _Waiting] = []
        self._wake = threading.Condition()
        self._closed = False
        self._pending: dict[asyncio.AbstractEventLoop, _Waiting] = {}
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, database_url: str, *, clock: Callable[[], int] = utc_us) -> "Ledger":
        """Open a ledger whose tables exist. Raises what `open_recorder` raises."""
        database = parse_database_url(database_url)
        return cls(database, open_recorder(database), clock)

    # Requests.

    def submit(self, request: Request) -> Answer:
        """Decide one request, durably. Blocks; may be called from any thread."""
        return self._wait([request], alone=False)[0]

    def submit_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Decide requests in order, in one commit of their own; each has its own answer."""
        return self._wait(requests, alone=True) if requests else []

    async def submit_async(self, request: Request) -> Answer:
        """Like `submit`, for coroutines. Those that ask in one turn of the loop share a commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        waiting = self._pending.get(loop)
        if waiting is None or len(waiting.requests) >= SHARE:
            waiting = self._pending[loop] = _Waiting(loop)
            loop.call_soon(self._flush, waiting)
        waiting.requests.append(request)
        waiting.futures.append(future)
        return await future

    def _flush(self, waiting: _Waiting) -> None:
        if self._pending.get(waiting.loop) is waiting:
            del self._pending[waiting.loop]
        try:
            self._enqueue(waiting)
        except Refused as no:  # Closing: whoever waits must hear of it.
            waiting.resolve([no] * len(waiting.requests))

    def _wait(self, requests: Sequence[Request], *, alone: bool) -> list[Answer]:
        job = _Job(requests, alone=alone)
        self._enqueue(job)
        return job.future.result()

    def _enqueue(self, job: "_Job | _Waiting") -> None:
        with self._wake:
            if self._closed:
                raise Refused(Code.BUSY, "", "the ledger is closing")
            self._queue.append(job)
            self._wake.notify()

    # Reading.

    def state(self, stream: "Stream[StateT]") -> StateT:
        """The committed state of a stream, read now; the initial state if it does not exist."""
        return fold_stream(self.recorder, stream)[1]

    def remembered(self, stream: "Stream[StateT]") -> StateT | None:
        """The state of a stream if it is in memory, without waiting for anything: as this process
        committed it last, so that another process may have changed it since. None: look it up.
        That a stream had no facts yet is not remembered: it may have been begun a moment ago."""
        held = self._committer.remembered(stream)
        return held[1] if held is not None and held[0] else None

    def version(self, stream: str) -> int:
        """How many facts a stream has; 0 if it does not exist."""
        return fold_stream(self.recorder, Stream(stream))[0]

    def history(self, stream: str) -> Iterator[Recorded]:
        """All facts of a stream, oldest first."""
        version = 0
        while rows := self.recorder.read_stream(stream, version, 1000):
            for row in rows:
                yield codec.decode(row)
            version = rows[-1].version

    def facts(self, after: int, limit: int) -> list[Recorded]:
        """A page of the log: facts with a position above `after`, in order."""
        return [codec.decode(row) for row in self.recorder.read_log(after, limit)]

    def head(self) -> Head:
        return self.recorder.head()

    def on_commit(self, callback: Callable[[int], None]) -> None:
        """Call `callback(head position)` after every commit of this process. It must be quick."""
        self._callbacks.append(callback)

    def on_batch(self, callback: Callable[[Batched], None]) -> None:
        """Call `callback` after every turn of this process's committer, for whoever counts. It
        must be quick."""
        self._meters.append(callback)

    def heed(self, health: Callable[[], Mapping[str, Any]]) -> None:
        """From now on channels are chosen by how they are doing: a `channel.health.Summary` each.
        It is asked by the committer, once for a command that chooses, and must be quick."""
        self._committer.health = health

    def close(self) -> None:
        """Finish what is queued, then close. Calling it again does nothing."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        self._thread.join()
        self.recorder.close()

    # The committer thread.

    def _run(self) -> None:
        while jobs := self._next_jobs():
            requests = [request for job in jobs for request in job.requests]
            answers: list[Given]
            began_ns, failed = time.monotonic_ns(), False
            commits, facts = self._committer.commits, self._committer.written
            try:
                answers = self._committer.commit(requests)
            except BaseException as error:
                answers, failed = [error] * len(requests), True
            else:
                self._tell(self._callbacks, self._committer.head.position)
            if self._meters:
                batched = Batched(
                    self._committer.commits - commits,
                    self._committer.written - facts,
                    None if failed else answers,
                    began_ns - jobs[0].since_ns,
                    time.monotonic_ns() - began_ns,
                )
                self._tell(self._meters, batched)
            done = 0
            for job in jobs:
                job.answer(answers[done : done + len(job.requests)])
                done += len(job.requests)

    def _tell(self, listeners: Sequence[Callable[[TellT], None]], what: TellT) -> None:
        for callback in listeners:
            try:
                callback(what)
            except Exception:  # A listener's defect; the callers must still get their answers.
                log.exception("a listener of commits failed")

    def _next_jobs(self) -> "list[_Job | _Waiting]":
        with self._wake:
            while not self._queue:
                if self._closed:
                    return []
                self._wake.wait()
            count = 1
            size = len(self._queue[0].requests)
            if not self._queue[0].alone:
                for job in self._queue[1:]:
                    size += len(job.requests)
                    if job.alone or size > MAX_BATCH:
                        break
                    count += 1
            jobs, self._queue = self._queue[:count], self._queue[count:]
            return jobs
