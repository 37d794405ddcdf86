"""The real quarter's bills and statements, made by an independent script with differences of every
kind, against the books of the same feed: every verdict right, none invented, every account
explained; in any order of arrival, stopped and resumed, issued again. The whole of it takes minutes
and runs when ZHANGFANG_TEST_SLOW is set; test_killed.py has real kills.
"""

import os
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.fresh import Write
from tests.reconciliation.bill_oracle import POOL
from tests.reconciliation.fund_files import fund_net
from tests.reconciliation.fund_oracle import standing
from tests.reconciliation.quarter import (
    FEED,
    OF_CHANNELS,
    PASSED,
    SOURCES,
    Desk,
    Made,
    days_of,
    ends,
    expected,
    explained,
    found,
    made,
    opened,
    stands,
)

pytestmark = pytest.mark.skipif(not FEED.exists(), reason="the real feed does not lie beside us")
slow = pytest.mark.skipif("ZHANGFANG_TEST_SLOW" not in os.environ, reason="ZHANGFANG_TEST_SLOW")
WHOLE = date(2011, 2, 28)
SLICE, SLICE_LAST = date(2010, 12, 8), date(2010, 12, 10)
SHORT, SHORT_LAST = date(2010, 12, 3), date(2010, 12, 8)  # The first merchants are paid on it.
Filled = Callable[[Write], str]
Feeds = Callable[[date], Path]
# Of the bills, of the statements: all that either can show.
OF_BILLS = {
    "missing_here", "missing_at_channel", "amount", "fee", "status", "currency", "duplicate",
    "refund_missing_here", "refund_missing_at_channel",
}  # fmt: skip
OF_FUNDS = {
    "receipt_unknown", "payout_missing_here", "payout_missing_at_bank", "session_short",
    "session_over",
}  # fmt: skip


@pytest.fixture(scope="session")
def agreed() -> dict[str, str]:
    """What it came to on the first database that ran: the other must say the same."""
    return {}


def in_order(desk: Desk, one: Made) -> None:
    """Each evening its bills and its statement; what stands where is right on every day."""
    for day in days_of(one.bills):
        for source in SOURCES:
            desk.bring(one, source, day)
        for session in desk.compare(day)["sessions"]:
            on = date.fromisoformat(session["date"])
            said = {each["channel"]: each["fund_bill_fen"] for each in session["channels"]}
            if "WECHAT_PAY" in said:
                assert said["WECHAT_PAY"] == fund_net(one.bank, one.bills, on)
        stands(desk, standing(one.bank, one.bills, one.verdicts, day), PASSED)


def in_any_order(desk: Desk, one: Made, other: Made, chance: random.Random) -> None:
    """Some are others' first, and issued again; each comparison is stopped, and begun anew."""
    order = [(source, day) for day in days_of(one.bills) for source in SOURCES]
    chance.shuffle(order)
    wrong_first = {key for key in order if chance.random() < 0.3}
    for source, day in order:
        if (source, day) in wrong_first and chance.random() < 0.5:
            desk.bring(other, source, day)
            desk.compare(day, source)
            wrong_first.remove((source, day))
    for source, day in order:
        if (source, day) in wrong_first:
            if chance.random() < 0.5:  # The right one comes first, and comes again.
                desk.bring(one, source, day)
                desk.compare(day, source)
            desk.bring(other, source, day)
            desk.compare(day, source)
        desk.bring(one, source, day)
        desk.compare(day, source, dies_after=chance.randrange(6))


def is_right(desk: Desk, one: Made) -> None:
    assert found(desk, one.bills) == expected(one.verdicts, one.bank)
    last = days_of(one.bills)[-1]
    stands(desk, standing(one.bank, one.bills, one.verdicts, last), {*OF_CHANNELS, *PASSED})
    explained(desk)


def test_every_verdict_is_right_and_every_account_explained(
    filled: Filled, feeds: Feeds, tmp_path: Path, agreed: dict[str, str]
) -> None:
    one = made(feeds(SLICE), SLICE_LAST, 3, 0.2)
    assert one.kinds == OF_BILLS | OF_FUNDS and any(one.bank.restored.values())
    with opened(filled(one.write), tmp_path) as desk:
        in_order(desk, one)
        is_right(desk, one)
        before = desk.context.ledger.head().position
        for day in days_of(one.bills):
            desk.compare(day)
        assert desk.context.ledger.head().position == before, "a second run records nothing"
        digest = ends(desk, days_of(one.bills)).digest()
        assert agreed.setdefault("slice", digest) == digest


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_stopped_and_issued_again_it_ends_the_same(
    filled: Filled, feeds: Feeds, tmp_path: Path, seed: int, agreed: dict[str, str]
) -> None:
    one, other = (made(feeds(SHORT), SHORT_LAST, of, 0.2) for of in (seed, seed + 100))
    with opened(filled(one.write), tmp_path) as desk:
        in_any_order(desk, one, other, random.Random(seed))
        is_right(desk, one)
        digest = ends(desk, days_of(one.bills)).digest()
        assert agreed.setdefault(f"short/{seed}", digest) == digest


@slow
@pytest.mark.timeout(3_600)
def test_the_whole_quarter_in_order(
    filled: Filled, feeds: Feeds, tmp_path: Path, agreed: dict[str, str]
) -> None:
    one = made(feeds(WHOLE), WHOLE + timedelta(days=POOL), 3, 0.04)
    assert one.kinds == OF_BILLS | OF_FUNDS and any(one.bank.restored.values())
    with opened(filled(one.write), tmp_path) as desk:
        in_order(desk, one)
        is_right(desk, one)
        digest = ends(desk, days_of(one.bills)).digest()
        assert agreed.setdefault("quarter", digest) == digest


@slow
@pytest.mark.timeout(3_600)
def test_the_whole_quarter_in_any_order(
    filled: Filled, feeds: Feeds, tmp_path: Path, agreed: dict[str, str]
) -> None:
    last = WHOLE + timedelta(days=POOL)
    one, other = (made(feeds(WHOLE), last, seed, 0.04) for seed in (3, 103))
    with opened(filled(one.write), tmp_path) as desk:
        in_any_order(desk, one, other, random.Random(3))
        is_right(desk, one)
        digest = ends(desk, days_of(one.bills)).digest()
        assert agreed.setdefault("quarter in any order", digest) == digest
