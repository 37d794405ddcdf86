"""From checkout to the wallet: what commands do over several aggregates, policies included."""

from datetime import date
from typing import Any

import pytest

from domain.accounting.commands import (
    CloseAccount,
    FreezeAccount,
    ReverseEntry,
    UnfreezeAccount,
)
from domain.kernel import DAY_US, Command
from domain.member.commands import (
    SetFeeRule,
)
from domain.money import FeeRule
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, SendBackRecharge, TransferMoney
from domain.refusals import Code
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, names, refusal
from tests.examples import BUYER, CONSENT, FRIEND, MERCHANT, PAY_DAY
from tests.shops import shop

WALLET, ESCROW = f"2241.01.{BUYER}", f"2241.04.{MERCHANT}"
PENDING, AVAILABLE, DEBT = f"2241.02.{TEA}", f"2241.03.{TEA}", f"1122.03.{TEA}"
BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = f"payout-{BATCH}-1"
LONG = "N" * 64
FAR = date(9999, 12, 31)


def line(merchant: str = MERCHANT, fen: Any = 100, subject: str = "nuts", items: int = 1) -> Any:
    return OrderLine(merchant, fen, subject, items)


def test_a_registered_member_has_its_accounts_and_terms(books: Books) -> None:
    command = shop("NEW", "新店", FeeRule(60), "T+1")
    assert names(books, command) == [
        "member.registered.1",
        "member.fee_rule_set.1",
        "member.settlement_terms_set.1",
        "agreement.signed.1",
        *["account.opened.1"] * 4,
    ]
    assert books.facts_of(command) == []


def test_one_payment_pays_a_checkout_over_several_merchants(books: Books) -> None:
    books.place("O1", (MERCHANT, 10_000), (TEA, 3_000))
    assert names(books, PayOrder("P1", "O1", "JD_PAY")) == [
        "payment.started.2",
        "instruction.issued.2",
        "order.payment_started.1",
    ]
    assert names(books, RecordOutcome("pay-P1", succeeded="S1")) == [
        "instruction.succeeded.1",
        "payment.succeeded.2",
        "order.paid.1",
        "transaction.paid.2",
        "transaction.paid.2",
    ]
    assert [books.balance(a) for a in ("1122.01.JD_PAY", ESCROW, f"2241.04.{TEA}")] == [
        13_000,
        10_000,
        3_000,
    ]


def test_an_instant_transaction_is_released_with_its_payment(books: Books) -> None:
    books.agree(MERCHANT).sell("O1", (MERCHANT, 10_000), mode="instant")
    assert [books.balance(a) for a in (ESCROW, f"2241.02.{MERCHANT}", "2202.09")] == [0, 9_940, 60]


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([], id="checkout"),
        pytest.param([PayOrder("P1", "O1", "JD_PAY")], id="payment"),
        pytest.param(
            [PayOrder("P1", "O1", "JD_PAY"), RecordOutcome("pay-P1", succeeded="S")], id="outcome"
        ),
        pytest.param([CloseOrder("O1", "not paid")], id="close"),
    ],
)
def test_the_same_again_says_nothing_new(books: Books, commands: list[Command]) -> None:
    """A repeat under another request number: nothing happens twice."""
    again = [Checkout("O1", BUYER, (line(),)), *commands]
    for command in again:
        assert books.facts_of(command)
    for command in again:
        assert books.facts_of(command) == []


def test_a_declined_order_is_paid_anew_by_another_payment(books: Books) -> None:
    books.place("O1", (MERCHANT, 100))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    assert refusal(books, PayOrder("P2", "O1", "JD_PAY")) is Code.PAYMENT_IN_PROGRESS
    books.do(RecordOutcome("pay-P1", unknown="timeout"))
    assert refusal(books, CloseOrder("O1", "x")) is Code.PAYMENT_IN_PROGRESS
    books.do(RecordOutcome("pay-P1", declined="no money"))
    # Its instruction will not be carried out a second time: the order would wait for ever.
    assert refusal(books, PayOrder("P1", "O1", "JD_PAY")) is Code.PAYMENT_EXISTS
    books.do(PayOrder("P2", "O1", "WECHAT_PAY"))
    books.do(RecordOutcome("pay-P2", succeeded="S2"))
    assert books.state("order-O1").status == "paid"


def test_the_longest_numbers_go_all_the_way(books: Books) -> None:
    books.place(LONG, (MERCHANT, 100))
    books.do(PayOrder(LONG, LONG, "JD_PAY"))
    books.do(RecordOutcome(f"pay-{LONG}", succeeded="S1"))
    books.do(RefundTransaction(LONG, f"{MERCHANT}-{LONG}", 40))
    books.do(RecordOutcome(f"refund-{LONG}", succeeded="S2"))
    assert books.state(f"refund-{LONG}").status == "succeeded"
    assert refusal(books, PayOrder(LONG + "N", LONG, "JD_PAY")) is Code.IDENTIFIER_INVALID


