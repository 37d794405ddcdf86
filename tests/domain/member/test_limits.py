"""A merchant's agreements and its debt limit: from a date on, like other terms."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import json

from domain.kernel import Fact
from domain.member import member
from domain.member.commands import EndAgreement
from domain.member.member import (
    AgreementEnded,
    AgreementSigned,
    DebtLimitSet,
    Registered,
    State,
)
from domain.member.terms import MAX_TERMS
from domain.money import MAX_FEN
from domain.order.commands import Checkout
from domain.order.order import OrderLine
from domain.refusals import Code, Refused
from tests.books import TEA, Books, names, refusal
from tests.examples import BUYER, MERCHANT, MERCHANT_NAME, SUBJECT
from tests.scenario import Scenario

given = Scenario(member.evolve, State()).given
shop = Registered(MERCHANT, "enterprise", MERCHANT_NAME)
person = Registered(BUYER, "personal", "李雷")
YESTERDAY, TODAY, TOMORROW = date(2010, 11, 30), date(2010, 12, 1), date(2010, 12, 2)
signed = AgreementSigned("instant", TODAY)


# Agreements.


def test_an_agreement_is_signed_once_for_a_date() -> None:
    given(shop).when(member.sign_agreement, "instant", TODAY, TODAY).then(signed)
    given(shop, signed).when(member.sign_agreement, "instant", TODAY, TODAY).then()
    later = AgreementSigned("instant", TOMORROW)
    given(shop, signed).when(member.sign_agreement, "instant", TOMORROW, TODAY).then(later)


def test_an_agreement_ends_once_on_a_date() -> None:
    ended = AgreementEnded("instant", TOMORROW)
    given(shop, signed).when(member.end_agreement, "instant", TOMORROW, TODAY).then(ended)
    given(shop, signed, ended).when(member.end_agreement, "instant", TOMORROW, TODAY).then()
    given(shop, signed, ended).when(member.sign_agreement, "instant", TOMORROW, TODAY).then(
        AgreementSigned("instant", TOMORROW)
    )


@pytest.mark.parametrize("decision", [member.sign_agreement, member.end_agreement])
@pytest.mark.parametrize(
    ("history", "since", "code"),
    [
        pytest.param([], TODAY, Code.MEMBER_NOT_FOUND, id="nobody"),
        pytest.param([person], TODAY, Code.MEMBER_KIND_WRONG, id="a person"),
        pytest.param(
            [shop, AgreementSigned("instant", YESTERDAY - timedelta(days=9))],
            YESTERDAY,
            Code.TERMS_INVALID,
            id="a day that has passed",
        ),
    ],
)
def test_an_agreement_is_refused(
    decision: Any, history: list[Fact], since: date, code: Code
) -> None:
    given(*history).when(decision, "instant", since, TODAY).refused(code)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="never signed"),
        pytest.param([AgreementSigned("instant", date(2010, 12, 3))], id="not yet"),
        pytest.param([signed, AgreementEnded("instant", TODAY)], id="ended before"),
    ],
)
def test_what_is_not_agreed_cannot_end(history: list[Fact]) -> None:
    ending = given(shop, *history).when(member.end_agreement, "instant", TOMORROW, TODAY)
    ending.refused(Code.AGREEMENT_MISSING)


def test_an_agreement_holds_from_its_date_until_it_ends() -> None:
    state: State = given(
        shop, AgreementSigned("instant", TODAY), AgreementEnded("instant", TOMORROW)
    ).state
    held = [state.has_agreement("instant", day) for day in (YESTERDAY, TODAY, TOMORROW)]
    assert held == [False, True, False]


def test_mode_instant_needs_the_agreement_of_every_merchant(books: Books) -> None:
    lines = tuple(OrderLine(merchant, 100, SUBJECT) for merchant in (MERCHANT, TEA))
    wanted = Checkout("O1", BUYER, lines, "instant")
    books.agree(MERCHANT)
    with pytest.raises(Refused) as no:
        books.do(wanted)
    assert (no.value.code, no.value.field) == (Code.AGREEMENT_MISSING, "mode")
    assert TEA in no.value.detail and MERCHANT not in no.value.detail
    books.do(Checkout("O2", BUYER, lines))  # In escrow everybody may sell.
    books.agree(TEA)
    assert names(books, wanted) == ["order.placed.1"] + ["transaction.created.1"] * 2


def test_an_order_is_judged_by_its_own_day(books: Books) -> None:
    today = books.at_us
    books.at_us += 86_400_000_000
    books.agree()
    books.at_us = today
    wanted = Checkout("O1", BUYER, (OrderLine(MERCHANT, 100, SUBJECT),), "instant")
    assert refusal(books, wanted) is Code.AGREEMENT_MISSING
    books.at_us += 86_400_000_000
    books.do(wanted)


def test_an_order_that_was_placed_stays_as_it_was_agreed(books: Books) -> None:
    books.agree(MERCHANT).place("O1", (MERCHANT, 10_000), mode="instant")
    ending = EndAgreement(MERCHANT, "instant", TODAY)
    assert [names(books, ending), names(books, ending)] == [["member.agreement_ended.1"], []]
    wanted = Checkout("O2", BUYER, (OrderLine(MERCHANT, 100, SUBJECT),), "instant")
    assert refusal(books, wanted) is Code.AGREEMENT_MISSING
    again = Checkout("O1", BUYER, (OrderLine(MERCHANT, 10_000, SUBJECT),), "instant")
    assert names(books, again) == []


# The debt limit.


@pytest.mark.parametrize("limit_fen", [0, 1, MAX_FEN, None])
def test_a_limit_is_an_amount_nothing_or_none(limit_fen: int | None) -> None:
    limit = DebtLimitSet(TODAY, limit_fen)
    given(shop).when(member.set_debt_limit, TODAY, limit_fen, TODAY).then(limit)
    given(shop, limit).when(member.set_debt_limit, TODAY, limit_fen, TODAY).then()


@pytest.mark.parametrize(
    ("history", "since", "limit_fen", "code"),
    [
        pytest.param([], TODAY, 1, Code.MEMBER_NOT_FOUND, id="nobody"),
        pytest.param([person], TODAY, 1, Code.MEMBER_KIND_WRONG, id="a person"),
        pytest.param([shop], YESTERDAY, 1, Code.TERMS_INVALID, id="a day that has passed"),
        pytest.param([shop], TODAY, -1, Code.TERMS_INVALID, id="below nothing"),
        pytest.param([shop], TODAY, MAX_FEN + 1, Code.TERMS_INVALID, id="beyond all money"),
    ],
)
def test_a_limit_is_refused(history: list[Fact], since: date, limit_fen: int, code: Code) -> None:
    given(*history).when(member.set_debt_limit, since, limit_fen, TODAY).refused(code)


def test_the_newest_limit_whose_date_has_come_applies() -> None:
    facts = [DebtLimitSet(TOMORROW, None), DebtLimitSet(TODAY, 5), DebtLimitSet(TODAY, 7)]
    state: State = given(shop, *facts).state
    days = (YESTERDAY, TODAY, TOMORROW)
    assert [state.debt_limit_in_force(day) for day in days] == [None, 7, None]


def test_a_thousand_changes_leave_the_state_small() -> None:
    facts: list[Fact] = []
    for n in range(1_000):
        day = TODAY + timedelta(days=n)
        facts += [DebtLimitSet(day, n), AgreementSigned("instant", day)]
    state: State = given(shop, *facts).state
    assert len(json.encode(state)) < 3_000
    assert (len(state.debt_limits), len(state.agreements)) == (MAX_TERMS, MAX_TERMS)
    assert state.debt_limit_in_force(day) == 999
