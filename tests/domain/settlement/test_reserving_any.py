"""Any sales, refunds, changes of terms and days: the reserve account is what its buckets hold,
after every command; in the end all is released and paid, and nothing twice."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting import reserve
from domain.accounting.rules import reserve as reserve_rules
from domain.authority import deduction, order
from domain.authority.commands import DeductMoney, LiftOrder
from domain.authority.outcomes import ReturnDeduction
from domain.ledger.controls import CHANGES, ItemBook
from domain.member.commands import SetSettlementTerms
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.settlement import batch
from domain.settlement.reserving import ReleaseReserveEarly, ReturnDeposit, TakeDeposit
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import Books
from tests.examples import CHECKER, MERCHANT, PAY_DAY
from tests.keeping import AVAILABLE, DEBT, HELD, PENDING, end_day, right

EXPECTED = {
    Code.REFUND_EXCEEDS_PAID,
    Code.TRANSACTION_CLOSED,
    Code.BALANCE_INSUFFICIENT,
    Code.RESERVE_NOT_FOUND,
    Code.DEDUCTION_BEYOND,
    Code.DEDUCTION_STATE_WRONG,
    Code.ACCOUNT_FROZEN,
}
cycles = st.sampled_from(["T+1", "D+0", "D+3", "weekly:mon", "weekly:fri:D", "monthly:4"])
reserved = st.one_of(
    st.just((0, 0)), st.tuples(st.sampled_from([1, 333, 1_000, 5_000, 10_000]), st.integers(1, 6))
)
steps = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 20_000)),
    st.tuples(st.just("sell"), st.integers(1, 20_000)),
    st.tuples(st.just("refund"), st.integers(0, 5), st.integers(1, 20_000)),
    st.tuples(st.just("terms"), cycles, st.sampled_from([0, 0, 3_000]), reserved),
    st.tuples(st.just("day")),
    st.tuples(st.just("day")),
    st.tuples(st.just("early"), st.integers(1, 6)),
    st.tuples(
        st.just("deposit"), st.integers(1, 5_000), st.sampled_from(["available", "statement"])
    ),
    st.tuples(st.just("back"), st.integers(0, 3)),
    st.tuples(st.just("deduct"), st.sampled_from([AVAILABLE, PENDING]), st.integers(1, 3_000)),
    st.tuples(
        st.just("told"), st.integers(0, 3), st.sampled_from(["paid", "declined", "returned"])
    ),
)


class Trade:
    """One merchant's trade, step by step."""

    def __init__(self) -> None:
        self.books = Books().open()
        self.sold = self.refunds = self.deposits = self.deductions = 0

    def step(self, kind: str, *what: Any) -> None:
        try:
            getattr(self, kind)(*what)
        except Refused as no:
            assert no.code in EXPECTED, no
        right(self.books)

    def sell(self, fen: int) -> None:
        self.sold += 1
        self.books.sell(f"O{self.sold}", (MERCHANT, fen))
        self.books.do(ConfirmReceipt(f"{MERCHANT}-O{self.sold}", "buyer"))

    def refund(self, before: int, fen: int) -> None:
        if self.sold > before:
            self.refunds += 1
            sold = f"{MERCHANT}-O{self.sold - before}"
            self.books.do(RefundTransaction(f"R{self.refunds}", sold, fen))

    def terms(self, cycle: str, least: int, reserved: tuple[int, int]) -> None:
        terms = SetSettlementTerms(MERCHANT, self.today, cycle, None, least, *reserved)
        self.books.do(terms)

    def day(self) -> None:
        end_day(self.books)

    def early(self, days: int) -> None:
        on = self.today + timedelta(days=days)
        self.books.do(ReleaseReserveEarly(MERCHANT, on, "trusted"), CHECKER)

    def deposit(self, fen: int, source: Any) -> None:
        self.deposits += 1
        self.books.do(TakeDeposit(f"B{self.deposits}", MERCHANT, fen, source, "agreed"))

    def back(self, before: int) -> None:
        number = self.deposits - before
        if number > 0 and self.books.state(f"deposit-B{number}").status != "none":
            self.books.do(ReturnDeposit(f"B{number}", "not needed"))

    def deduct(self, leaf: str, fen: int) -> None:
        """By a document that takes at once what is there."""
        self.deductions += 1
        no, tokens = f"K{self.deductions}", ("ab" * 16, "cd" * 16, "6677")
        self.books.do(DeductMoney(no, f"F{no}", f"扣{no}号", fen, *tokens, "COURT", leaf))

    def told(self, before: int, how: str) -> None:
        """The bank did, or did not; what it said before stands."""
        no = f"K{self.deductions - before}"
        if self.books.state(deduction.stream(no)).status == "instructed" and how != "returned":
            said = {"succeeded": f"S{no}"} if how == "paid" else {"declined": "no"}
            self.books.do(RecordOutcome(f"deduct-{no}", **said))
        elif self.books.state(deduction.stream(no)).status == "succeeded" and how == "returned":
            self.books.do(ReturnDeduction(no, "closed"))

    @property
    def today(self) -> date:
        on: date = self.books.state("day-books").open_date
        return on

    def end(self) -> None:
        """Deposits go back, nothing holds a payout up any more, and everything is paid out."""
        self.terms("D+0", 0, (0, 0))
        for number in range(1, self.deductions + 1):
            if self.books.state(order.stream(f"FK{number}")).status == "in_force":
                self.books.do(LiftOrder(f"FK{number}", "解号"))
        for number in range(self.deposits):
            self.back(number)
        for _ in range(45):
            end_day(self.books)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=40))
