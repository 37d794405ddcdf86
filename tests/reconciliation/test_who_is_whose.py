"""Lines whose number and serial point to different things, and words of the channel on another
day: whoever asks, a bill's run or what stands here, each has one place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.kernel import to_us
from domain.payment.asking import RecordAnswer
from tests.reconciliation.attacked import Town, back, day_of, kinds, noon, pay, town_of


@pytest.fixture
def town(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_of(migrated_url, tmp_path) as opened:
        yield opened
        opened.no_more()
        opened.run()
        opened.right()


def declined(town: Town, number: str) -> None:
    town.do(RecordAnswer(f"pay-P{number}", "declined", reason="no answer"))


def succeeded(town: Town, number: str, serial: str, count: int = 0) -> None:
    said = RecordAnswer(f"pay-P{number}", "succeeded", serial=serial, amount_fen=1_000)
    town.do(said, at_us=to_us(noon(day_of(count))) + 500)


def test_a_late_success_is_known_by_its_serial_alone(town: Town) -> None:
    town.order("1", 1_000)
    declined(town, "1")
    succeeded(town, "1", "S1")
    town.bill(0, pay("1", 1_000, number="other-9"))
    town.no_more()
    assert town.reconcile() == []


def test_a_success_that_was_taken_back_leaves_its_line_alone(town: Town) -> None:
    town.sell("1", 1_000)
    town.do(RecordAnswer("pay-P1", "declined", reason="no"))
    town.bill(0, pay("1", 1_000, number="other-9"))
    town.no_more()
    town.reconcile()


def test_a_refund_with_the_number_of_a_payment(town: Town) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("1", 1_000), replace(back("R1", "1", 400), number="pay-P1"))
    town.no_more()
    assert kinds(town.reconcile()) == [("refund_missing_here", "confirmed")]
    town.bill(0, replace(back("R1", "1", 400), number="pay-P1"))
    assert sorted(kinds(town.reconcile())) == [
        ("missing_at_channel", "confirmed"),
        ("refund_missing_here", "confirmed"),
    ]


def test_one_number_twice_of_which_one_is_known_by_its_serial(town: Town) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("1", 1_000, number="other-9"), pay("X", 700, number="other-9"))
    town.bill(1, pay("Y", 300, 1, number="other-9"))
    town.no_more()
    found = town.reconcile()
    assert sorted(one["bill_fen"] for one in found) == [300, 700]


@pytest.mark.parametrize("line", ["S1", "S1again"])
def test_a_second_charge_on_another_day_of_which_the_bills_have_one(town: Town, line: str) -> None:
    town.sell("1", 1_000)
    succeeded(town, "1", "S1again", 2)
    succeeded(town, "1", "S1again", 2)
    town.bill(2, pay("1", 1_000, 2, serial=line))
    town.no_more()
    town.reconcile()


def test_two_days_bills_with_one_number_and_swapped_lines(town: Town) -> None:
    town.sell("1", 1_000)
    town.sell("2", 2_000)
    town.bill(0, pay("1", 1_000), pay("2", 2_000))
    town.bill(1, pay("1", 1_000, 1, serial="S9"))
    town.no_more()
    [one] = town.reconcile()
    assert one["type"] == "duplicate"
    town.bill(0, pay("2", 1_000, serial="S1"), pay("1", 2_000, serial="S2"))
    town.reconcile()
