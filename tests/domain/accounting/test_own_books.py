"""The institution's own books: what it earns, pays in, sweeps and tops up, and its mirror."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting import mirror, own_funds, topup
from domain.accounting.account import Posted, PostedLine
from domain.accounting.chart import CHART, RESERVE_IDENTITY, split_id
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.owning import (
    CallOffSweep,
    InstructSweep,
    OpenMirror,
    PostOwnFunds,
    PostSweep,
    ShowTopUp,
    post_sweep,
)
from domain.kernel import Command, Line, Recorded, Unit
from domain.ledger import proof
from domain.ledger.unit import ConservationBroken
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import RequestWithdrawal
from domain.settlement.withdrawn import ReturnWithdrawal
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import Books, names, refusal
from tests.domain.test_open_items import items_of, recorded
from tests.domain.withdrawing import ready
from tests.examples import MERCHANT
from tests.keeping import end_day
from tests.member_examples import BUYER

INSIDE, MIRROR, TRANSIT, RESERVE, OWN = "2202.09", "1122.05", "1122.06", "1001.01", "1001.02"


def balances(books: Books, *accounts: str) -> list[int]:
    return [books.balance(one) for one in accounts]


def sold(books: Books, order_no: str, fen: int) -> None:
    """Sold, and the receipt confirmed: the fee is earned."""
    books.sell(order_no, (MERCHANT, fen))
    books.do(ConfirmReceipt(f"{MERCHANT}-{order_no}", "buyer"))


def top_ups(books: Books) -> list[str]:
    """References of all top-ups, in the order they were decided."""
    return [topup.reference_of(s) for s, fact in books.log if isinstance(fact, topup.Decided)]


@pytest.fixture
def earning(books: Books) -> Books:
    """A fee of 0.60 was earned."""
    sold(books, "1", 10_000)
    assert balances(books, INSIDE, MIRROR, "6001.01") == [60, 60, 60]
    return books


POSTED = [
    pytest.param("capital", {OWN: 500, "4001": 500}, id="capital"),
    pytest.param("buffer", {RESERVE: 500, OWN: -500, INSIDE: 500, MIRROR: 500}, id="a buffer"),
    pytest.param("interest", {RESERVE: 500, INSIDE: 500, MIRROR: 500, "6011": 500}, id="interest"),
]


@pytest.mark.parametrize(("kind", "moved"), POSTED)
def test_what_the_statement_shows_is_booked_once(
    books: Books, kind: own_funds.Posting, moved: dict[str, int]
) -> None:
    wanted = PostOwnFunds("N1", kind, 500, "LINE1")
    books.do(wanted)
    assert {
        a: books.balance(a) for a in CHART if CHART[a].owner == "none" and books.balance(a)
    } == moved
    assert names(books, wanted) == []
    for other in (
        PostOwnFunds("N1", kind, 501, "LINE1"),
        PostOwnFunds("N1", kind, 500, "LINE2"),
        PostSweep("N1", 500, "LINE1"),
        InstructSweep("N1", 500, "why"),
    ):
        assert refusal(books, other) is Code.OWN_MOVEMENT_EXISTS


WRONG: list[tuple[Command, str]] = [
    (PostOwnFunds("N 1", "capital", 500, "L"), "movement_no"),
    (PostOwnFunds("N1", "capital", 0, "L"), "amount_fen"),
    (PostOwnFunds("N1", "capital", True, "L"), "amount_fen"),
    (PostOwnFunds("N1", "capital", 500, ""), "statement"),
    (PostOwnFunds("N1", "capital", 500, "x" * 65), "statement"),
    (InstructSweep("N1", -1, "why"), "amount_fen"),
    (InstructSweep("N1", 1, ""), "reason"),
    (PostSweep("", 1, "L"), "movement_no"),
    (CallOffSweep("N1", "\x00"), "reason"),
    (ShowTopUp("", "L"), "reference"),
    (ShowTopUp("r", "\n"), "statement"),
]


@pytest.mark.parametrize(("command", "field"), WRONG)
def test_what_is_no_number_amount_or_text_is_named(
    books: Books, command: Command, field: str
) -> None:
    with pytest.raises(Refused) as no:
        books.do(command)
    assert no.value.field == field


def test_a_sweep_is_held_until_the_statement_shows_it(earning: Books) -> None:
    earning.do(InstructSweep("S1", 45, "fees"))
    assert names(earning, InstructSweep("S1", 45, "fees")) == []
    assert refusal(earning, InstructSweep("S2", 16, "fees")) is Code.BALANCE_INSUFFICIENT
    assert balances(earning, INSIDE, RESERVE) == [60, 0], "nothing has moved"
    with pytest.raises(Refused, match=r"it is a sweep of 0\.45 CNY, instructed"):
        earning.do(PostSweep("S1", 44, "L1"))
    assert names(earning, PostSweep("S1", 45, "L1")) == ["account.hold_released.1", "own.swept.1"]
    with pytest.raises(Refused, match=r"it is a sweep of 0\.45 CNY, shown by L1"):
        earning.do(InstructSweep("S1", 44, "fees"))
    assert balances(earning, INSIDE, MIRROR, RESERVE, OWN, "6001.01") == [15, 15, -45, 45, 60]
    assert names(earning, PostSweep("S1", 45, "L1")) == []
    assert refusal(earning, PostSweep("S1", 45, "L2")) is Code.OWN_MOVEMENT_EXISTS
    assert refusal(earning, CallOffSweep("S1", "no")) is Code.OWN_MOVEMENT_STATE_WRONG


def test_a_sweep_that_nobody_instructed_is_booked_up_to_what_is_there(earning: Books) -> None:
    """By the statement's line alone; an operator may post only what two persons have decided."""
    assert refusal(earning, PostSweep("S1", 60, "L1")) is Code.OWN_MOVEMENT_NOT_FOUND
    with pytest.raises(Refused) as no:
        earning.decide(lambda unit: post_sweep(unit, "S1", 61, "L1"))
    assert no.value.code is Code.BALANCE_INSUFFICIENT
    earning.decide(lambda unit: post_sweep(unit, "S1", 60, "L1"))
    assert balances(earning, INSIDE, MIRROR, OWN) == [0, 0, 60]


