"""Bills that are odd: fees that round, sums below zero, any order of arrival, a moment at midnight,
refunds that fail afterwards, chargebacks of what was refunded."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.channel.numbers import part_number
from domain.kernel import to_us
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation.charging import EndChargeback, ReceiveChargeback
from tests.reconciliation.attacked import WECHAT, Town, back, day_of, kinds, noon, pay, town_of
from tests.shops import shop


@pytest.fixture
def town(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_of(migrated_url, tmp_path) as opened:
        yield opened


def test_fees_are_rounded_once_a_bill_over_days(town: Town) -> None:
    """A line's 0.4 fen is no difference; a bill's 1.2 fen is one fen."""
    for count in range(3):
        for number in range(3):
            name = f"{count}{number}"
            town.sell(name, 100)
            town.bills.setdefault(day_of(count), [])
            town.bills[day_of(count)].append(pay(name, 100, count, milli=400))
    for count in range(3):
        town.bill(count, *town.bills[day_of(count)])
    town.no_more()
    assert town.reconcile() == []
    assert town.balance(f"2202.02.{WECHAT}") == 3 == town.balance("6401.01")
    town.bill(0, *(replace(one, milli=600) for one in town.bills[day_of(0)]))
    town.reconcile()
    assert town.balance(f"2202.02.{WECHAT}") == 4 == town.balance("6401.01")
    town.right()


def test_more_refunds_than_payments(town: Town) -> None:
    town.sell("1", 10_000)
    town.refund("R1", "1", 9_000)
    town.bill(0, pay("1", 10_000))
    town.bill(1, back("R1", "1", 9_000, 1))
    town.no_more()
    assert town.reconcile() == []
    assert town.balance("6401.01") == 20 - 18
    town.right()


def test_a_refund_in_process_is_matched_and_fails_afterwards(town: Town) -> None:
    town.sell("1", 1_000)
    town.refund("R1", "1", 400, done=False)
    town.do(RecordOutcome("refund-R1", unknown="no answer"))
    town.bill(0, pay("1", 1_000), back("R1", "1", 400))
    town.no_more()
    assert town.reconcile() == []
    town.do(RecordOutcome("refund-R1", declined="no such account"))
    [one] = town.reconcile()
    assert (one["type"], one["state"], one["cause"]) == ("status", "confirmed", "declined_here")
    town.right()


@pytest.mark.parametrize("second", [0, 1, -1])
def test_money_at_midnight(town: Town, second: int) -> None:
    town.order("1", 1_000)
    at = noon(day_of(1)) - timedelta(hours=12) + timedelta(seconds=second)
    town.do(RecordOutcome("pay-P1", succeeded="S1"), at_us=to_us(at))
    town.bill(0, *([pay("1", 1_000, at=at)] if second < 0 else []))
    town.bill(1, *([pay("1", 1_000, 1, at=at)] if second >= 0 else []))
    town.no_more()
    assert town.reconcile() == []
    town.right()


def test_days_imported_last_to_first(town: Town) -> None:
    town.sell("1", 1_000)
    for count in (6, 5, 4, 3, 2):
        town.bill(count)
        town.run(count)
    town.bill(1, pay("1", 1_000, 1))
    town.run(1)
    town.bill(0, pay("X", 700, number="nobody-1"))
    town.run(0)
    assert kinds(town.listed()) == [("missing_here", "confirmed")]
    town.right()


def test_orders_of_arrival_end_the_same(town: Town) -> None:
    chance = random.Random(5)
    for number in range(8):
        town.sell(f"{number}", 1_000 + number)
    lines = {0: [pay("0", 1_000), pay("1", 900)], 1: [pay("2", 1_002, 1), pay("2", 1_002, 1)]}
    lines[2] = [pay("3", 1_003, 2, currency="USD"), pay("X", 50, 2, number="no-1")]
    seen = set()
    for _ in range(4):
        for count in chance.sample(range(7), 7):
            town.bill(count, *(lines.get(count, []) if chance.random() < 0.5 else []))
            if chance.random() < 0.5:
                town.run(count)
        for count in chance.sample(range(7), 7):
            town.bill(count, *lines.get(count, []))
            town.run(count)
        found = [(one["id"], one["type"], one["state"], one["bill_fen"]) for one in town.listed()]
        seen.add((tuple(sorted(found)), tuple(sorted(town.balances().items()))))
        town.right()
    assert len(seen) == 1


def test_a_chargeback_of_what_is_refunded_as_well(town: Town) -> None:
    town.sell("1", 1_000)
    town.sell("2", 5_000)
    town.refund("R1", "1", 600)
    town.bill(0, pay("1", 1_000), back("R1", "1", 600), pay("2", 5_000))
    town.no_more()
    town.reconcile()
    due = date(2026, 1, 1)
    town.do(ReceiveChargeback(WECHAT, "C1", "SHOP-O1", 1_000, due, "S1"))
    assert town.balance(f"1122.02.{WECHAT}") == town.billed_fen() - 1_000
    town.do(EndChargeback("WECHAT_PAY-C1", "won", "so it is"))
    assert town.balance(f"1122.02.{WECHAT}") == town.billed_fen()
    town.right()


def test_a_chargeback_that_the_bill_has_like_a_refund(town: Town) -> None:
    """No refund of ours has its number: it is linked to the chargeback, whose money it is."""
    town.sell("1", 1_000)
    town.do(ReceiveChargeback(WECHAT, "C1", "SHOP-O1", 600, date(2026, 1, 1), "S1"))
    town.bill(0, pay("1", 1_000))
    town.bill(1, back("C1", "1", 600, 1))
    town.no_more()
    [one] = town.reconcile()
    assert (one["type"], one["state"]) == ("refund_missing_here", "confirmed")
    assert town.balance(f"1122.04.{WECHAT}") == 600
    town.resolve(one["id"], "link", "WECHAT_PAY-C1")
    assert town.balance(f"1122.04.{WECHAT}") == 0
    assert town.balance(f"1122.02.{WECHAT}") == town.billed_fen()
    assert [each["state"] for each in town.reconcile()] == ["resolved"]
    town.right()


def test_parts_of_an_order_that_no_channel_was_told_of_are_not_ours(town: Town) -> None:
    """An import's order over two shops is billed under its own number; the same money again under
    numbers that its parts would have had is no match."""
    town.do(shop("TEA", "Tea", FeeRule(60), "T+1"))
    lines = (OrderLine("SHOP", 300, "nuts"), OrderLine("TEA", 700, "tea"))
    town.do(Checkout("O1", "LILEI", lines), PayOrder("P1", "O1", WECHAT))
    town.do(RecordOutcome("pay-P1", succeeded="S1"))
    parts = [part_number("pay-P1", place) for place in (1, 2)]
    again = [
        pay("1", fen, number=number, serial=f"X{number}")
        for number, fen in zip(parts, (300, 700), strict=True)
    ]
    town.bill(0, pay("1", 1_000), *again)
    town.no_more()
    found = town.reconcile()
    assert [(one["type"], one["number"], one["bill_fen"]) for one in found] == [
        ("missing_here", parts[0], 300),
        ("missing_here", parts[1], 700),
    ]
    assert town.balance(f"1122.01.{WECHAT}") == 0
    assert town.balance(f"2241.08.{WECHAT}") == 1_000
    town.right()
