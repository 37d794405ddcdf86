"""Freezes, arrivals, payments and deductions in any order: nothing that is stopped ever leaves.

And whatever the bank says of a deduction, in whatever order, every fen is explained.
"""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting import account
from domain.accounting.commands import CloseAccount
from domain.authority import deduction, order
from domain.authority.commands import DeductMoney, EndOrder, ExtendOrder, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.channel.network import Charge
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US
from domain.ledger import codec
from domain.member.commands import RegisterMember
from domain.order.commands import PayOrder
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.commands import LegAsked, RecordOutcome, TransferMoney
from domain.payment.plan import WALLET_CODE
from domain.refusals import Refused
from tests.books import Books
from tests.days import right
from tests.domain.settlement.test_withdrawn import all_explained
from tests.domain.withdrawing import SHORT, WALLET, recharge
from tests.examples import BUYER, BUYER_NAME, FRIEND, MERCHANT, MERCHANT_NAME, PAY_DAY
from tests.shops import shop

ENDS = PAY_DAY + timedelta(days=3)
AMOUNT = 5_000
ID = "deduct-K1"


def fresh() -> Books:
    books = Books()
    books.do(OpenBooks(PAY_DAY))
    books.do(RegisterMember(BUYER, "personal", BUYER_NAME))
    books.do(RegisterMember(FRIEND, "personal", "韩梅梅"))
    return books


def deduct(no: str, of: str, fen: int, **more: str) -> DeductMoney:
    return DeductMoney(no, of, f"扣{no}号", fen, "ab" * 16, "cd" * 16, "6677", **more)


def maybe(books: Books, command: Any) -> bool:
    with contextlib.suppress(Refused):
        books.do(command)
        return True
    return False


FEN = st.integers(1, 3_000)
ORDERS = st.sampled_from(["F1", "F2", "F3"])
STEPS = st.one_of(
    st.tuples(st.just("arrive"), FEN, ORDERS),
    st.tuples(st.just("pay"), FEN, ORDERS),
    st.tuples(st.just("order"), FEN, ORDERS),
    st.tuples(st.sampled_from(["captured", "given up"]), FEN, ORDERS),
    st.tuples(st.sampled_from(["place", "place all"]), FEN, ORDERS),
    st.tuples(st.sampled_from(["lift", "end", "extend", "day"]), FEN, ORDERS),
    st.tuples(st.sampled_from(["deduct", "direct"]), FEN, ORDERS),
    st.tuples(st.sampled_from(["paid", "declined", "returned"]), FEN, ORDERS),
)