def test_what_a_channel_cannot_refund_goes_to_the_wallet(books: Books) -> None:
    books.sell("O1", (MERCHANT, 100))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 40))
    assert (books.balance(ESCROW), books.balance("2241.07")) == (60, 40)
    books.do(RecordOutcome("refund-R1", unknown="timeout"))
    books.do(RecordOutcome("refund-R1", declined="card closed"))
    assert (books.balance("2241.07"), books.balance(WALLET)) == (0, 40)
    books.do(TransferMoney("X1", BUYER, FRIEND, 40))
    assert books.balance(f"2241.01.{FRIEND}") == 40
    assert books.facts_of(TransferMoney("X1", BUYER, FRIEND, 40)) == []
    assert books.facts_of(RefundTransaction("R1", f"{MERCHANT}-O1", 40)) == []
    assert refusal(books, RefundTransaction("R1", f"{MERCHANT}-O1", 41)) is Code.REFUND_EXISTS


def test_a_recharge_credits_the_wallet_once(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "WECHAT_PAY", 500))
    assert books.balance(WALLET) == 0
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    assert books.facts_of(RecordOutcome("pay-W1", succeeded="S1")) == []
    assert books.facts_of(RechargeWallet("W1", BUYER, "WECHAT_PAY", 500)) == []
    assert books.balance(WALLET) == 500


def test_a_transfer_is_turned_round_and_back_and_then_stands(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 500))
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    books.do(TransferMoney("X1", BUYER, FRIEND, 500))
    first = str(books.do(ReverseEntry("transfer-X1#1", "x"))["reversed_by"])
    assert refusal(books, ReverseEntry("transfer-X1#1", "x")) is Code.ENTRY_ALREADY_REVERSED
    assert refusal(books, ReverseEntry("transfer-X1#01", "x")) is Code.ENTRY_NOT_FOUND
    second = str(books.do(ReverseEntry(first, "x"))["reversed_by"])
    assert refusal(books, ReverseEntry(second, "x")) is Code.ENTRY_NOT_REVERSIBLE
    assert books.balance(f"2241.01.{FRIEND}") == 500


def test_a_recharge_is_undone_through_its_channel_alone(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 500))
    undo = SendBackRecharge("W1", "the wrong wallet")
    assert refusal(books, undo) is Code.PAYMENT_STATE_WRONG
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    assert refusal(books, ReverseEntry("payment-W1#3", "x")) is Code.ENTRY_NOT_REVERSIBLE
    books.do(TransferMoney("X1", BUYER, FRIEND, 1))
    assert refusal(books, undo) is Code.BALANCE_INSUFFICIENT
    books.do(TransferMoney("X2", FRIEND, BUYER, 1))
    assert books.do(undo) == {"payment_no": "W1", "instruction_id": "back-W1"}
    assert (books.balance(WALLET), books.balance("2241.07")) == (0, 500)
    assert books.facts_of(undo) == []
    books.do(RecordOutcome("back-W1", succeeded="S2"))
    assert (books.balance("2241.07"), books.balance("2202.01.JD_PAY")) == (0, 500)
    assert books.facts_of(undo) == []
    assert refusal(books, SendBackRecharge("W9", "x")) is Code.PAYMENT_NOT_FOUND


def test_a_recharge_that_its_channel_does_not_take_back_is_the_wallets_again(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 500))
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    books.do(SendBackRecharge("W1", "the wrong wallet"))
    books.do(RecordOutcome("back-W1", declined="card closed"))
    assert (books.balance(WALLET), books.balance("2241.07")) == (500, 0)
    books.sell("O1", (MERCHANT, 100))
    wrong = SendBackRecharge("PO1", "it pays for an order")
    assert refusal(books, wrong) is Code.PAYMENT_STATE_WRONG


def test_the_timer_confirms_after_seven_days(books: Books) -> None:
    books.sell("O1", (MERCHANT, 100))
    books.at_us += 7 * DAY_US - 1
    early = ConfirmReceipt(f"{MERCHANT}-O1", "timer")
    assert refusal(books, early) is Code.CONFIRMATION_TOO_EARLY
    books.at_us += 1
    assert names(books, early)[:2] == ["transaction.completed.1", "transaction.cleared.1"]
    assert books.facts_of(ConfirmReceipt(f"{MERCHANT}-O1", "buyer")) == []


def test_the_fee_rule_of_the_checkout_stays_with_the_transaction(books: Books) -> None:
    books.place("O1", (MERCHANT, 10_000))
    books.do(SetFeeRule(MERCHANT, PAY_DAY, FeeRule(500), CONSENT, notice_days=0))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    assert books.balance("2202.09") == 60


def test_frozen_money_neither_leaves_nor_arrives(books: Books) -> None:
    books.sell("O1", (TEA, 10_000))
    books.do(FreezeAccount(PENDING, "in", "court"))
    confirm = ConfirmReceipt(f"{TEA}-O1", "buyer")
    assert refusal(books, confirm) is Code.ACCOUNT_FROZEN
    books.do(UnfreezeAccount(PENDING, "lifted"))
    books.do(confirm)
    assert books.balance(PENDING) == 9_895


@pytest.mark.parametrize(
    ("hindrance", "code"),
    [
        pytest.param(CloseAccount(ESCROW), Code.ACCOUNT_CLOSED, id="closed"),
        pytest.param(FreezeAccount(ESCROW, "in", "x"), Code.ACCOUNT_FROZEN, id="frozen"),
    ],
)
def test_money_that_could_not_be_booked_is_not_asked_for(
    books: Books, hindrance: Command, code: Code
) -> None:
    books.place("1", (MERCHANT, 8_900))
    books.do(hindrance)
    assert refusal(books, PayOrder("P1", "1", "JD_PAY")) is code
