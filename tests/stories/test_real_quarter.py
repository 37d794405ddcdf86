"""The real quarter again, as life brings it: shuffled, in pieces, and with mistakes put right.

Shuffled it gives the same bytes. In ten feeds, or with a tenth of its rows first wrong, what came
late stands on other days; but per merchant sales, refunds, fees and settled + closing are the same.

PostgreSQL takes minutes for it, so there it runs when ZHANGFANG_TEST_SLOW is set.
"""

import csv
import gzip
import io
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from api.operations.desk import Desk
from domain.refusals import Code
from tests.feed_expectation import expected_books
from tests.stories.books import import_feed, open_books
from tests.stories.test_import import HEAD, REAL, check_books, check_statements, real_data

pytestmark = real_data
SEED = 20101201
THROUGH = date(2011, 3, 31)
ORDERS, FEEDS = "orders.csv.gz", 10
REFUNDS = ("bad_refunds.csv.gz", "refunds.csv.gz")
Rows = list[list[str]]


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql",
            marks=[
                pytest.mark.postgresql,
                pytest.mark.skipif(
                    not os.environ.get("ZHANGFANG_TEST_SLOW"), reason="ZHANGFANG_TEST_SLOW"
                ),
            ],
        ),
    ]
)
def quarter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Books to import it into."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'quarter.db'}"
    else:
        url = request.getfixturevalue("postgres_schema_url")
    with open_books(url) as desk:
        yield desk


def read(name: str) -> tuple[list[str], Rows]:
    text = gzip.decompress((REAL / name).read_bytes()).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


def write(directory: Path, name: str, rows: Rows) -> None:
    header, _ = read(name)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    (directory / name).write_bytes(gzip.compress(out.getvalue().encode()))


def feed(directory: Path, orders: Rows, refunds: Sequence[Rows]) -> Path:
    directory.mkdir()
    (directory / "merchants.csv.gz").write_bytes((REAL / "merchants.csv.gz").read_bytes())
    write(directory, ORDERS, orders)
    for name, rows in zip(REFUNDS, refunds, strict=True):
        write(directory, name, rows)
    return directory


def shuffled(orders: Rows, chance: random.Random) -> Rows:
    """Rows anywhere, but the lines of one order in their order."""
    lines: dict[str, list[list[str]]] = defaultdict(list)
    for row in orders:
        lines[row[0]].append(row)
    left = {number: iter(rows) for number, rows in lines.items()}
    numbers = [row[0] for row in orders]
    chance.shuffle(numbers)
    return [next(left[number]) for number in numbers]


def test_shuffled_it_gives_the_same_bytes(quarter: Desk, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    orders = read(ORDERS)[1]
    mixed = shuffled(orders, chance)
    assert mixed != orders and sorted(mixed) == sorted(orders)
    refunds = []
    for name in REFUNDS:
        rows = read(name)[1]
        chance.shuffle(rows)
        refunds.append(rows)
    report, _ = import_feed(quarter, feed(tmp_path / "feed", mixed, refunds), THROUGH)
    assert (report.checkouts, report.refunds, report.rejected) == (3724, 1128, 696)
    assert quarter.ledger.head().hash.hex().startswith(HEAD)


def test_cut_into_ten_feeds_it_settles_to_the_same_fen(quarter: Desk, tmp_path: Path) -> None:
    """Cut through days: what of a day comes with the next feed is late. All times are written
    alike, so their texts stand in their order."""
    orders, refunds = read(ORDERS)[1], [read(name)[1] for name in REFUNDS]
    cuts = [orders[len(orders) * part // FEEDS][1] for part in range(1, FEEDS)]
    taken = late = 0
    for part in range(FEEDS):
        since = cuts[part - 1] if part else ""
        until = cuts[part] if part < FEEDS - 1 else "9"
        some = [[row for row in rows if since <= row[1] < until] for rows in (orders, *refunds)]
        directory = feed(tmp_path / str(part), some[0], some[1:])
        through = THROUGH if part == FEEDS - 1 else None
        report, importer = import_feed(quarter, directory, through)
        assert {one.code for one in importer.rejects} <= {Code.TRANSACTION_NOT_FOUND}
        assert {one.file for one in importer.rejects} <= {"bad_refunds.csv.gz"}
        taken += report.checkouts
        late += report.late
    assert taken == 3724
    assert late > 100, "feeds that end within a day leave the rest of it late"
    check_statements(quarter, REAL)
    check_books(quarter)


def test_a_tenth_first_wrong_and_then_put_right_settles_to_the_same_fen(
    quarter: Desk, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    spoiled = {ORDERS: 4, "refunds.csv.gz": 4}  # The amount's column.
    given: dict[str, Rows] = {}
    wrong = 0
    for name in (ORDERS, *REFUNDS):
        rows = read(name)[1]
        if name in spoiled:
            for row in chance.sample(rows, len(rows) // 10):
                row[spoiled[name]] = f"{int(row[spoiled[name]]) / 100:.2f}"
                wrong += 1
        given[name] = rows
    first = feed(tmp_path / "wrong", given[ORDERS], [given[name] for name in REFUNDS])
    report, importer = import_feed(quarter, first)
    amounts = [one for one in importer.rejects if one.code is Code.AMOUNT_INVALID]
    assert len(amounts) == wrong > 1_800
    assert report.checkouts < 3_724
    report, importer = import_feed(quarter, REAL, THROUGH)
    assert (report.checkouts, report.transactions, report.refunds) == (3724, 17263, 1128)
    assert report.rejected == 696, "the bad refunds alone"
    assert report.late > wrong
    check_statements(quarter, REAL)
    check_books(quarter)
    assert sum(one.sales for one in expected_books(REAL).values()) == 195_865_033
