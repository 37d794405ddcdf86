"""Rolling reserve and deposits, weekly and monthly cycles, the least payout: in the real books."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.accounting.commands import CloseAccount, FreezeAccount, HoldMoney
from domain.accounting.reserve import released_on
from domain.clearing.commands import CutOffDay
from domain.ledger.capacity import DEPOSIT_SHARES
from domain.member.commands import SetDebtLimit, SetSettlementTerms
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.settlement import carry
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.settlement.reserving import (
    ReleaseReserve,
    ReleaseReserveEarly,
    ReturnDeposit,
    TakeDeposit,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, refusal
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


@pytest.fixture
def tenth(books: Books) -> Books:
    """A tenth of what the nuts bring is withheld for 30 days."""
    books.do(TENTH)
    return books


# Withheld, released, paid.


def test_a_release_withholds_its_part_until_the_date(tenth: Books) -> None:
    sold(tenth, "O1")
    assert money(tenth) == [8_946, 0, 994, 0]
    assert reserved(tenth).held_fen == 994
    end_day(tenth)
    batch = tenth.state(f"settlement-{MERCHANT}-{PAY_DAY}")
    assert (batch.net_fen, batch.due_date) == (8_946, PAY_DAY + DAY)
    end_days(tenth, 29)
    assert money(tenth) == [0, 0, 994, 0]
    assert tenth.state("day-books").open_date == FIRST
    end_day(tenth)
    assert (reserved(tenth).held_fen, money(tenth)) == (0, [0, 994, 0, 0])
    end_days(tenth, 4)  # New Year: the batch of the 31st, empty as it is, is due on the 4th.
    paid = tenth.state(f"settlement-{MERCHANT}-{FIRST}")
    assert [(one.amount_fen, one.status) for one in paid.payouts] == [(994, "succeeded")]
    assert money(tenth) == [0, 0, 0, 0]
    assert tenth.state(carry.stream(MERCHANT)).payable_fen == 0


def test_it_is_released_once_and_never_before(tenth: Books) -> None:
    sold(tenth, "O1")
    due = ReleaseReserve(MERCHANT, FIRST)
    assert refusal(tenth, due) is Code.RESERVE_NOT_DUE
    refusal(tenth, ReleaseReserve(MERCHANT, FIRST + DAY), Code.RESERVE_NOT_FOUND)
    assert refusal(tenth, ReleaseReserve(TEA, FIRST)) is Code.RESERVE_NOT_FOUND
    end_days(tenth, 30)
    assert tenth.do(due)["released_fen"] == 994
    assert tenth.facts_of(due) == []
    assert tenth.do(due)["released_fen"] == 0


def test_sales_of_one_date_are_one_bucket_and_each_rounds_by_itself(tenth: Books) -> None:
    for order, fen in (("O1", 10_000), ("O2", 57), ("O3", 4), ("O4", 1)):
        sold(tenth, order, fen)
    assert reserved(tenth).held_fen == 994 + 6 + 0 + 0  # Of 9940, 57, 4, 1; halves up.
    facts = [fact for stream, fact in tenth.log if stream.startswith("reserve-")]
    assert len(facts) == 3, "opened once; what rounds to nothing is not there at all"


def test_terms_of_another_date_withhold_otherwise_and_what_is_withheld_stays(
    tenth: Books,
) -> None:
    sold(tenth, "O1")
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 0, 2_000, 7))
    sold(tenth, "O2")
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1"))
    sold(tenth, "O3")
    assert reserved(tenth).held_fen == 994
    assert reserved(tenth, PAY_DAY + timedelta(days=7)).held_fen == 1_988
    assert money(tenth) == [3 * 9_940 - 994 - 1_988, 0, 994 + 1_988, 0]


# Refunds.


def test_a_refund_takes_its_share_out_of_the_reserve_again(tenth: Books) -> None:
    sold(tenth, "O1")
    refunded(tenth, "O1", 2_500)
    assert reserved(tenth).held_fen == 746  # Half up of a tenth of 7455.
    assert money(tenth) == [7_455 - 746, 0, 746, 0]
    refunded(tenth, "O1", 7_500, "R2")
    assert money(tenth) == [0, 0, 0, 0]
    right(tenth)
    end_days(tenth, 2)
    assert money(tenth) == [0, 0, 0, 0]


def test_of_what_was_released_a_refund_takes_nothing_back(tenth: Books) -> None:
    sold(tenth, "O1")
    end_days(tenth, 36)
    assert money(tenth) == [0, 0, 0, 0]
    refunded(tenth, "O1", 10_000)
    assert money(tenth) == [0, 0, 0, 9_940]


def test_a_refund_leaves_the_reserve_of_other_sales_alone(tenth: Books) -> None:
    sold(tenth, "O1")
    end_days(tenth, 2)
    sold(tenth, "O2", 1_000)
    refunded(tenth, "O1", 10_000)
    # 994 of its own, what is pending of the other sale, and the rest is advanced.
    assert money(tenth) == [0, 0, 99, 9_940 - 994 - 895]
    assert reserved(tenth).held_fen == 0


def test_after_an_early_release_a_refund_finds_no_share(tenth: Books) -> None:
    sold(tenth, "O1")
    tenth.do(ReleaseReserveEarly(MERCHANT, FIRST, "the merchant is trusted now"), CHECKER)
    sold(tenth, "O2")  # Into the same bucket, which is in its second round.
    assert reserved(tenth).held_fen == 994
    refunded(tenth, "O1", 10_000)
    assert reserved(tenth).held_fen == 994
    refunded(tenth, "O2", 10_000)
    assert reserved(tenth).held_fen == 0
    right(tenth)


def test_the_share_counts_when_a_debt_limit_is_asked(tenth: Books) -> None:
    tenth.do(SetDebtLimit(MERCHANT, PAY_DAY, 0))
    sold(tenth, "O1")
    refunded(tenth, "O1", 10_000)
    assert money(tenth) == [0, 0, 0, 0]


def test_a_release_covers_a_debt_first(tenth: Books) -> None:
    sold(tenth, "O1")
    sold(tenth, "O2", 1_000)
    end_days(tenth, 2)
    refunded(tenth, "O2", 1_000)
    assert money(tenth) == [0, 0, 994, 895]
    own = tenth.balance("1001.02")
    end_days(tenth, 29)
    assert money(tenth) == [0, 99, 0, 0]
    assert tenth.balance("1001.02") == own + 895
    end_days(tenth, 4)
    assert money(tenth) == [0, 0, 0, 0]


def test_a_refund_takes_of_what_no_batch_is_to_pay_first(tenth: Books) -> None:
    sold(tenth, "O1")
    end_days(tenth, 31)
    assert tenth.state(carry.stream(MERCHANT)).payable_fen == 994
    refunded(tenth, "O1", 100)
    assert money(tenth) == [0, 895, 0, 0]  # 99 of it: the fee of 1 came back.
    assert tenth.state(carry.stream(MERCHANT)).payable_fen == 895
    right(tenth)


def test_a_frozen_account_holds_the_release_up(tenth: Books) -> None:
    sold(tenth, "O1")
    end_days(tenth, 30)
    tenth.do(FreezeAccount(AVAILABLE, "both", "court order"))
    assert refusal(tenth, ReleaseReserve(MERCHANT, FIRST)) is Code.ACCOUNT_FROZEN
    assert reserved(tenth).held_fen == 994


def test_a_sale_is_released_though_what_is_pending_may_not_leave(tenth: Books) -> None:
    tenth.do(FreezeAccount(PENDING, "out", "court order"))
    sold(tenth, "O1")
    assert money(tenth) == [8_946, 0, 994, 0]


def test_what_is_on_hold_is_paid_by_a_later_batch(tenth: Books) -> None:
    sold(tenth, "O1")
    end_days(tenth, 31)
    tenth.do(HoldMoney(AVAILABLE, "H1", 900, "a complaint"))
    end_days(tenth, 5)
    assert money(tenth) == [0, 900, 0, 0]
    assert tenth.state(carry.stream(MERCHANT)).payable_fen == 900


# Cycles.


def test_a_week_is_one_batch_and_one_payout(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "weekly:mon"))
    for order in range(5):  # Wednesday to Sunday.
        sold(books, f"O{order}", 1_000)
        end_day(books)
    batch_id = f"{MERCHANT}-2010-12-05"
    batch = books.state(f"settlement-{batch_id}")
    assert (batch.count, batch.net_fen, batch.due_date) == (5, 4_970, date(2010, 12, 6))
    sold(books, "O5", 1_000)
    end_day(books)  # Monday.
    assert [one.amount_fen for one in books.state(f"settlement-{batch_id}").payouts] == [4_970]
    assert books.state(f"settlement-{MERCHANT}-2010-12-12").net_fen == 994


def test_what_was_cleared_stays_with_its_batch_when_the_cycle_changes(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "weekly:mon"))
    sold(books, "O1")
    end_day(books)
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY + DAY, "T+1"))
    sold(books, "O2")
    end_day(books)
    weekly, daily = (
        books.state(f"settlement-{MERCHANT}-{on}") for on in ("2010-12-05", "2010-12-02")
    )
    assert (weekly.status, weekly.cycle) == ("collecting", "weekly:mon")
    assert (daily.status, daily.due_date) == ("reviewed", date(2010, 12, 3))


def test_too_little_is_carried_to_the_next_batch(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 5_000))
    sold(books, "O1", 4_000)
    end_days(books, 2)
    first = books.state(f"settlement-{MERCHANT}-{PAY_DAY}")
    assert (first.status, first.min_payout_fen) == ("carried_forward", 5_000)
    assert money(books)[0] == 3_976
    assert books.state(f"settlement-{MERCHANT}-2010-12-31").status == "collecting"
    sold(books, "O2", 2_000)
    end_days(books, 4)  # Friday's is due on Monday.
    paid = [
        payout.amount_fen
        for name, (_, state, _) in books.states.items()
        if name.startswith("settlement-")
        for payout in state.payouts
    ]
    assert (paid, money(books)[0]) == ([3_976 + 1_988], 0)


def test_too_little_is_tried_again_once_a_month(books: Books) -> None:
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY, "D+1", None, 5_000))
    sold(books, "O1", 4_000)
    end_days(books, 40)
    opened = [name for name in books.states if name.startswith(f"settlement-{MERCHANT}-")]
    assert [name[-10:] for name in opened] == ["2010-12-01", "2010-12-31", "2011-01-31"]
    today = books.state("day-books").open_date
    books.do(SetSettlementTerms(MERCHANT, today, "D+1"))
    assert books.state(f"settlement-{MERCHANT}-2011-01-31").min_payout_fen == 5_000
    end_days(books, 60)
    assert money(books)[0] == 0


def test_a_debt_is_recovered_of_too_little_as_well(books: Books) -> None:
    sold(books, "O1", 1_000)
    end_days(books, 2)
    books.do(SetSettlementTerms(MERCHANT, PAY_DAY + 2 * DAY, "D+1", None, 50_000))
    refunded(books, "O1", 1_000)
    sold(books, "O2", 4_000)
    end_days(books, 4)
    assert money(books) == [3_976 - 994, 0, 0, 0]


def test_reserve_and_deposit_count_for_the_least_payout(tenth: Books) -> None:
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 990, 1_000, 1))
    sold(tenth, "O1", 1_000)
    end_days(tenth, 2)  # 895 are too little, and 99 are released that day: not much, but enough.
    assert tenth.state(f"settlement-{MERCHANT}-{PAY_DAY}").payouts[0].amount_fen == 994
    assert money(tenth) == [0, 0, 0, 0]


def test_a_lone_reserve_below_the_least_payout_waits_for_the_month(tenth: Books) -> None:
    tenth.do(SetSettlementTerms(MERCHANT, PAY_DAY, "T+1", None, 500, 1_000, 2))
    sold(tenth, "O1", 1_000)
    end_days(tenth, 8)
    assert money(tenth) == [0, 99, 0, 0]
    assert tenth.state(f"settlement-{MERCHANT}-2010-12-31").status == "collecting"


# Deposits.


def deposit(books: Books, no: str = "B1", fen: int = 5_000, source: Any = "statement") -> Any:
    return books.do(TakeDeposit(no, MERCHANT, fen, source, "agreed"), MAKER)


def test_a_deposit_is_paid_in_and_given_back_whole(books: Books) -> None:
    promised = books.promised_fen
    assert deposit(books) == {"deposit_no": "B1", "status": "held"}
    assert books.promised_fen - promised == DEPOSIT_SHARES * 5_000
    assert (money(books), books.balance("1001.01")) == ([0, 0, 5_000, 0], 5_000)
    right(books)
    back = ReturnDeposit("B1", "the merchant leaves")
    assert books.do(back) == {"deposit_no": "B1", "status": "returned"}
    assert books.facts_of(back) == []
    assert money(books) == [0, 5_000, 0, 0]
    end_days(books, 2)
    assert money(books) == [0, 0, 0, 0]


def test_a_deposit_is_taken_once_under_its_number(books: Books) -> None:
    deposit(books)
    assert books.facts_of(TakeDeposit("B1", MERCHANT, 5_000, "statement", "again")) == []
    for other in (
        TakeDeposit("B1", MERCHANT, 5_001, "statement", "agreed"),
        TakeDeposit("B1", MERCHANT, 5_000, "available", "agreed"),
        TakeDeposit("B1", TEA, 5_000, "statement", "agreed"),
    ):
        assert refusal(books, other) is Code.DEPOSIT_EXISTS
    refusal(books, ReturnDeposit("B2", "no"), Code.DEPOSIT_NOT_FOUND)


def test_a_deposit_is_taken_of_what_is_available_alone(tenth: Books) -> None:
    sold(tenth, "O1")
    wanted = TakeDeposit("B1", MERCHANT, 900, "available", "agreed")
    assert refusal(tenth, wanted) is Code.BALANCE_INSUFFICIENT
    end_days(tenth, 31)
    deposit(tenth, fen=900, source="available")
    assert money(tenth) == [0, 94, 900, 0]
    assert tenth.state(carry.stream(MERCHANT)).payable_fen == 94
    right(tenth)
    end_days(tenth, 5)
    assert money(tenth) == [0, 0, 900, 0]


def test_neither_is_paid_with_the_others_money(tenth: Books) -> None:
    sold(tenth, "O1")
    deposit(tenth)
    assert money(tenth)[2] == 5_994
    refunded(tenth, "O1", 10_000)
    assert money(tenth) == [0, 0, 5_000, 0]
    sold(tenth, "O2")
    tenth.do(ReturnDeposit("B1", "not needed any more"))
    assert reserved(tenth).held_fen == money(tenth)[2] == 994


def test_a_deposit_that_is_given_back_covers_a_debt_first(books: Books) -> None:
    sold(books, "O1", 1_000)
    deposit(books)
    end_days(books, 2)
    refunded(books, "O1", 1_000)
    assert money(books) == [0, 0, 5_000, 994]
    books.do(ReturnDeposit("B1", "it is needed for the debt"))
    assert money(books) == [0, 4_006, 0, 0]


def test_a_person_has_no_deposit(books: Books) -> None:
    wanted = TakeDeposit("B1", "LILEI", 900, "statement", "agreed")
    assert refusal(books, wanted) is Code.MEMBER_KIND_WRONG


# Leaving.


def test_who_has_reserve_or_a_deposit_cannot_leave(tenth: Books) -> None:
    sold(tenth, "O1")
    deposit(tenth)
    end_days(tenth, 2)
    with pytest.raises(Refused) as no:
        tenth.do(CloseAccount(PENDING))
    assert (no.value.code, no.value.detail) == (Code.ACCOUNT_NOT_EMPTY, HELD)
    tenth.do(ReleaseReserveEarly(MERCHANT, FIRST, "it leaves"), CHECKER)
    tenth.do(ReturnDeposit("B1", "it leaves"))
    end_days(tenth, 6)
    closed = tenth.do(CloseAccount(PENDING))
    assert HELD in closed["accounts"]


def test_who_never_had_either_has_no_account_for_it(books: Books) -> None:
    sold(books, "O1")
    assert f"account-{HELD}" not in books.states


def test_the_last_of_all_dates_is_the_last_to_release_on() -> None:
    assert released_on(date(9999, 12, 30), 30) == date.max
