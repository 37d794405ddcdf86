"""Withdrawals on the books: entries, limits, two operators, dates, cards, and who is not served."""

from datetime import date

import pytest

from domain.accounting.commands import CloseAccount, FreezeAccount, UnfreezeAccount
from domain.kernel import DAY_US
from domain.member.binding import ClaimBinding, RecordBinding, UnbindCard
from domain.member.signing import Said
from domain.payment import allowance, instruction
from domain.payment.asked import Destination
from domain.payment.commands import RecordOutcome, TransferMoney
from domain.payment.forgetting import ForgetMember
from domain.payment.withdrawal_terms import TERMS, terms_on, withdrawal_fee_fen
from domain.refusals import Code
from domain.settlement.withdrawing import (
    ApproveWithdrawal,
    InstructWithdrawal,
    RequestWithdrawal,
    TurnDownWithdrawal,
    quoted,
)
from tests.books import Books, names, refusal
from tests.days import right
from tests.domain.withdrawing import FEES, KEPT, PAYABLE, TRANSIT, WALLET, bind, ready, recharge
from tests.examples import (
    BUYER,
    CARD,
    FRIEND,
    MERCHANT,
    PARTICULARS,
    PAY_DAY,
)

TERM = TERMS[0][1]
MAKER, CHECKER, SYSTEM = "staff:lin", "staff:zhao", "operator:platform"
BIG = TERM.approved_above_fen + 1
BIG_FEE = 2_000


def wish(number: str = "X1", fen: int = 10_000, fee: int = 10, **more: str) -> RequestWithdrawal:
    return RequestWithdrawal(number, BUYER, fen, fee, **more)  # type: ignore[arg-type]


def test_it_leaves_the_wallet_at_once_and_the_fee_is_earned_when_it_is_paid(books: Books) -> None:
    ready(books, 10_100)
    assert books.do(wish()) == {
        "withdrawal_no": "X1",
        "state": "instructed",
        "amount_fen": 10_000,
        "fee_fen": 10,
        "arrives_on": PAY_DAY.isoformat(),
        "card_tail": "7894",
    }
    assert (books.balance(WALLET), books.balance(TRANSIT), books.balance(FEES)) == (90, 10_010, 0)
    asked = books.state(instruction.stream("withdraw-X1")).asked
    assert (asked.party, asked.amount_fen, asked.product) == (BUYER, 10_000, "WITHDRAWAL")
    assert asked.to == Destination(CARD, PARTICULARS, "7894")
    books.do(RecordOutcome("withdraw-X1", unknown="no answer"))
    assert books.balance(TRANSIT) == 10_010
    books.do(RecordOutcome("withdraw-X1", succeeded="B1"))
    assert (books.balance(TRANSIT), books.balance(FEES), books.balance(PAYABLE)) == (0, 10, 10_300)
    right(books)


def test_one_that_fails_is_given_back_with_its_fee_and_uses_nothing(books: Books) -> None:
    ready(books, 10_100)
    before = books.state(allowance.stream(BUYER))
    books.do(wish())
    assert books.state(allowance.stream(BUYER)).used_fen == before.used_fen + 10_000
    books.do(RecordOutcome("withdraw-X1", declined="the card is closed"))
    assert (books.balance(WALLET), books.balance(TRANSIT), books.balance(FEES)) == (10_100, 0, 0)
    assert books.state(allowance.stream(BUYER)) == before
    right(books)


def test_a_free_one_that_fails_is_free_again(books: Books) -> None:
    bind(books)
    recharge(books, 1_000)
    for n in range(5):
        books.do(wish(f"X{n}", 100, 0))
        books.do(RecordOutcome(f"withdraw-X{n}", declined="no"))
    assert books.state(allowance.stream(BUYER)).free == 0


def test_what_is_repeated_is_the_same_and_another_under_its_number_is_refused(books: Books) -> None:
    ready(books, 30_000)
    first = books.do(wish())
    assert books.facts_of(wish()) == []
    assert books.do(wish()) == first
    for other in (wish(fen=10_001), wish(speed="T+1"), wish(card="9" * 32)):
        assert refusal(books, other) is Code.WITHDRAWAL_EXISTS


def test_the_fee_is_the_one_that_was_shown(books: Books) -> None:
    ready(books, 30_000)
    assert refusal(books, wish(fee=9)) is Code.FEE_DIFFERS
    assert refusal(books, wish(fee=0)) is Code.FEE_DIFFERS
    shown = quoted(books.state, BUYER, 10_000, "T+0", PAY_DAY)
    assert (shown.fee_fen, shown.arrives_on, shown.free, shown.approval) == (
        10,
        PAY_DAY,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("speed", "fen", "fee"),
    [
        ("T+0", 100, 10),
        ("T+0", 10_000, 10),
        ("T+0", 10_499, 10),
        ("T+0", 10_500, 11),
        ("T+0", 2_500_000, 2_500),
        ("T+0", 5_000_000, 2_500),
        ("T+1", 100, 5),
        ("T+1", 13_000, 7),
        ("T+1", 5_000_000, 1_000),
    ],
)
def test_fees_are_rounded_once_and_have_a_floor_and_a_cap(speed: str, fen: int, fee: int) -> None:
    assert withdrawal_fee_fen(TERM, speed, fen, TERM.free) == fee  # type: ignore[arg-type]
    assert withdrawal_fee_fen(TERM, speed, fen, TERM.free - 1) == 0  # type: ignore[arg-type]


