"""Checking a feed takes the same memory however many rows it has.

Runs of the sorter, the blocks they are read in, and what is looked up at once are made small in a
process of its own, so that a few thousand rows are many; what Python holds at most is measured.
"""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from api.operations.feed import generate

ROOT = Path(__file__).parents[4]
FEW, MANY = 150, 1_000  # Orders, of five rows each.
KIB = 1024
CHILD = """
import sys, tracemalloc
from pathlib import Path
from api.operations.feed import read_feed, sorting
from api.operations.feed.sorting import Sorter
from api.operations.importing import forecast, foresee

forecast.CHUNK = 25
sorting._BLOCK = 1 << 10
Sorter.__init__.__kwdefaults__.update(run_items=100, run_bytes=1 << 15)
directory, hold = Path(sys.argv[1]), sys.argv[2] == "hold"
for _ in read_feed(Path(sys.argv[3])).actions():  # Whatever is loaded or remembered once.
    pass
tracemalloc.start()
feed = read_feed(directory)
foresee(None, feed)
held = list(feed.actions()) if hold else sum(1 for _ in feed.actions())
print(feed.total_rows, len(feed.rejects), tracemalloc.get_traced_memory()[1])
"""


def measured(directory: Path, how: str, small: Path) -> tuple[int, int, int]:
    """Rows, rejects, and the most bytes that were held."""
    words = [sys.executable, "-c", CHILD, str(directory), how, str(small)]
    said = subprocess.check_output(words, cwd=ROOT, text=True)
    rows, rejects, peak = map(int, said.split())
    return rows, rejects, peak


@pytest.mark.parametrize("spoiled", [False, True], ids=["good rows", "rows that are refused"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, spoiled: bool) -> None:
    peaks = []
    for orders in (FEW, MANY):
        directory = tmp_path / str(orders)
        generate(directory, orders, merchants=10, days=20, seed=5)
        if spoiled:
            _spoil(directory)
        rows, rejects, peak = measured(directory, "flow", tmp_path / str(FEW))
        assert rows > orders * 3
        assert (rejects > orders) is spoiled
        peaks.append(peak)
    few, many = peaks
    # Ten times the rows are a level of runs more, each with its file and block.
    assert many < few + 600 * KIB


def test_whatever_holds_the_rows_is_seen(tmp_path: Path) -> None:
    generate(tmp_path, MANY, merchants=10, days=20, seed=5)
    flowing, holding = (measured(tmp_path, how, tmp_path)[2] for how in ("flow", "hold"))
    assert holding > flowing + 600 * KIB


def _spoil(directory: Path) -> None:
    """Every second row of the orders has an amount that is none."""
    path = directory / "orders.csv.gz"
    header, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    cells = [row.split(",") for row in rows]
    for number, row in enumerate(cells):
        if number % 2:
            row[4] = "1.5"
    text = "\n".join([header, *(",".join(row) for row in cells), ""])
    path.write_bytes(gzip.compress(text.encode()))
