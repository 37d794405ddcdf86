"""The generated feed: the same for ever, plausible, and without a wrong row."""

import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from api.operations.feed import Feed, FeedOrder, RefundRow, generate, read_feed
from domain.kernel import DAY_US, shanghai_date
from domain.refusals import Code, Refused
from tests.api.operations.feed.feeds import rejected

FILES = ("merchants.csv.gz", "orders.csv.gz", "refunds.csv.gz")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated")
    generate(path, orders=3000, merchants=40, days=30, seed=11)
    return path


@pytest.fixture(scope="module")
def used(directory: Path) -> tuple[Feed, list[FeedOrder | RefundRow]]:
    feed = read_feed(directory)
    return feed, list(feed.actions())


def test_the_same_seed_gives_the_same_bytes(directory: Path, tmp_path: Path) -> None:
    generate(tmp_path, orders=3000, merchants=40, days=30, seed=11)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (directory / name).read_bytes()
    generate(tmp_path, orders=3000, merchants=40, days=30, seed=12)
    assert (tmp_path / "orders.csv.gz").read_bytes() != (directory / "orders.csv.gz").read_bytes()


def test_the_feed_of_a_seed_is_fixed_for_ever(directory: Path) -> None:
    # Of the unpacked text: the bytes of gzip depend on the version of zlib.
    digest = hashlib.sha256(b"".join(gzip.decompress((directory / n).read_bytes()) for n in FILES))
    assert digest.hexdigest() == "6c883b1297ad26efa730c119ecfe7540ce6ee0c0ef082ee36b1798e9cb45e1ee"


def test_it_has_no_wrong_row(used: tuple[Feed, list[FeedOrder | RefundRow]]) -> None:
    feed, actions = used
    assert rejected(feed) == []
    lines = sum(len(one.lines) if isinstance(one, FeedOrder) else 1 for one in actions)
    assert lines + 40 == feed.total_rows == feed.consumed
    assert sum(isinstance(one, FeedOrder) for one in actions) == 3000


def test_actions_come_in_order_of_time(used: tuple[Feed, list[FeedOrder | RefundRow]]) -> None:
    times = [
        (one.placed_at_us, 0) if isinstance(one, FeedOrder) else (one.requested_at_us, 1)
        for one in used[1]
    ]
    assert times == sorted(times)


def test_refunds_never_exceed_what_was_paid(used: tuple[Feed, list[FeedOrder | RefundRow]]) -> None:
    left: dict[tuple[str, str], int] = {}
    kinds: Counter[str] = Counter()
    paid_at: dict[str, int] = {}
    for one in used[1]:
        if isinstance(one, FeedOrder):
            paid_at[one.order_no] = one.placed_at_us
            left |= {(one.order_no, row.merchant): row.amount_fen for row in one.lines}
            continue
        transaction = (one.order_no, one.merchant)
        left[transaction] -= one.amount_fen
        assert left[transaction] >= 0
        kinds["full" if left[transaction] == 0 else "part"] += 1
        late = one.requested_at_us - paid_at[one.order_no]
        assert 0 <= late <= 20 * DAY_US
        kinds["at" if late == 7 * DAY_US else "before" if late < 7 * DAY_US else "after"] += 1
    repeated = Counter(
        (one.order_no, one.merchant) for one in used[1] if isinstance(one, RefundRow)
    )
    assert min(kinds[kind] for kind in ("full", "part", "at", "before", "after")) >= 20
    assert max(repeated.values()) >= 3


def test_it_is_shaped_like_a_marketplace(used: tuple[Feed, list[FeedOrder | RefundRow]]) -> None:
    feed, actions = used
    checkouts = [one for one in actions if isinstance(one, FeedOrder)]
    sales = [row for one in checkouts for row in one.lines]
    assert 4.4 < len(sales) / len(checkouts) < 4.9
    by_merchant = Counter(row.merchant for row in sales).most_common()
    assert len(by_merchant) > 30
    assert by_merchant[0][1] > 5 * len(sales) / 40
    assert {one.method for one in checkouts} == {"WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS"}
    assert {one.settlement_cycle for one in feed.merchants} == {"T+0", "T+1", "T+7", "D+1"}
    assert {one.fee_bps for one in feed.merchants} == {38, 54, 60, 100}
    assert len({(one.fee_bps, one.settlement_cycle) for one in feed.merchants}) == 16
    assert max(Counter(one.buyer for one in checkouts).values()) > 10
    assert min(row.amount_fen for row in sales) < 50
    assert max(row.amount_fen for row in sales) > 200_000
    days = {shanghai_date(one.placed_at_us) for one in checkouts}
    assert (len(days), str(min(days)), str(max(days))) == (30, "2011-01-04", "2011-02-02")


@pytest.mark.parametrize(
    ("orders", "merchants", "days"), [(0, 1, 1), (1, 1, 1), (3, 2, 400), (5000, 3, 1)]
)
def test_odd_sizes_are_good_feeds_too(
    tmp_path: Path, orders: int, merchants: int, days: int
) -> None:
    generate(tmp_path, orders, merchants, days, seed=0)
    feed = read_feed(tmp_path)
    assert sum(isinstance(one, FeedOrder) for one in feed.actions()) == orders
    assert (len(feed.merchants), rejected(feed)) == (merchants, [])


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        ((-1, 1, 1, 0), "orders"),
        ((1, 0, 1, 0), "merchants"),
        ((1, 1 << 21, 1, 0), "merchants"),
        ((1, 1, 0, 0), "days"),
        ((1, 1, 40_000, 0), "days"),
        ((1, 1, 1, -1), "seed"),
    ],
)
def test_impossible_sizes_are_refused(
    tmp_path: Path, sizes: tuple[int, int, int, int], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        generate(tmp_path / "new", *sizes)
    assert (refused.value.code, refused.value.field) == (Code.REQUEST_INVALID, field)
    assert not (tmp_path / "new").exists()
