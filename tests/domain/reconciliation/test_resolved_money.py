"""What comes of each resolution of a difference, in money."""

from typing import Any

import pytest

from domain.kernel import Unit
from domain.order.commands import CloseOrder, PayOrder
from domain.payment import instruction
from domain.payment.commands import RecordOutcome, TransferMoney
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    UndoResolution,
)
from domain.reconciliation.sent import claim_arrived
from domain.refusals import Code
from tests.books import Books, refusal
from tests.domain.payment.contradicting import ask, say
from tests.domain.reconciliation.conftest import adds_up
from tests.domain.reconciliation.differing import (
    about_of,
    approve,
    begun,
    clear,
    confirm,
    gone,
    propose,
    resolve,
    state,
    tried,
    turn_down,
    undo,
)
from tests.examples import BUYER, CHECKER, FRIEND, MAKER, MERCHANT

KEPT, SHORT, WALLET = "2241.08.JD_PAY", "1122.04.JD_PAY", f"2241.01.{BUYER}"


def test_a_late_success_that_the_bill_tells_pays_the_order(found: Books) -> None:
    named, _ = begun(found, "missing_here", "surplus", "adopt")
    resolve(found, named, "adopt")
    assert found.state("order-O1").status == "paid"
    assert found.balance(f"2241.04.{MERCHANT}") == 10_000
    assert (found.balance(KEPT), found.balance("1122.02.JD_PAY")) == (0, 0)
    assert found.balance("1122.01.JD_PAY") == 10_000  # The next verdict takes the line.


def test_what_is_in_flight_succeeds_by_the_bill(found: Books) -> None:
    found.place("O1", (MERCHANT, 10_000))
    found.do(PayOrder("P1", "O1", "JD_PAY"))
    found.do(RecordOutcome("pay-P1", unknown="no answer"))
    named = confirm(found, about_of("missing_here", "surplus", 10_000, instruction_id="pay-P1"))
    resolve(found, named, "adopt")
    assert found.state("order-O1").status == "paid"
    assert found.state("instruction-pay-P1").answer == "B7"


def test_a_late_success_of_a_closed_order_goes_back(found: Books) -> None:
    named, _ = begun(found, "missing_here", "surplus", "adopt")
    found.do(CloseOrder("O1", "the buyer left"))
    resolve(found, named, "adopt")
    assert found.state("order-O1").status == "closed"
    assert found.balance("2241.07") == 10_000


def test_what_succeeded_meanwhile_is_not_adopted(found: Books) -> None:
    named, _ = begun(found, "missing_here", "surplus", "adopt")
    propose(found, named, "adopt")
    say(found, "pay-P1", "succeeded", "S2")
    assert refusal(found, ApproveResolution(named), CHECKER) is Code.RESOLUTION_UNFIT
    assert state(found, named).status == "proposed"


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        pytest.param({"instruction_id": "pay-P1", "serial": ""}, False, id="no serial"),
        pytest.param({"instruction_id": "pay-P7"}, False, id="no such instruction"),
        pytest.param({}, False, id="no instruction"),
    ],
)
def test_what_cannot_be_adopted(found: Books, more: dict[str, Any], asked: bool) -> None:
    tried(found, "missing_here", "adopt")
    named = confirm(found, about_of("missing_here", "surplus", 10_000, **more))
    wanted = ProposeResolution(named, "adopt", "as the bill says")
    assert refusal(found, wanted) is Code.RESOLUTION_UNFIT


def test_the_payer_gets_it_back_by_the_channels_own_serial(found: Books) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000))
    resolve(found, named, "refund_payer")
    asked = found.state(instruction.stream(state(found, named).awaits)).asked
    assert (asked.serial, asked.original, asked.original_fen) == ("B7", "", 10_000)
    assert (found.balance(KEPT), found.balance("2241.07")) == (0, 10_000)
    say(found, state(found, named).awaits, "succeeded", "B8")
    assert (found.balance("2241.07"), found.balance("2202.01.JD_PAY")) == (0, 10_000)


