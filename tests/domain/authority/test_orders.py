"""Orders of authorities on the books: the queue, what arrives later, who is refused."""

from datetime import date, timedelta

import pytest

from domain.accounting import account
from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.authority import deduction, order
from domain.authority.commands import (
    DeductMoney,
    EndOrder,
    ExtendOrder,
    LiftOrder,
    PlaceOrder,
)
from domain.authority.outcomes import ReturnDeduction
from domain.kernel import DAY_US
from domain.order.commands import PayOrder
from domain.payment import instruction
from domain.payment.asked import Destination
from domain.payment.commands import LegAsked, RecordOutcome, TransferMoney
from domain.payment.forgetting import ForgetMember
from domain.payment.plan import WALLET_CODE
from domain.refusals import Code
from domain.settlement.withdrawing import InstructWithdrawal, RequestWithdrawal
from tests.books import Books, names, refusal
from tests.days import right
from tests.domain.withdrawing import PAYABLE, TRANSIT, WALLET, bind, recharge
from tests.examples import BUYER, FRIEND, MERCHANT, PAY_DAY

COURT_ACCOUNT, COURT_PARTICULARS = "ab" * 16, "cd" * 16
TO = Destination(COURT_ACCOUNT, COURT_PARTICULARS, "6677")
ENDS = PAY_DAY + timedelta(days=30)


def place(
    no: str = "F1", fen: int | None = 5_000, authority: str = "COURT", **more: str
) -> PlaceOrder:
    return PlaceOrder(no, authority, f"(2010)京01执{no}号", more.get("account", WALLET), fen, ENDS)


def deduct(no: str = "K1", fen: int = 5_000, of: str = "F1", **more: str) -> DeductMoney:
    document = f"(2010)京01执扣{no}号"
    return DeductMoney(no, of, document, fen, COURT_ACCOUNT, COURT_PARTICULARS, "6677", **more)


def pay(no: str, fen: int) -> TransferMoney:
    return TransferMoney(no, BUYER, FRIEND, fen)


def wallet(books: Books) -> account.State:
    state: account.State = books.state(account.stream(WALLET))
    return state


def test_a_limited_freeze_stops_up_to_its_amount_and_what_arrives_until_then(books: Books) -> None:
    recharge(books, 3_000)
    assert books.do(place()) == {
        "order_no": "F1",
        "state": "in_force",
        "account": WALLET,
        "amount_fen": 5_000,
        "stopped_fen": 3_000,
        "ends": ENDS.isoformat(),
    }
    assert refusal(books, pay("T1", 1)) is Code.ACCOUNT_FROZEN
    recharge(books, 2_500, "W2")
    assert (wallet(books).stopped_fen, wallet(books).available_fen) == (5_000, 500)
    assert refusal(books, pay("T2", 501)) is Code.ACCOUNT_FROZEN
    books.do(pay("T3", 500))
    assert refusal(books, pay("T4", 1)) is Code.ACCOUNT_FROZEN
    assert wallet(books).stopped_for("F1") == 5_000
    right(books)


def test_a_second_authority_waits_and_takes_up_what_the_first_lets_go(books: Books) -> None:
    recharge(books, 6_000)
    books.do(place("F1", 5_000))
    books.do(place("F2", 4_000, "PUBLIC_SECURITY"))
    books.do(place("F3", None, "PROCURATORATE"))
    shares = [wallet(books).stopped_for(no) for no in ("F1", "F2", "F3")]
    assert shares == [5_000, 1_000, 0]
    books.do(LiftOrder("F1", "(2010)京01执解1号"))
    assert [wallet(books).stopped_for(no) for no in ("F1", "F2", "F3")] == [0, 4_000, 2_000]
    recharge(books, 100, "W2")
    assert wallet(books).stopped_for("F3") == 2_100
    books.do(LiftOrder("F3", "沪检解1号"))
    assert wallet(books).available_fen == 2_100
    assert names(books, LiftOrder("F3", "沪检解1号")) == []


