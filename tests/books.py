"""A ledger in memory: the real handlers, policies and unit of work, without a database.

For tests of what commands decide. Each command is a commit of its own; its facts are returned as
(stream, fact), with postings merged as the store would keep them.
"""

from collections.abc import Callable
from typing import Any

import pytest

from domain.clearing.commands import CloseDay, OpenBooks
from domain.commands import COMMANDS
from domain.events import NAMES
from domain.kernel import Command, Fact, Recorded, Unit, shanghai_date
from domain.ledger import codec
from domain.ledger.unit import Held, Overlay, UnitOfWork
from domain.member.commands import RegisterMember, SignAgreement
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from tests.examples import (
    BUYER,
    BUYER_NAME,
    FRIEND,
    MAKER,
    MERCHANT,
    MERCHANT_NAME,
    PAID_AT,
    PAY_DAY,
    SUBJECT,
)
from tests.shops import shop

TEA = "TEAHOUSE"


class Books:
    """States and facts of a ledger; commands go in with `do`."""

    def __init__(self) -> None:
        self.states: dict[str, Held] = {}
        self.log: list[tuple[str, Fact]] = []
        self._recorded: dict[str, Recorded] = {}  # By reference.
        self.at_us = PAID_AT
        self.actor = MAKER
        self.promised_fen = 0
        self.health: dict[str, Any] = {}  # A `channel.health.Summary` each.

    def do(self, command: Command, actor: str = "") -> dict[str, object]:
        """The handler's answer; raises Refused, and then nothing has happened."""
        return self.decide(lambda unit: COMMANDS[type(command)].handler(unit, command), actor)

    def decide(self, handler: Callable[[Unit], Any], actor: str = "") -> Any:
        """What no command does: a handler of one's own, a commit of its own."""
        overlay = Overlay(self._fetch, self._fact_at, self.promised_fen, lambda: self.health)
        unit = UnitOfWork(overlay, self.at_us, actor or self.actor, "request-1")
        answer = handler(unit)
        unit.react()
        overlay.accept(unit)
        for row in overlay.rows(len(self.log))[0]:
            recorded = codec.decode(row)
            self.log.append((row.stream, recorded.fact))
            self._recorded[recorded.reference] = recorded
        self.promised_fen = overlay.promised_fen
        for stream, (version, state, _) in overlay.changed.items():
            self.states[stream] = (version, state, None)
        return answer

    def facts_of(self, command: Command, actor: str = "") -> list[tuple[str, Fact]]:
        """What a command records."""
        before = len(self.log)
        self.do(command, actor)
        return self.log[before:]

    def state(self, stream: str) -> Any:
        return self._fetch(stream)[1]

    def balance(self, account: str) -> int:
        return int(self.state(f"account-{account}").balance_fen)

    def _fetch(self, stream: str) -> Held:
        return self.states.get(stream) or (0, codec.aggregate_of(stream).State(), None)

    def _fact_at(self, reference: str) -> Recorded | None:
        return self._recorded.get(reference)

    # Steps that many tests begin with.

    def open(self) -> "Books":
        """Books open on 1 December 2010; two buyers, and two merchants settled T+1 and D+0."""
        self.do(OpenBooks(PAY_DAY))
        self.do(RegisterMember(BUYER, "personal", BUYER_NAME))
        self.do(RegisterMember(FRIEND, "personal", "韩梅梅"))
        self.do(shop(MERCHANT, MERCHANT_NAME, FeeRule(60), "T+1"))
        self.do(shop(TEA, "茶叶店", FeeRule(100, 5), "D+0", 4_000))
        return self

    def agree(self, *merchants: str) -> "Books":
        """These merchants may use mode instant from today on."""
        for merchant in merchants or (MERCHANT, TEA):
            self.do(SignAgreement(merchant, "instant", shanghai_date(self.at_us)))
        return self

    def place(self, order_no: str, *lines: tuple[str, int], mode: Any = "escrow") -> None:
        sold = tuple(OrderLine(merchant, fen, SUBJECT) for merchant, fen in lines)
        self.do(Checkout(order_no, BUYER, sold, mode))

    def sell(self, order_no: str, *lines: tuple[str, int], mode: Any = "escrow") -> None:
        """An order placed, and paid through JD_PAY."""
        self.place(order_no, *lines, mode=mode)
        self.do(PayOrder(f"P{order_no}", order_no, "JD_PAY"))
        self.do(RecordOutcome(f"pay-P{order_no}", succeeded="S1"))

    def next_day(self) -> None:
        """Close the open day; business time moves on by one day."""
        self.do(CloseDay(self.state("day-books").open_date))
        self.at_us += 86_400_000_000


def refusal(books: Books, command: Command, actor: str = "") -> Code:
    """The code a command is refused with, which then has left no trace."""
    before = (dict(books.states), list(books.log))
    with pytest.raises(Refused) as no:
        books.do(command, actor)
    assert (books.states, books.log) == before
    return no.value.code


def names(books: Books, command: Command, actor: str = "") -> list[str]:
    """The stored names of what a command records, postings left out."""
    told = [NAMES[type(fact)] for _, fact in books.facts_of(command, actor)]
    return [name for name in told if name != "account.posted.1"]
