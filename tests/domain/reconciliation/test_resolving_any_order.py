"""Differences in whatever order persons, bills and channels come: after every commit the open items
are their accounts, from the states and from the facts alone, and the identity holds."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Unit
from domain.payment.commands import TransferMoney
from domain.reconciliation import chargeback
from domain.reconciliation.charging import EndChargeback, ReceiveChargeback
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from domain.reconciliation.sent import claim_arrived
from domain.refusals import Code, Refused
from domain.settlement.reserving import TakeDeposit
from tests.books import Books
from tests.domain.payment.contradicting import say
from tests.domain.reconciliation.conftest import adds_up
from tests.domain.reconciliation.differing import about_of, clear, confirm, state
from tests.examples import BUYER, CHECKER, FRIEND, MAKER, MERCHANT, PAY_DAY

PERSONS = (MAKER, CHECKER, "operator:third")
ABOUT = (
    about_of("missing_here", "surplus", 1_000, number="A"),
    about_of("receipt_unknown", "surplus", 1_000, number="B"),
    about_of("session_short", "shortage", 1_000, number="C"),
    about_of("missing_at_channel", "shortage", 700, number="D"),
    about_of("fee", "nothing", 1, number="E", ours_fen=28_000, bill_fen=30_000),
)
which, who = st.integers(0, len(ABOUT) - 1), st.sampled_from(PERSONS)
WAYS = ("refund_payer", "to_wallet", "write_off", "claim", "link", "met", "correct_fee", "accept")
CASES = ("JD_PAY-C1", "JD_PAY-C2")  # Chargebacks of as much.
steps = st.one_of(
    st.tuples(st.just("propose"), which, who, st.sampled_from(WAYS), which),
    st.tuples(st.just("approve"), which, who),
    st.tuples(st.just("approve"), which, who),
    st.tuples(st.just("turn_down"), which, who),
    st.tuples(st.just("undo"), which, who),
    st.tuples(st.just("clear"), which),
    st.tuples(st.just("confirm"), which),
    st.tuples(st.just("arrives"), which),
    st.tuples(st.just("says"), which, st.sampled_from(("succeeded", "declined"))),
    st.tuples(st.just("spend")),
    st.tuples(st.just("wins"), which),
    st.tuples(st.just("meets"), st.integers(0, 2), which),
    st.tuples(st.just("parts"), st.integers(0, 2)),
)
EXPECTED = frozenset(
    {
        Code.DIFFERENCE_STATE_WRONG,
        Code.RESOLUTION_UNFIT,
        Code.RESOLUTION_FINAL,
        Code.CHECKER_IS_MAKER,
        Code.REQUEST_INVALID,
        Code.BALANCE_INSUFFICIENT,
        Code.CHARGEBACK_STATE_WRONG,
    }
)


class Told:
    """Books with differences, and the ids of the instructions that they have had."""

    def __init__(self) -> None:
        self.books = Books().open()
        self.books.do(TakeDeposit("D1", MERCHANT, 100_000, "statement", "agreed"))
        self.books.sell("O1", (MERCHANT, 10_000))
        for case in CASES:
            number = case.removeprefix("JD_PAY-")
            self.books.do(ReceiveChargeback("JD_PAY", number, f"{MERCHANT}-O1", 1_000, PAY_DAY))
        self.ids = [confirm(self.books, about) for about in ABOUT]
        self.spent = 0

    def step(self, name: str, place: int = 0, *more: Any) -> None:
        getattr(self, name)(self.ids[place], place, *more)

    def propose(self, named: str, _place: int, by: str, way: str, other: int) -> None:
        to = {"to_wallet": BUYER, "link": self.ids[other], "met": CASES[other % 2]}.get(way, "")
        self.books.do(ProposeResolution(named, way.replace("met", "link"), "x", to), by)

    def approve(self, named: str, _place: int, by: str) -> None:
        self.books.do(ApproveResolution(named), by)

    def turn_down(self, named: str, _place: int, by: str) -> None:
        self.books.do(TurnDownResolution(named, "x"), by)

    def undo(self, named: str, _place: int, by: str) -> None:
        self.books.do(UndoResolution(named, "x"), by)

    def clear(self, named: str, _place: int) -> None:
        clear(self.books, named)

    def confirm(self, _named: str, place: int) -> None:
        confirm(self.books, ABOUT[place])

    def arrives(self, named: str, _place: int) -> None:
        def comes(unit: Unit) -> None:
            claim_arrived(unit, named, "a bill")

        self.books.decide(comes, "system:worker")

    def says(self, named: str, _place: int, said: str) -> None:
        wanted = state(self.books, named).awaits
        if wanted.startswith("diff-"):
            say(self.books, wanted, said, "B1" if said == "succeeded" else "", reason="no")

    def meets(self, named: str, place: int, other: int) -> None:
        """Two persons link it to a chargeback."""
        self.propose(named, place, MAKER, "met", other)
        self.approve(named, place, CHECKER)

    def parts(self, named: str, place: int) -> None:
        """Two persons undo what was done."""
        self.undo(named, place, MAKER)
        self.approve(named, place, CHECKER)

    def wins(self, _named: str, place: int) -> None:
        self.books.do(EndChargeback(CASES[place % 2], "won", "the bank"))

    def spend(self, _named: str, _place: int) -> None:
        self.spent += 1
        self.books.do(TransferMoney(f"T{self.spent}", BUYER, FRIEND, 500))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(steps, max_size=30))
def test_whatever_happens_the_items_are_their_accounts(told: list[tuple[Any, ...]]) -> None:
    books = Told()
    for name, *more in told:
        before = (dict(books.books.states), len(books.books.log))
        try:
            books.step(name, *more)
        except Refused as no:
            assert no.code in EXPECTED, no
            if name not in ("meets", "parts"):  # Of two steps the first may have been taken.
                assert (books.books.states, len(books.books.log)) == before
        adds_up(books.books)
    for named in books.ids:
        one = state(books.books, named)
        if one.status in ("confirmed", "proposed") and one.kept:
            assert one.account == one.kept
        if one.status in ("resolved", "reversed"):
            assert one.account == ""
    meets(books)


def meets(told: Told) -> None:
    """Each chargeback names what it is met by, and these name it; once each way."""
    named: set[tuple[str, str]] = set()
    for case in CASES:
        known = told.books.state(chargeback.stream(case))
        assert known.off is not None or known.back is None
        named |= {(one.difference, case) for one in (known.off, known.back) if one}
    ended = [(one, state(told.books, one)) for one in told.ids]
    assert named == {
        (one, known.proposed.to)
        for one, known in ended
        if known.status == "resolved" and known.proposed and known.proposed.to in CASES
    }