def test_nobody_can_send_back_what_has_neither_instruction_nor_serial(found: Books) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000, serial=""))
    wanted = ProposeResolution(named, "refund_payer", "so the buyer says")
    assert refusal(found, wanted) is Code.RESOLUTION_UNFIT


def sent(books: Books) -> tuple[str, str]:
    """A surplus that was sent back, and the instruction that did."""
    named = confirm(books, about_of("missing_here", "surplus", 10_000))
    resolve(books, named, "refund_payer")
    wanted = state(books, named).awaits
    say(books, wanted, "succeeded", "B8")
    return named, wanted


def test_what_came_back_is_a_difference_again(found: Books) -> None:
    named, wanted = sent(found)
    say(found, wanted, "returned", "B8", reason="card closed", attempt=ask(found, wanted))
    after = state(found, named)
    assert (after.status, after.account, found.balance(KEPT)) == ("confirmed", KEPT, 10_000)
    assert found.balance("1122.01.JD_PAY") == 10_000
    resolve(found, named, "to_wallet", BUYER)
    assert found.balance(WALLET) == 10_000


def test_a_success_that_is_taken_back_is_a_difference_again(found: Books) -> None:
    named, wanted = sent(found)
    say(found, wanted, "declined", reason="no")  # Asked about, and then certain.
    say(found, wanted, "declined", reason="no", attempt=ask(found, wanted))
    assert (state(found, named).status, found.balance(KEPT)) == ("confirmed", 10_000)
    assert found.balance("2202.01.JD_PAY") == 0


def test_a_late_success_takes_what_was_led_back(found: Books) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000))
    resolve(found, named, "refund_payer")
    wanted = state(found, named).awaits
    say(found, wanted, "declined", reason="no")
    say(found, wanted, "succeeded", "B8")
    assert (state(found, named).status, found.balance("2202.01.JD_PAY")) == ("resolved", 10_000)


def test_a_late_success_of_what_was_given_away_since_is_missing(found: Books) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000))
    resolve(found, named, "refund_payer")
    wanted = state(found, named).awaits
    say(found, wanted, "declined", reason="no")
    resolve(found, named, "to_wallet", BUYER)
    say(found, wanted, "succeeded", "B8")
    assert (found.balance(WALLET), found.balance(SHORT)) == (10_000, 10_000)


def test_what_the_wallet_has_spent_cannot_be_undone(found: Books) -> None:
    named = confirm(found, about_of("receipt_unknown", "surplus", 10_000))
    resolve(found, named, "to_wallet", BUYER)
    found.do(TransferMoney("T1", BUYER, FRIEND, 5_000))
    wanted = UndoResolution(named, "another buyer")
    assert refusal(found, wanted, CHECKER) is Code.BALANCE_INSUFFICIENT
    assert state(found, named).status == "resolved"


def test_a_payout_that_never_left_is_the_merchants_and_is_paid_again(found: Books) -> None:
    payout = gone(found, "payout_missing_at_bank")
    about = about_of(
        "payout_missing_at_bank",
        "surplus",
        9_940,
        instruction_id=payout,
        channel="BANK_TRANSFER",
    )
    named = confirm(found, about)
    resolve(found, named, "credit_payee")
    assert found.balance(f"2241.03.{MERCHANT}") == 9_940
    assert found.state(f"carry-{MERCHANT}").payable_fen == 9_940
    undo(found, named)
    assert found.state(f"carry-{MERCHANT}").payable_fen == 0
    resolve(found, named, "reissue")
    assert (found.balance("2241.05"), found.balance("2241.08.BANK_TRANSFER")) == (9_940, 0)
    say(found, state(found, named).awaits, "succeeded", "B9")
    assert (found.balance("2241.05"), found.balance("2202.01.BANK_TRANSFER")) == (0, 9_940)