def test_a_sweep_that_is_called_off_lets_its_money_go(earning: Books) -> None:
    assert refusal(earning, CallOffSweep("S1", "no")) is Code.OWN_MOVEMENT_NOT_FOUND
    earning.do(InstructSweep("S1", 60, "fees"))
    earning.do(CallOffSweep("S1", "the bank was closed"))
    assert names(earning, CallOffSweep("S1", "the bank was closed")) == []
    assert refusal(earning, PostSweep("S1", 60, "L1")) is Code.OWN_MOVEMENT_STATE_WRONG
    earning.do(InstructSweep("S2", 60, "fees"))


def test_a_refund_while_a_sweep_is_on_its_way_takes_the_fee_from_own_funds(earning: Books) -> None:
    """Of the fee 0.60 only 0.25 is free in the reserve."""
    earning.do(InstructSweep("S1", 35, "fees"))
    earning.do(RefundTransaction("R1", f"{MERCHANT}-1", 10_000))
    assert balances(earning, INSIDE, MIRROR, TRANSIT, OWN) == [35, 35, 35, -35]
    assert balances(earning, "6001.01", "2241.07") == [0, 10_000]
    earning.do(PostSweep("S1", 35, "L1"))
    [reference] = top_ups(earning)
    assert names(earning, ShowTopUp(reference, "L2")) == ["topup.arrived.1"]
    assert balances(earning, INSIDE, MIRROR, TRANSIT, OWN, RESERVE) == [0, 0, 0, 0, 0]
    assert names(earning, ShowTopUp(reference, "L2")) == []
    assert refusal(earning, ShowTopUp(reference, "L3")) is Code.TOP_UP_STATE_WRONG
    assert refusal(earning, ShowTopUp("refund-R1#9", "L3")) is Code.TOP_UP_NOT_FOUND