def test_terms_are_in_force_from_their_date_on() -> None:
    assert terms_on(date(1999, 1, 1)) is TERM
    assert terms_on(date(2026, 11, 29)) is TERMS[-1][1]
    assert [day for day, _ in TERMS] == sorted(day for day, _ in TERMS)


def test_an_amount_outside_what_may_be_withdrawn(books: Books) -> None:
    ready(books, 30_000_000)
    assert refusal(books, wish(fen=TERM.least_fen - 1)) is Code.WITHDRAWAL_LIMIT
    assert refusal(books, wish(fen=TERM.most_fen + 1, fee=2_500)) is Code.WITHDRAWAL_LIMIT
    books.do(wish("X1", TERM.most_fen, 2_500))
    left = TERM.day_most_fen - TERM.most_fen - 300  # The free ones count, too.
    assert refusal(books, wish("X2", left + 1, 2_500)) is Code.WITHDRAWAL_LIMIT
    books.do(wish("X2", left, 2_500))
    assert refusal(books, wish("X3", 100)) is Code.WITHDRAWAL_LIMIT
    books.next_day()
    books.do(wish("X3", 100))


def test_a_new_month_has_its_free_ones_again_and_dating_back_gains_nothing(books: Books) -> None:
    ready(books, 30_000)
    books.do(wish("X1", 100, 10))
    books.at_us += 31 * DAY_US
    books.do(wish("X2", 100, 0))
    books.at_us -= 31 * DAY_US
    state = books.state(allowance.stream(BUYER))
    assert (state.used_on(PAY_DAY), state.free_in(PAY_DAY)) == (100, 1)


def test_not_more_than_is_there_nor_out_of_what_is_frozen(books: Books) -> None:
    ready(books, 10_009)
    assert refusal(books, wish()) is Code.BALANCE_INSUFFICIENT
    for direction in ("out", "in", "both"):
        books.do(FreezeAccount(WALLET, direction, "court"))  # type: ignore[arg-type]
        assert refusal(books, wish(fen=100)) is Code.ACCOUNT_FROZEN
        books.do(UnfreezeAccount(WALLET, "lifted"))
    books.do(wish(fen=9_999))


def test_who_has_no_card_or_somebody_elses_or_no_wallet(books: Books) -> None:
    recharge(books, 10_000)
    assert refusal(books, wish(fee=0)) is Code.CARD_NOT_FOUND
    bind(books, FRIEND_CARD, relation="guardian")
    assert refusal(books, wish(fee=0)) is Code.HOLDER_DIFFERS
    bind(books)
    assert refusal(books, wish(fee=0, card="9" * 32)) is Code.CARD_NOT_FOUND
    assert refusal(books, wish(fee=0, card="6222021234567894")) is Code.IDENTIFIER_INVALID
    books.do(wish(fee=0, card=CARD))
    asked = RequestWithdrawal("X9", MERCHANT, 100, 0)
    assert refusal(books, asked) is Code.MEMBER_KIND_WRONG
    assert refusal(books, RequestWithdrawal("X9", "NOBODY", 100, 0)) is Code.MEMBER_NOT_FOUND


FRIEND_CARD = "f1" * 16


def test_a_large_one_needs_a_second_operator(books: Books) -> None:
    ready(books, BIG + BIG_FEE)
    assert books.do(wish("X1", BIG, BIG_FEE), MAKER)["state"] == "unapproved"
    assert books.state(instruction.stream("withdraw-X1")).status == "none"
    assert books.balance(TRANSIT) == BIG + BIG_FEE
    assert refusal(books, InstructWithdrawal("X1"), CHECKER) is Code.WITHDRAWAL_STATE_WRONG
    assert refusal(books, ApproveWithdrawal("X1"), MAKER) is Code.CHECKER_IS_MAKER
    assert refusal(books, TurnDownWithdrawal("X1", "no"), MAKER) is Code.CHECKER_IS_MAKER
    told = names(books, ApproveWithdrawal("X1"), CHECKER)
    assert told == ["withdrawal.approved.1", "withdrawal.instructed.1", "instruction.issued.2"]
    assert names(books, ApproveWithdrawal("X1"), "staff:third") == []
    late = TurnDownWithdrawal("X1", "no")
    assert refusal(books, late, CHECKER) is Code.WITHDRAWAL_STATE_WRONG


def test_a_key_that_is_nobodys_asks_for_members_and_lets_nothing_leave(books: Books) -> None:
    ready(books, BIG + BIG_FEE)
    books.do(wish("X1", BIG, BIG_FEE), SYSTEM)
    for nobody in (SYSTEM, "operator:another", "merchant:SHOP", "system:worker"):
        assert refusal(books, ApproveWithdrawal("X1"), nobody) is Code.PERSON_UNKNOWN
        assert refusal(books, TurnDownWithdrawal("X1", "no"), nobody) is Code.PERSON_UNKNOWN
    assert books.do(ApproveWithdrawal("X1"), CHECKER)["state"] == "instructed"


