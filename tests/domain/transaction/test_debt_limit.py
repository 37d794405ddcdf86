"""A refund above its merchant's debt limit is requested, and another operator decides."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounting.commands import CloseAccount, HoldMoney, ReleaseHold
from domain.kernel import Command
from domain.member.commands import SetDebtLimit
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.transaction.commands import ApproveRefund, RefundTransaction, RejectRefund
from domain.transaction.refund import ApprovalRequested, Approved, Rejected
from domain.transaction.transaction import RefundReserved, ReservationEnded
from tests.books import TEA, Books, names, refusal
from tests.days import Days, right, tell
from tests.examples import BUYER, CHECKER, MAKER, MERCHANT, PARTS, PAY_DAY

SOLD = f"{MERCHANT}-O1"
PENDING, AVAILABLE, DEBT = f"2241.02.{MERCHANT}", f"2241.03.{MERCHANT}", f"1122.03.{MERCHANT}"
NET = 9_940  # Of a sale over 10,000; a refund of 1,000 gives 6 of the fee back.
ADVANCED = 994
WAITING = {"refund_no": "R1", "state": "requested"}
TOMORROW = PAY_DAY + timedelta(days=1)


def limit(fen: int | None, since: date = PAY_DAY) -> SetDebtLimit:
    return SetDebtLimit(MERCHANT, since, fen)


def ask(refund_no: str = "R1", fen: int = 1_000) -> RefundTransaction:
    return RefundTransaction(refund_no, SOLD, fen)


@pytest.fixture
def broke(books: Books) -> Books:
    """A sale that was released, and whose money the merchant cannot have: a refund is advanced."""
    books.agree(MERCHANT).sell("O1", (MERCHANT, 10_000), mode="instant")
    books.do(HoldMoney(PENDING, "H1", NET, "a dispute"))
    return books


@pytest.fixture
def waiting(broke: Books) -> Books:
    """The same, with a refund that waits."""
    broke.do(limit(0))
    broke.do(ask())
    return broke


# What waits, and what does not.


def test_without_a_limit_a_refund_is_advanced_as_ever(broke: Books) -> None:
    assert names(broke, ask()) == [
        "transaction.refund_accepted.1",
        "refund.requested.2",
        "instruction.issued.2",
        "transaction.refund_cleared.1",
        "topup.decided.1",
        "settlement.batch_collected.1",
    ]
    assert broke.balance(DEBT) == broke.balance("1122.06") == ADVANCED


@pytest.mark.parametrize(
    ("commands", "waits"),
    [
        pytest.param([limit(ADVANCED)], False, id="up to the limit"),
        pytest.param([limit(ADVANCED - 1)], True, id="a fen above it"),
        pytest.param([limit(0)], True, id="nothing may be owed"),
        pytest.param([limit(0, TOMORROW)], False, id="a limit that begins tomorrow"),
        pytest.param([limit(0), limit(None)], False, id="a limit that was lifted"),
        pytest.param([limit(9_999), limit(0)], True, id="a limit that was lowered"),
        pytest.param([limit(0), ReleaseHold(PENDING, "H1")], False, id="nothing is advanced"),
        pytest.param([limit(2 * ADVANCED - 1), ask("R0")], True, id="the second one"),
        pytest.param([limit(2 * ADVANCED), ask("R0")], False, id="two up to the limit"),
    ],
)
def test_what_is_above_the_limit_waits(broke: Books, commands: list[Command], waits: bool) -> None:
    for command in commands:
        broke.do(command)
    owed = broke.balance(DEBT)
    answer = broke.do(ask())
    assert (answer == WAITING) is waits
    assert ("instruction_id" in answer) is not waits
    if waits:
        assert broke.balance(DEBT) == owed
    assert broke.state("refund-R1").status == ("requested" if waits else "processing")
    right(broke)


def test_a_limit_that_begins_tomorrow_holds_tomorrow(broke: Books) -> None:
    broke.do(limit(0, TOMORROW))
    Days(broke).end(lambda _: None)
    assert broke.do(ask()) == WAITING


def test_below_its_debt_a_limit_lets_refunds_through_that_the_merchant_pays(broke: Books) -> None:
    broke.do(ask("R0"))
    broke.do(limit(ADVANCED - 500))
    broke.do(ReleaseHold(PENDING, "H1"))
    assert "instruction_id" in broke.do(ask())
    assert broke.balance(DEBT) == ADVANCED


def test_out_of_escrow_nothing_waits(books: Books) -> None:
    books.do(limit(0))
    books.sell("O1", (MERCHANT, 10_000))
    assert "instruction_id" in books.do(ask("R1", 10_000))


def test_what_waits_moves_nothing_and_is_on_record(broke: Books) -> None:
    broke.do(limit(500))
    assert broke.facts_of(ask()) == [
        (f"transaction-{SOLD}", RefundReserved("R1", 1_000)),
        ("refund-R1", ApprovalRequested(SOLD, BUYER, "JD_PAY", 1_000, ADVANCED, 500, MAKER)),
    ]
    assert names(broke, ask()) == []
    assert broke.do(ask()) == WAITING
    assert refusal(broke, ask("R1", 999)) is Code.REFUND_EXISTS


def test_what_waits_is_reserved(waiting: Books) -> None:
    """However many ask: together they never wait for more than was paid."""
    assert refusal(waiting, ask("R2", 9_001)) is Code.REFUND_EXCEEDS_PAID
    waiting.do(ask("R2", 9_000))
    assert refusal(waiting, ask("R3", 1)) is Code.REFUND_EXCEEDS_PAID
    waiting.do(RejectRefund("R2", "no"), CHECKER)
    waiting.do(ask("R3", 9_000))
    for refund_no in ("R1", "R3"):
        waiting.do(ApproveRefund(refund_no), CHECKER)
    assert waiting.state(f"transaction-{SOLD}").status == "refunded"
    assert waiting.balance(DEBT) == NET
    right(waiting)


# Who decides, and what follows.


def test_an_approved_refund_goes_its_way(waiting: Books) -> None:
    facts = waiting.facts_of(ApproveRefund("R1"), CHECKER)
    assert facts[0] == (f"transaction-{SOLD}", ReservationEnded("R1", 1_000))
    assert ("refund-R1", Approved(1_000, CHECKER, PARTS)) in facts
    assert waiting.balance(DEBT) == ADVANCED
    tell(waiting, "refund-R1", "succeeded")
    assert waiting.state("refund-R1").status == "succeeded"
    assert waiting.balance("2241.07") == 0


@pytest.mark.parametrize(
    ("answer", "ends"), [("succeeded", "succeeded"), ("declined", "failed"), ("unknown", "unknown")]
)
def test_its_channel_answers_as_for_any_other(waiting: Books, answer: str, ends: str) -> None:
    waiting.do(ApproveRefund("R1"), CHECKER)
    tell(waiting, "refund-R1", answer)
    assert waiting.state("refund-R1").status == ends


def test_a_rejected_refund_is_over_and_its_amount_free(waiting: Books) -> None:
    assert waiting.facts_of(RejectRefund("R1", "no goods came back"), CHECKER) == [
        (f"transaction-{SOLD}", ReservationEnded("R1", 1_000)),
        ("refund-R1", Rejected("no goods came back", CHECKER)),
    ]
    said = {"refund_no": "R1", "state": "rejected", "reason": "no goods came back"}
    assert waiting.do(ask()) == said  # The same number answers for ever.
    assert waiting.do(RejectRefund("R1", "another reason"), CHECKER) == said
    assert names(waiting, ask()) == []
    assert refusal(waiting, ask("R1", 999)) is Code.REFUND_EXISTS
    assert waiting.do(ask("R2", 10_000)) == {"refund_no": "R2", "state": "requested"}


APPROVE, REJECT = ApproveRefund("R1"), RejectRefund("R1", "no")


@pytest.mark.parametrize(
    ("before", "command", "actor", "code"),
    [
        pytest.param([], APPROVE, MAKER, Code.CHECKER_IS_MAKER, id="who asked approves"),
        pytest.param([], REJECT, MAKER, Code.CHECKER_IS_MAKER, id="who asked rejects"),
        pytest.param([REJECT], APPROVE, CHECKER, Code.REFUND_REJECTED, id="after a rejection"),
        pytest.param([APPROVE], REJECT, CHECKER, Code.REFUND_STATE_WRONG, id="after an approval"),
        pytest.param([], ApproveRefund("R9"), CHECKER, Code.REFUND_NOT_FOUND, id="of nothing"),
        pytest.param([], RejectRefund("R9", "x"), CHECKER, Code.REFUND_NOT_FOUND, id="nothing"),
        pytest.param([], RejectRefund("R1", ""), CHECKER, Code.TEXT_INVALID, id="no reason"),
        pytest.param([], ApproveRefund("R 1"), CHECKER, Code.IDENTIFIER_INVALID, id="no number"),
    ],
)
def test_a_decision_is_refused(
    waiting: Books, before: list[Command], command: Command, actor: str, code: Code
) -> None:
    for one in before:
        waiting.do(one, CHECKER)
    assert refusal(waiting, command, actor) is code


def test_a_refund_that_needs_no_approval_is_not_approved(broke: Books) -> None:
    broke.do(ask())
    for command in (APPROVE, REJECT):
        assert refusal(broke, command, CHECKER) is Code.REFUND_STATE_WRONG


def test_approving_twice_refunds_once(waiting: Books) -> None:
    waiting.do(APPROVE, CHECKER)
    for actor in (CHECKER, "operator:qian", MAKER):
        assert names(waiting, APPROVE, actor) == []
    assert waiting.do(APPROVE, CHECKER) == {"refund_no": "R1", "instruction_id": "refund-R1"}
    assert waiting.balance(DEBT) == ADVANCED


def test_an_approval_goes_by_the_books_of_its_own_time(waiting: Books) -> None:
    """The day ended, the batch was settled, the hold is gone: the merchant can pay now."""
    days = Days(waiting)
    days.end(lambda one: tell(waiting, one, "succeeded"))
    waiting.do(ReleaseHold(PENDING, "H1"))
    waiting.do(APPROVE, CHECKER)
    assert waiting.balance(DEBT) == 0
    assert waiting.balance(PENDING) == NET - ADVANCED
    days.end(lambda one: tell(waiting, one, "succeeded"))
    right(waiting)


def test_an_approval_after_the_settlement_is_advanced(broke: Books) -> None:
    broke.do(ReleaseHold(PENDING, "H1"))
    days = Days(broke)
    for _ in range(3):
        days.end(lambda one: tell(broke, one, "succeeded"))
    broke.do(limit(0, TOMORROW + timedelta(days=2)))
    assert broke.do(ask()) == WAITING
    for _ in range(2):  # Days end with it pending; nothing of it is in a batch.
        days.end(lambda one: tell(broke, one, "succeeded"))
    assert broke.balance(DEBT) == 0
    broke.do(APPROVE, CHECKER)
    assert broke.balance(DEBT) == ADVANCED
    right(broke)


def test_what_the_books_refuse_waits_on(books: Books) -> None:
    """The merchant left meanwhile: nothing can be advanced, and the refund can be rejected."""
    books.agree(TEA).sell("O1", (TEA, 10_000), mode="instant")
    for _ in range(2):
        Days(books).end(lambda one: tell(books, one, "succeeded"))
    while books.balance(f"2241.02.{TEA}") + books.balance(f"2241.03.{TEA}"):
        Days(books).end(lambda one: tell(books, one, "succeeded"))
    since = books.state("day-books").open_date
    books.do(SetDebtLimit(TEA, since, 0))
    asked = RefundTransaction("R1", f"{TEA}-O1", 1_000)
    assert books.do(asked) == WAITING
    books.do(CloseAccount(f"2241.04.{TEA}"))
    assert refusal(books, APPROVE, CHECKER) is Code.ACCOUNT_CLOSED
    assert books.state("refund-R1").status == "requested"
    again = RefundTransaction("R2", f"{TEA}-O1", 1_000)
    assert refusal(books, again) is Code.ACCOUNT_CLOSED  # Nobody need look at that one.
    books.do(REJECT, CHECKER)
    right(books)


# Whatever happens.

FEN = st.integers(1, 6_000)
PICK = st.integers(0, 40)


@dataclass
class Model:
    """What the outside may rely on: who waits, and the debt that nobody had to approve."""

    books: Books
    limit: int | None = None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), FEN),
        st.tuples(st.just("approve"), PICK),
        st.tuples(st.just("reject"), PICK),
        st.tuples(st.just("limit"), st.one_of(st.none(), st.integers(0, 8_000))),
        st.tuples(st.just("hold"), FEN),
        st.tuples(st.just("free"), PICK),
        st.tuples(st.just("day"), PICK),
        st.tuples(st.just("sell"), FEN),
    ),
    max_size=30,
)


def one_step(model: Model, n: int, what: str, value: Any) -> None:
    books, refund_no = model.books, f"R{value % max(n, 1)}" if value else "R0"
    match what:
        case "ask":
            owed = books.balance(DEBT)
            books.do(ask(f"R{n}", value))
            now = books.balance(DEBT)
            assert now == owed or model.limit is None or now <= model.limit
        case "approve":
            books.do(ApproveRefund(refund_no), CHECKER)
        case "reject":
            books.do(RejectRefund(refund_no, "no"), CHECKER)
        case "limit":
            books.do(limit(value, books.state("day-books").open_date))
            model.limit = value
        case "hold":
            books.do(HoldMoney(PENDING, f"H{n}", value, "x"))
        case "free":
            books.do(ReleaseHold(PENDING, f"H{value % max(n, 1)}"))
        case "sell":
            books.sell(f"N{n}", (MERCHANT, value), mode="instant")
        case _:
            Days(books).end(lambda one: tell(books, one, "succeeded"))


@given(steps=steps)
def test_refunds_never_exceed_what_was_paid_nor_the_debt_its_limit(
    steps: list[tuple[str, Any]],
) -> None:
    books = Books().open().agree(MERCHANT)
    books.sell("O1", (MERCHANT, 10_000), mode="instant")
    model = Model(books)
    for n, (what, value) in enumerate(steps):
        try:
            one_step(model, n, what, value)
        except Refused as no:
            assert no.code not in (Code.BUSY, Code.REQUEST_INVALID), no
        right(books)
        refunds = [s for name, (_, s, _) in books.states.items() if name.startswith("refund-")]
        waits = sum(s.asked.amount_fen for s in refunds if s.status == "requested")
        sent = sum(s.requested.amount_fen for s in refunds if s.requested)
        sold = books.state(f"transaction-{SOLD}")
        assert (sold.refunded_fen, sold.reserved_fen) == (sent, waits)
        assert sent + waits <= 10_000


def test_records_of_outcomes_find_an_approved_refund(waiting: Books) -> None:
    waiting.do(APPROVE, CHECKER)
    waiting.do(RecordOutcome("refund-R1", declined="card closed"))
    assert waiting.balance(f"2241.01.{BUYER}") == 1_000
