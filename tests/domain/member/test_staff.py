"""The institution's operators, each with one office; and whether two actors are two persons."""

import pytest

from domain.member import member, staff
from domain.member.persons import refuse_same
from domain.refusals import Code, Refused
from tests.examples import EXAMPLES, PAY_DAY, RELEASE_DAY, SETTLE_DAY
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

of_member = Scenario(member.evolve, member.State()).given
registered = EXAMPLES["member.registered.1"]
two = member.ApiCommandsSet(RELEASE_DAY, ("order.checkout", "order.pay"))
every = member.ApiCommandsSet(SETTLE_DAY, None)


def test_a_merchant_has_what_it_was_given_from_its_date_on():
    state = of_member(registered, two, every).state
    days = (PAY_DAY, RELEASE_DAY, SETTLE_DAY)
    assert [state.may_call("order.pay", day) for day in days] == [True, True, True]
    assert [state.may_call("transaction.refund", day) for day in days] == [True, False, True]


def test_commands_are_given_once_and_not_in_the_past():
    wanted = ("order.pay", "order.checkout", "order.pay")
    history = of_member(registered)
    history.when(member.set_api_commands, RELEASE_DAY, wanted, PAY_DAY).then(two)
    history.when(member.set_api_commands, PAY_DAY, wanted, RELEASE_DAY).refused(Code.TERMS_INVALID)
    again = of_member(registered, two)
    again.when(member.set_api_commands, RELEASE_DAY, wanted, SETTLE_DAY).then()
    of_member().when(member.set_api_commands, PAY_DAY, None, PAY_DAY).refused(Code.MEMBER_NOT_FOUND)
