"""Differences and chargebacks on a ledger, as several processes work on it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting import account
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation import difference
from domain.reconciliation.charging import ReceiveChargeback
from domain.reconciliation.commands import ImportBill
from domain.reconciliation.difference import About
from domain.reconciliation.judging import Finding, Gone, RecordDifferences
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    UndoResolution,
)
from domain.refusals import Code
from tests.bill_examples import READ
from tests.examples import BUYER, MERCHANT, PAID_AT, PAY_DAY, SUBJECT
from tests.ledger.conftest import LedgerOpener
from tests.shops import shop

ALICE, BOB, EVE = "staff:alice", "staff:bob", "staff:eve"
KEPT, WALLET = "2241.08.JD_PAY", f"2241.01.{BUYER}"


def about(kind: Any, flow: Any, lacks: Any, fen: int) -> About:
    ours_fen, bill_fen = (0, fen) if lacks == "here" else (fen, 0)
    told = (kind, "JD_PAY", f"N{fen}", PAY_DAY, flow, lacks, ours_fen, bill_fen, fen)
    return About(*told, serial=f"S{fen}")


OVER = Finding(about("missing_here", "payment", "here", 1_000), "answer_lost", True)
SHORT = Finding(about("session_short", "session", "there", 1_000), "", True)
FOUND = RecordDifferences("JD_PAY", PAY_DAY, 1, 0, (OVER, SHORT))
SOLD = f"{MERCHANT}-O1"
PAID = (
    shop(MERCHANT, "坚果店", FeeRule(60), "T+1"),
    Checkout("O1", BUYER, (OrderLine(MERCHANT, 10_000, SUBJECT),)),
    PayOrder("P1", "O1", "JD_PAY"),
    RecordOutcome("pay-P1", succeeded="S1"),
)


def ask(number: str, actor: str, command: Command) -> Request:
    return Request(number, PAID_AT + 60_000_000, actor, command)


def do(ledger: Ledger, number: str, actor: str, command: Command) -> Any:
    return ledger.submit(ask(number, actor, command)).unwrap()


@pytest.fixture
def differing(ledger: Ledger) -> Ledger:
    do(ledger, "bill", "system:worker", ImportBill("JD_PAY", "trade", PAY_DAY, READ))
    do(ledger, "found", "system:worker", FOUND)
    return ledger


def balance(ledger: Ledger, name: str) -> int:
    return ledger.state(account.stream(name)).balance_fen


def status(ledger: Ledger, named: str) -> str:
    return ledger.state(difference.stream(named)).status


def at_once(ledgers: list[Ledger], requests: list[Request]) -> list[Answer]:
    """Each from a process of its own."""
    ready = threading.Barrier(len(requests))

    def send(ledger: Ledger, request: Request) -> Answer:
        ready.wait()
        return ledger.submit(request)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, ledgers, requests))


def test_of_two_who_approve_at_once_one_does(differing: Ledger, open_ledger: LedgerOpener) -> None:
    before = balance(differing, WALLET)
    do(differing, "p", ALICE, ProposeResolution(OVER.id, "to_wallet", "hers", BUYER))
    ledgers = [open_ledger(), open_ledger()]
    wished = [ask(by, by, ApproveResolution(OVER.id)) for by in (BOB, EVE)]
    answers = at_once(ledgers, wished)
    codes = [one.refused.code for one in answers if one.refused]
    assert codes == [Code.DIFFERENCE_STATE_WRONG]
    assert balance(ledgers[0], WALLET) == before + 1_000
    assert balance(ledgers[0], KEPT) == 0


def test_what_was_suspected_becomes_certain_and_was_never_none(ledger: Ledger) -> None:
    do(ledger, "bill", "system:worker", ImportBill("JD_PAY", "trade", PAY_DAY, READ))
    for certain in (False, True):
        found = (replace(OVER, certain=certain),)
        do(ledger, f"c{certain}", "system:worker", replace(FOUND, found=found))
    stream = difference.stream(OVER.id)
    names = [one.name for one in ledger.facts(0, 1_000) if one.stream == stream]
    assert names == ["difference.suspected.1", "difference.confirmed.1"]
    assert balance(ledger, KEPT) == 1_000


def test_of_two_who_propose_at_once_one_does(differing: Ledger, open_ledger: LedgerOpener) -> None:
    wished = [
        ask("p1", ALICE, ProposeResolution(OVER.id, "to_wallet", "hers", BUYER)),
        ask("p2", BOB, ProposeResolution(SHORT.id, "link", "they are one", OVER.id)),
    ]
    ledgers = [open_ledger(), open_ledger()]
    answers = at_once(ledgers, wished)
    assert [one.refused.code for one in answers if one.refused] == [Code.DIFFERENCE_STATE_WRONG]
    state = open_ledger().state(difference.stream(OVER.id))
    assert state.status == "proposed" and state.proposed is not None


def test_a_bill_and_an_approver_at_once(differing: Ledger, open_ledger: LedgerOpener) -> None:
    """Whoever comes first: it is cleared, or it is the buyer's; never both."""
    before = balance(differing, WALLET)
    do(differing, "p", ALICE, ProposeResolution(OVER.id, "to_wallet", "hers", BUYER))
    gone = RecordDifferences("JD_PAY", PAY_DAY, 1, 0, (), (Gone(OVER.id, "matched"),))
    wished = [ask("a", BOB, ApproveResolution(OVER.id)), ask("g", "system:worker", gone)]
    answers = at_once([open_ledger(), open_ledger()], wished)
    fresh = open_ledger()
    if status(fresh, OVER.id) == "resolved":
        assert answers[1].unwrap()["changed"] == 0
        assert balance(fresh, WALLET) == before + 1_000
    else:
        assert status(fresh, OVER.id) == "reversed"
        assert answers[0].refused is not None
        assert balance(fresh, WALLET) == before
    assert balance(fresh, KEPT) == 0


