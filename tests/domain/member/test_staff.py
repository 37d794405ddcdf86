"""The institution's operators, each with one office; and whether two actors are two persons."""

from datetime import timedelta

import pytest

from domain.member import api_access, staff
from domain.member.persons import refuse_same
from domain.member.terms import MAX_TERMS
from domain.refusals import Code, Refused
from tests.examples import PAY_DAY, RELEASE_DAY, SETTLE_DAY
from tests.scenario import Scenario

given = Scenario(staff.evolve, staff.State()).given
cashier, reviewer = staff.Appointed("lin", "cashier"), staff.Appointed("lin", "reviewer")


def test_who_is_appointed_has_an_office_and_only_one():
    given().when(staff.appoint, "lin", "cashier").then(cashier)
    given(cashier).when(staff.appoint, "lin", "cashier").then()
    given(cashier).when(staff.appoint, "lin", "reviewer").then(reviewer)
    assert given(cashier, reviewer).state.operators == (("lin", "reviewer"),)


def test_who_is_dismissed_has_none():
    given(cashier).when(staff.dismiss, "lin").then(staff.Dismissed("lin"))
    given().when(staff.dismiss, "lin").refused(Code.OPERATOR_NOT_FOUND)
    assert given(cashier, staff.Dismissed("lin")).state.office_of("lin") is None


def test_there_are_only_so_many():
    full = given(*(staff.Appointed(f"s{n}", "auditor") for n in range(staff.MAX_STAFF)))
    full.when(staff.appoint, "lin", "cashier").refused(Code.OPERATOR_LIMIT)
    full.when(staff.appoint, "s1", "cashier").then(staff.Appointed("s1", "cashier"))


@pytest.mark.parametrize(
    ("maker", "checker", "code"),
    [
        pytest.param("staff:lin", "staff:zhao", None, id="two persons"),
        pytest.param("staff:lin", "staff:lin", Code.CHECKER_IS_MAKER, id="one, by two keys"),
        pytest.param("operator:k1", "staff:zhao", Code.PERSON_UNKNOWN, id="a key of nobody asks"),
        pytest.param("staff:lin", "operator:k1", Code.PERSON_UNKNOWN, id="a key of nobody checks"),
        pytest.param("operator:k1", "operator:k2", None, id="two keys of before"),
        pytest.param("operator:k1", "operator:k1", Code.CHECKER_IS_MAKER, id="one key of before"),
        pytest.param("system:worker", "staff:zhao", None, id="a program and a person"),
        pytest.param("merchant:SHOP", "staff:zhao", None, id="a merchant and the institution"),
    ],
)
def test_two_keys_are_not_two_persons(maker, checker, code):
    if code is None:
        refuse_same(maker, checker)
        return
    with pytest.raises(Refused) as no:
        refuse_same(maker, checker)
    assert no.value.code is code


# What of the API a merchant has been given.

of_api = Scenario(api_access.evolve, api_access.State()).given
two = api_access.CommandsGiven(RELEASE_DAY, ("order.checkout", "order.pay"))
every = api_access.CommandsGiven(SETTLE_DAY, None)


def test_a_merchant_has_what_it_was_given_from_its_date_on():
    state = of_api(two, every).state
    days = (PAY_DAY, RELEASE_DAY, SETTLE_DAY)
    assert [state.may_call("order.pay", day) for day in days] == [True, True, True]
    assert [state.may_call("transaction.refund", day) for day in days] == [True, False, True]


def test_commands_are_given_once_and_not_in_the_past():
    wanted = ("order.pay", "order.checkout", "order.pay")
    of_api().when(api_access.give, RELEASE_DAY, wanted, PAY_DAY).then(two)
    of_api().when(api_access.give, PAY_DAY, wanted, RELEASE_DAY).refused(Code.TERMS_INVALID)
    of_api(two).when(api_access.give, RELEASE_DAY, wanted, SETTLE_DAY).then()


def test_only_so_many_changes_wait():
    days = [RELEASE_DAY + timedelta(days=n) for n in range(MAX_TERMS)]
    full = of_api(*(api_access.CommandsGiven(day, ()) for day in days[:-1]))
    full.when(api_access.give, days[-1], None, PAY_DAY).refused(Code.TERMS_INVALID)
    full.when(api_access.give, days[-1], None, RELEASE_DAY).then(
        api_access.CommandsGiven(days[-1], None)
    )
