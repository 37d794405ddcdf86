"""Chargebacks in money: section 5a of the domain notes. Afterwards everything adds up."""

from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from domain.order.commands import PayOrder
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.reconciliation.charging import (
    AcceptChargeback,
    EndChargeback,
    ReceiveChargeback,
    RepresentChargeback,
)
from domain.refusals import Code, Refused
from domain.settlement import batch
from domain.transaction import transaction
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, names, refusal
from tests.days import Days
from tests.examples import BUYER, CHECKER, MERCHANT, PAY_DAY

SOLD, CASE = f"{MERCHANT}-O1", "JD_PAY-C1"
DUE = PAY_DAY + timedelta(days=14)
ESCROW, PENDING, AVAILABLE, DEBT = (
    f"{code}.{MERCHANT}" for code in ("2241.04", "2241.02", "2241.03", "1122.03")
)
PROOF = "ab" * 32


def charged(fen: int = 10_000, number: str = "C1", **more: Any) -> ReceiveChargeback:
    return ReceiveChargeback("JD_PAY", number, SOLD, fen, DUE, "S1", "4853", **more)


def won(case: str = CASE) -> EndChargeback:
    return EndChargeback(case, "won", "the bank says so")


def lost(case: str = CASE) -> EndChargeback:
    return EndChargeback(case, "lost", "the bank says so")


@pytest.fixture
def sold(found: Books) -> Books:
    """A sale of 100.00 in escrow."""
    found.sell("O1", (MERCHANT, 10_000))
    return found


@pytest.fixture
def released(sold: Books) -> Books:
    """It is released: 99.40 are the merchant's, not yet due."""
    sold.do(ConfirmReceipt(SOLD, "buyer"))
    return sold


def money(books: Books) -> tuple[int, ...]:
    return tuple(books.balance(one) for one in (ESCROW, PENDING, AVAILABLE, DEBT))


def test_what_is_in_escrow_is_held_and_comes_back(sold: Books) -> None:
    assert names(sold, charged()) == ["transaction.refund_reserved.1", "chargeback.received.1"]
    assert sold.facts_of(charged()) == []
    assert (money(sold), sold.balance("1122.02.JD_PAY")) == ((0, 0, 0, 0), -10_000)
    sold.do(RepresentChargeback(CASE, PROOF, "signed for"))
    assert sold.state(f"chargeback-{CASE}").status == "represented"
    sold.do(won())
    assert sold.facts_of(won()) == []
    assert (money(sold), sold.balance("1122.02.JD_PAY")) == ((10_000, 0, 0, 0), 0)
    sold.do(ConfirmReceipt(SOLD, "buyer"))
    assert money(sold) == (0, 9_940, 0, 0)


def test_what_is_lost_is_the_payers_for_good(sold: Books) -> None:
    sold.do(charged())
    assert refusal(sold, RefundTransaction("R1", SOLD, 1)) is Code.REFUND_EXCEEDS_PAID
    assert refusal(sold, ConfirmReceipt(SOLD, "buyer")) is Code.TRANSACTION_CLOSED
    sold.at_us += 30 * 86_400_000_000
    assert sold.do(ConfirmReceipt(SOLD, "timer"))["completed_now"] is False
    sold.do(lost())
    assert sold.facts_of(lost()) == []
    assert (sold.state(f"transaction-{SOLD}").status, money(sold)) == ("refunded", (0, 0, 0, 0))
    assert refusal(sold, won()) is Code.CHARGEBACK_STATE_WRONG


def test_a_part_of_it_leaves_the_rest_to_be_released(sold: Books) -> None:
    sold.do(charged(4_000))
    sold.do(ConfirmReceipt(SOLD, "buyer"))
    assert money(sold) == (0, 5_964, 0, 0)
    sold.do(won())  # There is nothing to confirm any more: it is the merchant's.
    assert money(sold) == (0, 5_964, 4_000, 0)
    assert sold.state(f"carry-{MERCHANT}").payable_fen == 4_000


def test_after_release_the_merchant_bears_it_and_owes_what_it_has_not(released: Books) -> None:
    released.do(charged())
    assert money(released) == (0, 0, 0, 60)
    assert released.balance("1001.02") == -60
    collected = released.state(batch.stream(f"{MERCHANT}-{PAY_DAY}"))
    assert collected.net_fen == 0
    released.do(won())
    assert money(released) == (0, 9_940, 0, 0)
    assert released.balance("1001.02") == 0
    assert released.state(batch.stream(f"{MERCHANT}-{PAY_DAY}")).net_fen == 9_940


