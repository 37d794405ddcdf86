"""Every command that is refused: with which code where several apply, and without a trace.

The handlers, the policies and the unit of work are the real ones, over a ledger in memory.
"""

from datetime import date
from typing import Any

import pytest

from domain.accounting.commands import (
    CloseAccount,
    FreezeAccount,
    HoldMoney,
    ReleaseHold,
    ReverseEntry,
    UnfreezeAccount,
)
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks
from domain.kernel import Command
from domain.member.commands import (
    AddOperator,
    RegisterMember,
    RemoveOperator,
    SetFeeRule,
    SetSettlementTerms,
)
from domain.money import MAX_FEN, FeeRule
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import MAX_LINES, OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, refusal
from tests.examples import BUYER, FRIEND, MERCHANT, PAY_DAY
from tests.shops import shop

WALLET, ESCROW = f"2241.01.{BUYER}", f"2241.04.{MERCHANT}"
PENDING, AVAILABLE, DEBT = f"2241.02.{TEA}", f"2241.03.{TEA}", f"1122.03.{TEA}"
BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = f"payout-{BATCH}-1"
LONG = "N" * 64
FAR = date(9999, 12, 31)


def line(merchant: str = MERCHANT, fen: Any = 100, subject: str = "nuts", items: int = 1) -> Any:
    return OrderLine(merchant, fen, subject, items)


