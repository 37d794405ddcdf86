"""Orders of authorities on a real ledger of either database: a story, verified; and two at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from domain.accounting import account
from domain.authority import order
from domain.authority.commands import DeductMoney, EndOrder, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.kernel import DAY_US, Command, Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code
from tests.examples import BUYER, PAID_AT, PAY_DAY
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, WALLET, balance, request, transfer

ENDS = PAY_DAY + timedelta(days=2)


def place(no: str, fen: int | None) -> PlaceOrder:
    return PlaceOrder(no, "COURT", f"{no}号", WALLET, fen, ENDS)


def deduct(no: str, of: str, fen: int) -> DeductMoney:
    return DeductMoney(no, of, f"扣{no}号", fen, "ab" * 16, "cd" * 16, "6677")


def held(ledger: Ledger) -> account.State:
    return ledger.state(account.stream(WALLET))


def sound(ledger: Ledger) -> None:
    assert verify_log(ledger.recorder) == []


def test_a_story_of_two_authorities(ledger: Ledger, open_ledger: LedgerOpener) -> None:
    """100.00 in the wallet: 120.00 are stopped for one court, 50.00 for another that waits."""
    count = 0

    def do(command: Command, days: int = 0) -> Answer:
        nonlocal count
        count += 1
        asked = Request(f"story-{count}", PAID_AT + days * DAY_US, "staff:lin", command)
        return ledger.submit(asked)

    do(place("F1", 12_000)).unwrap()
    do(place("F2", 5_000)).unwrap()
    refused = ledger.submit(transfer("T1", 1)).refused
    assert refused is not None and refused.code is Code.ACCOUNT_FROZEN
    do(RechargeWallet("W9", BUYER, "JD_PAY", 4_500)).unwrap()
    do(RecordOutcome("pay-W9", succeeded="S9")).unwrap()
    assert [held(ledger).stopped_for(no) for no in ("F1", "F2")] == [12_000, 2_500]
    do(deduct("K1", "F1", 12_000)).unwrap()
    do(RecordOutcome("deduct-K1", declined="no such account")).unwrap()
    assert [held(ledger).stopped_for(no) for no in ("F1", "F2")] == [12_000, 2_500]
    do(deduct("K2", "F1", 12_000)).unwrap()
    do(RecordOutcome("deduct-K2", succeeded="B2")).unwrap()
    assert ledger.state(order.stream("F1")).status == "executed"
    do(ReturnDeduction("K2", "account closed"), 1).unwrap()
    assert [held(ledger).stopped_for(no) for no in ("F1", "F2")] == [9_500, 5_000]
    do(LiftOrder("F1", "解1号"), 1).unwrap()
    assert held(ledger).available_fen == 9_500
    do(EndOrder("F2"), 2).unwrap()
    assert ledger.state(order.stream("F2")).status == "in_force"
    do(EndOrder("F2"), 3).unwrap()
    assert held(ledger).available_fen == 14_500
    other = open_ledger()  # What is stored folds to the same.
    assert held(other) == held(ledger)
    sound(ledger)


def test_a_freeze_and_payments_at_once(ledger: Ledger, open_ledger: LedgerOpener) -> None:
    """Two processes: one stops 60.00 of 100.00, the other pays 1.00 again and again. Whatever comes
    first, nothing of what is stopped leaves, and all else may."""
    other, barrier = open_ledger(), threading.Barrier(2)

    def pay() -> int:
        barrier.wait(30)
        answers = [other.submit(transfer(f"X{n}", 100)) for n in range(100)]
        assert {one.refused.code for one in answers if one.refused} <= {Code.ACCOUNT_FROZEN}
        return sum(one.refused is None for one in answers)

    def freeze() -> Answer:
        barrier.wait(30)
        return ledger.submit(request(place("F1", 6_000)))

    with ThreadPoolExecutor(2) as pool:
        paid, placed = pool.submit(pay), pool.submit(freeze)
        assert placed.result().refused is None
    there = held(ledger)
    assert there.balance_fen == 10_000 - 100 * paid.result()
    assert there.stopped_fen == min(6_000, there.balance_fen)
    assert there.available_fen == 0 or there.balance_fen == 6_000
    assert balance(ledger, FRIENDS) == 100 * paid.result()
    sound(ledger)


def test_in_one_commit_the_order_decides(open_ledger: LedgerOpener, ledger: Ledger) -> None:
    """A freeze and a payment in one batch: the first one wins, and the postings stay apart."""
    answers = ledger.submit_all(
        [transfer("X1", 2_000), request(place("F1", None)), transfer("X2", 1)]
    )
    assert [one.refused and one.refused.code for one in answers] == [
        None,
        None,
        Code.ACCOUNT_FROZEN,
    ]
    assert held(ledger).stopped_fen == 8_000
    with closing(Ledger.open(ledger.database.url, clock=lambda: PAID_AT)) as other:
        assert held(other) == held(ledger)
    sound(ledger)


@pytest.mark.parametrize("no", ["F1"])
def test_a_long_stream_goes_on_from_its_snapshot(ledger: Ledger, no: str) -> None:
    ledger.submit(request(place(no, 6_000))).unwrap()
    for n in range(120):
        ledger.submit(transfer(f"X{n}", 10)).unwrap()
    ledger.submit(request(LiftOrder(no, "解1号"))).unwrap()
    assert held(ledger).available_fen == 8_800
    sound(ledger)