def paid_out(books: Books) -> None:
    days = Days(books)
    for _ in range(2):
        days.end(lambda _: None)
        books.next_day()
    for name, (_, known, _) in list(books.states.items()):
        if name.startswith("instruction-") and known.purpose == "payout":
            books.do(RecordOutcome(name.removeprefix("instruction-"), succeeded="B1"))


def test_what_was_paid_out_is_a_debt_that_is_recovered_first(released: Books) -> None:
    paid_out(released)
    assert money(released) == (0, 0, 0, 0)
    released.do(charged())
    assert (money(released), released.balance("1001.02")) == ((0, 0, 0, 10_000), -10_000)
    released.sell("O2", (MERCHANT, 4_000))
    released.do(ConfirmReceipt(f"{MERCHANT}-O2", "buyer"))
    paid_out(released)  # A settlement recovers some of it.
    owed = released.balance(DEBT)
    assert owed == 10_000 - 3_976
    released.do(won())
    assert money(released) == (0, 0, 3_976, 0)
    assert released.balance("1001.02") == 0


def test_what_was_refunded_before_is_not_taken_from_escrow(sold: Books) -> None:
    sold.do(RefundTransaction("R1", SOLD, 10_000))
    sold.do(RecordOutcome("refund-R1", succeeded="B1"))
    sold.do(charged())
    assert money(sold) == (0, 0, 0, 10_000)  # The merchant proves that it was refunded.
    sold.do(won())
    assert money(sold) == (0, 0, 0, 0)


def test_two_chargebacks_never_take_more_than_was_paid_out_of_escrow(sold: Books) -> None:
    sold.do(RefundTransaction("R1", SOLD, 2_000))
    sold.do(RecordOutcome("refund-R1", succeeded="B1"))
    sold.do(charged(6_000))
    sold.do(charged(4_000, "C2"))
    assert money(sold) == (0, 0, 0, 2_000)
    sold.do(AcceptChargeback("JD_PAY-C2", "never sent"))
    sold.do(won())
    assert money(sold) == (6_000, 0, 0, 2_000)


def beyond(books: Books, wanted: ReceiveChargeback) -> str:
    """What is said about the amount."""
    with pytest.raises(Refused) as no:
        books.do(wanted)
    assert (no.value.code, no.value.field) == (Code.CHARGEBACK_EXCEEDS_PAID, "amount_fen")
    return no.value.detail


@pytest.mark.parametrize("end", ["open", "accepted", "lost"])
@pytest.mark.parametrize("when", ["escrow", "released", "refunded"])
def test_all_chargebacks_of_a_payment_are_no_more_than_it(sold: Books, when: str, end: str) -> None:
    if when == "released":
        sold.do(ConfirmReceipt(SOLD, "buyer"))
    if when == "refunded":
        sold.do(RefundTransaction("R1", SOLD, 10_000))
        sold.do(RecordOutcome("refund-R1", succeeded="B1"))
    assert beyond(sold, charged(10_001)) == "10001 fen asked, 10000 fen were paid"
    sold.do(charged(6_000))
    if end == "accepted":
        sold.do(AcceptChargeback(CASE, "never sent"))
    if end == "lost":
        sold.do(lost())
    said = beyond(sold, charged(4_001, "C2"))
    assert said == "4001 fen asked, 10000 fen were paid, 6000 fen are charged back already"
    sold.do(charged(10_000, "C3", kind="retrieval"))  # It takes nothing, and counts for nothing.
    beyond(sold, charged(10_001, "C4", kind="retrieval"))
    sold.do(charged(4_000, "C2"))
    assert sold.facts_of(charged(4_000, "C2")) == []  # The same again.
    beyond(sold, charged(1, "C5"))
    sold.do(won("JD_PAY-C2"))
    beyond(sold, charged(4_001, "C5"))
    sold.do(charged(4_000, "C5"))
    beyond(sold, charged(1, "C6"))


@pytest.mark.parametrize("when", ["escrow", "released"])
@pytest.mark.parametrize("end", ["open", "accepted", "won"])
def test_what_older_facts_say_counts(sold: Books, when: str, end: str) -> None:
    """Those of a ledger from before say how much is reserved, and not by what."""
    if when == "released":
        sold.do(ConfirmReceipt(SOLD, "buyer"))
    sold.do(charged(6_000))
    if end == "accepted":
        sold.do(AcceptChargeback(CASE, "never sent"))
    forget(sold)
    if end == "won":
        sold.do(won())
        sold.do(charged(10_000, "C2"))
        return
    said = beyond(sold, charged(4_001, "C2"))
    assert said.endswith("6000 fen are charged back already")
    sold.do(charged(4_000, "C2"))
    beyond(sold, charged(1, "C3"))
    if end == "open":
        sold.do(lost())
        beyond(sold, charged(1, "C3"))