def test_one_that_is_turned_down_is_given_back_whole(books: Books) -> None:
    ready(books, BIG + BIG_FEE)
    books.do(wish("X1", BIG, BIG_FEE), MAKER)
    books.do(TurnDownWithdrawal("X1", "looks odd"), CHECKER)
    assert (books.balance(WALLET), books.balance(TRANSIT)) == (BIG + BIG_FEE, 0)
    assert names(books, TurnDownWithdrawal("X1", "looks odd"), CHECKER) == []
    assert refusal(books, ApproveWithdrawal("X1"), CHECKER) is Code.WITHDRAWAL_STATE_WRONG
    assert refusal(books, ApproveWithdrawal("X2"), CHECKER) is Code.WITHDRAWAL_NOT_FOUND


def test_one_at_the_limit_needs_nobody(books: Books) -> None:
    ready(books, BIG + BIG_FEE)
    assert books.do(wish("X1", BIG - 1, BIG_FEE))["state"] == "instructed"


def test_at_t_plus_1_it_leaves_on_the_next_working_day(books: Books) -> None:
    ready(books, 20_000)
    books.at_us += 2 * DAY_US  # A Friday; the books are still at Wednesday.
    asked = books.do(wish(fee=5, speed="T+1"))
    assert (asked["state"], asked["arrives_on"]) == ("waiting", "2010-12-06")
    assert books.balance(TRANSIT) == 10_005
    assert refusal(books, InstructWithdrawal("X1")) is Code.WITHDRAWAL_NOT_DUE
    for _ in range(5):
        books.next_day()
    assert books.do(InstructWithdrawal("X1"))["state"] == "instructed"
    assert names(books, InstructWithdrawal("X1")) == []


def test_a_large_one_at_t_plus_1_is_approved_first_and_leaves_later(books: Books) -> None:
    ready(books, BIG + 1_000)
    books.do(wish("X1", BIG, 1_000, speed="T+1"), MAKER)
    assert books.do(ApproveWithdrawal("X1"), CHECKER)["state"] == "waiting"
    books.next_day()
    assert books.do(InstructWithdrawal("X1"))["state"] == "instructed"


def test_a_card_that_is_unbound_meanwhile_gets_nothing(books: Books) -> None:
    ready(books, 20_000)
    books.do(wish(fee=5, speed="T+1"))
    books.do(UnbindCard(BUYER, CARD, "lost"))
    books.next_day()
    assert books.do(InstructWithdrawal("X1"))["state"] == "failed"
    assert (books.balance(WALLET), books.balance(TRANSIT)) == (20_000, 0)
    assert books.state(allowance.stream(BUYER)).open == 0


def test_what_is_frozen_meanwhile_waits(books: Books) -> None:
    ready(books, 20_000)
    books.do(wish(fee=5, speed="T+1"))
    books.do(FreezeAccount(WALLET, "out", "court"))
    books.next_day()
    assert refusal(books, InstructWithdrawal("X1")) is Code.ACCOUNT_FROZEN
    books.do(UnfreezeAccount(WALLET, "lifted"))
    assert books.do(InstructWithdrawal("X1"))["state"] == "instructed"


def test_where_the_wallet_is_closed_it_is_kept_apart(books: Books) -> None:
    ready(books, 10_010)
    books.do(wish())
    books.do(CloseAccount(WALLET))
    books.do(RecordOutcome("withdraw-X1", declined="closed"))
    assert (books.balance(KEPT), books.balance(TRANSIT)) == (10_010, 0)
    right(books)


def test_nobody_is_forgotten_while_money_is_on_its_way(books: Books) -> None:
    bind(books, member_id=FRIEND)
    recharge(books, 10_000, member_id=FRIEND)
    books.do(RequestWithdrawal("X1", FRIEND, 10_000, 0))
    books.do(UnbindCard(FRIEND, CARD, "leaves"))
    books.do(ClaimBinding(FRIEND, 1, 3))
    books.do(RecordBinding(FRIEND, 1, 3, Said("ended")))
    books.at_us += 11 * 366 * DAY_US
    wanted = ForgetMember(FRIEND, PAY_DAY, 10, "asked")
    assert refusal(books, wanted) is Code.ACCOUNT_NOT_EMPTY
    books.do(RecordOutcome("withdraw-X1", succeeded="B1"))
    books.at_us += 11 * 366 * DAY_US
    assert "member.forgotten.1" in names(books, wanted)
    assert refusal(books, RequestWithdrawal("X2", FRIEND, 100, 0)) is Code.MEMBER_FORGOTTEN


def test_a_transfer_after_it_cannot_take_the_same_money(books: Books) -> None:
    ready(books, 10_010)
    books.do(wish())
    assert refusal(books, TransferMoney("T1", BUYER, FRIEND, 1)) is Code.BALANCE_INSUFFICIENT
