"""Reserves are released once, whatever dies in between: an import that is killed again and again,
and an end of day that stops half-way through the reserves of its date."""

import random
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.operations.desk import Desk, request
from api.operations.end_of_day import SETTLER, end_of_day
from api.operations.feed import read_feed
from api.operations.feed.generator import generate
from api.operations.feed.terms import MerchantTerms, read_terms
from domain.accounting import reserve
from domain.clearing import day
from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.kernel import day_end_us
from domain.ledger.proof import verify_log
from domain.settlement.reserving import ReleaseReserve
from migrations.run import migrate
from projections.models import reserves
from tests.anomalies.child import Job
from tests.anomalies.conftest import Nursery
from tests.anomalies.test_import_killed import digests, statements
from tests.servers import wait_until
from tests.stories.books import import_feed, open_books

ORDERS, MERCHANTS, DAYS, SEED = 120, 6, 12, 23
KILLS = 4
LIKE_THIS = (
    MerchantTerms("weekly:wed", None, 0, 1_000, 2),
    MerchantTerms("T+1", 5_000_000, 20_000, 2_500, 1),
    MerchantTerms("D+0", None, 0, 500, 3),
)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    directory = tmp_path / "feed"
    generate(directory, ORDERS, MERCHANTS, DAYS, SEED)
    return directory


def told(feed: Path, *terms: MerchantTerms) -> Path:
    """A file of terms, by turns for each of the feed's merchants."""
    names = [row.merchant for row in read_feed(feed, lambda _merchant: False).merchants]
    assert len(names) == MERCHANTS
    path = feed.parent / "terms.json"
    path.write_bytes(
        msgspec.json.encode({name: terms[n % len(terms)] for n, name in enumerate(names)})
    )
    return path


@pytest.mark.timeout(120)
def test_an_import_with_reserves_killed_half_way_ends_in_the_same_books(
    database_url: str, feed: Path, tmp_path: Path, nursery: Nursery
) -> None:
    terms = told(feed, *LIKE_THIS)
    with open_books(f"sqlite:///{tmp_path / 'alone.db'}") as desk:
        import_feed(desk, feed, terms=read_terms(terms))
        head, expected, rows = desk.ledger.head(), statements(desk), digests(desk)
        assert [one for one in held(desk) if one.released_fen], "some were released on the way"
    migrate(database_url)
    recorder = open_recorder(parse_database_url(database_url))
    dice = random.Random(SEED)
    job = Job("import", database_url, str(feed), terms=str(terms))
    for position in sorted(dice.randrange(head.position * 4 // 5) for _ in range(KILLS)):
        process = nursery.start(job)
        assert wait_until(lambda p=position: recorder.head().position >= p, 60)  # type: ignore[misc]
        nursery.kill(process)
    nursery.wait(nursery.start(job), 60)
    assert recorder.head() == head
    assert verify_log(recorder) == []
    recorder.close()
    with open_books(database_url) as desk:
        desk.catch_up()
        assert (statements(desk), digests(desk)) == (expected, rows)


def test_a_half_done_release_goes_on_where_it_stopped(database_url: str, feed: Path) -> None:
    terms = told(feed, MerchantTerms(None, None, 0, 1_000, 60))
    with open_books(database_url) as desk:
        import_feed(desk, feed, terms=read_terms(terms))
        desk.catch_up()
        last = max(one.release_on for one in held(desk))
        on, due = open_date(desk), due_now(desk)
        while len(due) < 3:
            assert on < last, "on some date several are released"
            end_of_day(desk, on)
            desk.catch_up()
            on, due = open_date(desk), due_now(desk)
        at_us = day_end_us(on) - 1
        for one in due[:-1]:  # What the run had done when it was killed.
            command = ReleaseReserve(one.member_id, one.release_on)
            number = f"reserve.release:{one.reserve_id}:{on}"
            desk.ledger.submit(request(number, at_us, command, SETTLER)).unwrap()
        report = end_of_day(desk, on)
        assert (report.released, report.hindrances) == (1, [])
        for one in due:
            stream = reserve.stream(one.member_id, one.release_on)
            assert desk.ledger.state(stream).held_fen == 0
            names = [fact.name for fact in desk.ledger.history(stream)]
            assert names.count("reserve.released.1") == 1
        facts = desk.ledger.head().position
        assert end_of_day(desk, on).released == 0
        assert desk.ledger.head().position == facts
        while open_date(desk) <= last:
            end_of_day(desk, open_date(desk))
        desk.catch_up()
        assert not any(one.held_fen for one in held(desk))
        assert verify_log(desk.ledger.recorder) == []


def due_now(desk: Desk) -> list[reserves.Reserve]:
    """Those whose date has come."""
    on = open_date(desk)
    return [one for one in held(desk) if one.held_fen and one.release_on <= on]


def open_date(desk: Desk) -> date:
    on: Any = desk.ledger.state(day.STREAM).open_date
    assert isinstance(on, date)
    return on


def held(desk: Desk) -> list[reserves.Reserve]:
    """Every reserve there is."""
    found: list[reserves.Reserve] = []
    after: str | None = None
    with desk.engine.connect() as connection:
        while True:
            page = reserves.reserves(connection, reserves.Wanted(), after=after)
            found += page.items
            if not page.has_next:
                return found
            after = page.cursors[-1]
