"""What commands do over several aggregates, policies included: money, answers, and precedence.

The handlers, the policies and the unit of work are the real ones, over a ledger in memory.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.accounting.account import MAX_HOLDS
from domain.accounting.commands import (
    CloseAccount,
    FreezeAccount,
    HoldMoney,
    ReleaseHold,
    ReverseEntry,
    UnfreezeAccount,
)
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks
from domain.events import NAMES
from domain.kernel import DAY_US, Command
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
from domain.refusals import Code, Refused
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books
from tests.examples import BUYER, CHECKER, FRIEND, MAKER, MERCHANT, PAY_DAY

WALLET, ESCROW = f"2241.01.{BUYER}", f"2241.04.{MERCHANT}"
PENDING, AVAILABLE, DEBT = f"2241.02.{TEA}", f"2241.03.{TEA}", f"1122.03.{TEA}"
BATCH = f"{TEA}-{PAY_DAY}"
PAYOUT = f"payout-{BATCH}-1"
LONG = "N" * 64
FAR = date(9999, 12, 31)


def line(merchant: str = MERCHANT, fen: Any = 100, subject: str = "nuts", items: int = 1) -> Any:
    return OrderLine(merchant, fen, subject, items)


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


@pytest.fixture
def books() -> Books:
    return Books().open()


# Who exists: members, accounts, the day.


def test_a_registered_member_has_its_accounts_and_terms(books: Books) -> None:
    command = RegisterMember("NEW", "enterprise", "新店", FeeRule(60), "T+1")
    assert names(books, command) == [
        "member.registered.1",
        "member.fee_rule_set.1",
        "member.settlement_terms_set.1",
        *["account.opened.1"] * 4,
    ]
    assert books.facts_of(command) == []


REFUSED: list[Any] = [
    # What stands first in the enum wins where several apply.
    pytest.param(RegisterMember("A-B", "personal", ""), Code.IDENTIFIER_INVALID, id="member id"),
    pytest.param(RegisterMember("NEW", "personal", "a\nb"), Code.TEXT_INVALID, id="name"),
    pytest.param(RegisterMember(BUYER, "personal", "other"), Code.MEMBER_EXISTS, id="taken"),
    pytest.param(
        RegisterMember("NEW", "personal", "x", FeeRule(60)), Code.MEMBER_KIND_WRONG, id="terms"
    ),
    pytest.param(
        RegisterMember("NEW", "enterprise", "x", FeeRule(60), "M+1"), Code.TERMS_INVALID, id="cycle"
    ),
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


# An order, from checkout to the wallet.


def test_one_payment_pays_a_checkout_over_several_merchants(books: Books) -> None:
    books.place("O1", (MERCHANT, 10_000), (TEA, 3_000))
    assert names(books, PayOrder("P1", "O1", "JD_PAY")) == [
        "payment.started.1",
        "instruction.issued.1",
        "order.payment_started.1",
    ]
    assert names(books, RecordOutcome("pay-P1", succeeded="S1")) == [
        "instruction.succeeded.1",
        "payment.succeeded.1",
        "order.paid.1",
        "transaction.paid.1",
        "transaction.paid.1",
    ]
    assert [books.balance(a) for a in ("1122.01.JD_PAY", ESCROW, f"2241.04.{TEA}")] == [
        13_000,
        10_000,
        3_000,
    ]


def test_an_instant_transaction_is_released_with_its_payment(books: Books) -> None:
    books.sell("O1", (MERCHANT, 10_000), mode="instant")
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
    books.do(SetFeeRule(MERCHANT, PAY_DAY, FeeRule(500)))
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


# Settlement: T+1 for the nuts, D+0 and at most 40.00 a transfer for the tea.


def released(books: Books, fen: int = 10_000, order_no: str = "O1") -> None:
    books.sell(order_no, (TEA, fen))
    books.do(ConfirmReceipt(f"{TEA}-{order_no}", "buyer"))


def settle(books: Books, batch_id: str = BATCH) -> Any:
    books.do(CutOffDay(books.state("day-books").open_date))
    books.do(SealBatch(batch_id), MAKER)
    books.do(ReviewBatch(batch_id), CHECKER)
    return books.do(SettleBatch(batch_id), MAKER)


def payouts(books: Books, batch_id: str = BATCH) -> list[tuple[int, str]]:
    return [(one.amount_fen, one.status) for one in books.state(f"settlement-{batch_id}").payouts]


def test_a_batch_is_paid_out_in_parts(books: Books) -> None:
    released(books)
    settled = settle(books)
    assert settled["instruction_ids"] == [f"payout-{BATCH}-{n}" for n in (1, 2, 3)]
    assert payouts(books) == [(4_000, "instructed"), (4_000, "instructed"), (1_895, "instructed")]
    for payout_no in settled["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    assert books.state(f"settlement-{BATCH}").status == "settled"
    assert (books.balance("2241.05"), books.balance("2202.01.BANK_TRANSFER")) == (0, 9_895)
    for again in (SealBatch(BATCH), ReviewBatch(BATCH), SettleBatch(BATCH)):
        assert books.facts_of(again, CHECKER) == []


def test_who_sealed_may_not_review(books: Books) -> None:
    released(books)
    books.do(CutOffDay(PAY_DAY))
    books.do(SealBatch(BATCH), MAKER)
    assert refusal(books, ReviewBatch(BATCH), MAKER) is Code.CHECKER_IS_MAKER


def test_a_batch_that_is_not_due_waits(books: Books) -> None:
    books.sell("O1", (MERCHANT, 100))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    batch_id = f"{MERCHANT}-{PAY_DAY}"
    with pytest.raises(Refused) as no:
        settle(books, batch_id)
    assert no.value.code is Code.BATCH_NOT_DUE
    books.next_day()
    assert books.do(SettleBatch(batch_id))["status"] == "instructed"


def test_a_failed_payout_waits_on_hold_and_is_tried_again(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    assert (books.balance(AVAILABLE), books.state(f"account-{AVAILABLE}").available_fen) == (
        2_965,
        0,
    )
    again = books.do(RetryPayout(BATCH, PAYOUT))
    assert again["payout_no"] == f"payout-{BATCH}-2"
    books.do(RecordOutcome(f"payout-{BATCH}-2", succeeded="B"))
    assert payouts(books) == [(2_965, "retried"), (2_965, "succeeded")]
    assert books.state(f"settlement-{BATCH}").status == "settled"
    assert refusal(books, RetryPayout(BATCH, PAYOUT)) is Code.PAYOUT_NOT_FOUND


def test_a_returned_payout_is_the_merchants_again(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, succeeded="B"))
    books.do(ReturnPayout(BATCH, PAYOUT, "account closed"))
    assert (books.balance("1001.01"), books.balance(AVAILABLE)) == (2_965, 2_965)
    assert books.facts_of(ReturnPayout(BATCH, PAYOUT, "account closed")) == []
    books.do(RetryPayout(BATCH, PAYOUT))
    books.do(RecordOutcome(f"payout-{BATCH}-2", succeeded="B"))
    assert books.balance(AVAILABLE) == 0


@pytest.mark.parametrize("hold_fen", [2_965, 7])
def test_a_hold_under_the_payouts_number_does_not_lose_its_outcome(
    books: Books, hold_fen: int
) -> None:
    released(books, 3_000)
    released(books, 3_000, "O2")
    settle(books)
    books.do(RecordOutcome(f"payout-{BATCH}-2", declined="x"))
    books.do(ReleaseHold(AVAILABLE, f"payout-{BATCH}-2"))
    books.do(HoldMoney(AVAILABLE, PAYOUT, min(hold_fen, 1_930), "by hand"))
    books.do(RecordOutcome(PAYOUT, declined="name differs"))
    assert payouts(books)[0] == (4_000, "failed")


def test_an_outcome_is_taken_where_no_more_holds_fit(books: Books) -> None:
    released(books, 3_000)
    settle(books)
    books.do(RecordOutcome(PAYOUT, succeeded="B"))
    books.do(ReturnPayout(BATCH, PAYOUT, "closed"))
    books.do(ReleaseHold(AVAILABLE, PAYOUT))
    for n in range(MAX_HOLDS):
        books.do(HoldMoney(AVAILABLE, f"H{n}", 1, "x"))
    assert refusal(books, RetryPayout(BATCH, PAYOUT)) is Code.BALANCE_INSUFFICIENT
    books.next_day()
    released(books, 3_000, "O2")
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    settle(books, second)
    books.do(RecordOutcome(f"payout-{second}-1", declined="x"))
    assert payouts(books, second) == [(2_965, "failed")]
    assert books.balance(AVAILABLE) == 2 * 2_965


def test_a_refund_after_the_seal_is_carried_over_batches(books: Books) -> None:
    """Σ net of open batches + carry = pending money, whatever the order."""
    released(books, 10_000)
    released(books, 1_000, "O2")
    books.do(CutOffDay(PAY_DAY))
    books.do(RefundTransaction("R1", f"{TEA}-O2", 1_000))
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    assert books.state(f"settlement-{second}").net_fen == -985
    settle(books)
    assert books.state(f"carry-{TEA}").carry_fen == 985
    assert (books.balance(PENDING), sum(fen for fen, _ in payouts(books))) == (0, 9_895)
    books.next_day()
    assert settle(books, second)["status"] == "carried_forward"
    assert books.state(f"carry-{TEA}").carry_fen == 0


def test_a_refund_that_is_not_covered_becomes_a_debt_recovered_once(books: Books) -> None:
    released(books, 3_000)
    for payout_no in settle(books)["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 3_000))
    assert (books.balance(DEBT), books.balance("1001.02"), books.balance("2202.09")) == (
        2_965,
        -2_965,
        0,
    )
    books.next_day()
    released(books, 4_000, "O2")
    second = f"{TEA}-{PAY_DAY + timedelta(days=1)}"
    settle(books, second)
    assert payouts(books, second) == [(990, "instructed")]
    assert [books.balance(a) for a in (DEBT, "1001.02", "1001.01")] == [0, 0, 0]


def test_a_debt_on_hold_is_not_recovered(books: Books) -> None:
    released(books, 3_000)
    for payout_no in settle(books)["instruction_ids"]:
        books.do(RecordOutcome(payout_no, succeeded="B"))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 3_000))
    books.do(HoldMoney(DEBT, "H1", 2_000, "in dispute"))
    books.next_day()
    released(books, 4_000, "O2")
    settle(books, f"{TEA}-{PAY_DAY + timedelta(days=1)}")
    assert books.balance(DEBT) == 2_000


def test_the_day_is_closed_with_its_net_positions(books: Books) -> None:
    books.sell("O1", (TEA, 3_000))
    books.do(RefundTransaction("R1", f"{TEA}-O1", 1_000))
    books.do(RecordOutcome("refund-R1", succeeded="B"))
    closed = [fact for _, fact in books.facts_of(CloseDay(PAY_DAY))][1]
    [position] = closed.positions  # type: ignore[attr-defined]
    assert (position.channel, position.network) == ("JD_PAY", "NETSUNION")
    assert (position.received_fen, position.paid_fen, position.net_fen) == (3_000, 1_000, 2_000)
    assert books.facts_of(CloseDay(PAY_DAY)) == []