def test_it_ends_when_its_last_date_is_over_and_is_extended_by_a_new_document(
    books: Books,
) -> None:
    recharge(books, 5_000)
    books.do(place())
    assert names(books, EndOrder("F1")) == []
    books.at_us += 30 * DAY_US
    assert names(books, EndOrder("F1")) == []  # The last date is still in force.
    longer = ENDS + timedelta(days=60)
    assert names(books, ExtendOrder("F1", "续1号", longer)) == ["authority.order_extended.1"]
    assert names(books, ExtendOrder("F1", "续1号", longer)) == []
    books.at_us += 60 * DAY_US
    assert names(books, EndOrder("F1")) == []
    books.at_us += DAY_US
    ended = ["authority.order_ended.1", "account.detached.1"]
    assert names(books, EndOrder("F1")) == ended
    assert names(books, EndOrder("F1")) == []
    assert wallet(books).available_fen == 5_000
    late = LiftOrder("F1", "解1号")
    assert refusal(books, late) is Code.AUTHORITY_ORDER_STATE_WRONG
    again = ExtendOrder("F1", "续2号", longer + timedelta(days=99))
    assert refusal(books, again) is Code.AUTHORITY_ORDER_STATE_WRONG


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param(place(authority="MAYOR"), Code.AUTHORITY_ORDER_INVALID, id="no authority"),
        pytest.param(
            PlaceOrder("F1", "PUBLIC_SECURITY", "1号", WALLET, 1, date(2011, 6, 2)),
            Code.AUTHORITY_ORDER_INVALID,
            id="longer than its kind may",
        ),
        pytest.param(
            PlaceOrder("F1", "COURT", "1号", WALLET, 1, date(2010, 11, 30)),
            Code.AUTHORITY_ORDER_INVALID,
            id="over before it begins",
        ),
        pytest.param(place(fen=0), Code.AMOUNT_INVALID, id="nothing"),
        pytest.param(place(account="2241.05"), Code.NOT_ALLOWED, id="the institution's account"),
        pytest.param(place(account=f"2241.04.{MERCHANT}"), Code.NOT_ALLOWED, id="escrow"),
        pytest.param(place(account="2241.01.nobody"), Code.ACCOUNT_NOT_FOUND, id="no account"),
        pytest.param(
            PlaceOrder("F1", "COURT", "", WALLET, 1, ENDS), Code.TEXT_INVALID, id="no document"
        ),
        pytest.param(LiftOrder("F1", "1号"), Code.AUTHORITY_ORDER_NOT_FOUND, id="lift nothing"),
        pytest.param(deduct(), Code.AUTHORITY_ORDER_NOT_FOUND, id="deduct by nothing"),
    ],
)
def test_what_is_wrong_with_an_order_is_refused(
    books: Books, wrong: PlaceOrder, code: Code
) -> None:
    recharge(books, 100)
    assert refusal(books, wrong) is code


def test_the_same_order_again_is_that_order_and_another_is_refused(books: Books) -> None:
    recharge(books, 100)
    books.do(place())
    books.at_us += DAY_US
    assert names(books, place()) == []
    assert refusal(books, place(fen=1)) is Code.AUTHORITY_ORDER_EXISTS


def test_nothing_of_what_is_stopped_leaves_by_any_door(books: Books) -> None:
    bind(books)
    recharge(books, 10_000)
    books.do(place(fen=None))
    books.place("O1", (MERCHANT, 4_000))
    assert refusal(books, PayOrder("P1", "O1", WALLET_CODE)) is Code.ACCOUNT_FROZEN
    assert refusal(books, pay("T1", 1)) is Code.ACCOUNT_FROZEN
    assert refusal(books, RequestWithdrawal("X1", BUYER, 1_000, 0)) is Code.ACCOUNT_FROZEN
    assert refusal(books, CloseAccount(WALLET)) is Code.ACCOUNT_FROZEN
    books.at_us += 11 * 366 * DAY_US
    forgotten = ForgetMember(BUYER, PAY_DAY, 10, "asked")
    assert refusal(books, forgotten) in (Code.ACCOUNT_FROZEN, Code.CARD_STATE_WRONG)


