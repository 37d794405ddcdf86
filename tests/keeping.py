"""Books of a merchant of whose money a part is kept: sales, refunds, ends of days, and what must be
right after each of them."""

from datetime import date, timedelta
from typing import Any

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.clearing.commands import CutOffDay
from domain.member.commands import SetSettlementTerms
from domain.payment.commands import RecordOutcome
from domain.settlement import carry
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.settlement.reserving import (
    ReleaseReserve,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY

PENDING, AVAILABLE, DEBT, HELD = (
    f"{code}.{MERCHANT}" for code in ("2241.02", "2241.03", "1122.03", "2241.06")
)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
FIRST = PAY_DAY + MONTH
TENTH = SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 0, 1_000, 30)


def reserved(books: Books, on: date = FIRST) -> Any:
    return books.state(f"reserve-{MERCHANT}-{on}")


def money(books: Books) -> list[int]:
    """Pending, available, reserve and deposits, debt."""
    return [books.balance(one) for one in (PENDING, AVAILABLE, HELD, DEBT)]


def sold(books: Books, order_no: str, fen: int = 10_000) -> None:
    """Sold, paid, and confirmed at once."""
    books.sell(order_no, (MERCHANT, fen))
    books.do(ConfirmReceipt(f"{MERCHANT}-{order_no}", "buyer"))


def refunded(books: Books, order_no: str, fen: int, no: str = "") -> None:
    books.do(RefundTransaction(no or f"R{order_no}", f"{MERCHANT}-{order_no}", fen))


def end_day(books: Books) -> None:
    """Reserve is released, batches are sealed and settled, payouts succeed."""
    on = books.state("day-books").open_date
    for name, (_, state, _) in list(books.states.items()):
        if name.startswith("reserve-") and state.release_on <= on:
            books.do(ReleaseReserve(state.merchant, state.release_on))
    books.do(CutOffDay(on))
    for name in sorted(one for one in books.states if one.startswith("settlement-")):
        state, batch_id = books.state(name), name.partition("-")[2]
        if state.status == "collecting" and state.clearing_date <= on:
            books.do(SealBatch(batch_id), MAKER)
            books.do(ReviewBatch(batch_id), CHECKER)
        state = books.state(name)
        if state.status == "reviewed" and state.due_date <= on:
            for payout in books.do(SettleBatch(batch_id), MAKER)["instruction_ids"]:
                books.do(RecordOutcome(payout, succeeded=f"S-{payout}"))
    books.next_day()
    right(books)


def end_days(books: Books, days: int) -> None:
    for _ in range(days):
        end_day(books)


def right(books: Books) -> None:
    """The reserve account is what its buckets and deposits hold; batches and carry are what is
    pending; what is payable is there."""
    states = {name: state for name, (_, state, _) in books.states.items()}
    sums = {
        state.account: state.debit_fen - state.credit_fen
        for name, state in states.items()
        if name.startswith("account-")
    }
    assert sum(sums.values()) == 0
    assert sum(fen for one, fen in sums.items() if split_id(one)[0] in RESERVE_IDENTITY) == 0
    held = sum(state.held_fen for name, state in states.items() if name.startswith("reserve-"))
    held += sum(
        state.amount_fen
        for name, state in states.items()
        if name.startswith("deposit-") and state.status == "held"
    )
    assert held == sum(-fen for one, fen in sums.items() if one.startswith("2241.06."))
    waiting = ("collecting", "sealed", "reviewed")
    for merchant in (MERCHANT, TEA):
        nets = sum(
            state.net_fen
            for name, state in states.items()
            if name.startswith(f"settlement-{merchant}-") and state.status in waiting
        )
        carried = books.state(carry.stream(merchant))
        assert nets + carried.carry_fen == books.balance(f"2241.02.{merchant}")
        assert 0 <= carried.payable_fen <= books.balance(f"2241.03.{merchant}")
