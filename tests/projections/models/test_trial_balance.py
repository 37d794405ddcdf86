"""Postings in, a trial balance of any day out."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.accounting.account import Posted, PostedLine
from projections.models.trial_balance import MODEL, TrialBalance, TrialRow, trial_balance
from tests.examples import log
from tests.projections.applied import apply

FIRST, SECOND = date(2010, 12, 1), date(2010, 12, 2)
FACTS = log(
    ("account-1122.01.JD_PAY", Posted(FIRST, (PostedLine("a#1", 10_000, 0),))),
    ("account-2241.04.SQUIRRELS", Posted(FIRST, (PostedLine("a#1", 0, 6_000),))),
    ("account-2241.04.TEASHOP", Posted(FIRST, (PostedLine("a#1", 0, 4_000),))),
    ("account-2241.04.SQUIRRELS", Posted(SECOND, (PostedLine("b#1", 6_000, 0),))),
    ("account-2241.02.SQUIRRELS", Posted(SECOND, (PostedLine("b#1", 0, 5_964),))),
    ("account-2202.09", Posted(SECOND, (PostedLine("b#1", 0, 36),))),
    ("account-2241.04.TEASHOP", Posted(SECOND, (PostedLine("c#1", 4_000, 0),))),
    ("account-2241.07", Posted(SECOND, (PostedLine("c#1", 0, 4_000),))),
)
RECEIVABLE = TrialRow("1122.01", "应收渠道待清算-入款", "asset", 10_000, 0)


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_each_code_stands_on_one_side_and_both_sides_are_equal(
    books: Connection, size: int | None
) -> None:
    apply(books, MODEL, FACTS, size)
    assert trial_balance(books, FIRST) == TrialBalance(
        FIRST,
        [RECEIVABLE, TrialRow("2241.04", "担保交易中间户", "liability", 0, 10_000)],
        10_000,
        10_000,
    )
    everything = [
        RECEIVABLE,
        TrialRow("2202.09", "应付-内部自有 (手续费待结转)", "liability", 0, 36),
        TrialRow("2241.02", "商户待结算", "liability", 0, 5_964),
        TrialRow("2241.04", "担保交易中间户", "liability", 0, 0),
        TrialRow("2241.07", "待退款", "liability", 0, 4_000),
    ]
    assert trial_balance(books) == TrialBalance(None, everything, 10_000, 10_000)
    assert trial_balance(books).balanced


def test_before_the_first_day_there_is_nothing(books: Connection) -> None:
    apply(books, MODEL, FACTS)
    assert trial_balance(books, date(2010, 11, 30)) == TrialBalance(date(2010, 11, 30), [], 0, 0)


def test_one_missing_line_is_seen(books: Connection) -> None:
    apply(books, MODEL, FACTS[:-1])
    assert not trial_balance(books).balanced


def test_a_date_that_comes_late_counts_on_every_later_one(books: Connection) -> None:
    """No command posts to a day before the open one; the figures would be right all the same."""
    apply(books, MODEL, FACTS)
    late = log(
        ("account-2241.04.TEASHOP", Posted(FIRST, (PostedLine("d#1", 500, 0),))),
        ("account-2241.07", Posted(FIRST, (PostedLine("d#1", 0, 500),))),
    )
    apply(books, MODEL, late)
    assert trial_balance(books, FIRST).rows[1:] == [
        TrialRow("2241.04", "担保交易中间户", "liability", 0, 9_500),
        TrialRow("2241.07", "待退款", "liability", 0, 500),
    ]
    now = {row.code: (row.debit_fen, row.credit_fen) for row in trial_balance(books).rows}
    assert (now["2241.04"], now["2241.07"]) == ((500, 0), (0, 4_500))
    assert trial_balance(books).balanced