def test_what_was_advanced_comes_and_what_is_recovered_goes_by_the_transit(books: Books) -> None:
    sold(books, "1", 10_000)
    for _ in range(2):
        end_day(books)  # All is paid out to the merchant.
    books.do(RefundTransaction("R1", f"{MERCHANT}-1", 10_000))
    assert balances(books, f"1122.03.{MERCHANT}", TRANSIT, OWN, RESERVE) == [
        9_940,
        9_940,
        -9_940,
        0,
    ]
    sold(books, "2", 20_000)
    for _ in range(5):
        end_day(books)
    assert balances(books, f"1122.03.{MERCHANT}", TRANSIT, OWN) == [0, 0, 0]
    into, out = top_ups(books)
    books.do(ShowTopUp(into, "L1"))
    assert balances(books, TRANSIT, RESERVE) == [-9_940, 9_940]
    books.do(ShowTopUp(out, "L2"))
    assert balances(books, TRANSIT, RESERVE) == [0, 0]


def test_what_moves_one_without_its_mirror_is_never_recorded(earning: Books) -> None:
    def wrong(unit: Unit) -> None:
        entry = balanced("x", unit.accounting_date, debit(INSIDE, 7), credit("2241.07", 7))
        stream = own_funds.stream("X")
        unit.record(stream, [own_funds.Swept(7, "L", "nobody", entry)])

    before = dict(earning.states)
    with pytest.raises(ConservationBroken):
        earning.decide(wrong)
    assert earning.states == before


def test_an_older_ledger_gets_one_opening_set(books: Books) -> None:
    """Fees of 0.60 without a mirror, as an older version has left them."""
    for code in (MIRROR, TRANSIT, "4001", "6011"):
        del books.states[f"account-{code}"]

    def before(unit: Unit) -> None:
        entry = balanced("x", unit.accounting_date, debit(RESERVE, 60), credit(INSIDE, 60))
        unit.record(own_funds.stream("X"), [own_funds.Swept(60, "L", "nobody", entry)])

    books.decide(before)
    assert mirror.difference_of(lambda stream: books.state(stream)) == "", "it has no mirror yet"
    assert names(books, OpenMirror()) == ["account.opened.1"] * 4 + ["mirror.opened.1"]
    assert balances(books, INSIDE, MIRROR, "6001.01") == [60, 60, 60]
    assert names(books, OpenMirror()) == []
    sold(books, "1", 10_000)
    assert balances(books, INSIDE, MIRROR, "6001.01") == [120, 120, 120]


def test_books_that_are_not_open_have_nothing_to_mirror() -> None:
    assert names(Books(), OpenMirror()) == []


# Any sequence.

ALLOWED = {
    Code.REFUND_EXCEEDS_PAID,
    Code.TRANSACTION_CLOSED,
    Code.BALANCE_INSUFFICIENT,
    Code.OWN_MOVEMENT_NOT_FOUND,
    Code.OWN_MOVEMENT_STATE_WRONG,
    Code.OWN_MOVEMENT_EXISTS,
    Code.WITHDRAWAL_STATE_WRONG,
    Code.TOP_UP_STATE_WRONG,
}
amounts = st.integers(1, 30_000)
steps = st.one_of(
    st.tuples(st.just("sell"), amounts),
    st.tuples(st.just("refund"), st.integers(0, 4), amounts),
    st.tuples(st.just("withdraw"), st.integers(1_000, 9_000)),
    st.tuples(st.just("back"), st.integers(0, 3)),
    st.tuples(st.just("instruct"), st.integers(1, 120)),
    st.tuples(st.just("post"), st.integers(0, 3)),
    st.tuples(st.just("off"), st.integers(0, 3)),
    st.tuples(st.just("line"), st.integers(1, 120)),
    st.tuples(st.just("buffer"), st.integers(1, 200)),
    st.tuples(st.just("interest"), st.integers(1, 50)),
    st.tuples(st.just("arrive"), st.integers(0, 3)),
    st.tuples(st.just("day")),
)


def fee(fen: int) -> int:
    """60 basis points, half up, by itself."""
    return (fen * 60 + 5_000) // 10_000


