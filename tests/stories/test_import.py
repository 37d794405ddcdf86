"""A feed goes in, and every merchant's statement comes out right, on both databases.

What is right is computed from the CSV files alone (tests/feed_expectation.py), with no code of
ours. A generated feed always; the real quarter of a marketplace where it lies beside the project.
"""

import gzip
import shutil
from datetime import date
from pathlib import Path

import pytest

from api.operations.desk import Desk
from api.operations.feed import read_feed
from api.operations.feed.generator import generate
from api.operations.importing import Importer
from domain.clearing import day
from domain.kernel import Request, day_end_us, shanghai_date
from domain.ledger.proof import verify_log
from domain.member import member
from domain.money import FeeRule
from domain.refusals import Code
from domain.transaction.transaction import Paid
from projections.models.clearing_positions import clearing_positions
from projections.models.trial_balance import trial_balance
from tests.feed_expectation import expected_books
from tests.shops import shop
from tests.stories.books import import_feed, open_books, statement_of

REAL = Path(__file__).parents[3] / "shared" / "data" / "online-retail"
HEAD = "25bc5fac45779d59"  # Of the real quarter through March: today and for ever, anywhere.
MAY_2011_US = day_end_us(date(2011, 4, 30))
real_data = pytest.mark.skipif(not REAL.exists(), reason="the real feed does not lie beside us")


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 checkouts over 12 days and 8 merchants: refunds before and after release among them."""
    directory = tmp_path_factory.mktemp("feed")
    generate(directory, orders=150, merchants=8, days=12, seed=7)
    return directory


def check_statements(desk: Desk, directory: Path) -> None:
    for merchant, right in expected_books(directory).items():
        mine = statement_of(desk, merchant)
        assert mine.sales_fen - mine.refunds_fen == right.sales_less_refunds, merchant
        assert mine.fees_fen == right.fees, merchant
        assert mine.settled_fen + mine.closing_fen == right.settled_and_closing, merchant
        assert mine.closing_fen <= 0, f"{merchant}: everything due was paid out"
        assert mine.in_escrow_fen == 0, merchant


def check_books(desk: Desk) -> None:
    with desk.engine.connect() as connection:
        balance = trial_balance(connection)
    assert balance.balanced
    assert verify_log(desk.ledger.recorder) == []


def test_a_generated_feed_settles_to_the_fen(database_url: str, feed: Path) -> None:
    with open_books(database_url) as desk:
        report, importer = import_feed(desk, feed, date(2011, 3, 31))
        assert importer.rejects == []
        assert report.hindrances == []
        assert report.checkouts == 150
        check_statements(desk, feed)
        check_books(desk)


@real_data
def test_the_real_quarter_settles_to_the_fen(database_url: str) -> None:
    with open_books(database_url) as desk:
        report, importer = import_feed(desk, REAL, date(2011, 3, 31))
        assert (report.checkouts, report.transactions, report.refunds) == (3724, 17263, 1128)
        assert report.rejected == 696
        assert {one.file for one in importer.rejects} == {"bad_refunds.csv.gz"}
        assert {one.code for one in importer.rejects} == {Code.TRANSACTION_NOT_FOUND}
        check_statements(desk, REAL)
        check_books(desk)
        assert desk.ledger.head().hash.hex().startswith(HEAD)


@pytest.mark.postgresql
def test_both_databases_hold_the_same_bytes(
    tmp_path: Path, postgres_schema_url: str, feed: Path
) -> None:
    heads, figures = [], []
    for url in (f"sqlite:///{tmp_path}/ledger.db", postgres_schema_url):
        with open_books(url) as desk:
            import_feed(desk, feed, date(2011, 3, 31))
            heads.append(desk.ledger.head())
            figures.append([statement_of(desk, one) for one in expected_books(feed)])
    assert heads[0] == heads[1]  # The hash chains every stored byte of every fact and receipt.
    assert figures[0] == figures[1]


def test_importing_the_same_feed_again_changes_nothing(database_url: str, feed: Path) -> None:
    with open_books(database_url) as desk:
        import_feed(desk, feed, date(2011, 3, 31))
        head = desk.ledger.head()
        again, importer = import_feed(desk, feed, date(2011, 3, 31))
        assert (again.new, again.facts, importer.rejects) == (0, 0, [])
        assert again.checkouts == 150  # It says what is in the books, and that none of it is new.
        assert desk.ledger.head() == head


def test_a_feed_of_days_that_are_over_is_posted_late(
    database_url: str, tmp_path: Path, feed: Path
) -> None:
    """Twice the trade, one half of it late: everything comes out twice, on the open day."""
    late = tmp_path / "late"
    shutil.copytree(feed, late)
    for name, prefixed in (("orders.csv.gz", (0,)), ("refunds.csv.gz", (0, 2))):
        header, *rows = gzip.decompress((late / name).read_bytes()).decode().splitlines()
        cells = [row.split(",") for row in rows]
        again = [
            ",".join(f"9{cell}" if place in prefixed else cell for place, cell in enumerate(row))
            for row in cells
        ]
        text = "\n".join([header, *again, ""])
        (late / name).write_bytes(gzip.compress(text.encode()))
    with open_books(database_url) as desk:
        import_feed(desk, feed)
        open_date = desk.ledger.state(day.STREAM).open_date
        before = desk.ledger.head().position
        report, importer = import_feed(desk, late, date(2011, 3, 31))
        assert importer.rejects == []
        assert report.checkouts == 150
        assert {one.posted_on for one in importer.late} == {str(open_date)}
        assert report.late == len(importer.late) == report.transactions + report.refunds
        for merchant, right in expected_books(feed).items():
            mine = statement_of(desk, merchant)
            assert mine.sales_fen - mine.refunds_fen == 2 * right.sales_less_refunds, merchant
            assert mine.fees_fen == 2 * right.fees, merchant
            assert mine.settled_fen + mine.closing_fen == 2 * right.settled_and_closing, merchant
            assert mine.in_escrow_fen == 0, merchant
        check_books(desk)
        paid = [one for one in desk.ledger.facts(before, 100_000) if isinstance(one.fact, Paid)]
        assert {one.fact.entry.date for one in paid} == {open_date}
        assert {shanghai_date(one.at_us) for one in paid} <= set(read_feed(feed).days), (
            "under their own time"
        )
        head = desk.ledger.head()
        again_report, _ = import_feed(desk, late, date(2011, 3, 31))
        assert (again_report.new, again_report.late, desk.ledger.head()) == (0, 0, head)


def one_order(directory: Path, order_no: str, on: str) -> Path:
    directory.mkdir()
    (directory / "merchants.csv").write_text(
        "merchant,name,fee_bps,settlement_cycle\nSHOP1,One,60,T+1\n"
    )
    (directory / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        f"{order_no},{on}T09:00:00+08:00,C1,SHOP1,1000,1,nuts,JD_PAY\n"
    )
    return directory


def test_days_between_two_feeds_end_before_the_second_begins(
    database_url: str, tmp_path: Path
) -> None:
    with open_books(database_url) as desk:
        import_feed(desk, one_order(tmp_path / "a", "1", "2011-01-04"))
        report, importer = import_feed(desk, one_order(tmp_path / "b", "2", "2011-02-04"))
        assert (report.checkouts, report.days_closed, importer.rejects) == (1, 31, [])
        (paid,) = (
            recorded.fact.entry.date
            for recorded in desk.ledger.history("transaction-SHOP1-2")
            if isinstance(recorded.fact, Paid)
        )
        assert paid == date(2011, 2, 4)
        assert desk.ledger.state("transaction-SHOP1-1").released


def test_a_merchant_whose_terms_begin_later_gets_the_terms_of_the_feed(
    database_url: str, tmp_path: Path
) -> None:
    with open_books(database_url) as desk:
        later = shop("SHOP1", "One", FeeRule(100), "T+1")
        desk.ledger.submit(Request("later", MAY_2011_US, "operator:1", later)).unwrap()
        report, importer = import_feed(desk, one_order(tmp_path / "a", "1", "2011-01-04"))
        assert (report.checkouts, importer.rejects) == (1, [])
        assert desk.ledger.state("transaction-SHOP1-1").created.fee_rule == FeeRule(60)


def test_an_unknown_method_refuses_the_whole_checkout(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text(
        "merchant,name,fee_bps,settlement_cycle\nSHOP1,One,60,T+1\nSHOP2,Two,38,D+1\n"
    )
    (tmp_path / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        "1,2011-01-04T09:00:00+08:00,C1,SHOP1,1000,1,nuts,BARTER\n"
        "1,2011-01-04T09:00:00+08:00,C1,SHOP2,2000,1,tea,BARTER\n"
        "2,2011-01-04T10:00:00+08:00,C1,SHOP2,3000,1,tea,JD_PAY\n"
    )
    with open_books(database_url) as desk:
        report, importer = import_feed(desk, tmp_path)
        assert report.checkouts == 1
        assert [(one.line, one.code) for one in importer.rejects] == [
            (2, Code.METHOD_UNKNOWN),
            (3, Code.METHOD_UNKNOWN),
        ]
        assert desk.ledger.version("order-1") == 0  # Nothing of it is half done.


def test_positions_sealed_at_close_equal_the_running_ones(database_url: str, feed: Path) -> None:
    with open_books(database_url) as desk:
        import_feed(desk, feed, date(2011, 3, 31))
        with desk.engine.connect() as connection:
            lines = clearing_positions(connection, date(2011, 1, 4))
        assert lines
        for line in lines:
            assert line.closed
            assert line.sealed_received_fen == line.received_fen
            assert line.sealed_paid_fen == line.refunded_fen + line.paid_out_fen
            assert line.sealed_net_fen == line.net_fen


def test_terms_may_go_back_and_forth_on_one_day(database_url: str, tmp_path: Path) -> None:
    """An import that was killed on a day, and feeds of that day with other terms before it."""
    asked = []
    with open_books(database_url) as desk:
        for number, bps in enumerate((60, 70, 60, 70)):
            directory = one_order(tmp_path / str(number), "1", "2011-01-04")
            merchants = directory / "merchants.csv"
            merchants.write_text(merchants.read_text().replace(",60,", f",{bps},"))
            importer = Importer(desk, read_feed(directory))
            importer._open_books(date(2011, 1, 4))
            importer._register_merchants(date(2011, 1, 4))
            state = desk.ledger.state(member.stream("SHOP1"))
            asked.append(state.fee_rule_on(date(2011, 1, 4)).rate_bps)
    assert asked == [60, 70, 60, 70]