def test_the_same_person_is_refused_and_asked_again_hears_the_same(differing: Ledger) -> None:
    do(differing, "p", ALICE, ProposeResolution(SHORT.id, "write_off", "nobody has it"))
    for _ in range(2):
        answer = differing.submit(ask("a1", ALICE, ApproveResolution(SHORT.id)))
        assert answer.refused is not None
        assert answer.refused.code is Code.CHECKER_IS_MAKER
    assert answer.replayed


def test_after_a_resolution_was_undone_a_bill_may_clear_it(differing: Ledger) -> None:
    do(differing, "p", ALICE, ProposeResolution(OVER.id, "link", "one", SHORT.id))
    do(differing, "a", BOB, ApproveResolution(OVER.id))
    assert [status(differing, one.id) for one in (OVER, SHORT)] == ["resolved"] * 2
    gone = RecordDifferences("JD_PAY", PAY_DAY, 1, 0, (), (Gone(OVER.id, "matched"),))
    assert do(differing, "g1", "system:worker", gone)["changed"] == 0  # Persons have ended it.
    do(differing, "u", EVE, UndoResolution(SHORT.id, "two things"))
    do(differing, "ua", ALICE, ApproveResolution(SHORT.id))
    assert do(differing, "g2", "system:worker", gone)["changed"] == 1
    assert (status(differing, OVER.id), status(differing, SHORT.id)) == ("reversed", "confirmed")
    assert balance(differing, KEPT) == 0
    again = RecordDifferences("JD_PAY", PAY_DAY, 1, 0, (OVER,))
    assert do(differing, "f2", "system:worker", again)["changed"] == 1
    assert status(differing, OVER.id) == "confirmed"


def test_of_two_that_are_the_money_of_one_chargeback_at_once_one_is(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
    for place, wanted in enumerate(PAID):
        do(ledger, f"paid{place}", ALICE, wanted)
    do(ledger, "C1", ALICE, ReceiveChargeback("JD_PAY", "C1", SOLD, 1_000, PAY_DAY))
    do(ledger, "bill", "system:worker", ImportBill("JD_PAY", "trade", PAY_DAY, READ))
    found = (SHORT, replace(SHORT, about=replace(SHORT.about, number="N2")))
    do(ledger, "found", "system:worker", replace(FOUND, found=found))
    for one in found:
        wanted = ProposeResolution(one.id, "link", "it was taken off", "JD_PAY-C1")
        do(ledger, one.id, ALICE, wanted)
    wished = [ask(f"a{one.id}", BOB, ApproveResolution(one.id)) for one in found]
    answers = at_once([open_ledger(), open_ledger()], wished)
    codes = [one.refused.code for one in answers if one.refused]
    assert codes == [Code.CHARGEBACK_STATE_WRONG]
    fresh = open_ledger()
    assert sorted(status(fresh, one.id) for one in found) == ["proposed", "resolved"]
    assert balance(fresh, "1122.04.JD_PAY") == 1_000


def test_of_two_chargebacks_at_once_that_are_too_much_together_one_is_taken(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
    """Of a payment of 100.00, 60.00 each: whoever decides, the payment is its guard."""
    for place, wanted in enumerate(PAID):
        do(ledger, f"paid{place}", ALICE, wanted)
    wished = [
        ask(no, ALICE, ReceiveChargeback("JD_PAY", no, SOLD, 6_000, PAY_DAY)) for no in ("C1", "C2")
    ]
    answers = at_once([open_ledger(), open_ledger()], wished)
    codes = [one.refused.code for one in answers if one.refused]
    assert codes == [Code.CHARGEBACK_EXCEEDS_PAID]
    assert balance(open_ledger(), "1122.02.JD_PAY") == -6_000