def test_a_shortage_is_our_loss_and_own_funds_make_it_good(found: Books) -> None:
    named = confirm(found, about_of("missing_at_channel", "shortage", 10_000))
    resolve(found, named, "write_off")
    assert (found.balance("6711"), found.balance(SHORT)) == (10_000, 0)
    assert (found.balance("1122.06"), found.balance("1001.02")) == (10_000, -10_000)
    undo(found, named)
    assert (found.balance("1122.06"), found.balance("1001.02")) == (0, 0)
    assert (found.balance("6711"), found.balance(SHORT)) == (0, 10_000)


def test_what_is_claimed_waits_until_it_comes(found: Books) -> None:
    named = confirm(found, about_of("session_short", "shortage", 10_000))
    resolve(found, named, "claim")
    assert (state(found, named).status, found.balance(SHORT)) == ("approved", 10_000)
    undo(found, named)
    resolve(found, named, "claim")

    def arrives(unit: Unit) -> None:
        claim_arrived(unit, named, "bill-JD_PAY.fund.2010-12-09.1")

    found.decide(arrives, "system:worker")
    assert (state(found, named).status, found.balance(SHORT)) == ("resolved", 0)
    assert found.balance("1122.02.JD_PAY") == 0
    found.decide(arrives, "system:worker")  # Once.
    assert refusal(found, UndoResolution(named, "no"), MAKER) is Code.RESOLUTION_FINAL


def test_two_that_are_one_end_together_and_are_undone_together(found: Books) -> None:
    over = confirm(found, about_of("receipt_unknown", "surplus", 10_000))
    short = confirm(found, about_of("session_short", "shortage", 10_000))
    propose(found, over, "link", short)
    assert state(found, short).status == "proposed"
    assert refusal(found, ProposeResolution(short, "write_off", "no")) is (
        Code.DIFFERENCE_STATE_WRONG
    )
    turn_down(found, short)
    assert [state(found, one).status for one in (over, short)] == ["confirmed"] * 2
    propose(found, short, "link", over)
    approve(found, over)
    assert [state(found, one).status for one in (over, short)] == ["resolved"] * 2
    assert (found.balance(KEPT), found.balance(SHORT)) == (0, 0)
    adds_up(found)
    undo(found, over)
    assert [state(found, one).status for one in (over, short)] == ["confirmed"] * 2
    assert (found.balance(KEPT), found.balance(SHORT)) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("kind", "sense", "fen"),
    [
        pytest.param("session_short", "shortage", 9_999, id="another amount"),
        pytest.param("missing_here", "surplus", 10_000, id="a surplus, too"),
    ],
)
def test_what_is_not_one_is_not_linked(found: Books, kind: str, sense: str, fen: int) -> None:
    over = confirm(found, about_of("receipt_unknown", "surplus", 10_000))
    other = confirm(found, about_of(kind, sense, fen))
    assert refusal(found, ProposeResolution(over, "link", "why", other)) is Code.RESOLUTION_UNFIT


def test_a_link_to_what_was_cleared_since_waits_to_be_turned_down(found: Books) -> None:
    over = confirm(found, about_of("receipt_unknown", "surplus", 10_000))
    short = confirm(found, about_of("session_short", "shortage", 10_000))
    propose(found, over, "link", short)
    clear(found, short)
    assert refusal(found, ApproveResolution(over), CHECKER) is Code.RESOLUTION_UNFIT
    turn_down(found, over)
    assert (state(found, over).status, state(found, short).status) == ("confirmed", "reversed")


@pytest.mark.parametrize(
    ("ours", "bill", "cost"),
    [(28_000, 30_000, -2), (28_000, 26_500, 2), (28_000, 28_500, -1)],
)
def test_the_agreed_fee_stands(found: Books, ours: int, bill: int, cost: int) -> None:
    about = about_of("fee", "nothing", 10_000, ours_fen=ours, bill_fen=bill)
    named = confirm(found, about)
    resolve(found, named, "correct_fee")
    assert found.balance("6401.01") == cost
    assert found.balance("2202.02.JD_PAY") == cost
    undo(found, named)
    assert found.balance("6401.01") == 0
    resolve(found, named, "accept")
    assert found.balance("6401.01") == 0
