"""What banks say of withdrawals against their own word, and what they return: every fen explained.

After each story the open items equal their accounts, from the states and from the facts alone, and
the day's sealed positions equal what the instructions moved.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting.chart import OWN_FUNDS
from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.accounting.owning import InstructSweep, PostSweep
from domain.channel.network import Charge
from domain.clearing.commands import OpenBooks
from domain.ledger.capacity import CapacityBook
from domain.ledger.controls import ItemBook
from domain.ledger.position_book import PositionBook
from domain.member.commands import RegisterMember
from domain.payment import withdrawal
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.commands import RecordOutcome, TransferMoney
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import InstructWithdrawal, RequestWithdrawal
from domain.settlement.withdrawn import ReturnWithdrawal
from tests.books import Books, names, refusal
from tests.days import right
from tests.domain.test_open_items import items_of, recorded
from tests.domain.withdrawing import (
    FEES,
    KEPT,
    OWED,
    PAYABLE,
    SHORT,
    TRANSIT,
    WALLET,
    ready,
)
from tests.examples import BUYER, BUYER_NAME, FRIEND, PAY_DAY

AMOUNT, FEE = 10_000, 10
ID = "withdraw-X1"


def all_explained(books: Books) -> None:
    """Open items by states and by facts, positions, promises: nothing is left over."""
    items = items_of(books)
    for leaf in (TRANSIT, KEPT, SHORT):
        if f"account-{leaf}" in books.states:
            assert books.balance(leaf) == items.get(leaf, 0), leaf
    right(books)
    books.next_day()
    findings: list[Any] = []

    def report(*one: str) -> None:
        findings.append(one)

    positions, promised = PositionBook(report), CapacityBook(report, {})
    opened = ItemBook(report)
    for one in recorded(books):
        positions.take(one, one.reference)
        opened.take(one, one.reference)
        promised.take(one)
    promised.end_commit(1, len(books.log))
    for leaf in (TRANSIT, KEPT, SHORT):
        opened.compare(leaf, books.balance(leaf), "the end")
    assert findings == []


@pytest.fixture
def asked(books: Books) -> Iterator[Books]:
    """100.00 on its way to a card, 90.10 left in the wallet."""
    ready(books, 19_020)
    books.do(RequestWithdrawal("X1", BUYER, AMOUNT, FEE))
    yield books
    all_explained(books)


def say(books: Books, said: Any, serial: str = "", **more: Any) -> None:
    """What the bank says by itself."""
    books.do(RecordAnswer(ID, said, serial=serial, **more))


def ask(books: Books) -> int:
    attempt = int(books.state(f"instruction-{ID}").tried.attempt) + 1
    books.at_us += 3_600_000_000
    books.do(ClaimAttempt(ID, attempt, True, ID, f"{ID}x"))
    return attempt


def state(books: Books) -> withdrawal.State:
    found: withdrawal.State = books.state(withdrawal.stream("X1"))
    return found


def stages(books: Books) -> list[str]:
    return [one.stage for one in books.state(f"contradiction-{ID}").items]


def test_returned_days_later_with_the_fee_where_speed_was_paid_for(asked: Books) -> None:
    say(asked, "succeeded", "B1")
    assert (asked.balance(WALLET), asked.balance(FEES)) == (9_010, 10)
    for _ in range(3):
        asked.next_day()
    say(asked, "returned", "B1R", reason="card closed")
    assert (asked.balance(WALLET), asked.balance(FEES), asked.balance(OWED)) == (19_020, 0, AMOUNT)
    assert (state(asked).status, state(asked).fee_fen) == ("returned", 0)
    assert stages(asked) == ["ended"]
    say(asked, "returned", "B1R", reason="card closed")
    assert asked.balance(WALLET) == 19_020


def test_what_was_paid_for_the_carrying_is_kept(books: Books) -> None:
    ready(books, 20_000)
    books.do(RequestWithdrawal("X1", BUYER, AMOUNT, 5, speed="T+1"))
    books.next_day()
    books.do(InstructWithdrawal("X1"))
    say(books, "succeeded", "B1")
    say(books, "returned", "B1R")
    assert (books.balance(WALLET), books.balance(FEES)) == (19_995, 5)
    all_explained(books)


def test_a_fee_that_was_swept_comes_out_of_own_funds(asked: Books) -> None:
    say(asked, "succeeded", "B1")

    asked.do(InstructSweep("S1", 7, "fees"))
    asked.do(PostSweep("S1", 7, "L1"))
    say(asked, "returned", "B1R")
    assert (asked.balance(WALLET), asked.balance(FEES)) == (19_020, 0)
    assert (asked.balance("6001.02"), asked.balance("1122.05")) == (0, 0)
    assert (asked.balance(OWN_FUNDS), asked.balance("1122.06")) == (0, 7)
    all_explained(asked)


def test_the_statement_alone_shows_it_and_then_the_channel_tells(asked: Books) -> None:
    say(asked, "succeeded", "B1")
    returned = ReturnWithdrawal("X1", "card closed")
    asked.do(returned)
    assert (asked.balance("1001.01"), asked.balance(WALLET)) == (AMOUNT, 19_020)
    assert names(asked, returned) == []
    say(asked, "returned", "B1R")
    assert (asked.balance(WALLET), asked.balance(OWED)) == (19_020, 0)
    assert stages(asked) == ["certain"], "listed, until somebody has compared the two"


def test_only_what_was_paid_comes_back(asked: Books) -> None:
    assert refusal(asked, ReturnWithdrawal("X1", "x")) is Code.WITHDRAWAL_STATE_WRONG
    assert refusal(asked, ReturnWithdrawal("X2", "x")) is Code.WITHDRAWAL_NOT_FOUND
    say(asked, "declined", reason="x")
    assert refusal(asked, ReturnWithdrawal("X1", "x")) is Code.WITHDRAWAL_STATE_WRONG


def test_paid_after_its_decline_it_is_taken_again_with_the_fee(asked: Books) -> None:
    say(asked, "declined", reason="closed")
    assert asked.balance(WALLET) == 19_020
    say(asked, "succeeded", "B1")
    assert (asked.balance(WALLET), asked.balance(FEES)) == (9_010, 10)
    assert (state(asked).status, stages(asked)) == ("succeeded", ["ended"])
    say(asked, "returned", "B1R")
    assert (asked.balance(WALLET), asked.balance(FEES)) == (19_020, 0)


@pytest.mark.parametrize(
    ("left", "wallet", "missing", "fee"),
    [(3_000, 0, 7_000, 0), (0, 0, 10_000, 0), (10_005, 5, 0, 0), (10_010, 0, 0, 10)],
)
def test_paid_after_its_decline_when_the_wallet_was_spent(
    asked: Books, left: int, wallet: int, missing: int, fee: int
) -> None:
    say(asked, "declined", reason="closed")
    asked.do(TransferMoney("T1", BUYER, FRIEND, 19_020 - left))
    say(asked, "succeeded", "B1")
    assert (asked.balance(WALLET), asked.balance(SHORT)) == (wallet, missing)
    assert (asked.balance(FEES), asked.balance(PAYABLE)) == (fee, 10_300)


def test_paid_after_its_decline_out_of_a_wallet_that_is_frozen_it_is_missing(asked: Books) -> None:
    say(asked, "declined", reason="closed")
    asked.do(FreezeAccount(WALLET, "out", "court"))
    say(asked, "succeeded", "B1")
    assert (asked.balance(WALLET), asked.balance(SHORT)) == (19_020, AMOUNT)


def test_paid_after_its_decline_out_of_what_was_kept_apart(books: Books) -> None:
    ready(books, AMOUNT + FEE)
    books.do(RequestWithdrawal("X1", BUYER, AMOUNT, FEE))
    books.do(CloseAccount(WALLET))
    say(books, "declined", reason="closed")
    assert books.balance(KEPT) == AMOUNT + FEE
    say(books, "succeeded", "B1")
    assert (books.balance(KEPT), books.balance(FEES)) == (0, FEE)
    say(books, "returned", "B1R")
    assert (books.balance(KEPT), books.balance(FEES)) == (AMOUNT + FEE, 0)
    all_explained(books)


def test_paid_twice_and_taken_back(asked: Books) -> None:
    say(asked, "succeeded", "B1")
    say(asked, "succeeded", "B2")
    attempt = ask(asked)
    both = (Charge("B1", AMOUNT, 0), Charge("B2", AMOUNT, 0))
    say(asked, "succeeded", "B1", amount_fen=AMOUNT, charges=both, attempt=attempt)
    assert asked.balance(SHORT) == AMOUNT
    say(asked, "declined", reason="taken back")
    attempt = ask(asked)
    say(asked, "declined", reason="taken back", attempt=attempt)
    assert (asked.balance(KEPT), asked.balance(PAYABLE)) == (AMOUNT, 10_300)


WORDS = st.sampled_from(
    ["succeeded", "again", "declined", "returned", "unknown", "query", "statement"]
)


@settings(max_examples=120, deadline=None)
@given(
    words=st.lists(WORDS, min_size=1, max_size=7),
    spent=st.integers(0, 19_020),
    spends_at=st.integers(0, 7),
    closes_at=st.integers(0, 12),
)
def test_whatever_the_bank_says_in_whatever_order_every_fen_is_explained(
    words: list[str], spent: int, spends_at: int, closes_at: int
) -> None:
    books = Books()
    books.do(OpenBooks(PAY_DAY))
    books.do(RegisterMember(BUYER, "personal", BUYER_NAME))
    books.do(RegisterMember(FRIEND, "personal", "韩梅梅"))
    ready(books, 19_020)
    books.do(RequestWithdrawal("X1", BUYER, AMOUNT, FEE))
    for place, word in enumerate(words):
        if place == spends_at:
            _maybe(books, TransferMoney("T1", BUYER, FRIEND, max(1, spent)))
        if place == closes_at:
            _maybe(books, TransferMoney("T2", BUYER, FRIEND, max(1, books.balance(WALLET))))
            _maybe(books, CloseAccount(WALLET))
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
        case "statement":
            _maybe(books, ReturnWithdrawal("X1", "shown by the statement"))
        case "again":
            say(books, "succeeded", f"B{place + 2}", amount_fen=AMOUNT)
        case "succeeded":
            say(books, "succeeded", "B1", amount_fen=AMOUNT)
        case "returned":
            say(books, "returned", "R1", reason="closed")
        case _:
            say(books, word, reason="says so")


def _maybe(books: Books, command: Any) -> None:
    with contextlib.suppress(Refused):
        books.do(command)


def test_an_outcome_by_hand_is_the_banks_word(asked: Books) -> None:
    asked.do(RecordOutcome(ID, succeeded="B1"))
    assert state(asked).status == "succeeded"