class Life:
    """What is done to the books, and what own money should come to, counted apart."""

    def __init__(self) -> None:
        self.books = ready(Books().open(), 100_000)
        self.sold: dict[str, list[int]] = {}  # Released, refunded after that.
        self.withdrawn: dict[str, int] = {}  # Fees, of those that came back 0.
        self.sweeps: list[tuple[str, int]] = []
        self.counted = 0

    def take(self, step: tuple[Any, ...]) -> None:
        self.counted += 1
        with contextlib.suppress(StopIteration):
            try:
                getattr(self, step[0])(f"N{self.counted}", *step[1:])
            except Refused as no:
                assert no.code in ALLOWED, no
        self.right()

    def sell(self, number: str, fen: int) -> None:
        sold(self.books, number, fen)
        self.sold[number] = [fen, 0]

    def refund(self, number: str, which: int, fen: int) -> None:
        order = _nth(self.sold, which)
        self.books.do(RefundTransaction(number, f"{MERCHANT}-{order}", fen))
        self.sold[order][1] += fen

    def withdraw(self, number: str, fen: int) -> None:
        self.books.do(RequestWithdrawal(number, BUYER, fen, 10))
        self.books.do(RecordOutcome(f"withdraw-{number}", succeeded=f"B{number}"))
        self.withdrawn[number] = 10

    def back(self, _number: str, which: int) -> None:
        number = _nth(self.withdrawn, which)
        self.books.do(ReturnWithdrawal(number, "card closed"))
        self.withdrawn[number] = 0

    def instruct(self, number: str, fen: int) -> None:
        self.books.do(InstructSweep(number, fen, "fees"))
        self.sweeps.append((number, fen))

    def post(self, number: str, which: int) -> None:
        sweep, fen = _nth(self.sweeps, which)
        self.books.do(PostSweep(sweep, fen, f"L{number}"))

    def off(self, _number: str, which: int) -> None:
        self.books.do(CallOffSweep(_nth(self.sweeps, which)[0], "no"))

    def line(self, number: str, fen: int) -> None:
        self.books.decide(lambda unit: post_sweep(unit, number, fen, "L"))

    def buffer(self, number: str, fen: int) -> None:
        self.books.do(PostOwnFunds(number, "buffer", fen, "L"))

    def interest(self, number: str, fen: int) -> None:
        self.books.do(PostOwnFunds(number, "interest", fen, "L"))

    def arrive(self, number: str, which: int) -> None:
        self.books.do(ShowTopUp(_nth(top_ups(self.books), which), f"L{number}"))

    def day(self, _number: str) -> None:
        end_day(self.books)

    def right(self) -> None:
        books = self.books
        assert books.balance(INSIDE) == books.balance(MIRROR) >= 0
        earned = sum(fee(released - refunded) for released, refunded in self.sold.values())
        assert books.balance("6001.01") == earned
        assert books.balance("6001.02") == sum(self.withdrawn.values())
        assert sum(_debits(books, RESERVE_IDENTITY)) == sum(_debits(books, set(CHART))) == 0
        assert books.balance(TRANSIT) == items_of(books).get(TRANSIT, 0)


def _nth(found: Any, which: int) -> Any:
    there = list(found)
    if not there:
        raise StopIteration
    return there[which % len(there)]


def _debits(books: Books, codes: Any) -> Iterator[int]:
    for stream, (_, state, _) in books.states.items():
        if stream.startswith("account-") and split_id(state.account)[0] in codes:
            yield state.debit_fen - state.credit_fen


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25))
def test_whatever_happens_own_money_has_its_mirror_and_income_is_what_was_earned(
    taken: list[tuple[Any, ...]],
) -> None:
    life = Life()
    for step in taken:
        life.take(step)


def test_verify_finds_what_moved_one_without_its_mirror(earning: Books) -> None:
    """As somebody would have written it past the unit of work, entry and postings alike."""
    findings: list[tuple[str, ...]] = []
    books = proof._Books(lambda *one: findings.append(one), {})
    for one in recorded(earning):
        books.take(one)
    books.end_commit(1)
    assert findings == []
    on = earning.state("day-books").open_date
    entry = balanced("x", on, debit(INSIDE, 7), credit("2241.09", 7))
    swept = own_funds.Swept(7, "L", "nobody", entry)
    place = len(earning.log)
    facts = [("own-X", swept)] + [
        (f"account-{line.account}", Posted(on, (PostedLine("own-X#1", *line_sides(line)),)))
        for line in entry.lines
    ]
    for stream, fact in facts:
        place += 1
        books.take(Recorded(place, stream, 1, "x", 0, "", "", "", fact))
    books.end_commit(2)
    assert ("mirror", "commit 2", "2202.09 is at 53 fen, 1122.05 at 60") in findings


def line_sides(line: Line) -> tuple[int, int]:
    return line.debit_fen, line.credit_fen
