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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Union

from domain.eventstore import codec
from domain.eventstore.answer import Answer
from domain.eventstore.committer import Committer
from domain.eventstore.database import Database, open_recorder, parse_database_url
from domain.eventstore.recorder import Head, LedgerRecorder
from domain.eventstore.states import fold_stream
from domain.kernel import Recorded, Request
from domain.refusals import Code, Refused

MAX_BATCH = 1_000

log = logging.getLogger(__name__)

Waiter = Union["Future[list[Answer]]", "asyncio.Future[Answer]"]


class _Job:
    """Requests that one caller waits for; `alone` means a commit of their own."""

    __slots__ = ("alone", "requests", "waiter")

    def __init__(self, requests: Sequence[Request], waiter: Waiter, *, alone: bool) -> None:
        self.requests = requests
        self.waiter = waiter
        self.alone = alone


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
        self._queue: list[_Job] = []
        self._wake = threading.Condition()
        self._closed = False
        self._pending: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, database_url: str, *, clock: Callable[[], int] = utc_us) -> "Ledger":
        """Open a ledger whose tables exist. Raises Refused(REQUEST_INVALID, "database")."""
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
        waiter: asyncio.Future[Answer] = loop.create_future()
        waiting = self._pending.get(loop)
        if waiting is None:
            waiting = self._pending[loop] = []
            loop.call_soon(self._flush, loop)
        waiting.append(_Job((request,), waiter, alone=False))
        return await waiter

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._pending.pop(loop)
        try:
            self._enqueue(jobs)
        except Refused as no:  # Closing: whoever waits must hear of it.
            for job in jobs:
                if not job.waiter.done():
                    job.waiter.set_exception(no)

    def _wait(self, requests: Sequence[Request], *, alone: bool) -> list[Answer]:
        waiter: Future[list[Answer]] = Future()
        self._enqueue([_Job(requests, waiter, alone=alone)])
        return waiter.result()

    def _enqueue(self, jobs: list[_Job]) -> None:
        with self._wake:
            if self._closed:
                raise Refused(Code.BUSY, "", "the ledger is closing")
            self._queue += jobs
            self._wake.notify()

    # Reading.

    def state(self, stream: str) -> Any:
        """The committed state of a stream, read now; the initial state if it does not exist."""
        return fold_stream(self.recorder, stream)[1]

    def version(self, stream: str) -> int:
        """How many facts a stream has; 0 if it does not exist."""
        return fold_stream(self.recorder, stream)[0]

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
            try:
                answers: list[Answer | BaseException] | BaseException = self._committer.commit(
                    requests
                )
            except BaseException as error:
                answers = error
            if not isinstance(answers, BaseException):
                self._tell(self._committer.head.position)
            _answer(jobs, answers)

    def _tell(self, position: int) -> None:
        for callback in self._callbacks:
            try:
                callback(position)
            except Exception:  # A listener's defect; the callers must still get their answers.
                log.exception("a listener of commits failed at position %d", position)

    def _next_jobs(self) -> list[_Job]:
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


def _answer(jobs: list[_Job], answers: list[Answer | BaseException] | BaseException) -> None:
    """Hand out answers; those of one event loop in a single call into it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answer], Any]]] = {}
    done = 0
    for job in jobs:
        if isinstance(answers, BaseException):
            mine: Any = answers
        else:
            mine = answers[done : done + len(job.requests)]
            # A defect in one request's handler is its own caller's alone.
            mine = next((one for one in mine if isinstance(one, BaseException)), mine)
        done += len(job.requests)
        if isinstance(job.waiter, asyncio.Future):
            by_loop.setdefault(job.waiter.get_loop(), []).append((job.waiter, mine))
        elif isinstance(mine, BaseException):
            job.waiter.set_exception(mine)
        else:
            job.waiter.set_result(mine)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # The loop is closed: nobody waits there any more.
            loop.call_soon_threadsafe(_resolve, waiting)


def _resolve(waiting: list[tuple["asyncio.Future[Answer]", Any]]) -> None:
    for waiter, mine in waiting:
        if waiter.cancelled():
            continue  # The caller went away; the answer is kept with its request.
        if isinstance(mine, BaseException):
            waiter.set_exception(mine)
        else:
            waiter.set_result(mine[0])
