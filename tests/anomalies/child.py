"""What the tests of this folder run in processes of their own.

    python -m tests.anomalies.child buy URL NAME THREADS COUNT

buys COUNT times in each thread, once a line on its input has said go, and prints the figures.

    python -m tests.anomalies.child nursery

has everything imported and forks a process for every line on its input (a JSON `Job`), whose id it
prints. Such a process is in the middle of its work within milliseconds, and can be killed there
fifty times over.
"""

import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from api.operations.feed.terms import NONE, read_terms
from domain.ledger.ledger import Ledger
from tests.anomalies.market import in_threads, opened, purchase
from tests.stories.books import import_feed, open_books


class Job(Struct):
    """What a process of the nursery does, and with which ledger.

    `buy`: every thread (one per entry of `starts`) buys from its start on, until it is killed;
    each answer is appended to `path`, one JSON line, before the next request is made.
    `import`: the feed in the directory `path` is imported, under the terms of a file, if told.
    """

    kind: Literal["buy", "import"]
    url: str
    path: str
    starts: list[int] = []
    terms: str = ""


class Acknowledged(Struct):
    """A line that says: the caller was told this."""

    number: str
    result: dict[str, object]


def caller(index: int) -> str:
    """The name of a buying thread."""
    return f"T{index}"


def buy(url: str, name: str, threads: int, times: int) -> None:
    """Buy in every thread; every request must be answered with a new result."""
    with opened(url) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        in_threads(partial(_buy_times, ledger, f"{name}{one}", times) for one in range(threads))
    print("done", flush=True)


def _buy_times(ledger: Ledger, name: str, times: int) -> None:
    for index in range(times):
        for request in purchase(name, index):
            answer = ledger.submit(request)
            answer.unwrap()
            assert not answer.replayed, request.number


def _buy_for_ever(job: Job) -> None:
    file = os.open(job.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with opened(job.url) as ledger:
        in_threads(
            partial(_buy_and_tell, ledger, file, caller(index), start)
            for index, start in enumerate(job.starts)
        )


def _buy_and_tell(ledger: Ledger, file: int, name: str, index: int) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # Nobody is left behind when the tests themselves are killed.
        for request in purchase(name, index):
            said = Acknowledged(request.number, ledger.submit(request).unwrap())
            os.write(file, msgspec.json.encode(said) + b"\n")  # One write: never half a line.
        index += 1


def work(job: Job) -> None:
    if job.kind == "buy":
        _buy_for_ever(job)
    else:
        with open_books(job.url) as desk:
            terms = read_terms(Path(job.terms)) if job.terms else NONE
            import_feed(desk, Path(job.path), terms=terms)


def nursery() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The dead are gone at once, none is a zombie.
    for line in sys.stdin:
        job = msgspec.json.decode(line, type=Job)
        process = os.fork()
        if process:
            print(process, flush=True)
            continue
        try:
            work(job)
        except BaseException:
            traceback.print_exc()
        os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "nursery":
        nursery()
    else:
        buy(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
