"""Several processes on one socket: a parent that does nothing but watch, and children that serve.

    parent ── binds the socket, makes the shared memory, opens no ledger, starts no thread
      ├─ fork ─▶ process 1: doors, read models, worker
      ├─ fork ─▶ process 2: doors
      └─ …       who dies is started again, ever later; who dies too often ends the server

    SIGTERM, Ctrl-C ─▶ parent ── SIGTERM ─▶ children, which finish what is under way
    kill -9 of the parent ─▶ the lifeline, a pipe that only it could write to, ends: children stop

Children are forked: they inherit the socket, the shared memory and the lifeline, none of which has
a name that could be left behind.
"""

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import typer
from msgspec import Struct

from api.cli.output import REFUSED
from domain.refusals import Code, Refused

# After how long a process that died is started again: ever later, while it dies within SHORT_S.
DELAYS_S = (0.5, 1, 2, 4, 8, 15, 30, 30, 30)
SHORT_S = 30
END_S = 50  # What children may take to end; systemd is told 60.
LOST_S = 20  # What they may take when the parent is gone.
WELL = b"+"

Work = Callable[[int, Callable[[], None]], None]

log = logging.getLogger("zhangfang.workers")


class Child(Struct):
    """A process that serves, or is to be started again at `again_s` of the monotonic clock."""

    number: int
    pid: int = 0
    began_s: float = 0
    again_s: float = 0
    short_lives: int = 0


class Workers:
    """`work(number, well)` is what a child does: it calls `well` once it can serve, and returns or
    raises typer.Exit when it is over. `gone(number)` is called when one has died."""

    def __init__(self, count: int, work: Work, gone: Callable[[int], None]) -> None:
        if not hasattr(os, "fork"):
            detail = "several processes need a system that can fork; this one serves with 1"
            raise Refused(Code.REQUEST_INVALID, "workers", detail)
        self.children = [Child(number) for number in range(count)]
        self._work = work
        self._gone = gone
        self._told_to_end = 0  # How often.
        self._interrupted = False
        self._lifeline = os.pipe()
        self._woken = os.pipe()

    @property
    def pids(self) -> list[int]:
        """Of the children, in their order."""
        return [child.pid for child in self.children]

    def run(self, started: Callable[[], None]) -> None:
        """Start all, call `started`, and watch until told to end.

        The first is waited for: what it refuses (a ledger that is not there) is the answer. Raises
        typer.Exit with its code, with 2 when one died too often, KeyboardInterrupt after Ctrl-C.
        """
        handled = {one: signal.signal(one, self._heed) for one in (signal.SIGTERM, signal.SIGINT)}
        handled[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _wake)
        os.set_blocking(self._woken[1], False)
        signal.set_wakeup_fd(self._woken[1], warn_on_full_buffer=False)
        try:
            self._start_first()
            for child in self.children[1:]:
                self._start(child)
            started()
            while not self._told_to_end:
                self._watch()
        finally:
            self._end()
            signal.set_wakeup_fd(-1)
            for number, handler in handled.items():
                signal.signal(number, handler)
            for end in (*self._lifeline, *self._woken):
                os.close(end)
        if self._interrupted:
            raise KeyboardInterrupt

    def _heed(self, number: int, _frame: FrameType | None) -> None:
        self._told_to_end += 1
        self._interrupted |= number == signal.SIGINT

    # Starting.

    def _start_first(self) -> None:
        reads, writes = os.pipe()
        child = self.children[0]
        try:
            self._start(child, writes)
            os.close(writes)
            while not self._told_to_end:
                if reads in select.select([reads, self._woken[0]], [], [])[0]:
                    break
                os.read(self._woken[0], 4096)
            if not self._told_to_end and os.read(reads, 1) != WELL:
                _, status = os.waitpid(child.pid, 0)
                child.pid = 0
                raise typer.Exit(max(os.waitstatus_to_exitcode(status), 0) or REFUSED)
        finally:
            os.close(reads)

    def _start(self, child: Child, tell: int | None = None) -> None:
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads cannot be forked")
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal between the fork and the child's own handlers waits until they are there.
        told = {signal.SIGTERM, signal.SIGINT}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, told)
        child.pid = os.fork()
        if child.pid == 0:
            self._be(child.number, tell)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        child.began_s = time.monotonic()

    def _be(self, number: int, tell: int | None) -> NoReturn:
        """In the child: serve, and go without touching anything that is the parent's."""
        code = REFUSED
        try:
            signal.set_wakeup_fd(-1)
            with suppress(OSError):
                os.setpgid(0, 0)  # Ctrl-C is for the parent, which says what is to be done.
            for one in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(one, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
            for end in (self._lifeline[1], *self._woken):
                os.close(end)
            lifeline = threading.Thread(
                target=_hang_on, args=(self._lifeline[0],), name="lifeline", daemon=True
            )
            lifeline.start()
            self._work(number, lambda: _say_well(tell))
            code = 0
        except typer.Exit as end:
            code = end.exit_code
        except BaseException:
            log.exception("process %d failed", number + 1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    # Watching.

    def _watch(self) -> None:
        """Wait until something happens, bury who died, start who is due."""
        waiting = [one.again_s for one in self.children if not one.pid]
        timeout_s = max(0.0, min(waiting) - time.monotonic()) if waiting else None
        if select.select([self._woken[0]], [], [], timeout_s)[0]:
            os.read(self._woken[0], 4096)
        if self._told_to_end:
            return
        for child in self.children:
            if child.pid:
                self._bury(child)
            elif child.again_s <= time.monotonic():
                self._start(child)

    def _bury(self, child: Child) -> None:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if not pid:
            return
        child.pid = 0
        self._gone(child.number)
        lived_s = time.monotonic() - child.began_s
        child.short_lives = child.short_lives + 1 if lived_s < SHORT_S else 1
        how = os.waitstatus_to_exitcode(status)
        what = f"signal {-how}" if how < 0 else f"exit code {how}"
        if child.short_lives > len(DELAYS_S):
            log.error("process %d (pid %d) ended too often: %s", child.number + 1, pid, what)
            raise typer.Exit(REFUSED)
        delay_s = DELAYS_S[child.short_lives - 1]
        child.again_s = time.monotonic() + delay_s
        log.error(
            "process %d (pid %d) ended: %s; again in %s s", child.number + 1, pid, what, delay_s
        )

    # Ending.

    def _end(self) -> None:
        """Tell the children to end and wait for them; kill who does not, or when told again."""
        self._send(signal.SIGTERM)
        told, until_s = self._told_to_end, time.monotonic() + END_S
        while any(child.pid for child in self.children):
            left_s = until_s - time.monotonic()
            if left_s <= 0 or self._told_to_end > max(told, 1):
                self._send(signal.SIGKILL)
                left_s = 1
            for child in self.children:
                if child.pid and os.waitpid(child.pid, os.WNOHANG)[0]:
                    child.pid = 0
            if any(child.pid for child in self.children):
                select.select([self._woken[0]], [], [], min(left_s, 0.2))

    def _send(self, number: signal.Signals) -> None:
        for child in self.children:
            if child.pid:
                os.kill(child.pid, number)


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Nothing: a byte in the pipe says that a child has died."""


def _say_well(tell: int | None) -> None:
    if tell is not None:
        os.write(tell, WELL)
        os.close(tell)


def _hang_on(lifeline: int) -> NoReturn:
    """Until the parent is gone, however it went; then end as if it had said so."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LOST_S)
    os._exit(REFUSED)
