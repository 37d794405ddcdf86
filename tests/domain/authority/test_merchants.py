"""A merchant's money is stopped: pending money does not fall due, and what is taken is carried, or
is payable no more."""

from datetime import timedelta

import pytest

from domain.authority.commands import DeductMoney, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.kernel import DAY_US
from domain.payment.commands import RecordOutcome
from domain.refusals import Code
from domain.settlement import batch, carry
from domain.settlement.commands import RetryPayout
from domain.settlement.reserving import ReturnDeposit, TakeDeposit
from tests.books import TEA, Books, refusal
from tests.domain.payment.contradicting import say
from tests.domain.settlement.test_carried import identity, released, sealed, settled
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY
from tests.keeping import end_days, money, right

ENDS = PAY_DAY + timedelta(days=90)
PENDING, AVAILABLE = f"2241.02.{TEA}", f"2241.03.{TEA}"
DAY = timedelta(days=1)


def place(leaf: str, fen: int | None, no: str = "F1") -> PlaceOrder:
    return PlaceOrder(no, "COURT", f"{no}号", leaf, fen, ENDS)


def deduct(fen: int, no: str = "K1") -> DeductMoney:
    return DeductMoney(no, "F1", f"扣{no}号", fen, "ab" * 16, "cd" * 16, "6677")


def test_what_is_stopped_does_not_fall_due_and_is_paid_by_a_later_batch(books: Books) -> None:
    released(books, TEA, 10_000)  # 98.95 after the fee of 1.05.
    sealed(books, TEA, PAY_DAY)
    books.do(place(PENDING, 4_000))
    settled(books, TEA, PAY_DAY)
    assert (books.balance(PENDING), books.balance("2241.05")) == (4_000, 5_895)
    assert books.state(f"carry-{TEA}").carry_fen == 4_000
    books.do(LiftOrder("F1", "解1号"))
    books.next_day()
    sealed(books, TEA, PAY_DAY + DAY)
    settled(books, TEA, PAY_DAY + DAY)
    assert books.balance(PENDING) == 0


def test_what_is_taken_out_of_pending_money_is_carried(books: Books) -> None:
    released(books, TEA, 10_000)
    books.do(place(PENDING, 4_000))
    books.do(deduct(3_000))
    identity(books, TEA)
    assert books.state(f"carry-{TEA}").carry_fen == -3_000
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    assert books.balance(PENDING) == 1_000
    books.do(RecordOutcome("deduct-K1", declined="no such account"))
    identity(books, TEA)
    assert books.state(f"account-{PENDING}").stopped_for("F1") == 4_000
    books.do(deduct(4_000, "K2"))
    books.do(RecordOutcome("deduct-K2", succeeded="B2"))
    identity(books, TEA)
    assert books.balance(PENDING) == 0


def test_all_of_it_taken_and_back_there_is_a_batch_that_pays_it(books: Books) -> None:
    released(books, TEA, 10_000)
    books.do(place(PENDING, None))
    books.do(deduct(9_895))
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    books.next_day()
    books.do(RecordOutcome("deduct-K1", declined="no such account"))
    books.do(LiftOrder("F1", "解1号"))
    identity(books, TEA)
    sealed(books, TEA, PAY_DAY + DAY)
    settled(books, TEA, PAY_DAY + DAY)
    assert (books.balance(PENDING), books.balance("2241.05")) == (0, 9_895)


def test_an_order_on_available_money_keeps_what_it_wants_from_falling_due(books: Books) -> None:
    released(books, TEA, 10_000)
    sealed(books, TEA, PAY_DAY)
    books.do(place(AVAILABLE, 4_000))
    settled(books, TEA, PAY_DAY)
    assert (books.balance(PENDING), books.balance(AVAILABLE)) == (4_000, 0)