def test_what_was_under_way_before_goes_on(books: Books) -> None:
    """A leg that was held, and a withdrawal that was sent: the channel's word is never refused."""
    bind(books)
    recharge(books, 10_000)
    books.do(RequestWithdrawal("X1", BUYER, 1_000, 0))
    books.place("O1", (MERCHANT, 2_000), ("TEAHOUSE", 2_000))
    legs = (LegAsked(WALLET_CODE, 3_000), LegAsked("JD_PAY", 1_000))
    books.do(PayOrder("P1", "O1", legs=legs))
    books.do(place(fen=None))
    assert wallet(books).stopped_fen == 6_000
    books.do(RecordOutcome("pay2-P1", succeeded="S1"))
    assert wallet(books).balance_fen == wallet(books).stopped_fen == 6_000
    assert wallet(books).taking_fen == 0
    books.do(RecordOutcome("withdraw-X1", declined="closed"))
    assert wallet(books).stopped_fen == 7_000
    right(books)


def test_a_withdrawal_that_waits_for_its_date_is_not_sent_while_more_is_wanted(
    books: Books,
) -> None:
    bind(books)
    recharge(books, 10_000)
    books.do(RequestWithdrawal("X1", BUYER, 4_000, 0, speed="T+1"))
    books.do(place(fen=7_000))
    books.next_day()
    assert refusal(books, InstructWithdrawal("X1")) is Code.ACCOUNT_FROZEN
    recharge(books, 1_000, "W2")  # Now all is there that the order wants.
    assert books.do(InstructWithdrawal("X1"))["state"] == "instructed"
    right(books)


def test_a_leg_that_is_given_up_is_stopped(books: Books) -> None:
    recharge(books, 10_000)
    books.place("O1", (MERCHANT, 4_000))
    legs = (LegAsked(WALLET_CODE, 3_000), LegAsked("JD_PAY", 1_000))
    books.do(PayOrder("P1", "O1", legs=legs))
    books.do(place(fen=9_000))
    assert wallet(books).stopped_fen == 7_000
    books.do(RecordOutcome("pay2-P1", declined="no"))
    assert (wallet(books).stopped_fen, wallet(books).available_fen) == (9_000, 1_000)


def test_a_deduction_is_paid_to_the_account_it_names(books: Books) -> None:
    recharge(books, 8_000)
    books.do(place())
    answer = {
        "deduction_no": "K1",
        "order_no": "F1",
        "state": "instructed",
        "amount_fen": 3_000,
        "payee_tail": "6677",
    }
    assert books.do(deduct(fen=3_000)) == answer
    assert names(books, deduct(fen=3_000)) == []
    assert refusal(books, deduct(fen=3_001)) is Code.DEDUCTION_EXISTS
    assert (books.balance(WALLET), books.balance(TRANSIT)) == (5_000, 3_000)
    assert (wallet(books).stopped_fen, wallet(books).available_fen) == (2_000, 3_000)
    asked = books.state(instruction.stream("deduct-K1")).asked
    assert (asked.party, asked.amount_fen, asked.product, asked.to) == (
        BUYER,
        3_000,
        "DEDUCTION",
        TO,
    )
    books.do(RecordOutcome("deduct-K1", unknown="no answer"))
    assert books.balance(TRANSIT) == 3_000
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    assert (books.balance(TRANSIT), books.balance(PAYABLE)) == (0, 3_000)
    assert refusal(books, deduct("K2", 2_001)) is Code.DEDUCTION_BEYOND
    books.do(deduct("K2", 2_000))
    books.do(RecordOutcome("deduct-K2", succeeded="B2"))
    assert books.state(order.stream("F1")).status == "executed"
    assert wallet(books).attached == ()
    right(books)


