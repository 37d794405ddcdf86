"""The real quarter with weekly and monthly cycles, rolling reserves and least payouts, against an
oracle that knows the CSV files and the working days alone: due dates, batches, reserves.

PostgreSQL takes minutes for it, so there it runs when ZHANGFANG_TEST_SLOW is set.
"""

from datetime import date
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from api.operations.desk import Desk
from api.operations.feed.terms import read_terms
from domain.ledger.proof import verify_log
from projections.models import reserves, settlement_batches
from projections.models.trial_balance import trial_balance
from tests.settlement_oracle import Merchant, Terms, settled
from tests.stories.books import import_feed, statement_of
from tests.stories.test_import import REAL, real_data
from tests.stories.test_real_quarter import quarter  # noqa: F401 A fixture.

pytestmark = real_data
THROUGH = date(2011, 4, 30)
# The merchants that trade most, and some others. Those not named keep their cycle of the file.
TERMS = {
    "SHOP22": Terms("weekly:mon", 0, 1_000, 30),
    "SHOP84": Terms("weekly:wed:D", 0, 500, 14),
    "SHOP85": Terms("monthly:15", 0, 1_000, 30),
    "SHOP21": Terms("monthly:last", 200_000, 2_500, 45),
    "SHOP47": Terms("T+1", 50_000, 1_000, 7),
    "SHOP71": Terms("D+0", 0, 10_000, 30),
    "SHOP35": Terms("weekly:sun", 30_000),
    "SHOP10": Terms("T+0", 10_000, 333, 1),
}


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The terms as the command line is given them."""
    names = ("settlement_cycle", "min_payout_fen", "reserve_bps", "reserve_days")
    said = {merchant: dict(zip(names, terms, strict=True)) for merchant, terms in TERMS.items()}
    path = tmp_path / "terms.json"
    path.write_bytes(msgspec.json.encode(said))
    return path


def test_it_is_settled_as_the_oracle_says(quarter: Desk, told: Path) -> None:  # noqa: F811
    report, _ = import_feed(quarter, REAL, THROUGH, terms=read_terms(told))
    assert (report.checkouts, report.refunds, report.rejected) == (3724, 1128, 696)
    assert report.hindrances == []
    right = settled(REAL, TERMS, THROUGH)
    assert len(right) == 32 and right.keys() >= TERMS.keys()
    for merchant, books in right.items():
        assert batches_of(quarter, merchant) == expected_batches(books), merchant
        assert reserves_of(quarter, merchant) == expected_reserves(books), merchant
        statement = statement_of(quarter, merchant)
        assert statement.closing_fen == books.pending + books.available - books.debt, merchant
        assert statement.withheld_fen == sum(
            one.withheld - one.returned for one in books.reserves.values()
        )
        assert statement.released_fen == statement.withheld_fen, "all of it, in the end"
    with_terms = [right[merchant] for merchant in TERMS]
    assert sum(one.withheld for books in with_terms for one in books.reserves.values()) > 1_000_000
    assert sum(one.returned for books in with_terms for one in books.reserves.values()) > 1_000
    with quarter.engine.connect() as connection:
        assert trial_balance(connection).balanced
    assert verify_log(quarter.ledger.recorder) == []


def batches_of(desk: Desk, merchant: str) -> list[tuple[object, ...]]:
    table = settlement_batches.TABLE
    with desk.engine.connect() as connection:
        query = select(table).where(table.c.merchant == merchant)
        rows = connection.execute(query.order_by(table.c.clearing_date)).all()
    return [
        (
            row.clearing_date,
            row.due_date,
            (row.count, row.gross_fen, row.fee_fen, row.refund_fen),
            (row.net_fen, row.withheld_fen or 0),
            (row.carry_in_fen, row.due_fen, row.recovered_fen, row.carry_out_fen),
            (row.payout_fen, row.released_fen or 0, row.paid_fen),
        )
        for row in rows
    ]


def expected_batches(books: Merchant) -> list[tuple[object, ...]]:
    return [
        (
            cleared,
            one.due,
            (one.count, one.gross, one.fee, one.refund),
            (one.net, one.withheld),
            (one.carry_in, one.matured, one.recovered, one.carry_out),
            (one.payout, one.released, one.payout),
        )
        for cleared, one in sorted(books.batches.items())
    ]


def reserves_of(desk: Desk, merchant: str) -> dict[date, tuple[int, ...]]:
    table = reserves.TABLE
    with desk.engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.member_id == merchant)).all()
    return {
        row.release_on: (row.withheld_fen, row.returned_fen, row.released_fen, row.recovered_fen)
        for row in rows
    }


def expected_reserves(books: Merchant) -> dict[date, tuple[int, ...]]:
    return {
        release_on: (one.withheld, one.returned, one.released, one.recovered)
        for release_on, one in books.reserves.items()
    }
