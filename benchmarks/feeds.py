"""A feed larger than memory is to be imported in memory that stays as it is: what it takes.

A feed is generated, and a child process (this module run as a program) reads and checks it whole,
compares it with the books as `--dry-run` does, and then imports it for a bounded time. It prints
one line of JSON: how fast, and its memory on the way.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from api.cli.opening import open_desk
from api.operations.feed import generate, read_feed
from api.operations.importing import HistoryChannel, Importer, foresee
from benchmarks.figures import Backend, Feed
from benchmarks.rebuild import peak_kib, rss_kib

ROWS_PER_SECOND = 20_000  # How many rows are checked for each second of `--seconds`.
ROWS_PER_ORDER = 5
SMALLEST = 100  # Orders.
MERCHANTS, DAYS, SEED = 40, 60, 3
MARKS = (25, 50, 100)  # Per cent of the rows that are read.
Tell = Callable[[str], None]


class Measured(Struct, frozen=True):
    """What the child measured: rows and seconds of each part, memory in KiB."""

    rows: int
    check_seconds: float
    check_kib: tuple[int, int, int]
    checked_peak_kib: int
    imported: int
    import_seconds: float
    import_kib: tuple[int, int]
    peak_kib: int


class _Enough(Exception):
    """The import has had its time."""


def measure(url: str, backend: Backend, seconds: float, tell: Tell) -> Feed:
    """Check a generated feed of `seconds` × 20,000 rows, and import it for so many seconds.

    Raises RuntimeError when the child fails.
    """
    orders = max(SMALLEST, int(seconds * ROWS_PER_SECOND / ROWS_PER_ORDER))
    with tempfile.TemporaryDirectory(prefix="zhangfang-bench-") as directory:
        tell(f"{backend} feed: generating {orders:,} orders")
        generate(Path(directory), orders, MERCHANTS, DAYS, SEED)
        tell(f"{backend} feed: checking it, then importing for {seconds:g} s")
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.feeds", url, directory, str(seconds)],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
        )
    if child.returncode:
        raise RuntimeError(f"the import failed:\n{child.stderr}")
    found = msgspec.json.decode(child.stdout, type=Measured)
    quarter, half, whole = (kib // 1024 for kib in found.check_kib)
    return Feed(
        backend,
        found.rows,
        int(found.rows / found.check_seconds),
        (quarter, half, whole),
        found.checked_peak_kib // 1024,
        found.imported,
        int(found.imported / found.import_seconds),
        (found.import_kib[0] // 1024, found.import_kib[1] // 1024),
        found.peak_kib // 1024,
    )


def check_and_import(url: str, directory: Path, seconds: float) -> Measured:
    """What the child does."""
    seen: list[tuple[int, int]] = []  # Rows read so far, memory then.

    def told(what: str, done: int) -> None:
        if what == "reading":
            seen.append((done, rss_kib()))

    with open_desk(url, channel=HistoryChannel()) as context:
        began = time.perf_counter()
        feed = read_feed(directory, lambda _: False, told)
        foresee(context.ledger, feed)
        check_seconds = time.perf_counter() - began
        checked_kib, checked_peak_kib = rss_kib(), peak_kib()
        began = time.perf_counter()
        half_kib, imported = 0, 0

        def imported_so_far(_on: date, done: int, _rows: int) -> None:
            nonlocal half_kib, imported
            imported = done
            passed = time.perf_counter() - began
            if not half_kib and passed > seconds / 2:
                half_kib = rss_kib()
            if passed > seconds:
                raise _Enough

        importer = Importer(context.desk, feed, imported_so_far)
        with suppress(_Enough):
            importer.run()
        import_seconds = time.perf_counter() - began
        marks = [_at(seen, feed.total_rows * mark // 100, checked_kib) for mark in MARKS]
        return Measured(
            feed.total_rows,
            check_seconds,
            (marks[0], marks[1], marks[2]),
            checked_peak_kib,
            imported,
            import_seconds,
            (half_kib or rss_kib(), rss_kib()),
            peak_kib(),
        )


def _at(seen: list[tuple[int, int]], rows: int, otherwise: int) -> int:
    return next((kib for done, kib in seen if done >= rows), otherwise)


if __name__ == "__main__":
    found = check_and_import(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
    print(msgspec.json.encode(found).decode())
