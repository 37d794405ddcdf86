"""Deposits in the real books; and who has something that is kept cannot leave."""

from datetime import date
from typing import Any

import pytest

from domain.accounting import deposit as deposits
from domain.accounting.chart import MERCHANT_DEPOSIT
from domain.accounting.commands import CloseAccount, open_accounts
from domain.accounting.reserve import released_on
from domain.accounting.rules.reserve import deposit_paid_in
from domain.kernel import Unit
from domain.ledger.capacity import DEPOSIT_SHARES
from domain.member.commands import SetSettlementTerms
from domain.money import FeeRule
from domain.refusals import Code, Refused
from domain.settlement import carry
from domain.settlement.reserving import (
    ReleaseReserveEarly,
    ReturnDeposit,
    TakeDeposit,
)
from tests.books import TEA, Books, refusal
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY
from tests.keeping import (
    DAY,
    FIRST,
    HELD,
    PENDING,
    end_days,
    money,
    refunded,
    reserved,
    right,
    sold,
)
from tests.shops import shop

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


def test_a_deposit_is_taken_of_who_has_terms_to_be_paid_under(books: Books) -> None:
    books.do(shop("NEWSHOP", "新店", FeeRule(60)))
    with pytest.raises(Refused) as no:
        books.do(TakeDeposit("B1", "NEWSHOP", 900, "statement", "agreed"), MAKER)
    assert (no.value.code, no.value.field) == (Code.TERMS_MISSING, "member_id")
    later = SetSettlementTerms("NEWSHOP", PAY_DAY + DAY, "T+1", None)
    books.do(later)
    assert refusal(books, TakeDeposit("B1", "NEWSHOP", 9, "statement", "agreed")) is (
        Code.TERMS_MISSING
    )
    books.next_day()
    books.do(TakeDeposit("B1", "NEWSHOP", 900, "statement", "agreed"), MAKER)


def test_a_deposit_that_was_taken_without_terms_is_given_back_and_paid_when_there_are(
    books: Books,
) -> None:
    books.do(shop("NEWSHOP", "新店", FeeRule(60)))

    def taken(unit: Unit) -> None:
        """As an older version took it."""
        stream = deposits.stream("B1")
        open_accounts(unit, (MERCHANT_DEPOSIT,), "NEWSHOP")
        entry = deposit_paid_in(unit.accounting_date, "NEWSHOP", 900)
        state = unit.load(stream)
        unit.record(stream, deposits.take(state, "NEWSHOP", 900, "statement", "-", "-", entry))

    books.decide(taken)
    assert books.facts_of(TakeDeposit("B1", "NEWSHOP", 900, "statement", "agreed")) == []
    books.do(ReturnDeposit("B1", "not needed"))
    assert books.balance("2241.03.NEWSHOP") == 900
    assert books.state(carry.stream("NEWSHOP")).payable_fen == 900
    end_days(books, 2)
    on = books.state("day-books").open_date
    books.do(SetSettlementTerms("NEWSHOP", on, "T+1", None))
    assert books.state(f"settlement-NEWSHOP-{on}").status == "collecting"
    end_days(books, 4)
    assert books.balance("2241.03.NEWSHOP") == 0


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
