"""A program to be killed: `zhangfang`, each run in a process of its own that dies at a commit.

    python -m tests.reconciliation.mortal

Each line of its input is a run as JSON, each line of its output what became of it. A run is forked
from this process, which has loaded everything, so that a death does not cost a new start. It sends
SIGKILL to itself just before its n-th commit, be it the log's, the read models' or that of a table
beside them: what has been written since the commit before is lost, and nothing else ends in order.
What is written some hundred at a time is written a few at a time here, so that a small bill is
many commits.
"""

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, event

import api.app  # noqa: F401 Loaded once, for all that serve.
from api.cli import serving
from api.cli.app import app
from api.context import AppContext, open_context
from api.operations.bills import daily, funds, lines
from api.operations.bills.daily import Daily, is_done
from api.operations.importing import HistoryChannel
from api.operations.reconciling import queries, running
from domain.channel.bills import BillAnswer, BillCame, BillKind, BillSource, NoTrade, Sink
from domain.channel.channels import FOUNDING
from domain.clearing import day as business
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.recorder import Head, LedgerRecorder, Session
from domain.eventstore.sqlite import SQLiteLedgerRecorder
from domain.kernel import shanghai_date

MOST_SECONDS = 300  # Of a run, on a busy machine: one that hangs ends by SIGALRM.
DAYS_BEHIND = 14
WATCH_S = 0.02
SMALLER: tuple[tuple[Any, str, object], ...] = (
    (lines, "fill", partial(lines.fill, at_once=20)),
    (queries, "NAMES_AT_ONCE", 5),
    (running, "MOST_CHANGES", 5),
    (funds, "CHUNK", 5),
    (daily, "POLL_SECONDS", WATCH_S),
)


class Run(Struct, frozen=True):
    """`words`: a command of `zhangfang`; none: `serve`, at `at_us` by the books, with channels
    whose bills lie in `published`, until `days` are done. `dies_at`: before which commit; 0: it
    lives."""

    dies_at: int = 0
    words: tuple[str, ...] = ()
    database: str = ""
    published: str = ""
    at_us: int = 0
    days: tuple[date, ...] = ()


class Ran(Struct, frozen=True):
    """`code`: as `subprocess` has it, -9 for a kill; `commits`: how many it has made."""

    code: int
    commits: int
    out: str
    err: str


class Death:
    """Counts commits, and is the end of the process at one of them."""

    def __init__(self, at: int, told: int) -> None:
        self._at, self._told, self._count = at, told, 0
        self._one = threading.Lock()

    def comes(self) -> None:
        with self._one:
            self._count += 1
            if self._count == self._at:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(self._told, b".")

    def waits(self) -> None:
        """From here on it comes before each commit of this process."""
        event.listen(Engine, "commit", lambda _: self.comes())
        for recorder in (SQLiteLedgerRecorder, PostgresLedgerRecorder):
            recorder.writing = self._dying(recorder.writing)  # type: ignore[method-assign]

    def _dying(self, writing: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def dying(recorder: LedgerRecorder, expected: Head | None = None) -> Iterator[Session]:
            with writing(recorder, expected) as session:
                yield session
                self.comes()

        return dying


class Published:
    """A channel whose bills lie in a directory, as `CHANNEL.kind.day`; where none lies, nothing has
    moved."""

    def __init__(self, channel: str, directory: Path) -> None:
        self.channel = channel
        self._directory = directory

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        file = self._directory / f"{self.channel}.{kind}.{day}"
        if not file.exists():
            return NoTrade("nothing moved")
        said = file.read_bytes()
        sink(said)
        return BillCame(len(said))

    async def aclose(self) -> None:
        pass


def published(directory: Path) -> Mapping[str, BillSource]:
    return {name: Published(name, directory) for name in FOUNDING}


def serve(run: Run) -> None:
    """`zhangfang serve`, with a clock and channels that are given, until nothing is left to do."""

    def opened(url: str, **_: object) -> AppContext:
        context = open_context(
            url,
            HistoryChannel(),
            clock=lambda: run.at_us,
            projections=True,
            worker=True,
            days_behind=DAYS_BEHIND,
            bills=partial(published, Path(run.published)),
        )
        threading.Thread(target=_end, args=(context, run), daemon=True).start()
        return context

    setattr(serving, "open_serving", opened)  # noqa: B010
    app(["serve", "--port", "0", "--json", "--database", run.database])


def _end(context: AppContext, run: Run) -> None:
    try:
        while not _nothing_left(context, run):
            time.sleep(WATCH_S)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _nothing_left(context: AppContext, run: Run) -> bool:
    """Every day is ended, its bills are taken in, and what they say is recorded."""
    [runner] = [one for one in context.background if isinstance(one, Daily)]
    assert context.worker is not None
    for status in (context.worker.status, runner.status):
        if status.trouble:
            raise RuntimeError(status.trouble)
    if context.ledger.state(business.STREAM).open_date != shanghai_date(run.at_us):
        return False
    rounds = context.worker.status.rounds and runner.status.rounds
    return bool(rounds) and all(is_done(context.ledger, day) for day in run.days)


def act(run: Run) -> int:
    """The run's exit code."""
    try:
        if run.words:
            app([*run.words], prog_name="zhangfang")
        else:
            serve(run)
    except SystemExit as told:
        return told.code if isinstance(told.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def forked(run: Run) -> Ran:
    """What became of the run, in a process of its own."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with tempfile.TemporaryFile() as told:
            if not (child := os.fork()):
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                signal.alarm(MOST_SECONDS)
                Death(run.dies_at, told.fileno()).waits()
                code = act(run)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            _, status = os.waitpid(child, 0)
            commits = told.seek(0, os.SEEK_END)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return Ran(os.waitstatus_to_exitcode(status), commits, *said)


def main() -> None:
    for module, name, value in SMALLER:
        assert hasattr(module, name)
        setattr(module, name, value)
    assert threading.active_count() == 1, "a fork has one thread"
    answers = os.fdopen(os.dup(1), "wb", buffering=0)  # Whoever forks has a file for its own.
    for given in sys.stdin.buffer:
        ran = forked(msgspec.json.decode(given, type=Run))
        answers.write(msgspec.json.encode(ran) + b"\n")


if __name__ == "__main__":
    main()
