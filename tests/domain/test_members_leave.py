"""Members leave at every point of their lives, and in lives of any shape: whatever is on its way
then has an outcome, no outcome is ever refused, and the books balance."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from domain.accounting.commands import CloseAccount
from domain.events import NAMES
from domain.kernel import Command
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import PayOrder
from domain.payment.commands import RechargeWallet, TransferMoney
from domain.refusals import Code, Refused
from domain.settlement.commands import RetryPayout, ReturnPayout
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books
from tests.days import Days, outstanding, right, tell
from tests.examples import BUYER, FRIEND, MERCHANT, PAY_DAY
from tests.shops import shop as merchant

BATCH = f"{TEA}-{PAY_DAY}"
MEMBERS = (f"2241.01.{BUYER}", f"2241.01.{FRIEND}", f"2241.04.{MERCHANT}", f"2241.03.{TEA}")


def in_transit(books: Books) -> int:
    return books.balance("2241.05") + books.balance("2241.07")


def leave(books: Books) -> int:
    """Everybody who can leaves; how many did."""
    left = 0
    for account in MEMBERS:
        try:
            left += bool(books.facts_of(CloseAccount(account)))
        except Refused as no:
            assert no.code is Code.ACCOUNT_NOT_EMPTY
    return left


LIFE: list[Callable[[Books], Any]] = [
    lambda books: books.place("O1", (MERCHANT, 5_000), (TEA, 9_000)),
    lambda books: books.do(PayOrder("P1", "O1", "JD_PAY")),
    lambda books: books.do(RechargeWallet("W1", FRIEND, "WECHAT_PAY", 700)),
    lambda books: tell(books, "pay-P1", "succeeded"),
    lambda books: tell(books, "pay-W1", "succeeded"),
    lambda books: books.do(RefundTransaction("R1", f"{TEA}-O1", 1_000)),
    lambda books: books.do(TransferMoney("X1", FRIEND, BUYER, 700)),
    lambda books: books.do(ConfirmReceipt(f"{TEA}-O1", "buyer")),
    lambda books: books.do(RefundTransaction("R2", f"{MERCHANT}-O1", 5_000)),
    lambda books: books.do(RefundTransaction("R3", f"{TEA}-O1", 2_000)),
    lambda books: books.agree(MERCHANT).place("O2", (MERCHANT, 300), mode="instant"),
    lambda books: books.do(PayOrder("P2", "O2", "CLOUD_QUICKPASS")),
    lambda books: Days(books).end(lambda _: None),
    lambda books: books.do(RechargeWallet("W2", BUYER, "WECHAT_PAY", 50)),
    lambda books: tell(books, f"payout-{BATCH}-1", "succeeded"),
    lambda books: Days(books).end(lambda _: None),
]


@pytest.mark.parametrize("answer", ["succeeded", "declined"])
@pytest.mark.parametrize("left_after", range(len(LIFE) + 1))
def test_every_outcome_is_taken_whenever_members_leave(
    books: Books, left_after: int, answer: str
) -> None:
    left = 0
    for n, step in enumerate(LIFE):
        left += leave(books) if n == left_after else 0
        try:
            step(books)
        except Refused as no:  # A wish may be refused; money that has moved may not.
            known = (Code.ACCOUNT_CLOSED, Code.TRANSACTION_NOT_PAID, Code.TRANSACTION_CLOSED)
            assert no.code in (*known, Code.BALANCE_INSUFFICIENT, Code.INSTRUCTION_NOT_FOUND), n
        right(books)
    left += leave(books) if left_after == len(LIFE) else 0
    assert left
    while waiting := outstanding(books):
        for instruction in waiting:
            tell(books, instruction, "unknown")
            tell(books, instruction, answer)
    assert in_transit(books) == 0
    for order in ("O1", "O2"):
        assert books.state(f"order-{order}").status in ("none", "placed", "paid", "closed")


class Lives:
    """Members who come, trade and leave at random."""

    def __init__(self, books: Books, dice: random.Random) -> None:
        self.books, self.dice, self.count = books, dice, 0
        self.days = Days(books)
        self.people = [BUYER, FRIEND]
        self.shops = [MERCHANT, TEA]
        books.agree()

    def wish(self, command: Command) -> None:
        with suppress(Refused):
            self.books.do(command)

    def answer(self, instruction: str) -> None:
        says = self.dice.choice(["succeeded", "succeeded", "declined", "unknown", ""])
        if says:
            tell(self.books, instruction, says)

    def step(self) -> None:
        self.count += 1
        n, dice, books = self.count, self.dice, self.books
        fen = dice.randint(1, 9_000)
        match dice.randrange(12):
            case 0 | 1:
                shops = dice.sample(self.shops, min(len(self.shops), dice.randint(1, 2)))
                lines = [(shop, fen) for shop in shops]
                books.place(f"O{n}", *lines, mode=dice.choice(["escrow", "escrow", "instant"]))
                self.wish(PayOrder(f"P{n}", f"O{n}", "JD_PAY"))
            case 2:
                self.wish(RechargeWallet(f"W{n}", dice.choice(self.people), "WECHAT_PAY", fen))
            case 3:
                payer, payee = dice.sample(self.people, 2)
                had = books.balance(f"2241.01.{payer}")
                self.wish(TransferMoney(f"X{n}", payer, payee, had or 1))
            case 4 | 5:
                paid = [name for name in books.states if name.startswith("transaction-")]
                for name in dice.sample(paid, min(len(paid), 3)):
                    self.wish(ConfirmReceipt(name[12:], "buyer"))
            case 6:
                paid = [name for name in books.states if name.startswith("transaction-")]
                for name in dice.sample(paid, min(len(paid), 1)):
                    left = books.state(name).refundable_fen
                    self.wish(RefundTransaction(f"R{n}", name[12:], dice.choice([left, fen])))
            case 7 | 8:
                for instruction in outstanding(books):
                    self.answer(instruction)
            case 9:
                self.days.end(self.answer)
            case 10:
                self.retry_and_return()
            case _:
                self.leave()
        right(books)

    def retry_and_return(self) -> None:
        for batch in self.days.batches():
            for payout in self.books.state(f"settlement-{batch}").payouts:
                known = (batch, payout.payout_no)
                self.wish(self.dice.choice([RetryPayout(*known), ReturnPayout(*known, "x")]))

    def leave(self) -> None:
        shop, person = self.dice.choice(self.shops), self.dice.choice(self.people)
        for batch in self.days.batches():
            for payout in self.books.state(f"settlement-{batch}").payouts:
                if payout.status != "succeeded":  # Else a hold keeps nearly all of them.
                    self.wish(RetryPayout(batch, payout.payout_no))
        self.wish(CloseAccount(f"2241.04.{shop}"))
        self.wish(CloseAccount(f"2241.01.{person}"))
        if self.books.state(f"account-2241.04.{shop}").status == "closed":
            self.shops.append(f"S{self.count}")
            self.books.do(merchant(f"S{self.count}", "x", FeeRule(60), "D+0", 900))
            self.books.agree(f"S{self.count}")
        if self.books.state(f"account-2241.01.{person}").status == "closed":
            self.people.append(f"B{self.count}")
            self.books.do(RegisterMember(f"B{self.count}", "personal", "x"))


def test_members_come_and_go_and_no_outcome_is_lost() -> None:
    seen: Counter[str] = Counter()
    for seed in range(6):
        lives = Lives(Books().open(), random.Random(seed))
        for _ in range(250):
            lives.step()
        while waiting := outstanding(lives.books):
            for instruction in waiting:
                tell(lives.books, instruction, "declined")
        assert in_transit(lives.books) == 0
        seen.update(getattr(getattr(f, "entry", None), "rule", "") for _, f in lives.books.log)
        seen.update(NAMES[type(fact)] for _, fact in lives.books.log)
    assert {
        "account.closed.1",
        "payment.sent_back.2",
        "payment.send_back_failed.2",
        "refund_to_suspense.1",
        "payout_failed_to_suspense.1",
        "payout_returned_to_suspense.1",
        "settlement.payout_retried.1",
    } <= seen.keys()
