"""Caps of wallets against an oracle: years, classes, refunds, several wallets of one customer.

The oracle keeps every movement for ever and adds up lists; it shares no code with the domain, not
even the table of caps.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.accounting.commands import ReverseEntry
from domain.accounting.reversal import stream as reversal_of
from domain.kernel import DAY_US, shanghai_date
from domain.member import member
from domain.member.commands import CertifyMember, RegisterMember
from domain.member.terms import Source
from domain.order.commands import PayOrder
from domain.payment import spending
from domain.payment.commands import LegAsked, RecordOutcome, TransferMoney
from domain.payment.proof import Out, Proof
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import RequestWithdrawal, quoted
from domain.settlement.withdrawn import ReturnWithdrawal
from domain.transaction.commands import RefundTransaction
from tests.books import Books
from tests.domain.withdrawing import bind, recharge
from tests.examples import BUYER, FRIEND, HOLDER, MERCHANT, PARTICULARS, PROOF

THIRD = "ZHAOLIU"
WALLETS = (BUYER, FRIEND, THIRD)
PERSONS = {"A": "a1" * 16, "B": "b2" * 16}
CARDS = {BUYER: "c1" * 16, FRIEND: "c2" * 16, THIRD: "c3" * 16}
AT_US = 1_535_767_200_000_000  # 2018-09-01T10:00:00+08:00
RICH = 900_000_000
AMOUNTS = (1, 20_000, 50_000, 99_999, 100_000, 400_000, 500_000, 4_900_000, 5_000_000)
ALL: tuple[Source, ...] = ("police", "telecom", "bank_card", "tax", "education")
YUAN = 100


@dataclass
class Movement:
    """What left a wallet, and how much of it is still gone."""

    member: str
    day: date
    fen: int
    how: str  # signed, two, few; "" for a withdrawal
    static: bool


class Oracle:
    """The rules of the notice, in lists."""

    def __init__(self) -> None:
        self.moved: list[Movement] = []
        self.person: dict[str, str] = {}
        self.levels: dict[str, list[tuple[date, int]]] = {one: [] for one in WALLETS}

    def whose(self, member_id: str) -> str:
        return self.person.get(member_id, f"only {member_id}")

    def of(self, member_id: str) -> list[Movement]:
        me = self.whose(member_id)
        return [one for one in self.moved if self.whose(one.member) == me]

    def day(self, member_id: str, today: date) -> date:
        return max([today, *(one.day for one in self.of(member_id))])

    def level(self, member_id: str, day: date) -> int:
        known = [level for since, level in sorted(self.levels[member_id]) if since <= day]
        return known[-1] if known else 1

    def leaves(self, member_id: str, today: date, how: str, static: bool) -> int:
        """How much may still be paid, in fen."""
        mine, day = self.of(member_id), self.day(member_id, today)
        level = self.level(member_id, day)
        left = []
        if level == 1:
            left.append(1_000 * YUAN - sum(one.fen for one in mine))
        if how:
            paid = [one for one in mine if one.how]
            if level > 1:
                most = {2: 100_000, 3: 200_000}[level] * YUAN
                left.append(most - sum(one.fen for one in paid if one.day.year == day.year))
            now = [one for one in paid if one.day == day]
            most = {"signed": 50_000, "two": 5_000, "few": 1_000}[how] * YUAN
            left.append(most - sum(one.fen for one in now if one.how == how))
            if static:
                left.append(500 * YUAN - sum(one.fen for one in now if one.static))
        return min(left, default=10**18)

    def move(self, member_id: str, today: date, fen: int, how: str, static: bool) -> Movement:
        made = Movement(member_id, self.day(member_id, today), fen, how, static)
        self.moved.append(made)
        return made


HOW = {
    (): "few",
    ("password",): "few",
    ("certificate",): "few",
    ("password", "code"): "two",
    ("password", "certificate"): "signed",
}
factors = st.sampled_from(sorted(HOW))
wallets = st.sampled_from(WALLETS)
amounts = st.sampled_from(AMOUNTS)
mostly_not = st.sampled_from((False, False, False, True))


class Caps(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.books, self.oracle, self.count = Books(), Oracle(), 0
        self.books.at_us = AT_US
        self.books.open()
        self.books.do(RegisterMember(THIRD, "personal", "赵六"))
        for member_id in WALLETS:
            bind(self.books, CARDS[member_id], member_id)
            recharge(self.books, RICH, f"W{member_id}", member_id)
        self.sold: list[tuple[str, int, Movement]] = []  # Number, refundable, what it used.
        self.waiting: list[tuple[str, Movement]] = []
        self.left: list[tuple[str, Movement]] = []
        self.transferred: list[tuple[str, Movement]] = []

    @property
    def today(self) -> date:
        return shanghai_date(self.books.at_us)

    def number(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def proof(self, by: Any, *out: Any) -> Proof | None:
        return Proof(PROOF, Out(*out), by, self.books.at_us + 1) if by else None

    def tried(self, command: Any, leaves_fen: int, fen: int) -> bool:
        """Whether it was done; the oracle must agree."""
        try:
            self.books.do(command)
        except Refused as no:
            assert no.code is Code.WALLET_CAP, no
            assert fen > leaves_fen, no
            return False
        assert fen <= leaves_fen
        return True

    @rule(days=st.sampled_from((0, 1, 1, 1, 30, 200, 366, -1, -40)))
    def time_goes(self, days: int) -> None:
        self.books.at_us = max(AT_US, self.books.at_us + days * DAY_US)

    @rule(
        who=wallets,
        person=st.sampled_from("AB"),
        level=st.sampled_from((1, 2, 3)),
        in_days=st.sampled_from((0, 0, 3)),
    )
    def certify(self, who: str, person: str, level: int, in_days: int) -> None:
        person = self.oracle.person.get(who, person)
        since = self.today + timedelta(days=in_days)
        self.books.do(CertifyMember(who, level, since, ALL, HOLDER, PARTICULARS, PERSONS[person]))
        self.oracle.person[who] = person
        kept = [one for one in self.oracle.levels[who] if one[0] != since]
        self.oracle.levels[who] = [*kept, (since, level)]

    @rule(payer=wallets, payee=wallets, fen=amounts, by=factors, static=mostly_not)
    def transfer(self, payer: str, payee: str, fen: int, by: Any, static: bool) -> None:
        if payer == payee:
            return
        number = self.number("X")
        how = HOW[by]
        leaves = self.oracle.leaves(payer, self.today, how, static)
        proof = self.proof(by, "transfer", payer, number, payee, fen)
        if self.tried(TransferMoney(number, payer, payee, fen, proof, static), leaves, fen):
            made = self.oracle.move(payer, self.today, fen, how, static)
            self.transferred.append((number, made))

    @precondition(lambda self: self.transferred)
    @rule(data=st.data())
    def turn_round(self, data: Any) -> None:
        number, made = self.transferred.pop(
            data.draw(st.integers(0, len(self.transferred) - 1), label="which")
        )
        first = f"transfer-{number}#1"
        self.books.do(ReverseEntry(first, "by mistake"))
        gone, made.fen = made.fen, 0
        if data.draw(st.booleans(), label="and back"):
            self.books.do(ReverseEntry(f"{reversal_of(first)}#1", "it was right"))
            self.oracle.move(made.member, self.today, gone, made.how, made.static)

    @rule(fen=amounts, by=factors, static=mostly_not, more=st.sampled_from((0, 700)))
    def pay(self, fen: int, by: Any, static: bool, more: int) -> None:
        """An order of the buyer, by the wallet alone or beside a channel."""
        number = self.number("O")
        how, payment = HOW[by], f"P{number}"
        self.books.place(number, (MERCHANT, fen + more))
        leaves = self.oracle.leaves(BUYER, self.today, how, static)
        proof = self.proof(by, "payment", BUYER, payment, number, fen)
        legs = (LegAsked("WALLET_BALANCE", fen), LegAsked("JD_PAY", more))
        wish = PayOrder(payment, number, "WALLET_BALANCE", (), proof, static)
        if more:
            wish = PayOrder(payment, number, "", legs, proof, static)
        if self.tried(wish, leaves, fen):
            made = self.oracle.move(BUYER, self.today, fen, how, static)
            if more:
                self.waiting.append((number, made))
            else:
                self.sold.append((number, fen, made))

    @precondition(lambda self: self.waiting)
    @rule(comes=st.booleans())
    def channel_answers(self, comes: bool) -> None:
        number, made = self.waiting.pop()
        if comes:
            self.books.do(RecordOutcome(f"pay2-P{number}", succeeded=f"S{number}"))
            self.sold.append((number, made.fen + 700, made))
        else:
            self.books.do(RecordOutcome(f"pay2-P{number}", declined="no money"))
            made.fen = 0

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), share=st.sampled_from((2, 1)))
    def refund(self, data: Any, share: int) -> None:
        """Channels first, the wallet last."""
        place = data.draw(st.integers(0, len(self.sold) - 1), label="which")
        number, left, made = self.sold.pop(place)
        fen = max(1, left // share)
        self.books.do(RefundTransaction(self.number("R"), f"{MERCHANT}-{number}", fen))
        of_channel = left - made.fen
        made.fen -= max(0, fen - of_channel)
        if left > fen:
            self.sold.append((number, left - fen, made))

    @rule(who=wallets, fen=st.sampled_from((100, 20_000, 100_000)))
    def withdraw(self, who: str, fen: int) -> None:
        number = self.number("D")
        leaves = self.oracle.leaves(who, self.today, "", False)
        fee = quoted(self.books.state, who, fen, "T+0", self.today).fee_fen
        if self.tried(RequestWithdrawal(number, who, fen, fee), leaves, fen):
            self.left.append((number, self.oracle.move(who, self.today, fen, "", False)))

    @precondition(lambda self: self.left)
    @rule(ends=st.sampled_from(("paid", "declined", "returned")))
    def withdrawal_ends(self, ends: str) -> None:
        number, made = self.left.pop()
        asked = f"withdraw-{number}"
        if ends == "declined":
            self.books.do(RecordOutcome(asked, declined="closed"))
        else:
            self.books.do(RecordOutcome(asked, succeeded=f"S{number}"))
        if ends == "returned":
            self.books.do(ReturnWithdrawal(number, "closed"))
        if ends != "paid":
            made.fen = 0

    @invariant()
    def the_sums_are_the_lists(self) -> None:
        for who in WALLETS:
            owner = self.books.state(member.stream(who))
            state = self.books.state(spending.stream(spending.customer_of(owner)))
            mine, sums = self.oracle.of(who), state.sums
            paid = [one for one in mine if one.how]
            assert sums.opening_fen == sum(one.fen for one in mine)
            if sums.day is None:
                assert not mine
                continue
            assert sums.day == max(one.day for one in mine)
            year, now = sums.day.year, [one for one in paid if one.day == sums.day]
            assert sums.year_fen == sum(one.fen for one in paid if one.day.year == year)
            for how in ("signed", "two", "few"):
                expected = sum(one.fen for one in now if one.how == how)
                assert spending.band_fen(sums, how) == expected
            assert sums.static_fen == sum(one.fen for one in now if one.static)


Caps.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCaps = Caps.TestCase
