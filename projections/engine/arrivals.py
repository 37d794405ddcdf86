"""Who waits until read models hold a position is woken by the commit of the rows.

    projector here ───────────── tells of every page it wrote ──────────────▶ those who wait
    projector elsewhere ── NOTIFY, or the file changed ──▶ checkpoints read ──▶ those who wait

Waiting holds no thread and no connection. A hint may be lost: while anybody waits the checkpoints
are read again at least every 500 ms, once for all of them. So they are while anybody asks where
the read models stand (`known`), which then costs no look at the database.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec import Struct

from domain.eventstore.database import Database
from domain.eventstore.recorder import LedgerRecorder
from projections.engine.checkpoints import PAUSED, Checkpoint, behind
from projections.engine.wakeup import WakeUp, seconds

REREAD_MS = 500
POLL_MS = 10  # How often a SQLite file is asked for what another process wrote.
RETRY_MS = 500
KNOWN_MS = 1_000  # What was seen longer ago than this may be no longer so.
WATCHED_MS = 60_000  # So long after somebody asked what is known, it is kept fresh.
HEARD_MS = 5_000  # Who only listens is told by hints; a lost one is made up for after this long.

States = Mapping[str, Checkpoint]
Look = Callable[[], Awaitable[list[Checkpoint]]]

log = logging.getLogger("zhangfang.projections")


def rows_channel(recorder: LedgerRecorder) -> str:
    """Where PostgreSQL is notified of rows that were written; empty on SQLite."""
    channel = getattr(recorder, "channel", "")  # Of commits of the log.
    return channel and f"{channel}_rows"


class Mark(NamedTuple):
    """How often something was seen, or hinted at."""

    seen: int
    hints: int


class _Waiter(Struct, eq=False):
    loop: asyncio.AbstractEventLoop
    arrived: "asyncio.Future[None]"
    names: Sequence[str]
    position: int


class Arrivals:
    """Where the read models were last seen, and who waits for them to go on. Thread-safe.

    `told`: a projector of this process keeps it up to date.
    """

    def __init__(self, *, told: bool = False) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._states: dict[str, Checkpoint] = {}
        self._waiting: dict[int, _Waiter] = {}
        self._numbers = itertools.count()
        self._seen = 0  # How often `reached` was called.
        self._hints = 0  # How many hints came while nobody waited.
        self._told_ns: dict[str, int] = {}  # When a projector last told of each.
        self._looked_ns = -KNOWN_MS * 1_000_000  # When the newest look at all of them began.
        self._asked_ns = -WATCHED_MS * 1_000_000
        self._known: bytes | None = None
        self._listening: tuple[Callable[[], None], ...] = ()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def mark(self) -> Mark:
        """What to take before the checkpoints are read: what comes after it is not missed."""
        with self._lock:
            return Mark(self._seen, self._hints)

    def coming(self, names: Sequence[str], position: int) -> bool:
        """Whether a projector here is known not to have got there yet: there is nothing to look at
        before it says so."""
        with self._lock:
            return self._told and not self._settled(names, position)

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard` whenever read models may have moved on, in whichever thread says so; what is
        returned ends that. Unlike who waits, who listens has the database looked at after hints,
        and else every few seconds only."""
        with self._lock:
            self._listening = (*self._listening, heard)

        def stop() -> None:
            with self._lock:
                self._listening = tuple(one for one in self._listening if one is not heard)

        return stop

    def position(self, names: Sequence[str]) -> int:
        """Up to where all of these read models were last seen; 0 for one that nobody saw."""
        with self._lock:
            states = self._states
            return min((states[one].position if one in states else 0) for one in names)

    def hinted(self, *, came: bool = True) -> bool:
        """The checkpoints may have moved: a hint `came`, or it is time to look without one. True
        when somebody wants to hear where they are."""
        with self._lock:
            self._hints += not self._waiting
            if self._waiting:
                return True
            now_ns = time.monotonic_ns()
            if self._listening and (came or now_ns - self._looked_ns >= HEARD_MS * 1_000_000):
                return True
            return now_ns - self._asked_ns < WATCHED_MS * 1_000_000

    def reached(self, states: States) -> None:
        """A projector says that they are there, after the commit. Wakes those who waited for it."""
        with self._lock:
            self._told_ns.update(dict.fromkeys(states, time.monotonic_ns()))
            woken = self._moved({**self._states, **states})
            listening = self._listening
        _wake(woken)
        for heard in listening:
            heard()

    def looked(self, states: States, began_ns: int) -> None:
        """All of them were read, from that monotonic instant on. Wakes those who waited for it.

        What a projector told since then is kept: the look may have come before it."""
        with self._lock:
            if began_ns < self._looked_ns:
                return
            since = {name for name, told_ns in self._told_ns.items() if told_ns >= began_ns}
            if not since:
                self._looked_ns = began_ns
            kept = {name: state for name, state in self._states.items() if name in since}
            woken = self._moved({**states, **kept})
            listening = self._listening
        _wake(woken)
        for heard in listening:
            heard()

    def known(self) -> bytes | None:
        """Where all read models stand, and of which generation: equal bytes, equal places.

        None when nobody looked within the last second; then somebody has to (`looked`). Whatever
        the database showed a second ago is in it, so that what differs from it later is newer.
        """
        now_ns = time.monotonic_ns()
        with self._lock:
            self._asked_ns = now_ns
            if now_ns - self._looked_ns > KNOWN_MS * 1_000_000:
                return None
            if self._known is None:
                places = sorted((s.name, s.generation, s.position) for s in self._states.values())
                self._known = repr(places).encode()
            return self._known

    async def until(
        self, look: Look, names: Sequence[str], position: int, timeout_ms: int
    ) -> list[Checkpoint]:
        """Wait until the read models named hold every fact up to a position. `look` reads which do
        not: those it found last, when one of them is paused or the time is over; [] for none."""
        deadline = time.monotonic_ns() + timeout_ms * 1_000_000
        while True:
            mark = self.mark()
            left_ms = (deadline - time.monotonic_ns()) // 1_000_000
            if left_ms <= 0 or not self.coming(names, position):
                late = await look()
                paused = any(state.state == PAUSED for state in late)
                if not late or paused or left_ms <= 0:
                    return late
            await self.wait(names, position, mark, left_ms)

    async def wait(self, names: Sequence[str], position: int, mark: Mark, timeout_ms: int) -> None:
        """Until the read models named hold every fact up to a position, or one of them is paused,
        by what was seen since `mark`; or until the time is over. Look again afterwards."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), names, position)
        with self._lock:
            if self._hints != mark.hints:
                return
            if self._seen != mark.seen and self._settled(names, position):
                return
            number = next(self._numbers)
            self._waiting[number] = waiter
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(waiter.arrived, seconds(timeout_ms))
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _moved(
        self, states: dict[str, Checkpoint]
    ) -> dict[asyncio.AbstractEventLoop, list["asyncio.Future[None]"]]:
        """Take over where they are. Returns who is to be woken; for those who hold the lock."""
        self._seen += 1
        self._states, self._known = states, None
        woken: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for number, waiter in list(self._waiting.items()):
            if self._settled(waiter.names, waiter.position):
                del self._waiting[number]
                woken.setdefault(waiter.loop, []).append(waiter.arrived)
        return woken

    def _settled(self, names: Sequence[str], position: int) -> bool:
        late = behind(self._states, names, position)
        return not late or any(state.state == PAUSED for state in late)


def _wake(woken: dict[asyncio.AbstractEventLoop, list["asyncio.Future[None]"]]) -> None:
    for loop, arrived in woken.items():
        with suppress(RuntimeError):  # The loop is closed: nobody waits there any more.
            loop.call_soon_threadsafe(_resolve, arrived)


def _resolve(arrived: "list[asyncio.Future[None]]") -> None:
    for future in arrived:
        if not future.done():  # Its time may be over, or whoever waited be gone.
            future.set_result(None)


class Follower:
    """Reads the checkpoints for all who wait: at hints from other processes, and now and then."""

    def __init__(
        self, arrivals: Arrivals, load: Callable[[], States], reread_ms: int = REREAD_MS
    ) -> None:
        self._arrivals = arrivals
        self._load = load
        self._reread_ms = reread_ms
        self._elsewhere: tuple[Database, str] | None = None
        self._wakeup = WakeUp()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    def follow(self, database: Database, channel: str) -> None:
        """From `start` on, take hints of projectors in other processes; `channel` is PostgreSQL's.
        Without it only the projector of this process is quick to be heard."""
        self._elsewhere = (database, channel)

    def start(self) -> None:
        if self._elsewhere is not None:
            self._wakeup.follow(*self._elsewhere, POLL_MS)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wakeup.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            came = self._wakeup.wait(self._reread_ms)
            if not self._arrivals.hinted(came=came):
                continue
            began_ns = time.monotonic_ns()
            try:
                self._arrivals.looked(self._load(), began_ns)
            except Exception:  # The database's trouble passes; who waits has a time of its own.
                log.warning("checkpoints cannot be read", exc_info=True)
                self._stop.wait(seconds(RETRY_MS))
