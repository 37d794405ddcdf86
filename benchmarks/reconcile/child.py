"""What is measured in a process of its own, so that its memory is its own: one line of JSON.

python -m benchmarks.reconcile.child parse FORMAT FILE
python -m benchmarks.reconcile.child import URL CHANNEL FILE
python -m benchmarks.reconcile.child match URL CHANNEL
"""

import csv
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from api.cli.opening import open_desk
from api.operations.bills.files import opened
from api.operations.bills.importing import Importer, Wanted, read_file
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler
from benchmarks.books import ACTOR, OPENED_US
from benchmarks.rebuild import peak_kib, rss_kib
from benchmarks.reconcile.files import DAY
from domain.kernel import DAY_US
from domain.reconciliation.bills.formats import format_for
from domain.reconciliation.bills.line import BillKind

CSV = "csv"  # The floor: Python's own reader over the mapped file, and nothing done with a row.
NOW_US = OPENED_US + DAY_US


class _Watch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self.before_kib = rss_kib()
        self.began, self._cpu = time.perf_counter(), time.process_time()

    def took(self) -> tuple[float, float]:
        """Seconds, and of them this process's own on a processor."""
        return time.perf_counter() - self.began, time.process_time() - self._cpu


class Took(Struct, frozen=True):
    """`seconds`: of the whole; `cpu_seconds`: this process's own of it; `fill_seconds`: of the
    whole, after the fact was committed. Memory in KiB, before the work and at its most."""

    lines: int
    seconds: float
    cpu_seconds: float
    before_kib: int
    peak_kib: int
    fill_seconds: float = 0.0
    matched: int = 0
    differences: int = 0


def parse(name: str, path: Path) -> Took:
    """A file read from its first byte to its last, totals compared, and the digest of its lines."""
    watch = _Watch()
    if name == CSV:
        with path.open(encoding="gbk", newline="") as file:
            lines = sum(1 for _ in csv.reader(file))
    else:
        kind: BillKind = "bank" if name == "camt053" else "trade"
        wanted = Wanted("", DAY, kind, format_for("JD_PAY", kind, name))
        with opened(path) as held:
            lines = read_file(held, wanted).lines
    return Took(lines, *watch.took(), watch.before_kib, peak_kib())


def bring(url: str, channel: str, path: Path) -> Took:
    """A bill imported, and its lines filled into their table."""
    committed: list[float] = []
    with open_desk(url) as context:
        watch = _Watch()
        context.ledger.on_commit(lambda _: committed.append(time.perf_counter()))
        wanted = Wanted(channel, DAY, "trade", format_for(channel, "trade", None))
        found = Importer(context.ledger, context.writes, ACTOR).import_file(path, wanted, NOW_US)
        seconds, cpu_seconds = watch.took()
        fill_seconds = watch.began + seconds - committed[-1]
        took = (seconds, cpu_seconds, watch.before_kib, peak_kib(), fill_seconds)
        return Took(found["lines"], *took)


def match(url: str, channel: str) -> Took:
    """The day reconciled, as `zhangfang reconcile` does it."""
    with open_desk(url) as context:
        context.projector.catch_up()
        watch = _Watch()
        books = Books(context.ledger, context.engine, context.writes, context.projector)
        Reconciler(books, ACTOR, lambda: NOW_US).run(DAY, channel)
        took = (*watch.took(), watch.before_kib, peak_kib())
        context.projector.catch_up()
        with context.engine.connect() as connection:
            (one,) = answer(connection, DAY, [channel])
        counts = (one["matched"]["count"], len(one["differences"]))
        return Took(one["lines"], *took, 0.0, *counts)


def main(arguments: list[str]) -> Took:
    """What the arguments ask for."""
    what, *rest = arguments
    if what == "parse":
        return parse(rest[0], Path(rest[1]))
    if what == "import":
        return bring(rest[0], rest[1], Path(rest[2]))
    return match(rest[0], rest[1])


if __name__ == "__main__":
    print(msgspec.json.encode(main(sys.argv[1:])).decode())
