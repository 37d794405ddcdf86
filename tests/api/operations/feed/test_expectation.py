"""The independent expectation agrees with the reader on what a feed holds."""

from pathlib import Path

import pytest

from api.operations.feed import FeedOrder, RefundRow, generate, read_feed
from tests.api.operations.feed.feeds import rejected
from tests.feed_expectation import Expected, expected_books

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "online-retail"


def test_expectation_of_a_feed_worked_out_by_hand(tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text(
        "merchant,name,fee_bps,settlement_cycle\nS1,One,50,T+1\nS2,Two,100,D+1\nS3,None,60,T+0\n"
    )
    head = "A1,2011-01-04T10:00:00+08:00,C1"
    (tmp_path / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        f"{head},S1,1100,1,X,JD_PAY\n{head},S2,999,1,X,JD_PAY\n"
    )
    (tmp_path / "refunds.csv").write_text(
        "refund_no,requested_at,order_no,merchant,amount\n"
        "R1,2011-01-05T10:00:00+08:00,A1,S1,1000\n"  # 100 stay: the fee is 0.5, which is 1
        "R2,2011-01-06T10:00:00+08:00,A1,S1,101\n"  # more than is left
        "R3,2011-01-06T10:00:00+08:00,A9,S1,1\n"  # of no order
        "R4,2011-01-03T10:00:00+08:00,A1,S2,1\n"  # before its order
    )
    books = expected_books(tmp_path)
    assert books == {
        "S1": Expected(sales=1100, refunds=1000, fees=1, transactions=1, refund_count=1),
        "S2": Expected(sales=999, refunds=0, fees=10, transactions=1, refund_count=0),
        "S3": Expected(sales=0, refunds=0, fees=0, transactions=0, refund_count=0),
    }
    assert books["S1"].settled_and_closing == 99
    assert books["S1"].sales_less_refunds == 100


def test_a_generated_feed_holds_what_the_reader_finds(tmp_path: Path) -> None:
    generate(tmp_path, orders=800, merchants=12, days=25, seed=5)
    actions = list(read_feed(tmp_path).actions())
    books = expected_books(tmp_path)
    checkouts = [one for one in actions if isinstance(one, FeedOrder)]
    refunds = [one for one in actions if isinstance(one, RefundRow)]
    assert len(books) == 12
    for merchant, found in books.items():
        sold = [
            row.amount_fen for one in checkouts for row in one.lines if row.merchant == merchant
        ]
        back = [one.amount_fen for one in refunds if one.merchant == merchant]
        assert (found.sales, found.transactions) == (sum(sold), len(sold))
        assert (found.refunds, found.refund_count) == (sum(back), len(back))
        assert found.settled_and_closing == found.sales - found.refunds - found.fees
        assert 0 < found.fees < found.sales


if REAL.is_dir():

    def test_the_real_quarter_has_the_totals_its_readme_names() -> None:
        feed = read_feed(REAL)
        checkouts = [one for one in feed.actions() if isinstance(one, FeedOrder)]
        books = expected_books(REAL)
        assert rejected(feed) == []
        assert feed.consumed == feed.total_rows == 32 + 17_263 + 1_128 + 696
        assert (len(books), len(checkouts)) == (32, 3_724)
        assert len({one.buyer for one in checkouts}) == 2_035
        assert sum(one.transactions for one in books.values()) == 17_263
        assert sum(one.refund_count for one in books.values()) == 1_128
        assert sum(one.sales for one in books.values()) == 195_865_033
        assert (str(feed.first_day), str(feed.last_day)) == ("2010-12-01", "2011-02-28")

    @pytest.mark.parametrize("name", ["refunds", "bad_refunds"])
    def test_refund_files_of_the_quarter_are_told_apart(name: str) -> None:
        placed = set()
        found = []
        for one in read_feed(REAL).actions():
            if isinstance(one, FeedOrder):
                placed |= {(one.order_no, row.merchant) for row in one.lines}
            elif one.file == f"{name}.csv.gz":
                found.append((one.order_no, one.merchant) in placed)
        assert found == [name == "refunds"] * len(found)
        assert len(found) == {"refunds": 1_128, "bad_refunds": 696}[name]
