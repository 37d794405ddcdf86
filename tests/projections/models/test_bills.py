"""Facts of bills in; a row for each version out, whatever the batch."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.reconciliation import bill
from projections.models.bills import MODEL, Wanted, bills, count_bills
from tests.bill_examples import READ
from tests.domain.reconciliation.rendering import DAY
from tests.examples import MAKER, PAID_AT, log
from tests.projections.applied import apply

NEXT = DAY + timedelta(days=1)
WECHAT, FUND = bill.stream("WECHAT_PAY", "trade", DAY), bill.stream("WECHAT_PAY", "fund", NEXT)
MONEY = replace(READ, opening_fen=-5, closing_fen=0, mapping="cd" * 32)
FACTS = log(
    (FUND, bill.Imported(1, MONEY), PAID_AT),
    (WECHAT, bill.Imported(1, READ), PAID_AT + 1),
    (WECHAT, bill.NoTradeTold(2, "taken back"), PAID_AT + 2),
    (bill.stream("JD_PAY", "trade", DAY), bill.NoTradeTold(1, "none"), PAID_AT + 3),
)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_version_is_a_row_by_day(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    first, second, other, fund = bills(books, Wanted()).items
    assert (first.bill_id, first.sha256) == ("WECHAT_PAY.trade.2011-01-10.1", READ.blob)
    assert (first.lines, first.paid_fen, first.fee_milli_fen) == (3, 13_000, 20_000)
    assert (first.opening_fen, first.taken_by, first.position) == (None, MAKER, 2)
    assert (second.version, second.sha256, second.reason) == (2, "", "taken back")
    assert (second.lines, second.format) == (0, "")
    assert (other.channel, fund.kind) == ("JD_PAY", "fund")
    assert (fund.opening_fen, fund.closing_fen, fund.mapping) == (-5, 0, "cd" * 32)


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (Wanted(channel="WECHAT_PAY"), [2, 3, 1]),
        (Wanted(kind="trade"), [2, 3, 4]),
        (Wanted(channel="WECHAT_PAY", kind="fund"), [1]),
        (Wanted(from_=NEXT), [1]),
        (Wanted(to=NEXT), [2, 3, 4]),
        (Wanted(channel="JD_PAY", to=DAY), []),
        (Wanted(from_=date(2012, 1, 1)), []),
    ],
)
def test_bills_are_found(books: Connection, wanted: Wanted, positions: list[int]) -> None:
    apply(books, MODEL, FACTS, 100)
    assert [one.position for one in bills(books, wanted).items] == positions
    assert count_bills(books, wanted) == len(positions)
    newest = [one.position for one in bills(books, wanted, newest_first=True).items]
    assert newest == positions[::-1]