def test_one_that_is_declined_is_stopped_again_in_its_place(books: Books) -> None:
    recharge(books, 5_000)
    books.do(place())
    books.do(place("F2", 4_000))
    books.do(deduct())
    assert wallet(books).stopped_fen == 0
    books.do(RecordOutcome("deduct-K1", declined="no such account"))
    assert [wallet(books).stopped_for(no) for no in ("F1", "F2")] == [5_000, 0]
    assert books.balance(TRANSIT) == 0
    assert refusal(books, pay("T1", 1)) is Code.ACCOUNT_FROZEN
    books.do(deduct("K2"))
    books.do(RecordOutcome("deduct-K2", succeeded="B2"))
    assert books.state(order.stream("F1")).status == "executed"
    right(books)


def test_one_that_comes_back_days_later_is_stopped_again(books: Books) -> None:
    recharge(books, 5_000)
    books.do(place())
    books.do(deduct())
    wrong = ReturnDeduction("K1", "account closed")
    assert refusal(books, wrong) is Code.DEDUCTION_STATE_WRONG
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    assert books.do(wrong) == {"deduction_no": "K1", "state": "returned"}
    assert names(books, wrong) == []
    assert (books.state(order.stream("F1")).status, wallet(books).stopped_for("F1")) == (
        "in_force",
        5_000,
    )
    right(books)


def test_one_whose_order_was_lifted_meanwhile_comes_back_free(books: Books) -> None:
    recharge(books, 5_000)
    books.do(place())
    books.do(deduct())
    books.do(LiftOrder("F1", "解1号"))
    books.do(RecordOutcome("deduct-K1", declined="no"))
    assert wallet(books).available_fen == 5_000
    assert wallet(books).attached == ()
    right(books)


def test_its_member_is_not_forgotten_while_money_is_on_its_way(books: Books) -> None:
    recharge(books, 5_000)
    books.do(place())
    books.do(deduct())
    books.do(LiftOrder("F1", "解1号"))
    books.at_us += 11 * 366 * DAY_US
    forget = ForgetMember(BUYER, PAY_DAY, 10, "asked")
    assert refusal(books, forget) is Code.ACCOUNT_FROZEN
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    books.do(forget)


def test_no_more_than_what_is_there_for_its_own_order_is_taken(books: Books) -> None:
    recharge(books, 6_000)
    books.do(place("F1", 5_000))
    books.do(place("F2", 4_000))
    assert refusal(books, deduct("K1", 1_001, "F2")) is Code.DEDUCTION_BEYOND
    books.do(deduct("K1", 1_000, "F2"))
    assert [wallet(books).stopped_for(no) for no in ("F1", "F2")] == [5_000, 0]
    police = place("F3", 100, "PUBLIC_SECURITY")
    books.do(police)
    assert refusal(books, deduct("K2", 1, "F3")) is Code.AUTHORITY_ORDER_INVALID


def test_a_court_may_take_without_a_freeze_before(books: Books) -> None:
    recharge(books, 6_000)
    direct = deduct("K1", 4_000, "D1", authority="COURT", account=WALLET)
    books.do(direct)
    assert names(books, direct) == []
    assert books.state(deduction.stream("K1")).status == "instructed"
    books.do(RecordOutcome("deduct-K1", declined="no such account"))
    assert wallet(books).stopped_for("D1") == 4_000
    books.do(deduct("K2", 4_000, "D1"))
    books.do(RecordOutcome("deduct-K2", succeeded="B2"))
    assert books.balance(WALLET) == 2_000
    more = deduct("K3", 2_001, "D2", authority="COURT", account=WALLET)
    assert refusal(books, more) is Code.DEDUCTION_BEYOND
    police = deduct("K3", 1, "D2", authority="PUBLIC_SECURITY", account=WALLET)
    assert refusal(books, police) is Code.AUTHORITY_ORDER_INVALID
    right(books)


def test_what_an_operator_froze_waits_for_him(books: Books) -> None:
    recharge(books, 6_000)
    books.do(place())
    books.do(FreezeAccount(WALLET, "in", "risk"))
    assert refusal(books, deduct()) is Code.ACCOUNT_FROZEN


def test_the_queue_is_bounded(books: Books) -> None:
    recharge(books, 6_000)
    for n in range(20):
        books.do(place(f"F{n}", 1))
    assert refusal(books, place("F20", 1)) is Code.AUTHORITY_ORDER_LIMIT
