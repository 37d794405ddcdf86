"""An import that is killed again and again ends in the books of one that was left alone; and read
models that are gone altogether come back from the facts, to the byte."""

import gzip
import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import MetaData

from api.operations.desk import Desk
from api.operations.feed.generator import generate
from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import Head
from domain.ledger.proof import verify_log
from migrations.run import migrate
from projections.engine.checkpoints import CHECKPOINTS
from projections.engine.folding import live
from projections.models import members
from projections.models import statements as statement_model
from projections.rebuilding.digest import digest
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from tests.anomalies.child import Job
from tests.anomalies.conftest import Nursery
from tests.servers import wait_until
from tests.stories.books import import_feed, open_books

ORDERS, MERCHANTS, DAYS, SEED = 150, 6, 12, 11
KILLS = 6


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("feed")
    generate(directory, ORDERS, MERCHANTS, DAYS, SEED)
    return directory


@pytest.fixture(scope="session")
def uninterrupted(
    feed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Head, bytes, dict[str, str]]]:
    """Head, statements and digests of every read model after an import that was left alone."""
    url = f"sqlite:///{tmp_path_factory.mktemp('alone') / 'books.db'}"
    with open_books(url) as desk:
        report, _ = import_feed(desk, feed)
        assert report.checkouts == ORDERS and report.merchants == MERCHANTS
        yield desk.ledger.head(), statements(desk), digests(desk)


def statements(desk: Desk) -> bytes:
    """Every merchant's statement with all its lines, as one text."""
    texts = []
    with desk.engine.connect() as connection:
        for merchant in members.members(connection, kind="enterprise").items:
            name, after = merchant.member_id, None
            texts.append(msgspec.json.encode(statement_model.statement(connection, name)))
            while True:
                page = statement_model.lines(connection, name, after=after)
                texts += [msgspec.json.encode(line) for line in page.items]
                if not page.has_next:
                    break
                after = page.cursors[-1]
    assert len(texts) > ORDERS
    return b"\n".join(texts)


def digests(desk: Desk) -> dict[str, str]:
    with desk.engine.connect() as connection:
        return {name: digest(connection, live(model)) for name, model in READ_MODELS.items()}


@pytest.mark.timeout(120)
def test_an_import_killed_half_way_goes_on_and_ends_in_the_same_books(
    database_url: str,
    feed: Path,
    uninterrupted: tuple[Head, bytes, dict[str, str]],
    nursery: Nursery,
) -> None:
    head, expected, rows = uninterrupted
    migrate(database_url)
    recorder = open_recorder(parse_database_url(database_url))
    dice = random.Random(SEED)
    killed = 0
    job = Job("import", database_url, str(feed))
    for position in sorted(dice.randrange(head.position * 4 // 5) for _ in range(KILLS)):
        process = nursery.start(job)
        assert wait_until(lambda p=position: recorder.head().position >= p, 60)  # type: ignore[misc]
        killed += nursery.lives(process)
        nursery.kill(process)
        assert recorder.head().position < head.position
    assert killed == KILLS
    nursery.wait(nursery.start(job), 60)
    assert recorder.head() == head
    assert verify_log(recorder) == []
    recorder.close()

    with open_books(database_url) as desk:
        desk.catch_up()
        assert statements(desk) == expected
        assert digests(desk) == rows
        report, importer = import_feed(desk, feed)
        assert (report.new, report.facts, importer.rejects) == (0, 0, [])
        assert report.checkouts == ORDERS
        assert desk.ledger.head() == head
        drop_read_models(desk)
        results = rebuild(desk.ledger.recorder, desk.engine, list(READ_MODELS.values()))
        assert all(result.swapped for result in results), results
        assert statements(desk) == expected
        assert digests(desk) == rows


def drop_read_models(desk: Desk) -> None:
    """Every table of every read model, and the checkpoints with them."""
    gone = [table.name for model in READ_MODELS.values() for table in model.tables]
    gone.append(CHECKPOINTS.name)
    with desk.engine.begin() as connection:
        known = MetaData()
        known.reflect(connection, only=gone)
        known.drop_all(connection)


@pytest.mark.timeout(120)
def test_an_import_may_stop_after_any_commit_of_a_day(tmp_path: Path) -> None:
    """Every step of the day's end in turn is the last one that stood: none may be passed over."""
    feed, books = tmp_path / "feed", tmp_path / "books.db"
    generate(feed, 45, 4, 10, SEED)
    keep_refunds_until(feed / "refunds.csv.gz", "2011-01-14")
    copies: list[Path] = []

    def keep(_position: int) -> None:
        copies.append(tmp_path / f"after-{len(copies)}.db")
        with closing(sqlite3.connect(books)) as here, closing(sqlite3.connect(copies[-1])) as there:
            here.backup(there)

    with open_books(f"sqlite:///{books}") as desk:
        desk.ledger.on_commit(keep)
        import_feed(desk, feed)
        head, recorder = desk.ledger.head(), desk.ledger.recorder
        steps: dict[str, list[int]] = defaultdict(list)
        for commit in recorder.read_commits(0, 1_000):
            for receipt in recorder.receipts_of_commit(commit.number):
                steps[receipt.number.partition(":")[0]].append(commit.number)
    assert len(copies) == head.number
    closed = sorted(steps["day.close"])
    busy = next(n for n in closed if n > steps["batch.settle"][1])  # With payouts and all.
    before = closed[closed.index(busy) - 1]
    assert any(before < number < busy for number in steps["batch.settle"])
    for number in range(before, busy + 1):
        with open_books(f"sqlite:///{copies[number - 1]}") as desk:
            assert desk.ledger.head().number == number
            import_feed(desk, feed)
            assert desk.ledger.head() == head, f"after commit {number}"


def keep_refunds_until(file: Path, day: str) -> None:
    """Refunds come for three weeks more; without them the feed ends with its orders."""
    lines = gzip.decompress(file.read_bytes()).decode().splitlines(keepends=True)
    kept = [line for line in lines[1:] if line.split(",")[1] < day]
    assert 0 < len(kept) < len(lines) - 1
    file.write_bytes(gzip.compress("".join([lines[0], *kept]).encode()))
