"""Rolling reserve in the real books: withheld, taken out by refunds, released, paid."""

from datetime import timedelta

from domain.accounting.commands import FreezeAccount, HoldMoney
from domain.member.commands import SetDebtLimit, SetSettlementTerms
from domain.refusals import Code
from domain.settlement import carry
from domain.settlement.reserving import (
    ReleaseReserve,
    ReleaseReserveEarly,
)
from tests.books import TEA, Books, refusal
from tests.examples import CHECKER, MERCHANT, PAY_DAY
from tests.keeping import (
    AVAILABLE,
    DAY,
    FIRST,
    PENDING,
    end_day,
    end_days,
    money,
    refunded,
    reserved,
    right,
    sold,
)

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
