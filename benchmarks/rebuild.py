"""Rebuilding every read model, in a process of its own, and what memory that takes.

The ledger is made by the lifecycle generator, the live read models are brought up to it, and then
a child process (this module run as a program) rebuilds them all: it prints one line of JSON. All of
a rebuild is timed, the digests of the live rows and of the new ones and the swap included.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.figures import Backend, Rebuild
from benchmarks.lifecycles import Market
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.opening import open_recorder
from domain.ledger.ledger import Ledger
from projections.engine.engine import Projector
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS

FACTS_PER_SECOND = 20_000  # How many facts are rebuilt for each second of `--seconds`.
SMALLEST_DAY, LARGEST_DAY = 50, 1_000
FACTS_PER_ORDER = 16
MARKS = (25, 50, 100)  # Per cent of the facts.
Tell = Callable[[str], None]


class Measured(Struct, frozen=True):
    """What the child measured: seconds of the rebuild, and memory in KiB."""

    seconds: float
    rss_kib: tuple[int, int, int]
    peak_kib: int
    equal: bool
    swapped: bool


def measure(url: str, backend: Backend, facts: int, tell: Tell) -> Rebuild:
    """Make a ledger of at least that many facts, catch the read models up, rebuild them all.

    Raises RuntimeError when the rebuild fails or does not equal the live rows.
    """
    have = _make(url, facts, tell)
    tell(f"{backend} rebuild: live catch-up of {have:,} facts")
    live_seconds = _catch_up(url)
    tell(f"{backend} rebuild: all read models from {have:,} facts")
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.rebuild", url],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    if child.returncode:
        raise RuntimeError(f"the rebuild failed:\n{child.stderr}")
    found = msgspec.json.decode(child.stdout, type=Measured)
    if not (found.equal and found.swapped):
        raise RuntimeError("the rebuilt rows differ from the live ones")
    quarter, half, whole = (kib // 1024 for kib in found.rss_kib)
    return Rebuild(
        backend,
        have,
        int(have / found.seconds),
        found.peak_kib // 1024,
        (quarter, half, whole),
        int(have / live_seconds),
    )


def _make(url: str, facts: int, tell: Tell) -> int:
    ledger = Ledger.open(url)
    try:
        market = Market(ledger)
        while (have := ledger.head().position) < facts:
            tell(f"{ledger.database.dialect} rebuild: {have:,} of {facts:,} facts made")
            missing = (facts - have) // FACTS_PER_ORDER
            market.run_day(Market.in_waves, min(max(missing, SMALLEST_DAY), LARGEST_DAY))
        return have
    finally:
        ledger.close()


def _catch_up(url: str) -> float:
    database = parse_database_url(url)
    recorder, engine = open_recorder(database), sqlalchemy_engine(database)
    try:
        began = time.perf_counter()
        Projector(recorder, engine, list(READ_MODELS.values())).catch_up()
        return time.perf_counter() - began
    finally:
        engine.dispose()
        recorder.close()


def rebuild_all(url: str) -> Measured:
    """What the child does: one rebuild of everything, its memory noted on the way."""
    database = parse_database_url(url)
    recorder, engine = open_recorder(database), sqlalchemy_engine(database)
    marks: list[int] = []

    def progress(done: int, whole: int) -> None:
        while len(marks) < len(MARKS) and done * 100 >= MARKS[len(marks)] * whole:
            marks.append(rss_kib())

    try:
        began = time.perf_counter()
        results = rebuild(recorder, engine, list(READ_MODELS.values()), on_progress=progress)
        seconds = time.perf_counter() - began
    finally:
        engine.dispose()
        recorder.close()
    marks += [rss_kib()] * (len(MARKS) - len(marks))
    return Measured(
        seconds,
        (marks[0], marks[1], marks[2]),
        peak_kib(),
        all(result.equal for result in results),
        all(result.swapped for result in results),
    )


def rss_kib() -> int:
    """This process's memory now; where the system does not tell, its peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_kib()
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def peak_kib() -> int:
    """The most memory this process has had. What getrusage tells counts in the parent's, whose
    memory a child shares until it runs its own program: it serves only where nothing else does."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # Bytes there, KiB elsewhere.


if __name__ == "__main__":
    print(msgspec.json.encode(rebuild_all(sys.argv[1])).decode())