def test_every_fen_is_somewhere_and_in_the_end_paid_once(told: list[tuple[Any, ...]]) -> None:
    trade = Trade()
    for kind, *what in told:
        trade.step(kind, *what)
    trade.end()
    books = trade.books
    pending, available, held, debt = (
        books.balance(one) if f"account-{one}" in books.states else 0
        for one in (PENDING, AVAILABLE, HELD, DEBT)
    )
    assert (pending, available, held) == (0, 0, 0)
    assert debt >= 0
    paid: Counter[str] = Counter()
    for _, fact in books.log:
        if isinstance(fact, batch.Instructed):
            paid.update(payout.payout_no for payout in fact.payouts)
    assert all(count == 1 for count in paid.values())
    withheld = returned = released = 0
    for _, fact in books.log:
        if isinstance(fact, reserve.Collected):
            withheld, returned = withheld + fact.withheld_fen, returned + fact.returned_fen
        if isinstance(fact, reserve.Released):
            released += fact.amount_fen
    assert withheld == returned + released
    assert proved(books) == 0


def proved(books: Books) -> int:
    """What `verify` makes of the facts alone is still open on the reserve account; and it must find
    nothing to say."""
    found: list[tuple[str, str, str]] = []
    book = ItemBook(lambda *said: found.append(said))
    for number, (stream, fact) in enumerate(books.log):
        if type(fact) in CHANGES:
            book.take(Taken(stream, fact), f"fact {number}")
    book.compare(HELD, 0, "the end")
    assert found == []
    return len(found)


class Taken:
    """As much of a recorded fact as the book of items reads."""

    def __init__(self, stream: str, fact: Any) -> None:
        self.stream, self.fact = stream, fact


def test_a_fen_too_few_on_the_reserve_account_is_found() -> None:
    found: list[tuple[str, str, str]] = []
    book: Any = ItemBook(lambda *said: found.append(said))
    bucket = f"reserve-{MERCHANT}-2011-01-07"
    book.take(Taken(bucket, reserve.Collected(994, 0)), "1")
    book.compare(HELD, 994, "1")
    assert found == []
    book.compare(HELD, 993, "2")
    book.take(Taken(bucket, reserve.Collected(0, 995)), "3")
    assert [check for check, _, _ in found] == ["open items", "open items"]


def test_more_released_than_was_held_is_found() -> None:
    found: list[tuple[str, str, str]] = []
    book: Any = ItemBook(lambda *said: found.append(said))
    bucket = f"reserve-{MERCHANT}-2011-01-07"
    book.take(Taken(bucket, reserve.Collected(994, 0)), "1")
    entry = reserve_rules.reserve_released(PAY_DAY, MERCHANT, 995, 0)
    book.take(Taken(bucket, reserve.Released(995, 0, "", "", entry)), "2")
    assert len(found) == 1
