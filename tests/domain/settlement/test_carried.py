"""What a batch cannot take is paid by a later one, and there is always a later one.

The nuts are settled T+1; the tea D+0 and at most 40.00 a transfer.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.accounting.commands import HoldMoney, ReleaseHold
from domain.clearing.commands import CutOffDay
from domain.events import NAMES
from domain.kernel import DAY_US
from domain.member.commands import SetSettlementTerms
from domain.payment.commands import RecordOutcome
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.settlement.maturity import MAX_TRANSFERS
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY

DAY = timedelta(days=1)
MOST = MAX_TRANSFERS * 4_000


def batch_id(merchant: str, on: date) -> str:
    return f"{merchant}-{on}"


def released(books: Books, merchant: str, fen: int, order_no: str = "O1") -> None:
    books.sell(order_no, (merchant, fen))
    books.do(ConfirmReceipt(f"{merchant}-{order_no}", "buyer"))


def sealed(books: Books, merchant: str, on: date) -> None:
    books.do(CutOffDay(books.state("day-books").open_date))
    books.do(SealBatch(batch_id(merchant, on)), MAKER)
    books.do(ReviewBatch(batch_id(merchant, on)), CHECKER)


def settled(books: Books, merchant: str, on: date) -> list[str]:
    """The stored names of what settling records."""
    command = SettleBatch(batch_id(merchant, on))
    facts = [NAMES[type(fact)] for _, fact in books.facts_of(command, MAKER)]
    identity(books, merchant)
    return facts


def identity(books: Books, merchant: str) -> None:
    """Σ net of open batches + carry = pending money."""
    states = [state for name, (_, state, _) in books.states.items() if name.startswith("settlem")]
    open_fen = sum(
        state.net_fen
        for state in states
        if state.merchant == merchant and state.status in ("collecting", "closed", "reviewed")
    )
    carried = books.state(f"carry-{merchant}").carry_fen
    assert open_fen + carried == books.balance(f"2241.02.{merchant}")


def payouts(books: Books, merchant: str, on: date) -> list[int]:
    state = books.state(f"settlement-{batch_id(merchant, on)}")
    return [one.amount_fen for one in state.payouts]


def status(books: Books, merchant: str, on: date) -> str:
    return str(books.state(f"settlement-{batch_id(merchant, on)}").status)


def test_money_on_hold_is_tried_again_day_by_day_until_it_is_paid(books: Books) -> None:
    released(books, TEA, 3_000)
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 2_965, "dispute"))
    on = PAY_DAY
    for _ in range(3):
        sealed(books, TEA, on)
        assert "settlement.batch_opened.1" in settled(books, TEA, on)
        assert (status(books, TEA, on), books.state(f"carry-{TEA}").carry_fen) == (
            "carried_forward",
            2_965,
        )
        assert status(books, TEA, on + DAY) == "collecting"
        books.next_day()
        on += DAY
    books.do(ReleaseHold(f"2241.02.{TEA}", "H1"))
    sealed(books, TEA, on)
    assert "settlement.batch_opened.1" not in settled(books, TEA, on)
    assert (payouts(books, TEA, on), books.state(f"carry-{TEA}").carry_fen) == ([2_965], 0)
    books.do(RecordOutcome(f"payout-{batch_id(TEA, on)}-1", succeeded="B"))
    assert status(books, TEA, on) == "settled"
    assert status(books, TEA, on + DAY) == "none"


def test_a_batch_for_the_carry_follows_its_cycle(books: Books) -> None:
    """T+1: opened on the day that settles, sealed at its end, tried again on the next."""
    released(books, MERCHANT, 10_000)
    sealed(books, MERCHANT, PAY_DAY)
    books.next_day()
    books.do(HoldMoney(f"2241.02.{MERCHANT}", "H1", 9_000, "dispute"))
    settled(books, MERCHANT, PAY_DAY)
    assert payouts(books, MERCHANT, PAY_DAY) == [940]
    second = PAY_DAY + DAY  # Today, because today is not cut off yet.
    assert status(books, MERCHANT, second) == "collecting"
    books.do(ReleaseHold(f"2241.02.{MERCHANT}", "H1"))
    sealed(books, MERCHANT, second)
    assert books.state(f"settlement-{batch_id(MERCHANT, second)}").due_date == second + DAY
    books.next_day()
    settled(books, MERCHANT, second)
    assert payouts(books, MERCHANT, second) == [9_000]


def test_a_batch_for_the_carry_collects_what_is_released_on_its_date(books: Books) -> None:
    released(books, TEA, 3_000)
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 2_965, "dispute"))
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    books.next_day()
    books.do(ReleaseHold(f"2241.02.{TEA}", "H1"))
    released(books, TEA, 1_000, "O2")
    sealed(books, TEA, PAY_DAY + DAY)
    settled(books, TEA, PAY_DAY + DAY)
    assert payouts(books, TEA, PAY_DAY + DAY) == [2_965 + 985]


def test_no_batch_is_opened_where_another_will_try_again(books: Books) -> None:
    """An earlier one, with a longer cycle, is still to settle: the carry waits for that one."""
    books.do(SetSettlementTerms(TEA, PAY_DAY, "T+5"))
    released(books, TEA, 10_000)
    books.next_day()
    books.do(SetSettlementTerms(TEA, PAY_DAY + DAY, "D+0"))
    released(books, TEA, 1_000, "O2")
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 9_895 + 100, "dispute"))
    sealed(books, TEA, PAY_DAY + DAY)
    assert "settlement.batch_opened.1" not in settled(books, TEA, PAY_DAY + DAY)
    assert books.state(f"carry-{TEA}").carry_fen == 100
    books.do(ReleaseHold(f"2241.02.{TEA}", "H1"))
    for _ in range(7):
        books.next_day()
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    assert payouts(books, TEA, PAY_DAY) == [9_895 + 100]


def test_batches_that_add_up_to_nothing_are_no_promise(books: Books) -> None:
    """What is released and given back after the seal: the batch of that date may be this one."""
    released(books, TEA, 1_000)
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 985, "dispute"))
    books.do(CutOffDay(PAY_DAY))
    released(books, TEA, 500, "O2")
    books.do(RefundTransaction("R1", f"{TEA}-O2", 500))
    sealed(books, TEA, PAY_DAY)
    assert "settlement.batch_opened.1" not in settled(books, TEA, PAY_DAY), "it is there"
    assert books.state(f"settlement-{batch_id(TEA, PAY_DAY + DAY)}").net_fen == 0
    assert status(books, TEA, PAY_DAY + DAY) == "collecting"


def test_terms_of_the_day_hold_for_a_batch_opened_for_a_carry(books: Books) -> None:
    released(books, TEA, 3_000)
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 2_965, "dispute"))
    books.do(SetSettlementTerms(TEA, PAY_DAY, "D+2", 700))
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    opened = books.state(f"settlement-{batch_id(TEA, PAY_DAY + DAY)}")
    assert (opened.cycle, opened.max_transfer_fen, opened.count) == ("D+2", 700, 0)


def test_what_the_transfers_of_a_batch_cannot_carry_is_carried(books: Books) -> None:
    released(books, TEA, 300_000)
    net_fen = 300_000 - 3_005
    on, paid = PAY_DAY, []
    while books.balance(f"2241.02.{TEA}"):
        sealed(books, TEA, on)
        settled(books, TEA, on)
        paid.append(payouts(books, TEA, on))
        books.next_day()
        on += DAY
    assert [sum(parts) for parts in paid] == [MOST, MOST, net_fen - 2 * MOST]
    assert all(0 < part <= 4_000 for parts in paid for part in parts)
    assert books.balance("2241.05") == net_fen


def test_a_debt_is_recovered_beside_what_the_transfers_carry(books: Books) -> None:
    released(books, TEA, 3_000, "O0")
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    books.do(RecordOutcome(f"payout-{batch_id(TEA, PAY_DAY)}-1", succeeded="B"))
    books.next_day()
    books.do(RefundTransaction("R1", f"{TEA}-O0", 3_000))
    assert books.balance(f"1122.03.{TEA}") == 2_965
    released(books, TEA, 200_000)
    sealed(books, TEA, PAY_DAY + DAY)
    settled(books, TEA, PAY_DAY + DAY)
    assert books.balance(f"1122.03.{TEA}") == 0
    assert sum(payouts(books, TEA, PAY_DAY + DAY)) == MOST
    left_fen = 200_000 - 2_005 - 2_965 - MOST
    assert books.balance(f"2241.02.{TEA}") == books.state(f"carry-{TEA}").carry_fen == left_fen


@pytest.mark.parametrize("days", [1, 30])
def test_an_empty_batch_settles_whenever_it_is_asked_to(books: Books, days: int) -> None:
    released(books, TEA, 3_000)
    books.do(HoldMoney(f"2241.02.{TEA}", "H1", 2_965, "dispute"))
    sealed(books, TEA, PAY_DAY)
    settled(books, TEA, PAY_DAY)
    second: Any = PAY_DAY + DAY
    for _ in range(days):
        books.next_day()
    assert books.at_us >= days * DAY_US
    sealed(books, TEA, second)
    settled(books, TEA, second)
    assert status(books, TEA, second) == "carried_forward"
    assert status(books, TEA, PAY_DAY + (days + 1) * DAY) == "collecting"
