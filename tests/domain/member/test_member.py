"""Member: registered once, with operators and with terms that take effect from a date on."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import json

from domain.kernel import Fact
from domain.member import member
from domain.member.member import (
    MAX_OPERATORS,
    FeeRuleSet,
    OperatorAdded,
    OperatorRemoved,
    Registered,
    SettlementTerms,
    SettlementTermsSet,
    State,
)
from domain.member.terms import MAX_TERMS
from domain.money import MAX_FEN, FeeRule
from domain.refusals import Code, Refused
from tests.examples import BUYER, CONSENT, MERCHANT, MERCHANT_NAME
from tests.scenario import Scenario

given = Scenario(member.evolve, State()).given
shop = Registered(MERCHANT, "enterprise", MERCHANT_NAME, True)
person = Registered(BUYER, "personal", "李雷")
TODAY = date(2010, 12, 1)
TOMORROW = date(2010, 12, 2)
RULE, DEARER = FeeRule(60), FeeRule(80)


def test_a_member_is_registered_once() -> None:
    given().when(member.register, MERCHANT, "enterprise", MERCHANT_NAME).then(shop)
    given(shop).when(member.register, MERCHANT, "enterprise", MERCHANT_NAME).then()


@pytest.mark.parametrize(
    ("kind", "name"), [("personal", MERCHANT_NAME), ("enterprise", "another shop")]
)
def test_another_registration_under_its_id_is_refused(kind: Any, name: str) -> None:
    given(shop).when(member.register, MERCHANT, kind, name).refused(Code.MEMBER_EXISTS)


def test_operators_come_and_go() -> None:
    added = OperatorAdded("ZHANG", "finance")
    given(shop).when(member.add_operator, "ZHANG", "finance").then(added)
    given(shop, added).when(member.add_operator, "ZHANG", "finance").then()
    given(shop, added).when(member.remove_operator, "ZHANG").then(OperatorRemoved("ZHANG"))
    gone = given(shop, added, OperatorRemoved("ZHANG"))
    gone.when(member.remove_operator, "ZHANG").refused(Code.OPERATOR_NOT_FOUND)


crowd = [OperatorAdded(f"OP{n}", "viewer") for n in range(MAX_OPERATORS)]


def test_there_is_room_for_a_hundred_operators() -> None:
    given(shop, *crowd).when(member.add_operator, "ZHANG", "owner").refused(Code.OPERATOR_LIMIT)


def test_a_role_can_change_where_there_is_no_more_room() -> None:
    given(shop, *crowd).when(member.add_operator, "OP7", "owner").then(
        OperatorAdded("OP7", "owner")
    )
    assert len(given(shop, *crowd, OperatorAdded("OP7", "owner")).state.operators) == MAX_OPERATORS


@pytest.mark.parametrize(
    ("decision", "args"),
    [
        (member.add_operator, ("ZHANG", "owner")),
        (member.remove_operator, ("ZHANG",)),
        (member.set_fee_rule, (TODAY, RULE, TODAY)),
        (member.set_settlement_terms, (TODAY, SettlementTerms("T+1"), TODAY)),
    ],
)
def test_who_is_not_registered_has_nothing(decision: Any, args: tuple[Any, ...]) -> None:
    given().when(decision, *args).refused(Code.MEMBER_NOT_FOUND)


@pytest.mark.parametrize(
    ("decision", "args"),
    [
        (member.set_fee_rule, (TODAY, FeeRule(-1), TODAY)),
        (member.set_settlement_terms, (TODAY, SettlementTerms("T+1"), TODAY)),
    ],
)
def test_a_person_has_no_terms(decision: Any, args: tuple[Any, ...]) -> None:
    given(person).when(decision, *args).refused(Code.MEMBER_KIND_WRONG)


def test_a_fee_rule_takes_effect_from_today_or_later() -> None:
    given(shop).when(member.set_fee_rule, TODAY, RULE, TODAY).then(FeeRuleSet(TODAY, RULE))
    given(shop).when(member.set_fee_rule, TOMORROW, RULE, TODAY).then(FeeRuleSet(TOMORROW, RULE))


def test_the_same_terms_again_say_nothing_new_even_later() -> None:
    told = given(shop, FeeRuleSet(TODAY, RULE), SettlementTermsSet(TODAY, "T+1", 5))
    told.when(member.set_fee_rule, TODAY, RULE, TOMORROW).then()
    terms = SettlementTerms("T+1", 5)
    told.when(member.set_settlement_terms, TODAY, terms, TOMORROW).then()


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(FeeRule(-1), id="a negative rate"),
        pytest.param(FeeRule(10_001), id="more than everything"),
        pytest.param(FeeRule(60, -1), id="a negative fixed part"),
        pytest.param(FeeRule(60, MAX_FEN + 1), id="a fixed part beyond all amounts"),
        pytest.param(FeeRule(60, min_fen=-1), id="a negative minimum"),
        pytest.param(FeeRule(60, min_fen=10, cap_fen=9), id="a cap below the minimum"),
        pytest.param(FeeRule(60, cap_fen=MAX_FEN + 1), id="a cap beyond all amounts"),
        pytest.param(FeeRule(0.6), id="a rate that is a float"),  # type: ignore[arg-type]
        pytest.param(FeeRule(float("nan")), id="a rate that is no number"),  # type: ignore[arg-type]
        pytest.param(FeeRule(True), id="a rate that is a boolean"),
        pytest.param(FeeRule(60, cap_fen=1.5), id="a cap that is a float"),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_fee_rule_is_refused(rule: FeeRule) -> None:
    given(shop).when(member.set_fee_rule, TODAY, rule, TODAY).refused(Code.TERMS_INVALID)


def test_terms_never_change_the_past() -> None:
    given(shop).when(member.set_fee_rule, TODAY, RULE, TOMORROW).refused(Code.TERMS_INVALID)
    terms = SettlementTerms("T+1")
    given(shop).when(member.set_settlement_terms, TODAY, terms, TOMORROW).refused(
        Code.TERMS_INVALID
    )


@pytest.mark.parametrize("most", [0, -1, MAX_FEN + 1])
def test_a_transfer_limit_is_an_amount(most: int) -> None:
    terms = SettlementTerms("T+1", most)
    given(shop).when(member.set_settlement_terms, TODAY, terms, TODAY).refused(Code.TERMS_INVALID)


@pytest.mark.parametrize("cycle", ["", "T", "T+", "T+1.5", "t+1", "M+1", "T+91", "T+１"])
def test_a_cycle_is_t_or_d_plus_days(cycle: str) -> None:
    terms = SettlementTerms(cycle)
    given(shop).when(member.set_settlement_terms, TODAY, terms, TODAY).refused(Code.TERMS_INVALID)


def test_the_newest_terms_whose_date_has_come_apply() -> None:
    state = given(shop, FeeRuleSet(TOMORROW, DEARER), FeeRuleSet(TODAY, RULE)).state
    assert [state.fee_rule_on(day) for day in (TODAY, TOMORROW)] == [RULE, DEARER]
    replaced = given(shop, FeeRuleSet(TODAY, RULE), FeeRuleSet(TODAY, DEARER)).state
    assert replaced.fee_rule_on(TOMORROW) == DEARER


@pytest.mark.parametrize("history", [[], [FeeRuleSet(TOMORROW, RULE)]])
def test_before_the_first_terms_there_are_none(history: list[Fact]) -> None:
    state: State = given(shop, *history).state
    for asked in (state.fee_rule_on, state.settlement_terms_on):
        with pytest.raises(Refused) as no:
            asked(TODAY)
        assert no.value.code is Code.TERMS_MISSING


def test_changes_that_wait_are_limited_and_those_in_force_are_kept() -> None:
    waiting = [FeeRuleSet(TODAY + timedelta(days=n), FeeRule(n)) for n in range(MAX_TERMS)]
    full = given(shop, *waiting)
    later = TODAY + timedelta(days=99)
    full.when(member.set_fee_rule, later, RULE, TODAY).refused(Code.TERMS_INVALID)
    full.when(member.set_fee_rule, later, RULE, TOMORROW, CONSENT).then(
        FeeRuleSet(later, RULE, CONSENT)
    )
    after = given(shop, *waiting, FeeRuleSet(later, RULE)).state
    assert after.fee_rule_on(TOMORROW) == FeeRule(1)


def test_a_thousand_changes_leave_the_state_small() -> None:
    facts: list[Fact] = []
    for n in range(1_000):
        day = TODAY + timedelta(days=n)
        facts += [FeeRuleSet(day, FeeRule(n)), SettlementTermsSet(day, "T+1", n + 1)]
    assert len(json.encode(given(shop, *facts).state)) < 5_000