REFUSED: list[Any] = [
    # What stands first in the enum wins where several apply.
    pytest.param(RegisterMember("A-B", "personal", ""), Code.IDENTIFIER_INVALID, id="member id"),
    pytest.param(RegisterMember("NEW", "personal", "a\nb"), Code.TEXT_INVALID, id="name"),
    pytest.param(RegisterMember(BUYER, "personal", "other"), Code.MEMBER_EXISTS, id="taken"),
    pytest.param(
        RegisterMember("NEW", "personal", "x", FeeRule(60)), Code.MEMBER_KIND_WRONG, id="terms"
    ),
    pytest.param(shop("NEW", "x", FeeRule(60), "M+1"), Code.TERMS_INVALID, id="cycle"),
    pytest.param(AddOperator("NOBODY", "Z", "owner"), Code.MEMBER_NOT_FOUND, id="operator of none"),
    pytest.param(AddOperator("NOBODY", "a b", "owner"), Code.IDENTIFIER_INVALID, id="operator id"),
    pytest.param(RemoveOperator(BUYER, "Z"), Code.OPERATOR_NOT_FOUND, id="operator not there"),
    pytest.param(SetFeeRule(BUYER, PAY_DAY, FeeRule(-1)), Code.MEMBER_KIND_WRONG, id="personal"),
    pytest.param(
        SetFeeRule(MERCHANT, date(2010, 11, 30), FeeRule(1)), Code.TERMS_INVALID, id="past"
    ),
    pytest.param(SetSettlementTerms(BUYER, PAY_DAY, "T+1"), Code.MEMBER_KIND_WRONG, id="no cycle"),
    pytest.param(FreezeAccount("9999", "in", "x"), Code.ACCOUNT_NOT_FOUND, id="freeze"),
    pytest.param(FreezeAccount("9999", "in", ""), Code.TEXT_INVALID, id="freeze for no reason"),
    pytest.param(UnfreezeAccount("9999", "x"), Code.ACCOUNT_NOT_FOUND, id="unfreeze"),
    pytest.param(HoldMoney(WALLET, "a b", 0, ""), Code.IDENTIFIER_INVALID, id="hold: its id first"),
    pytest.param(HoldMoney(WALLET, "H", 0, ""), Code.AMOUNT_INVALID, id="hold: its amount next"),
    pytest.param(HoldMoney(WALLET, "H", 1, "x"), Code.BALANCE_INSUFFICIENT, id="hold: no money"),
    pytest.param(ReleaseHold("9999", "H"), Code.ACCOUNT_NOT_FOUND, id="release in no account"),
    pytest.param(ReleaseHold(WALLET, "H"), Code.HOLD_NOT_FOUND, id="release no hold"),
    pytest.param(CloseAccount("9999"), Code.ACCOUNT_NOT_FOUND, id="close nothing"),
    pytest.param(CloseAccount("2241.07"), Code.NOT_ALLOWED, id="close the institution's"),
    pytest.param(CloseAccount("1122.01.JD_PAY"), Code.NOT_ALLOWED, id="close a channel's"),
    pytest.param(OpenBooks(date(2010, 12, 2)), Code.DAY_ALREADY_OPEN, id="books"),
    pytest.param(CutOffDay(date(2010, 11, 30)), Code.DAY_NOT_THE_OPEN_ONE, id="before the first"),
    pytest.param(CutOffDay(date(2010, 12, 2)), Code.DAY_NOT_BEGUN, id="cut off tomorrow"),
    pytest.param(CloseDay(date(2010, 12, 2)), Code.DAY_NOT_BEGUN, id="close tomorrow"),
    pytest.param(CloseDay(FAR), Code.DAY_NOT_BEGUN, id="close the last day of the calendar"),
    pytest.param(CutOffDay(FAR), Code.DAY_NOT_BEGUN, id="cut off the last day of the calendar"),
    # Orders.
    pytest.param(Checkout("a b", "?", ()), Code.IDENTIFIER_INVALID, id="order number"),
    pytest.param(Checkout("O", "a b", (line(fen=0),)), Code.IDENTIFIER_INVALID, id="buyer's id"),
    pytest.param(Checkout("O", "NOBODY", (line(fen=0),)), Code.AMOUNT_INVALID, id="amount first"),
    pytest.param(
        Checkout("O", "NOBODY", (line(fen=MAX_FEN + 1),)), Code.AMOUNT_TOO_LARGE, id="large"
    ),
    pytest.param(Checkout("O", "NOBODY", (line(subject=""),)), Code.TEXT_INVALID, id="subject"),
    pytest.param(Checkout("O", "NOBODY", (line(),)), Code.MEMBER_NOT_FOUND, id="buyer"),
    pytest.param(Checkout("O", TEA, (line(),)), Code.MEMBER_KIND_WRONG, id="a shop has no wallet"),
    pytest.param(Checkout("O", BUYER, (line("NOBODY"),)), Code.MEMBER_NOT_FOUND, id="merchant"),
    pytest.param(Checkout("O", BUYER, (line(FRIEND),)), Code.MEMBER_KIND_WRONG, id="no merchant"),
    pytest.param(Checkout("O", BUYER, ()), Code.ORDER_LINES_INVALID, id="no lines"),
    pytest.param(Checkout("O", BUYER, (line(), line())), Code.ORDER_LINES_INVALID, id="twice"),
    pytest.param(Checkout("O", BUYER, (line(items=0),)), Code.ORDER_LINES_INVALID, id="no items"),
    pytest.param(
        Checkout("O", BUYER, tuple(line(f"M{n}") for n in range(MAX_LINES + 1))),
        Code.ORDER_LINES_INVALID,
        id="too many lines",
    ),
    pytest.param(
        Checkout("O", BUYER, (line(fen=MAX_FEN), line(TEA))), Code.AMOUNT_TOO_LARGE, id="together"
    ),
    pytest.param(PayOrder("a b", "NONE", "CASH"), Code.IDENTIFIER_INVALID, id="payment number"),
    pytest.param(PayOrder("P", "NONE", "JD_PAY"), Code.ORDER_NOT_FOUND, id="pay no order"),
    pytest.param(PayOrder("P", "OPEN", "BANK_TRANSFER"), Code.METHOD_UNKNOWN, id="method"),
    pytest.param(PayOrder("PPAID", "OPEN", "JD_PAY"), Code.PAYMENT_EXISTS, id="payment taken"),
    pytest.param(PayOrder("P", "PAID", "JD_PAY"), Code.ORDER_NOT_PAYABLE, id="paid before"),
    pytest.param(CloseOrder("NONE", "x"), Code.ORDER_NOT_FOUND, id="close no order"),
    pytest.param(CloseOrder("PAID", "x"), Code.ORDER_NOT_PAYABLE, id="close a paid one"),
    # Payments.
    pytest.param(RecordOutcome("a b"), Code.IDENTIFIER_INVALID, id="instruction id"),
    pytest.param(RecordOutcome("NONE"), Code.REQUEST_INVALID, id="no outcome"),
    pytest.param(RecordOutcome("NONE", "S", "x"), Code.REQUEST_INVALID, id="two outcomes"),
    pytest.param(RecordOutcome("NONE", ""), Code.TEXT_INVALID, id="no serial"),
    pytest.param(RecordOutcome("NONE", "S"), Code.INSTRUCTION_NOT_FOUND, id="no instruction"),
    pytest.param(
        RecordOutcome("pay-PPAID", declined="x"), Code.INSTRUCTION_ALREADY_ENDED, id="ended"
    ),
    pytest.param(RechargeWallet("W", "NOBODY", "CASH", 0), Code.MEMBER_NOT_FOUND, id="nobody's"),
    pytest.param(RechargeWallet("W", TEA, "JD_PAY", 5), Code.MEMBER_KIND_WRONG, id="a shop's"),
    pytest.param(RechargeWallet("W", BUYER, "CASH", 5), Code.METHOD_UNKNOWN, id="by cash"),
    pytest.param(RechargeWallet("W", BUYER, "JD_PAY", True), Code.AMOUNT_INVALID, id="a boolean"),
    pytest.param(TransferMoney("X", BUYER, BUYER, 5), Code.REQUEST_INVALID, id="to oneself"),
    pytest.param(TransferMoney("X", BUYER, FRIEND, 0), Code.AMOUNT_INVALID, id="nothing"),
    pytest.param(TransferMoney("X", BUYER, "NOBODY", 5), Code.ACCOUNT_NOT_FOUND, id="to nobody"),
    pytest.param(TransferMoney("X", BUYER, FRIEND, 5), Code.BALANCE_INSUFFICIENT, id="no money"),
    # Transactions.
    pytest.param(ConfirmReceipt("NONE", "buyer"), Code.TRANSACTION_NOT_FOUND, id="confirm nothing"),
    pytest.param(
        ConfirmReceipt(f"{MERCHANT}-OPEN", "buyer"), Code.TRANSACTION_NOT_PAID, id="unpaid"
    ),
    pytest.param(
        ConfirmReceipt(f"{MERCHANT}-PAID", "timer"), Code.CONFIRMATION_TOO_EARLY, id="too early"
    ),
    pytest.param(RefundTransaction("R", "NONE", 0), Code.AMOUNT_INVALID, id="refund nothing"),
    pytest.param(RefundTransaction("R", "NONE", 5), Code.TRANSACTION_NOT_FOUND, id="of nothing"),
    pytest.param(
        RefundTransaction("R", f"{MERCHANT}-OPEN", 5), Code.TRANSACTION_NOT_PAID, id="unpaid refund"
    ),
    pytest.param(
        RefundTransaction("R", f"{MERCHANT}-PAID", 101), Code.REFUND_EXCEEDS_PAID, id="too much"
    ),
    # Settlement.
    pytest.param(SealBatch("NONE"), Code.BATCH_NOT_FOUND, id="seal nothing"),
    pytest.param(ReviewBatch("NONE"), Code.BATCH_NOT_FOUND, id="review nothing"),
    pytest.param(SettleBatch("NONE"), Code.BATCH_NOT_FOUND, id="settle nothing"),
    pytest.param(RetryPayout("NONE", "P"), Code.BATCH_NOT_FOUND, id="retry nothing"),
    pytest.param(ReturnPayout("NONE", "P", "x"), Code.BATCH_NOT_FOUND, id="return nothing"),
    pytest.param(SealBatch(BATCH), Code.BATCH_STATE_WRONG, id="its date is not cut off"),
    pytest.param(ReviewBatch(BATCH), Code.BATCH_STATE_WRONG, id="still collecting"),
    pytest.param(SettleBatch(BATCH), Code.BATCH_STATE_WRONG, id="not reviewed"),
    pytest.param(RetryPayout(BATCH, PAYOUT), Code.PAYOUT_NOT_FOUND, id="no payout yet"),
    # Reversals.
    pytest.param(ReverseEntry("", "x"), Code.ENTRY_NOT_FOUND, id="reverse nothing"),
    pytest.param(
        ReverseEntry("order-PAID#1", "x"), Code.ENTRY_NOT_FOUND, id="a fact without entry"
    ),
    pytest.param(
        ReverseEntry(f"transaction-{MERCHANT}-PAID#2", "x"),
        Code.ENTRY_NOT_REVERSIBLE,
        id="escrow that a transaction stands on",
    ),
    pytest.param(
        ReverseEntry(f"transaction-{TEA}-DONE#4", "x"),
        Code.ENTRY_NOT_REVERSIBLE,
        id="a release that a batch stands on",
    ),
    pytest.param(ReverseEntry("order-PAID#x", "x"), Code.ENTRY_NOT_FOUND, id="no version"),
]


@pytest.fixture(scope="module")
def market() -> Books:
    """An order that waits for payment, one that is paid, and one that is released."""
    books = Books().open()
    books.place("OPEN", (MERCHANT, 100))
    books.sell("PAID", (MERCHANT, 100))
    books.sell("DONE", (TEA, 10_000))
    books.do(ConfirmReceipt(f"{TEA}-DONE", "buyer"))
    return books


@pytest.mark.parametrize(("command", "code"), REFUSED)
def test_a_command_is_refused_and_leaves_no_trace(
    market: Books, command: Command, code: Code
) -> None:
    assert refusal(market, command) is code


def test_nothing_posts_before_the_books_are_open() -> None:
    books = Books()
    for member in (BUYER, FRIEND):
        books.do(RegisterMember(member, "personal", member))
    for command in (TransferMoney("X", BUYER, FRIEND, 5), CutOffDay(PAY_DAY), CloseDay(PAY_DAY)):
        assert refusal(books, command) is Code.DAY_NOT_OPEN