def test_a_payout_that_comes_back_is_stopped_and_not_paid_again(books: Books) -> None:
    released(books, MERCHANT, 1_000)
    books.next_day()
    sealed(books, MERCHANT, PAY_DAY)
    books.at_us += DAY_US
    settled(books, MERCHANT, PAY_DAY)
    payout, leaf = batch.payout_number(f"{MERCHANT}-{PAY_DAY}", 1), f"2241.03.{MERCHANT}"
    books.do(place(leaf, None))
    books.do(RecordOutcome(payout, declined="name differs"))
    held = books.state(f"account-{leaf}")
    assert (held.balance_fen, held.stopped_fen, held.holds) == (994, 994, ())
    again = RetryPayout(f"{MERCHANT}-{PAY_DAY}", payout)
    assert refusal(books, again, MAKER) is Code.ACCOUNT_FROZEN
    say(books, payout, "succeeded", "B1")  # Nothing of what is stopped makes up for it.
    assert books.balance(leaf) == 994
    assert books.balance("1122.04.BANK_TRANSFER") == 994


OWN = f"2241.03.{MERCHANT}"


def given_back(books: Books, fen: int, no: str = "B1") -> None:
    """A deposit that was paid in is the merchant's again, for a batch to pay."""
    books.do(TakeDeposit(no, MERCHANT, fen, "statement", "agreed"), CHECKER)
    books.do(ReturnDeposit(no, "not needed"))


def payable_fen(books: Books) -> int:
    right(books)
    state: carry.State = books.state(carry.stream(MERCHANT))
    return state.payable_fen


@pytest.mark.parametrize("taken_fen", [9_940, 4_000])
def test_what_is_taken_out_of_available_money_no_batch_pays(books: Books, taken_fen: int) -> None:
    given_back(books, 9_940)
    books.do(place(OWN, taken_fen))
    books.do(deduct(taken_fen))
    assert payable_fen(books) == 9_940 - taken_fen
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    end_days(books, 4)
    assert (money(books), payable_fen(books)) == ([0, 0, 0, 0], 0)
    opened = sum(isinstance(fact, batch.Opened) for _, fact in books.log)
    end_days(books, 4)
    assert sum(isinstance(fact, batch.Opened) for _, fact in books.log) == opened


@pytest.mark.parametrize("how", ["declined", "returned"])
def test_what_comes_back_is_paid_by_a_batch(books: Books, how: str) -> None:
    given_back(books, 9_940)
    books.do(place(OWN, 9_940))
    books.do(deduct(9_940))
    end_days(books, 4)
    if how == "returned":
        books.do(RecordOutcome("deduct-K1", succeeded="B1"))
        books.do(ReturnDeduction("K1", "closed"))
    else:
        books.do(RecordOutcome("deduct-K1", declined="no such account"))
    assert payable_fen(books) == 9_940
    books.do(LiftOrder("F1", "解1号"))
    end_days(books, 4)
    assert (money(books), payable_fen(books)) == ([0, 0, 0, 0], 0)


def test_what_was_paid_after_its_decline_is_payable_no_more(books: Books) -> None:
    given_back(books, 9_940)
    books.do(place(OWN, 5_000))
    books.do(deduct(5_000))
    say(books, "deduct-K1", "declined", reason="closed")
    assert payable_fen(books) == 9_940
    say(books, "deduct-K1", "succeeded", "B1")
    assert (books.balance(OWN), payable_fen(books)) == (4_940, 4_940)


@pytest.mark.parametrize("how", ["retried", "late"])
def test_a_payout_paid_again_without_a_hold_takes_what_is_payable_last(
    books: Books, how: str
) -> None:
    released(books, MERCHANT, 1_000)
    books.next_day()
    sealed(books, MERCHANT, PAY_DAY)
    books.at_us += DAY_US
    settled(books, MERCHANT, PAY_DAY)
    payout = batch.payout_number(f"{MERCHANT}-{PAY_DAY}", 1)
    books.do(place(OWN, None))
    say(books, payout, "declined", reason="name differs")  # Stopped, and on no hold.
    given_back(books, 500)
    books.do(deduct(600))
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    books.do(LiftOrder("F1", "解1号"))
    given_back(books, 300, "B2")
    left_fen = payable_fen(books)
    if how == "retried":
        books.do(RetryPayout(f"{MERCHANT}-{PAY_DAY}", payout), MAKER)
    else:
        say(books, payout, "succeeded", "B1")
    assert books.balance(OWN) == 200
    assert payable_fen(books) == min(left_fen, 200)