def forget(books: Books) -> None:
    """The transaction's facts as they were written before they said what was charged back."""
    stream = f"transaction-{SOLD}"
    state = transaction.State()
    for of, fact in books.log:
        if of == stream:
            if isinstance(fact, (transaction.RefundReserved, transaction.RefundAccepted)):
                fact = replace(fact, charged_back_fen=0)
            state = transaction.evolve(state, cast(Any, fact))
    version, _, merged = books.states[stream]
    books.states[stream] = (version, state, merged)


def test_a_retrieval_moves_nothing(sold: Books) -> None:
    before = dict(sold.states)
    sold.do(charged(kind="retrieval"))
    moved = {name for name in sold.states if sold.states[name] != before.get(name)}
    assert moved == {f"chargeback-{CASE}"}
    assert refusal(sold, lost()) is Code.CHARGEBACK_STATE_WRONG
    assert refusal(sold, AcceptChargeback(CASE, "no")) is Code.CHARGEBACK_STATE_WRONG
    sold.do(RepresentChargeback(CASE, PROOF, "as asked"))
    assert sold.facts_of(RepresentChargeback(CASE, PROOF, "as asked")) == []
    assert sold.state(f"chargeback-{CASE}").status == "answered"


def test_a_plan_of_several_legs_is_charged_back_through_its_channel(found: Books) -> None:
    found.do(RechargeWallet("W1", BUYER, "JD_PAY", 6_000))
    found.do(RecordOutcome("pay-W1", succeeded="S0"))
    found.place("O1", (MERCHANT, 10_000))
    legs = (LegAsked("WALLET_BALANCE", 6_000), LegAsked("JD_PAY", 4_000))
    found.do(PayOrder("P1", "O1", legs=legs))
    found.do(RecordOutcome("pay2-P1", succeeded="S1"))
    assert found.state(f"transaction-{SOLD}").status == "paid"
    found.do(charged(4_000))
    assert money(found) == (6_000, 0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"channel": "NOPE"}, Code.CHANNEL_UNKNOWN, id="channel"),
        pytest.param({"channel": "WECHAT_PAY"}, Code.REQUEST_INVALID, id="another channel"),
        pytest.param({"number": "a b"}, Code.IDENTIFIER_INVALID, id="number"),
        pytest.param({"number": "N" * 41}, Code.IDENTIFIER_INVALID, id="long"),
        pytest.param({"transaction_id": "X-1"}, Code.TRANSACTION_NOT_FOUND, id="transaction"),
        pytest.param({"transaction_id": f"{TEA}-O7"}, Code.TRANSACTION_NOT_PAID, id="unpaid"),
        pytest.param({"amount_fen": 0}, Code.AMOUNT_INVALID, id="nothing"),
        pytest.param({"amount_fen": 10_001}, Code.CHARGEBACK_EXCEEDS_PAID, id="more"),
        pytest.param({"reason_code": "\x00"}, Code.TEXT_INVALID, id="code"),
        pytest.param({"serial": "x" * 65}, Code.TEXT_INVALID, id="serial"),
    ],
)
def test_what_cannot_be_charged_back(sold: Books, changed: dict[str, Any], code: Code) -> None:
    sold.place("O7", (TEA, 100))
    assert refusal(sold, replace(charged(), **changed)) is code


def test_one_number_is_one_case(sold: Books) -> None:
    sold.do(charged())
    assert refusal(sold, charged(9_000)) is Code.CHARGEBACK_STATE_WRONG
    sold.do(AcceptChargeback(CASE, "never sent"), CHECKER)
    assert sold.facts_of(AcceptChargeback(CASE, "never sent")) == []
    assert refusal(sold, RepresentChargeback(CASE, PROOF, "late")) is Code.CHARGEBACK_STATE_WRONG


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (RepresentChargeback("none", PROOF, "x"), Code.CHARGEBACK_NOT_FOUND),
        (RepresentChargeback("none", "AB" * 32, "x"), Code.REQUEST_INVALID),
        (RepresentChargeback("no ne", PROOF, "x"), Code.IDENTIFIER_INVALID),
        (AcceptChargeback("none", "x"), Code.CHARGEBACK_NOT_FOUND),
        (AcceptChargeback("none", ""), Code.TEXT_INVALID),
        (EndChargeback("none", "won", "x"), Code.CHARGEBACK_NOT_FOUND),
        (EndChargeback("none", "lost", "x"), Code.CHARGEBACK_NOT_FOUND),
    ],
)
def test_what_is_refused(sold: Books, wanted: Any, code: Code) -> None:
    assert refusal(sold, wanted) is code