class Told:
    """The books, and what was asked of them so far."""

    def __init__(self) -> None:
        self.books = fresh()
        self.books.do(shop(MERCHANT, MERCHANT_NAME, None, "T+1"))
        self.count = 0
        self.payments: list[str] = []
        self.deductions: list[str] = []

    def wallet(self) -> account.State:
        state: account.State = self.books.state(account.stream(WALLET))
        return state

    def step(self, what: str, fen: int, of: str) -> None:
        self.count += 1
        n, books, before = self.count, self.books, self.wallet()
        match what:
            case "arrive":
                recharge(books, fen, f"W{n}")
                assert self.wallet().balance_fen == before.balance_fen + fen
            case "pay":
                there = maybe(books, TransferMoney(f"T{n}", BUYER, FRIEND, fen))
                assert there == (fen <= before.available_fen)
            case "captured" | "given up" if self.payments:
                no = self.payments.pop(0)
                how = {"succeeded": "S1"} if what == "captured" else {"declined": "no"}
                books.do(RecordOutcome(f"pay2-{no}", **how))
            case "place" | "place all":
                most = None if what == "place all" else fen
                maybe(books, PlaceOrder(of, "COURT", f"{of}号", WALLET, most, ENDS))
            case "lift":
                maybe(books, LiftOrder(of, "解号"))
            case "end":
                maybe(books, EndOrder(of))
            case "extend":
                maybe(books, ExtendOrder(of, f"续{n}号", ENDS + timedelta(days=n)))
            case "day":
                books.at_us += DAY_US
            case "deduct" | "direct":
                self.deduct(what, fen, of)
            case "paid" | "declined" if self.deductions:
                no = self.deductions.pop(0)
                how = {"succeeded": "B1"} if what == "paid" else {"declined": "no"}
                books.do(RecordOutcome(f"deduct-{no}", **how))
            case "returned":
                maybe(books, ReturnDeduction(f"K{max(n - 2, 0)}", "closed"))
            case _:
                pass

    def deduct(self, what: str, fen: int, of: str) -> None:
        no, before = f"K{self.count}", self.wallet()
        direct = {"authority": "COURT", "account": WALLET} if what == "direct" else {}
        if maybe(self.books, deduct(no, f"D{no}" if direct else of, fen, **direct)):
            self.deductions.append(no)
            assert fen <= (before.available_fen if direct else before.stopped_for(of))

    def order(self, fen: int) -> None:
        """A plan of two legs: the wallet's is held, the channel's is awaited."""
        no = f"P{self.count}"
        self.books.place(f"O{no}", (MERCHANT, fen + 1))
        legs = (LegAsked(WALLET_CODE, fen), LegAsked("JD_PAY", 1))
        if maybe(self.books, PayOrder(no, f"O{no}", legs=legs)):
            self.payments.append(no)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=25))
def test_what_is_stopped_is_there_and_stays(steps: list[tuple[str, int, str]]) -> None:
    told = Told()
    for what, fen, of in steps:
        told.step(what, fen, of)
        now = told.wallet()
        assert now.taking_fen == 0
        assert now.balance_fen == now.held_fen + now.stopped_fen + now.available_fen
        assert min(now.stopped_fen, now.available_fen) >= 0
        assert not (now.available_fen and now.wanted_fen), "free while an order still wants it"
        left = now.stopped_fen
        for name, most in now.attached:  # The queue is filled from the front.
            assert now.stopped_for(name) == min(most, left)
            left -= now.stopped_for(name)
            if name.startswith(":"):  # On its way.
                continue
            state = told.books.state(order.stream(name))
            assert state.status == "in_force"
            assert state.left_fen in (None, most)
        assert left == 0
        right(told.books)
    folded = account.State()
    for stream, fact in told.books.log:  # Merged postings fold to the same.
        if stream == account.stream(WALLET):
            folded = codec.aggregate_of(stream).evolve(folded, fact)
    assert folded == told.wallet()
    all_explained(told.books)


# What the bank says.


def say(books: Books, said: Any, serial: str = "", **more: Any) -> None:
    books.do(RecordAnswer(ID, said, serial=serial, **more))


def ask(books: Books) -> int:
    attempt = int(books.state(f"instruction-{ID}").tried.attempt) + 1
    books.at_us += 3_600_000_000
    books.do(ClaimAttempt(ID, attempt, True, ID, f"{ID}x"))
    return attempt


def asked(spare: int = 0) -> Books:
    books = fresh()
    recharge(books, AMOUNT + spare)
    books.do(PlaceOrder("F1", "COURT", "1号", WALLET, AMOUNT, ENDS))
    books.do(deduct("K1", "F1", AMOUNT))
    return books


def test_paid_after_its_decline_it_is_taken_out_of_what_is_stopped() -> None:
    books = asked()
    say(books, "declined", reason="closed")
    say(books, "succeeded", "B1")
    assert books.balance(WALLET) == 0
    assert books.state(order.stream("F1")).status == "executed"
    say(books, "returned", "B1R", reason="closed")
    assert books.state(account.stream(WALLET)).stopped_for("F1") == AMOUNT
    assert books.state(deduction.stream("K1")).status == "returned"
    all_explained(books)


