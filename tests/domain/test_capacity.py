"""What a start promises is at least all that can ever be posted for it; and where the door is."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting import topup
from domain.accounting.account import Posted
from domain.accounting.commands import HoldMoney, ReverseEntry
from domain.accounting.owning import ShowTopUp
from domain.clearing.commands import CutOffDay
from domain.kernel import Command
from domain.ledger import capacity
from domain.money import FeeRule
from domain.order.commands import CloseOrder, PayOrder
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, refusal
from tests.days import Days, outstanding, right, tell
from tests.examples import BUYER, CHECKER, FRIEND, MERCHANT
from tests.shops import shop

FREE = "FREE"  # Sells without a fee, is settled on the day.


def opened() -> Books:
    """Books in which every merchant may sell in mode instant."""
    books = Books().open()
    books.do(shop(FREE, "免费", FeeRule(0), "D+0"))
    return books.agree(FREE, MERCHANT, TEA)


@pytest.fixture
def books() -> Books:
    return opened()


def posted_fen(books: Books) -> int:
    """All that was ever debited."""
    facts = [fact for _, fact in books.log if isinstance(fact, Posted)]
    return sum(line.debit_fen for fact in facts for line in fact.lines)


def settled(books: Books, merchant: str) -> str:
    """The merchant's batch of today, settled: the payout's number."""
    on = books.state("day-books").open_date
    books.do(CutOffDay(on))
    batch = f"{merchant}-{on}"
    books.do(SealBatch(batch))
    books.do(ReviewBatch(batch), CHECKER)
    books.do(SettleBatch(batch))
    return f"payout-{batch}-1"


def recharge(books: Books, number: str, fen: int, member: str = BUYER) -> None:
    books.do(RechargeWallet(number, member, "JD_PAY", fen))
    books.do(RecordOutcome(f"pay-{number}", succeeded="S"))


def test_the_longest_life_of_a_payment_posts_all_that_was_promised_and_no_fen_more(
    books: Books,
) -> None:
    books.sell("1", (FREE, 1_000), mode="instant")
    payout = settled(books, FREE)
    books.do(RecordOutcome(payout, succeeded="S"))
    books.do(ReturnPayout(payout[7:-2], payout, "no such card"))
    books.do(RefundTransaction("R", f"{FREE}-1", 1_000))  # What came back is on hold: advanced.
    tell(books, "refund-R", "declined")
    [advance] = [s for s, fact in books.log if isinstance(fact, topup.Decided)]
    books.do(ShowTopUp(topup.reference_of(advance), "L1"))
    assert posted_fen(books) == books.promised_fen == capacity.SHARES["order"] * 1_000
    books.do(RetryPayout(payout[7:-2], payout))
    again = payout[:-1] + "2"
    books.do(RecordOutcome(again, succeeded="S"))
    books.do(ReturnPayout(payout[7:-2], again, "no such card"))
    assert posted_fen(books) == books.promised_fen


def test_what_goes_back_and_what_stays_unknown_post_no_more_than_was_promised(
    books: Books,
) -> None:
    books.place("1", (FREE, 1_000))
    books.do(PayOrder("P1", "1", "JD_PAY"))
    assert (books.promised_fen, posted_fen(books)) == (10_000, 0)
    books.do(RecordOutcome("pay-P1", unknown="?"))
    books.do(RecordOutcome("pay-P1", declined="no"))
    assert (books.promised_fen, posted_fen(books)) == (0, 0), "nothing will come of it"
    recharge(books, "W", 500)
    assert (books.promised_fen, posted_fen(books)) == (1_000, 500)


class Life:
    """Anything that may happen, in any order; after each step no more is posted than promised."""

    def __init__(self) -> None:
        self.books = opened()
        self.days = Days(self.books)
        self.count = 0
        self.entries: list[str] = []

    def step(self, kind: int, pick: int, fen: int) -> None:
        self.count += 1
        name = f"N{self.count}"
        books = self.books
        if kind == 0:
            merchant = (FREE, MERCHANT, TEA)[pick % 3]
            books.place(name, (merchant, fen), mode=("escrow", "instant")[pick % 2])
            books.do(PayOrder(name, name, "JD_PAY"))
        elif kind == 1:
            books.do(RechargeWallet(name, BUYER, "JD_PAY", fen))
        elif kind == 2 and (waiting := outstanding(books)):
            tell(books, waiting[pick % len(waiting)], ("succeeded", "declined")[fen % 2])
        elif kind == 3:
            self.maybe(TransferMoney(name, BUYER, FRIEND, fen))
            self.entries.append(f"transfer-{name}#1")
        elif kind == 4 and (sold := self.streams("transaction-")):
            self.maybe(ConfirmReceipt(sold[pick % len(sold)], "buyer"))
        elif kind == 5 and (sold := self.streams("transaction-")):
            self.maybe(RefundTransaction(name, sold[pick % len(sold)], fen))
        elif kind == 6:
            self.days.end(lambda one: tell(books, one, ("succeeded", "declined")[pick % 2]))
        elif kind == 7:
            for batch in self.streams("settlement-"):
                for payout in books.state(f"settlement-{batch}").payouts:
                    self.maybe(ReturnPayout(batch, payout.payout_no, "back"))
                    if pick % 2:
                        self.maybe(RetryPayout(batch, payout.payout_no))
        elif kind == 8 and self.entries:
            reference = self.entries[pick % len(self.entries)]
            self.maybe(ReverseEntry(reference, "wrong"))
            self.entries.append(f"reversal-{reference}#1")
        assert posted_fen(books) <= books.promised_fen
        right(books)

    def streams(self, prefix: str) -> list[str]:
        return sorted(name[len(prefix) :] for name in self.books.states if name.startswith(prefix))

    def maybe(self, command: Command) -> None:
        before = self.books.promised_fen
        try:
            self.books.do(command)
        except capacity.Refused:
            assert self.books.promised_fen == before


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 1_000), st.integers(1, 9_000)), max_size=40
    )
)
def test_whatever_happens_no_more_is_posted_than_was_promised(steps: list[Any]) -> None:
    life = Life()
    for step in steps:
        life.step(*step)


STARTS: list[Any] = [
    pytest.param(lambda n: RechargeWallet(n, FRIEND, "JD_PAY", 100), 200, id="a recharge"),
    pytest.param(lambda n: TransferMoney(n, BUYER, FRIEND, 100), 100, id="a transfer"),
    pytest.param(lambda n: PayOrder(n, "1", "JD_PAY"), 1_000, id="an order's payment"),
]


@pytest.mark.parametrize(("start", "fen"), STARTS)
def test_the_door_is_exactly_where_it_says(
    books: Books, monkeypatch: pytest.MonkeyPatch, start: Callable[[str], Command], fen: int
) -> None:
    recharge(books, "W", 1_000)
    books.place("1", (FREE, 100))
    monkeypatch.setattr(capacity, "DOOR_FEN", books.promised_fen + fen - 1)
    assert refusal(books, start("X")) is Code.LEDGER_FULL
    monkeypatch.setattr(capacity, "DOOR_FEN", books.promised_fen + fen)
    books.do(start("Y"))
    assert books.promised_fen == capacity.DOOR_FEN
    books.do(start("Y"))  # Asked again it promises nothing again.
    assert refusal(books, RechargeWallet("Z", FRIEND, "JD_PAY", 1)) is Code.LEDGER_FULL


def test_behind_a_closed_door_everything_that_was_let_in_comes_to_its_end(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    recharge(books, "W", 1_000)
    books.do(TransferMoney("T", BUYER, FRIEND, 100))
    for n in range(4):
        books.place(f"{n}", (FREE, 500), (MERCHANT, 300))
        books.do(PayOrder(f"P{n}", f"{n}", "JD_PAY"))
    books.do(HoldMoney(f"2241.01.{BUYER}", "H", 100, "held"))
    monkeypatch.setattr(capacity, "DOOR_FEN", 0)
    assert refusal(books, RechargeWallet("X", FRIEND, "JD_PAY", 1)) is Code.LEDGER_FULL
    for n in range(4):
        tell(books, f"pay-P{n}", "succeeded")
    books.do(ConfirmReceipt(f"{FREE}-0", "buyer"))
    books.do(RefundTransaction("R1", f"{FREE}-0", 200))
    books.do(RefundTransaction("R2", f"{MERCHANT}-1", 300))
    tell(books, "refund-R1", "declined")
    tell(books, "refund-R2", "succeeded")
    books.do(ReverseEntry("transfer-T#1", "an operator's step"))
    payout = settled(books, FREE)
    tell(books, payout, "declined")
    books.do(RetryPayout(payout[7:-2], payout))
    tell(books, payout[:-1] + "2", "succeeded")
    days = Days(books)
    for _ in range(9):
        days.end(partial(tell, books, answer="succeeded"))
    assert outstanding(books) == []
    assert books.balance(f"2241.04.{FREE}") == books.balance(f"2241.04.{MERCHANT}") == 0
    assert posted_fen(books) <= books.promised_fen


def test_operators_have_the_room_between_the_door_and_the_last_number(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    recharge(books, "W", 1_000)
    books.do(TransferMoney("T", BUYER, FRIEND, 100))
    monkeypatch.setattr(capacity, "LAST_FEN", books.promised_fen + 99)
    assert refusal(books, ReverseEntry("transfer-T#1", "x")) is Code.LEDGER_FULL
    monkeypatch.setattr(capacity, "LAST_FEN", books.promised_fen + 100)
    books.do(ReverseEntry("transfer-T#1", "x"))


def test_a_payment_that_is_declined_gives_its_place_to_the_next(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "DOOR_FEN", 200)
    books.do(RechargeWallet("A", BUYER, "JD_PAY", 100))
    assert refusal(books, RechargeWallet("B", BUYER, "JD_PAY", 1)) is Code.LEDGER_FULL
    books.do(RecordOutcome("pay-A", declined="no"))
    books.do(RechargeWallet("C", BUYER, "JD_PAY", 100))


def test_an_order_that_was_closed_takes_no_place(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "DOOR_FEN", 0)
    books.place("1", (FREE, 500))
    books.do(CloseOrder("1", "nobody paid"))
    assert books.promised_fen == 0
