"""Orders of authorities and deductions as rows; what accounts and orders show is what they stop."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from domain.accounting import account, attachment
from domain.authority import order
from domain.authority.commands import DeductMoney, ExtendOrder, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from domain.payment.asking import RecordAnswer
from domain.payment.commands import RecordOutcome, TransferMoney
from projections.models import account_days, authority_orders, balances
from projections.models.authority_orders import Wanted
from tests.books import Books
from tests.domain.test_open_items import recorded
from tests.domain.withdrawing import WALLET, recharge
from tests.examples import BUYER, FRIEND, PAY_DAY
from tests.projections.applied import apply

ENDS = PAY_DAY + timedelta(days=30)


def place(no: str, fen: int | None) -> PlaceOrder:
    return PlaceOrder(no, "COURT", f"{no}号", WALLET, fen, ENDS)


def deduct(no: str, of: str, fen: int) -> DeductMoney:
    return DeductMoney(no, of, f"扣{no}号", fen, "ab" * 16, "cd" * 16, "6677")


@pytest.fixture(scope="module")
def told() -> Books:
    books = Books()
    books.do(OpenBooks(PAY_DAY))
    books.do(RegisterMember(BUYER, "personal", "李雷"))
    books.do(RegisterMember(FRIEND, "personal", "韩梅梅"))
    recharge(books, 10_000)
    for no, fen in (("F1", 5_000), ("F2", 3_000), ("F3", None), ("F4", 900)):
        books.do(place(no, fen))
    books.do(ExtendOrder("F2", "续2号", ENDS + timedelta(days=5)))
    for no, fen in (("K1", 2_000), ("K2", 1_000), ("K3", 2_000)):
        books.do(deduct(no, "F1", fen))
    books.do(RecordOutcome("deduct-K1", succeeded="B1"))
    books.do(RecordOutcome("deduct-K2", declined="no such account"))
    books.do(RecordOutcome("deduct-K3", succeeded="B3"))
    books.do(RecordAnswer("deduct-K2", "succeeded", "B2"))
    books.do(deduct("K4", "F2", 2_000))
    books.do(RecordOutcome("deduct-K4", succeeded="B4"))
    books.do(ReturnDeduction("K4", "account closed"))
    books.do(deduct("K5", "F3", 300))
    books.do(RecordOutcome("deduct-K5", declined="no"))
    recharge(books, 400, "W2")
    books.do(LiftOrder("F3", "解3号"))
    books.do(TransferMoney("T1", BUYER, FRIEND, 700))
    return books


@pytest.mark.parametrize("size", [1, 3, 7, 500])
def test_rows_say_what_the_aggregates_know(books: Connection, told: Books, size: int) -> None:
    facts = recorded(told)
    for model in (authority_orders.MODEL, balances.MODEL, account_days.MODEL):
        apply(books, model, facts, size)
    page = authority_orders.authority_orders(books, Wanted())
    shares = authority_orders.shares(books, [one.order_no for one in page.items])
    held: account.State = told.state(account.stream(WALLET))
    for row in page.items:
        state = told.state(order.stream(row.order_no))
        assert (row.state, row.ends, row.left_fen, row.on_its_way_fen, row.paid_fen) == (
            state.status,
            state.ends,
            state.left_fen,
            state.on_its_way_fen,
            state.paid_fen,
        )
        stands = attachment.holds(held.attached, row.order_no)
        assert shares[row.order_no] == ([held.stopped_for(row.order_no)] if stands else [])
    shown = balances.account(books, WALLET)
    as_of = account_days.account_as_of(books, WALLET, PAY_DAY)
    assert shown is not None and as_of is not None
    for one in (shown, as_of):
        assert (one.balance_fen, one.held_fen, one.available_fen) == (
            held.balance_fen,
            held.held_fen,
            held.available_fen,
        )
    taken = authority_orders.deductions_by(books, ["F1", "F2", "F3"])
    assert [(one.deduction_no, one.state, one.reason) for one in taken["F1"]] == [
        ("K1", "succeeded", ""),
        ("K2", "succeeded", "no such account"),
        ("K3", "succeeded", ""),
    ]
    assert [one.deduction_no for one in authority_orders.came_back(books, 10)] == ["K4"]
    assert authority_orders.over(books, ENDS, 10) == []
    assert authority_orders.over(books, ENDS + timedelta(days=1), 10) == ["F4"]
    coming = authority_orders.ending(books, ENDS + timedelta(days=5), 10)
    assert [one.order_no for one in coming] == ["F4", "F2"]


def test_they_are_listed_by_member_and_state(books: Connection, told: Books) -> None:
    apply(books, authority_orders.MODEL, recorded(told))
    states = {
        state: [
            one.order_no
            for one in authority_orders.authority_orders(books, Wanted(BUYER, state)).items
        ]
        for state in ("in_force", "lifted", "executed", "ended")
    }
    assert states == {"in_force": ["F2", "F4"], "lifted": ["F3"], "executed": ["F1"], "ended": []}
    assert authority_orders.authority_orders(books, Wanted(FRIEND)).items == []
    assert authority_orders.count_orders(books, Wanted(BUYER)) == 4