def test_paid_after_its_decline_and_after_another_was_sent_it_is_missing() -> None:
    books = asked()
    say(books, "declined", reason="closed")
    books.do(deduct("K2", "F1", AMOUNT))
    say(books, "succeeded", "B1")
    assert (books.balance(WALLET), books.balance(SHORT)) == (0, AMOUNT)
    books.do(RecordOutcome("deduct-K2", succeeded="B2"))
    assert books.state(order.stream("F1")).status == "executed"
    all_explained(books)


def test_paid_after_its_decline_and_after_it_was_lifted_and_spent() -> None:
    books = asked()
    say(books, "declined", reason="closed")
    books.do(LiftOrder("F1", "解1号"))
    books.do(TransferMoney("T1", BUYER, FRIEND, 2_000))
    say(books, "succeeded", "B1")
    assert (books.balance(WALLET), books.balance(SHORT)) == (0, 2_000)
    assert books.state(order.stream("F1")).status == "lifted"
    all_explained(books)


@pytest.mark.parametrize("how", ["succeeded", "declined"])
def test_its_account_was_closed_meanwhile(how: str) -> None:
    books = asked()
    books.do(LiftOrder("F1", "解1号"))
    books.do(CloseAccount(WALLET))
    say(books, how, **({"serial": "B1"} if how == "succeeded" else {"reason": "no"}))
    say(books, "succeeded", "B1")
    say(books, "returned", "B1R", reason="closed")
    assert books.state(deduction.stream("K1")).suspense == "2241.08.BANK_TRANSFER"
    all_explained(books)


def test_paid_twice() -> None:
    books = asked()
    say(books, "succeeded", "B1")
    say(books, "succeeded", "B2")
    attempt = ask(books)
    both = (Charge("B1", AMOUNT, 0), Charge("B2", AMOUNT, 0))
    say(books, "succeeded", "B1", amount_fen=AMOUNT, charges=both, attempt=attempt)
    assert books.balance(SHORT) == AMOUNT
    all_explained(books)


WORDS = st.sampled_from(["succeeded", "again", "declined", "returned", "unknown", "query", "hand"])


@settings(max_examples=120, deadline=None)
@given(
    words=st.lists(WORDS, min_size=1, max_size=7),
    lifts_at=st.integers(0, 12),
    again_at=st.integers(0, 12),
    closes_at=st.integers(0, 20),
)
def test_whatever_the_bank_says_every_fen_is_explained(
    words: list[str], lifts_at: int, again_at: int, closes_at: int
) -> None:
    books = asked(1_000)
    for place, word in enumerate(words):
        if place == lifts_at:
            maybe(books, LiftOrder("F1", "解1号"))
            maybe(books, TransferMoney("T1", BUYER, FRIEND, 1_500))
        if place == again_at:
            maybe(books, deduct("K2", "F1", 3_000))
        if place == closes_at:
            there = books.state(account.stream(WALLET)).available_fen
            maybe(books, TransferMoney("T2", BUYER, FRIEND, max(1, there)))
            maybe(books, CloseAccount(WALLET))
        _said(books, word, place)
        right(books)
    all_explained(books)


def _said(books: Books, word: str, place: int) -> None:
    """One word of the bank: by itself, or asked about. It is never refused."""
    match word:
        case "query":
            attempt = ask(books)
            if books.state(f"instruction-{ID}").tried.attempt == attempt:
                say(books, "succeeded", "B1", amount_fen=AMOUNT, attempt=attempt)
        case "hand":
            maybe(books, ReturnDeduction("K1", "shown by the statement"))
        case "again":
            say(books, "succeeded", f"B{place + 2}", amount_fen=AMOUNT)
        case "succeeded":
            say(books, "succeeded", "B1", amount_fen=AMOUNT)
        case "returned":
            say(books, "returned", "R1", reason="closed")
        case _:
            say(books, word, reason="says so")
