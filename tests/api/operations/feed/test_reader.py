"""A feed as a whole: grouping, repeated numbers, order of time, missing files, rows counted."""

import gzip
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.operations.feed import FeedOrder, read_feed
from domain.kernel import SHANGHAI, to_us
from domain.refusals import Code, Refused
from tests.api.operations.feed.feeds import (
    BACK,
    NUTS,
    TEA,
    accepted_lines,
    orders,
    read,
    reasons,
    refunds,
    rejected,
    write,
)

NUTS_TOO = NUTS.replace("SHOP1,1530", "SHOP2,99")


def test_rows_of_one_order_are_one_checkout(tmp_path: Path) -> None:
    feed, actions = read(write(tmp_path, orders=orders(NUTS, NUTS_TOO, TEA), refunds=refunds(BACK)))
    first, second, refund = actions
    assert isinstance(first, FeedOrder)
    assert (first.order_no, first.buyer, first.method) == ("A1", "C1", "WECHAT_PAY")
    assert [(row.merchant, row.amount_fen) for row in first.lines] == [
        ("SHOP1", 1530),
        ("SHOP2", 99),
    ]
    assert (second.order_no, refund.refund_no) == ("A2", "R1")
    assert rejected(feed) == []


@pytest.mark.parametrize(
    ("rows", "accepted", "line", "code", "field", "said"),
    [
        (
            [NUTS, NUTS],
            [2],
            3,
            "request_conflict",
            "merchant",
            "the same line again: it stands at line 2",
        ),
        (
            [NUTS, NUTS.replace("1530", "1531"), TEA],
            [2, 4],
            3,
            "request_conflict",
            "merchant",
            "another line of SHOP1, at line 2",
        ),
        (
            [NUTS, NUTS_TOO.replace("C1", "C9"), TEA],
            [2, 4],
            3,
            "request_conflict",
            "buyer",
            "buyer differs from line 2",
        ),
        (
            [NUTS, NUTS_TOO.replace("WECHAT_PAY", "JD_PAY"), TEA],
            [2, 4],
            3,
            "request_conflict",
            "method",
            "method differs from line 2",
        ),
        (
            [NUTS, NUTS_TOO.replace("10:00", "10:01"), TEA],
            [2, 4],
            3,
            "request_conflict",
            "placed_at",
            "placed_at differs from line 2",
        ),
        (
            [NUTS, TEA, NUTS_TOO.replace("10:00", "12:00")],
            [2, 3],
            4,
            "request_conflict",
            "placed_at",
            "placed_at differs from line 2 of the same order",
        ),
    ],
)
def test_a_row_that_contradicts_others_is_refused(
    tmp_path: Path,
    rows: list[str],
    accepted: list[int],
    line: int,
    code: str,
    field: str,
    said: str,
) -> None:
    feed, actions = read(write(tmp_path, orders=orders(*rows)))
    assert reasons(feed) == [("orders.csv", line, code, field)]
    assert said in rejected(feed)[0].detail
    assert rejected(feed)[0].row_text == rows[line - 2]
    assert accepted_lines(actions) == accepted


@pytest.mark.parametrize("broken", [NUTS.replace("1530", "NaN"), "A1,too,few", 'A1,x"'])
def test_an_order_with_a_row_that_is_wrong_by_itself_is_refused_whole(
    tmp_path: Path, broken: str
) -> None:
    """It is paid by one payment; once the row is put right, it comes whole."""
    feed, actions = read(write(tmp_path, orders=orders(NUTS, broken, NUTS_TOO, TEA)))
    assert accepted_lines(actions) == [5]
    whole = "line 3 of the same order is refused; an order is booked whole"
    assert [(one.line, one.detail == whole) for one in feed.rejects] == [
        (2, True),
        (3, False),
        (4, True),
    ]
    assert {one.code for one in feed.rejects if one.line != 3} == {Code.ORDER_LINES_INVALID}


@pytest.mark.parametrize("hours", [range(18, 12, -1), [15, 13, 18, 14, 17, 16]])
def test_rows_may_stand_in_any_order(tmp_path: Path, hours: Sequence[int]) -> None:
    rows = [f"B{hour},2011-01-04T{hour}:00:00+08:00,C1,SHOP1,{hour},1,T,JD_PAY" for hour in hours]
    feed, actions = read(write(tmp_path, orders=orders(*rows)))
    assert [action.order_no for action in actions] == [f"B{hour}" for hour in range(13, 19)]
    assert rejected(feed) == []


def test_lines_of_one_order_may_stand_anywhere_and_keep_their_order(tmp_path: Path) -> None:
    feed, actions = read(write(tmp_path, orders=orders(NUTS_TOO, TEA, NUTS)))
    assert accepted_lines(actions) == [2, 4, 3]
    assert rejected(feed) == []


