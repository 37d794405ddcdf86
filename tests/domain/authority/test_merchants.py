"""A merchant's money is stopped: pending money does not fall due, and what is taken is carried."""

from datetime import timedelta

from domain.authority.commands import DeductMoney, LiftOrder, PlaceOrder
from domain.kernel import DAY_US
from domain.payment.commands import RecordOutcome
from domain.refusals import Code
from domain.settlement import batch
from domain.settlement.commands import RetryPayout
from tests.books import TEA, Books, refusal
from tests.domain.payment.contradicting import say
from tests.domain.settlement.test_carried import identity, released, sealed, settled
from tests.examples import MAKER, MERCHANT, PAY_DAY

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
