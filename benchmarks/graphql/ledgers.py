"""The ledgers that are read: the real quarter of a marketplace, and several times as much.

The longer one has the same merchants and buyers: the quarter's rows again, a quarter later, under
further numbers. So each of them has so many times the history.
"""

import csv
import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from typing import IO, Any

from api.cli.opening import open_desk
from api.operations.feed import generate, read_feed
from api.operations.importing import HistoryChannel, Importer

REAL = Path(__file__).parents[3] / "shared" / "data" / "online-retail"
ORDERS, MERCHANTS, DAYS, SEED = 3_724, 32, 90, 8  # Of a feed like the real one.
SETTLED = timedelta(days=31)  # After the last day: everything is paid out by then.
EVERY_S = 20
# File: the columns that number its rows, and the one with their time.
_FILES = {
    "orders.csv.gz": (("order_no",), "placed_at"),
    "refunds.csv.gz": (("refund_no", "order_no"), "requested_at"),
}
Tell = Callable[[str], None]


def quarter(directory: Path, given: Path | None, tell: Tell) -> tuple[Path, str]:
    """The feed and what it is called: the one given, the real one if it lies beside the project,
    else one that is generated into the directory."""
    if given is not None:
        return given, given.name
    if REAL.exists():
        return REAL, "real quarter"
    tell(f"{REAL} is not there: a feed of its size is generated")
    generate(directory, ORDERS, MERCHANTS, DAYS, SEED)
    return directory, "generated quarter"


def repeat(feed: Path, directory: Path, times: int) -> None:
    """Write the feed with its rows so many times, one after the other, whole weeks apart."""
    directory.mkdir()
    copyfile(feed / "merchants.csv.gz", directory / "merchants.csv.gz")
    days = [date.fromisoformat(row["placed_at"][:10]) for row in _rows(feed / "orders.csv.gz")]
    step = timedelta(weeks=(max(days) - min(days)).days // 7 + 1)
    for name, (numbers, at) in _FILES.items():
        with _zipped(directory / name) as out:
            _repeat(feed / name, out, numbers, at, [turn * step for turn in range(times)])


def _repeat(
    feed: Path, out: IO[str], numbers: tuple[str, ...], at: str, steps: list[timedelta]
) -> None:
    writer: Any = None
    for turn, step in enumerate(steps):
        for row in _rows(feed):
            if writer is None:
                writer = csv.DictWriter(out, row.keys(), lineterminator="\n")
                writer.writeheader()
            if turn:
                row |= {name: f"{row[name]}-{turn}" for name in numbers}
                row[at] = (datetime.fromisoformat(row[at]) + step).isoformat()
            writer.writerow(row)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@contextmanager
def _zipped(path: Path) -> Iterator[IO[str]]:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        yield file


def import_into(url: str, feed: Path, name: str, tell: Tell) -> None:
    """Import the feed into a new ledger as `zhangfang import` does, and settle all of it."""
    with open_desk(url, create=True, channel=HistoryChannel()) as context:
        found = read_feed(feed, lambda _: False)
        began = told = time.monotonic()

        def progress(on: date, done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= EVERY_S and done:
                told, left_s = now, (now - began) * (total - done) / done
                tell(f"{name}: {on}, {done:,} of {total:,} rows, {left_s:.0f} s to go")

        tell(f"{name}: importing {found.total_rows:,} rows")
        importer = Importer(context.desk, found, progress, allow_gap=True)
        last = found.last_day
        report = importer.run(None if last is None else last + SETTLED)
        context.projector.catch_up()
        took_s = time.monotonic() - began
        tell(f"{name}: {report.facts:,} facts in {took_s:.0f} s")