def test_at_one_instant_orders_come_first_then_refunds_by_file_and_number(tmp_path: Path) -> None:
    at = "2011-01-04T10:00:00+08:00"
    back = [f"R{n},{at},A1,SHOP1,{n}" for n in (3, 1, 2)]
    write(
        tmp_path,
        orders=orders(NUTS.replace("A1", "A3"), NUTS),
        refunds=refunds(back[0], back[1]),
        a_refunds=refunds(back[2]),
    )
    _, actions = read(tmp_path)
    numbers = [getattr(one, "refund_no", one.order_no) for one in actions]
    assert numbers == ["A1", "A3", "R2", "R1", "R3"]


def test_a_checkout_has_a_hundred_lines_at_most(tmp_path: Path) -> None:
    shops = "".join(f"S{n},Shop,60,T+1\n" for n in range(103))
    rows = [NUTS.replace("SHOP1", f"S{n}") for n in range(103)]
    content = "merchant,name,fee_bps,settlement_cycle\n" + shops
    feed, actions = read(write(tmp_path, merchants=content, orders=orders(*rows)))
    assert reasons(feed) == [
        ("orders.csv", line, "order_lines_invalid", "order_no") for line in (102, 103, 104)
    ]
    assert [len(action.lines) for action in actions] == [100]


@pytest.mark.parametrize("again", [BACK, BACK.replace("12:00", "13:00")])
def test_a_refund_number_counts_once_in_all_files(tmp_path: Path, again: str) -> None:
    write(tmp_path, refunds=refunds(BACK), late_refunds=refunds(again))
    feed, actions = read(tmp_path)
    assert [action.refund_no for action in actions] == ["R1"]
    (reject,) = rejected(feed)
    assert (reject.code, reject.field) == (Code.REQUEST_CONFLICT, "refund_no")
    first = {"refunds.csv": "late_refunds.csv", "late_refunds.csv": "refunds.csv"}[reject.file]
    assert reject.detail == f"refund R1 stands already in {first}, line 2"


def test_an_order_stands_before_a_refund_of_the_same_instant(tmp_path: Path) -> None:
    soon = BACK.replace("12:00", "10:00")
    _, actions = read(write(tmp_path, orders=orders(NUTS, TEA), refunds=refunds(soon)))
    assert [type(action).__name__ for action in actions] == ["FeedOrder", "RefundRow", "FeedOrder"]


def test_days_are_of_shanghai_and_of_good_rows(tmp_path: Path) -> None:
    late = TEA.replace("2011-01-04T11:00:00+08:00", "2011-01-05T16:30:00Z")
    broken = NUTS.replace("A1", "A0").replace("2011", "2012").replace("1530", "NaN")
    back = BACK.replace("2011-01-04", "2011-01-05")
    feed = read_feed(write(tmp_path, orders=orders(broken, late, NUTS), refunds=refunds(back)))
    assert [str(day) for day in feed.days] == ["2011-01-04", "2011-01-05", "2011-01-06"]
    assert (str(feed.first_day), str(feed.last_day)) == ("2011-01-04", "2011-01-06")


def test_an_empty_feed_has_no_days(tmp_path: Path) -> None:
    feed, actions = read(write(tmp_path))
    assert (feed.first_day, feed.last_day, actions, feed.total_rows) == (None, None, [], 2)


def test_a_merchant_of_the_ledger_needs_no_row(tmp_path: Path) -> None:
    write(tmp_path, orders=orders(NUTS.replace("SHOP1", "OLD"), TEA.replace("SHOP2", "NEW")))
    feed = read_feed(tmp_path, known_merchant=lambda merchant: merchant == "OLD")
    assert accepted_lines(list(feed.actions())) == [2]
    assert reasons(feed) == [("orders.csv", 3, "member_not_found", "merchant")]


def test_actions_asked_for_again_are_the_same_and_refuse_the_same(tmp_path: Path) -> None:
    feed, actions = read(
        write(tmp_path, orders=orders(NUTS, NUTS, TEA), refunds=refunds(BACK, "x"))
    )
    rejects, consumed = rejected(feed), feed.consumed
    assert list(feed.actions()) == actions
    assert (rejected(feed), feed.consumed) == (rejects, consumed)
    assert consumed == feed.total_rows == 7


def test_rows_are_consumed_as_they_are_asked_for(tmp_path: Path) -> None:
    rows = [f"B{n},2011-01-04T10:30:00+08:00,C1,SHOP1,1,1,T,JD_PAY" for n in range(500)]
    feed = read_feed(write(tmp_path, orders=orders(*rows)))
    assert feed.consumed == 2  # the merchants
    actions = feed.actions()
    for _ in range(100):
        next(actions)
    assert 100 < feed.consumed < 110


