"""Approvals: two persons, and one of them is not the other; decided once, in time."""

import re
from pathlib import Path

import pytest

from domain.approval import approval
from domain.approval.kinds import KINDS
from domain.kernel import DAY_US
from domain.refusals import Code
from tests.examples import EXAMPLES, SETTLED_AT
from tests.scenario import Scenario

PAGE = Path(__file__).parents[3] / "docs" / "permissions.md"
MAKER, CHECKER, THIRD = "staff:lin", "staff:zhao", "staff:wu"
given = Scenario(approval.evolve, approval.State()).given
proposed = EXAMPLES["approval.proposed.1"]
assert isinstance(proposed, approval.Proposed)
WISH = approval.Wish(
    proposed.kind, proposed.subject, proposed.body, proposed.member, proposed.amount_fen
)
UNTIL = proposed.expires_us
approved = approval.Approved(CHECKER)
refused = approval.TurnedDown(CHECKER, "no")
withdrawn, expired = approval.Withdrawn(), approval.Expired()


def test_a_proposal_is_kept_as_it_was_wished():
    given().when(approval.propose, WISH, MAKER, UNTIL).then(proposed)


def test_the_same_proposal_again_is_nothing_new_whenever_it_comes():
    given(proposed).when(approval.propose, WISH, MAKER, UNTIL + 1).then()
    given(proposed, refused).when(approval.propose, WISH, MAKER, UNTIL).then()


@pytest.mark.parametrize(
    ("wish", "maker"),
    [
        pytest.param(approval.Wish("freeze", *"abcd"[:3], None), MAKER, id="another wish"),
        pytest.param(WISH, THIRD, id="of another person"),
    ],
)
def test_a_taken_id_is_refused(wish, maker):
    given(proposed).when(approval.propose, wish, maker, UNTIL).refused(Code.APPROVAL_EXISTS)


def test_a_key_that_is_nobodys_proposes_nothing():
    given().when(approval.propose, WISH, "operator:k1", UNTIL).refused(Code.PERSON_UNKNOWN)


def test_another_person_approves_until_its_time_is_over():
    given(proposed).when(approval.approve, CHECKER, UNTIL - 1).then(approved)
    given(proposed).when(approval.approve, CHECKER, UNTIL).refused(Code.APPROVAL_EXPIRED)


def test_a_repeated_decision_is_nothing_new():
    given(proposed, approved).when(approval.approve, CHECKER, UNTIL + DAY_US).then()
    given(proposed, refused).when(approval.refuse, CHECKER, "no").then()
    given(proposed, withdrawn).when(approval.withdraw, MAKER).then()


@pytest.mark.parametrize("decide", [approval.approve, approval.refuse])
@pytest.mark.parametrize(
    ("checker", "code"),
    [
        pytest.param(MAKER, Code.CHECKER_IS_MAKER, id="the maker"),
        pytest.param("operator:k1", Code.PERSON_UNKNOWN, id="a key that is nobody's"),
        pytest.param("merchant:SQUIRRELS/zhang", Code.PERSON_UNKNOWN, id="a merchant"),
        pytest.param("system:worker", Code.PERSON_UNKNOWN, id="a program"),
    ],
)
def test_only_another_person_of_the_institution_decides(decide, checker, code):
    given(proposed).when(decide, checker, 5 if decide is approval.approve else "x").refused(code)


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param([approved], id="approved by another"),
        pytest.param([refused], id="refused by another"),
        pytest.param([withdrawn], id="withdrawn"),
        pytest.param([expired], id="expired"),
    ],
)
def test_what_was_decided_stays_decided(ended):
    history = given(proposed, *ended)
    history.when(approval.approve, THIRD, SETTLED_AT).refused(Code.APPROVAL_STATE_WRONG)
    history.when(approval.refuse, THIRD, "x").refused(Code.APPROVAL_STATE_WRONG)
    if ended != [withdrawn]:
        history.when(approval.withdraw, MAKER).refused(Code.APPROVAL_STATE_WRONG)
    history.when(approval.expire, UNTIL).then()


def test_who_loses_a_race_is_told_who_has_decided():
    state = given(proposed, approved).state
    with pytest.raises(approval.Refused, match=f"approved by {CHECKER}"):
        approval.approve(state, THIRD, SETTLED_AT)


def test_only_the_maker_withdraws():
    given(proposed).when(approval.withdraw, MAKER).then(withdrawn)
    given(proposed).when(approval.withdraw, CHECKER).refused(Code.NOT_ALLOWED)


def test_what_nobody_decided_expires_and_not_before():
    given(proposed).when(approval.expire, UNTIL - 1).then()
    given(proposed).when(approval.expire, UNTIL).then(expired)


def test_what_was_never_proposed_is_not_found():
    for decision in (
        lambda state: approval.approve(state, CHECKER, 1),
        lambda state: approval.refuse(state, CHECKER, "x"),
        lambda state: approval.withdraw(state, MAKER),
        lambda state: approval.expire(state, 1),
    ):
        given().when(decision).refused(Code.APPROVAL_NOT_FOUND)


def test_the_page_names_every_kind():
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert {kind.name for kind in KINDS.values()} <= named
