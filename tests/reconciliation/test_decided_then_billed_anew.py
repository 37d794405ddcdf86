"""A bill is issued again after persons have decided about what it said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.payment.commands import RecordOutcome
from tests.reconciliation.attacked import Town, back, kinds, pay, town_of


@pytest.fixture
def town(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_of(migrated_url, tmp_path) as opened:
        yield opened
        opened.right()


def test_a_surplus_given_away_and_the_bill_has_it_no_more(town: Town) -> None:
    town.bill(0, pay("X", 500, number="unknown-1"))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "to_wallet", "LILEI")
    town.bill(0)
    town.reconcile()


def test_a_surplus_given_away_and_the_bill_has_more_of_it(town: Town) -> None:
    town.bill(0, pay("X", 500, number="unknown-1"))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "to_wallet", "LILEI")
    town.bill(0, pay("X", 700, number="unknown-1"))
    town.reconcile()


def test_a_surplus_given_away_and_the_bill_has_less_of_it(town: Town) -> None:
    town.bill(0, pay("X", 500, number="unknown-1"))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "to_wallet", "LILEI")
    town.bill(0, pay("X", 300, number="unknown-1"))
    town.reconcile()


@pytest.mark.parametrize("again_fen", [1_000, 1_200, 900, 1_100, 0])
def test_an_amount_above_given_away_and_another_bill(town: Town, again_fen: int) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("1", 1_100))
    town.no_more()
    [*found] = town.reconcile()
    assert kinds(found) == [("amount", "confirmed")]
    town.resolve(found[0]["id"], "to_wallet", "LILEI")
    town.bill(0, *([pay("1", again_fen)] if again_fen else []))
    town.reconcile()


@pytest.mark.parametrize("again_fen", [1_000, 1_200, 900, 800, 0])
def test_an_amount_below_written_off_and_another_bill(town: Town, again_fen: int) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("1", 900))
    town.no_more()
    [*found] = town.reconcile()
    assert kinds(found) == [("amount", "confirmed")]
    town.resolve(found[0]["id"], "write_off")
    town.bill(0, *([pay("1", again_fen)] if again_fen else []))
    town.reconcile()


def test_written_off_and_the_line_comes_after_all(town: Town) -> None:
    town.sell("1", 1_000)
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "write_off")
    town.bill(2, pay("1", 1_000, 2))
    town.reconcile()
    town.undo(one["id"])
    town.reconcile()


@pytest.mark.parametrize("resolution", ["write_off", "claim"])
@pytest.mark.parametrize("after", [(), (900,), (1_000,), (1_000, 1_000)])
def test_a_line_twice_resolved_and_another_bill(
    town: Town, resolution: str, after: tuple[int, ...]
) -> None:
    town.sell("1", 1_000)
    town.sell("2", 1_000)
    town.refund("R1", "1", 400)
    refund = back("R1", "1", 400)
    town.bill(0, pay("1", 1_000), pay("2", 1_000), refund, back("R1", "1", 400, serial="B9"))
    town.no_more()
    [one] = town.reconcile()
    assert one["type"] == "duplicate"
    town.resolve(one["id"], resolution)
    town.bill(0, pay("2", 1_000), *(pay("1", fen, serial=f"S1{n}") for n, fen in enumerate(after)))
    town.reconcile()


@pytest.mark.parametrize("ended", [[0], [1], [2], [0, 2], [1, 2]])
def test_a_line_four_times_and_some_of_it_ended(town: Town, ended: list[int]) -> None:
    town.sell("1", 1_000)
    town.bill(0, *([pay("1", 1_000)] * 4))
    town.no_more()
    alike = [one["id"] for one in town.reconcile()]
    for at in ended:
        town.resolve(alike[at], "to_wallet", "LILEI")
    states = {each: "resolved" if at in ended else "confirmed" for at, each in enumerate(alike)}
    assert {one["id"]: one["state"] for one in town.reconcile()} == states
    assert town.balance("2241.08.WECHAT_PAY") == (3 - len(ended)) * 1_000
    town.undo(alike[ended[-1]])
    town.reconcile()
    town.right()
    town.bill(0, *([pay("1", 1_000)] * 2))
    town.reconcile()
    left_fen = town.balance("2241.08.WECHAT_PAY") - town.balance("1122.04.WECHAT_PAY")
    assert left_fen + town.balance("2241.01.LILEI") == 1_000  # Of the second line.


@pytest.mark.parametrize("resolution", ["to_wallet", "refund_payer"])
@pytest.mark.parametrize("again", [0, 1_000, 1_500])
def test_a_late_success_given_away_and_then_ours(town: Town, resolution: str, again: int) -> None:
    town.order("1", 1_000)
    town.do(RecordOutcome("pay-P1", declined="no answer"))
    town.bill(0, pay("1", 1_000))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], resolution, "LILEI" if resolution == "to_wallet" else "")
    town.bill(0, *([pay("1", again, 0, serial="other")] if again else []))
    town.reconcile()


def test_adopted_and_the_bill_has_it_no_more_and_again(town: Town) -> None:
    town.order("1", 1_000)
    town.do(RecordOutcome("pay-P1", declined="no answer"))
    town.bill(0, pay("1", 1_000))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "adopt")
    town.bill(0)
    found = town.reconcile()
    assert kinds(found)[-1] == ("missing_at_channel", "confirmed")
    town.bill(0, pay("1", 1_100))
    town.reconcile()


def test_a_link_and_both_lines_come_after_all(town: Town) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("X", 1_000, number="unknown-1"))
    town.no_more()
    one, two = town.reconcile()
    town.resolve(one["id"], "link", two["id"])
    town.bill(0, pay("1", 1_000))
    town.reconcile()


def test_a_claim_undone_and_the_line_comes(town: Town) -> None:
    town.sell("1", 1_000)
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "claim")
    town.bill(1, pay("1", 1_000, 1))
    town.reconcile()
    town.bill(1)
    town.reconcile()
    town.reconcile()
    town.bill(2, pay("1", 1_000, 2))
    town.reconcile()


def test_a_claimed_amount_comes_in_part(town: Town) -> None:
    town.sell("1", 1_000)
    town.bill(0, pay("1", 900))
    town.no_more()
    [one] = town.reconcile()
    town.resolve(one["id"], "claim")
    town.bill(0, pay("1", 950))
    town.reconcile()