@pytest.mark.parametrize("stem", ["merchants", "orders"])
def test_a_feed_without_a_required_file_is_refused(tmp_path: Path, stem: str) -> None:
    write(tmp_path)
    (tmp_path / f"{stem}.csv").unlink()
    with pytest.raises(Refused) as refused:
        read_feed(tmp_path)
    assert (refused.value.code, refused.value.field) == (Code.REQUEST_INVALID, f"{stem}.csv")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(b"\n\n"), id="nothing but line ends"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a directory"),
        pytest.param(
            lambda path: path.with_name("orders.csv.gz").write_bytes(b""), id="there in both forms"
        ),
        pytest.param(
            lambda path: path.rename(path.with_name("orders.csv.gz")), id="not gzip as it says"
        ),
    ],
)
def test_a_required_file_that_cannot_be_read_is_refused(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path)
    spoil(tmp_path / "orders.csv")
    with pytest.raises(Refused) as refused:
        read_feed(tmp_path)
    assert refused.value.code is Code.REQUEST_INVALID
    assert refused.value.field in ("orders.csv", "orders.csv.gz")


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        read_feed(tmp_path / "nowhere")


def test_a_file_that_changes_under_the_reader_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, orders=orders(NUTS, TEA))

    def change(what: str, _done: int) -> None:
        if what == "checking refunds.csv":  # The last one: all were inspected.
            write(tmp_path, orders=orders(NUTS, TEA.replace("2000", "2001")))

    with pytest.raises(Refused, match="changed") as no:
        read_feed(tmp_path, told=change)
    assert no.value.field == "orders.csv"


def test_what_was_read_is_what_is_acted_on(tmp_path: Path) -> None:
    feed = read_feed(write(tmp_path, orders=orders(NUTS, TEA)))
    write(tmp_path, orders=orders())
    assert accepted_lines(list(feed.actions())) == [2, 3]


PIECES = st.sampled_from(
    [
        NUTS.encode() + b"\n",
        TEA.encode() + b"\n",
        NUTS_TOO.encode() + b"\r\n",
        b'A7,2011-01-04T10:00:00+08:00,C1,SHOP1,1,1,"A, B",JD_PAY\n',
        b'A8,2011-01-04T09:00:00+08:00,C1,SHOP1,1,1,"A',
        b'"',
        b'""',
        b"\n",
        b",",
        b"\0",
        b"\xff",
        b"\r",
    ]
)
HEADER = b"order_no,placed_at,buyer,merchant,amount,items,subject,method\n"


def _is_utf_8(body: bytes) -> bool:
    try:
        return bool(body.decode()) or True
    except UnicodeDecodeError:
        return False


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=14).map(b"".join)), st.booleans()
)
@example(b"", False)
@example(b"\x1f\x8b\x08", False)
def test_whatever_the_bytes_every_row_is_counted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, headed: bool
) -> None:
    directory = write(tmp_path_factory.mktemp("feed"), orders=(HEADER if headed else b"") + body)
    try:
        feed, actions = read(directory)
    except Refused as refused:
        assert (refused.code, refused.field) == (Code.REQUEST_INVALID, "orders.csv")
        assert not headed or b"\xff" in body or not _is_utf_8(body)
        return
    accepted = accepted_lines(actions)
    refused_lines = [reject.line for reject in feed.rejects]
    assert len(accepted) + len(refused_lines) + 2 == feed.total_rows == feed.consumed
    assert len(set(accepted + refused_lines)) == len(accepted) + len(refused_lines)
    assert max(accepted + refused_lines, default=1) <= body.count(b"\n") + 2
    times = [action.placed_at_us for action in actions if isinstance(action, FeedOrder)]
    assert times == sorted(times)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_gzip_file_never_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, place: int, value: int
) -> None:
    directory = write(tmp_path_factory.mktemp("feed"))
    (directory / "orders.csv").unlink()
    packed = bytearray(gzip.compress(orders(NUTS, NUTS_TOO, TEA).encode(), mtime=0))
    packed[place % len(packed)] = value
    (directory / "orders.csv.gz").write_bytes(bytes(packed) + junk)
    try:
        feed, actions = read(directory)
    except Refused as refused:
        assert refused.field == "orders.csv.gz"
        return
    # Whatever a byte changes that no checksum covers (a name, a time), all rows are there.
    assert (accepted_lines(actions), len(feed.rejects)) == ([2, 3, 4], 0)


def test_what_lies_in_the_future_is_refused_and_spoils_nothing(tmp_path: Path) -> None:
    """One mistyped year must neither end all days up to it nor put later rows out of order."""
    ahead = NUTS.replace("A1", "A0").replace("2011", "2036")
    soon = BACK.replace("2011", "2036")
    write(tmp_path, orders=orders(ahead, NUTS, TEA), refunds=refunds(soon))
    now = to_us(datetime(2026, 11, 23, 12, tzinfo=SHANGHAI))
    feed = read_feed(tmp_path, latest_us=now)
    assert [type(action).__name__ for action in feed.actions()] == ["FeedOrder", "FeedOrder"]
    assert {(one.code, one.field) for one in feed.rejects} == {
        (Code.DATE_INVALID, "placed_at"),
        (Code.DATE_INVALID, "requested_at"),
    }
    assert str(feed.last_day) == "2011-01-04"
