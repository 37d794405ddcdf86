"""Cards of a member: what is asked of banks, in which order, and whose they may be."""

from typing import Any

import pytest

from domain.kernel import Fact
from domain.member import card
from domain.member.card import (
    Attempted,
    BindingRefused,
    BindingRequested,
    Bound,
    CodeGiven,
    CodeSent,
    CodeWrong,
    DefaultSet,
    Ended,
    Unanswered,
    Unbound,
)
from domain.member.signing import Said, Wish
from domain.refusals import Code
from tests.examples import CARD, HOLDER, PAID_AT, PARTICULARS
from tests.scenario import Scenario

given = Scenario(card.evolve, card.State()).given
NOW, SECOND_US = PAID_AT, 1_000_000
LATER, OTHER = "9b" * 16, "cb" * 16
CODE = "c0" * 16
WISH = Wish("personal", CARD, PARTICULARS, HOLDER, "7894")
requested = BindingRequested(1, "personal", CARD, PARTICULARS, HOLDER, "7894", "", "")
asked = Attempted(1, 1, "sign", NOW + card.CLAIM_US)
sent = CodeSent(1, "ICBC", "DEBIT", NOW + 300 * SECOND_US)
code = CodeGiven(1, 1, CODE)
confirming = Attempted(1, 2, "confirm", NOW + card.CLAIM_US)
bound = Bound(1, CARD, "A1", 0)
default = DefaultSet(CARD)
SIGNED = (requested, asked, sent, code, confirming, bound, default)


def test_the_first_card_is_asked_for() -> None:
    given().when(card.request, WISH, "", NOW).then(requested)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([requested], id="under way"),
        pytest.param([requested, asked, sent], id="a code was sent"),
        pytest.param(SIGNED, id="bound"),
    ],
)
def test_the_same_again_is_nothing_new(history: list[Fact]) -> None:
    given(*history).when(card.request, WISH, "", NOW).then()


def test_a_change_of_a_bound_card_is_verified_again() -> None:
    changed = Wish("personal", CARD, LATER, HOLDER, "7894")
    again = BindingRequested(2, "personal", CARD, LATER, HOLDER, "7894", "", "")
    given(*SIGNED).when(card.request, changed, "", NOW).then(again)
    state = given(*SIGNED, again).state
    assert state.bound(CARD).binding == 1
    more = (
        Attempted(2, 1, "sign", NOW),
        CodeSent(2, "ICBC", "DEBIT", NOW + 1),
        CodeGiven(2, 1, CODE),
        Attempted(2, 2, "confirm", NOW),
    )
    replaced = Bound(2, CARD, "A2", 1)
    story = given(*SIGNED, again, *more)
    story.when(card.answered, 2, 2, Said("signed", agreement="A2"), NOW).then(replaced)
    assert [one.binding for one in given(*SIGNED, again, *more, replaced).state.bindings] == [2]


def test_another_change_waits_until_the_first_has_ended() -> None:
    changed = Wish("personal", CARD, LATER, HOLDER, "7894")
    given(requested).when(card.request, changed, "", NOW).refused(Code.CARD_STATE_WRONG)


def test_a_code_that_did_not_come_in_time_ends_the_binding() -> None:
    late = NOW + 300 * SECOND_US
    expired = BindingRefused(1, "expired")
    again = BindingRequested(2, "personal", CARD, PARTICULARS, HOLDER, "7894", "", "")
    history = (requested, asked, sent)
    given(*history).when(card.request, WISH, "", late).then(expired, again)
    given(*history).when(card.claim, 1, 2, late).then(expired)
    given(*history).when(card.claim, 1, 2, late - 1).then()
    given(*history).when(card.give_code, CARD, CODE, late).refused(Code.CODE_EXPIRED)


@pytest.mark.parametrize(
    ("wish", "certified", "code"),
    [
        pytest.param({"holder": OTHER}, "", Code.HOLDER_DIFFERS, id="another name"),
        pytest.param({}, OTHER, Code.HOLDER_DIFFERS, id="certified as somebody else"),
        pytest.param({"holder": OTHER, "relation": "guardian"}, "", Code.HOLDER_DIFFERS, id="half"),
        pytest.param({"holder": OTHER, "document": "D1"}, "", Code.HOLDER_DIFFERS, id="other half"),
        pytest.param(
            {"holder": OTHER, "relation": "guardian", "document": "D1"}, "", None, id="legal"
        ),
        pytest.param({}, HOLDER, None, id="certified"),
        pytest.param(
            {"owner": "enterprise", "same_name": False}, "", Code.HOLDER_DIFFERS, id="firm"
        ),
        pytest.param({"owner": "enterprise", "holder": OTHER}, "", None, id="its own name"),
    ],
)
def test_whose_a_card_may_be(wish: dict[str, Any], certified: str, code: Code | None) -> None:
    wanted = Wish(**{"owner": "personal", "card": OTHER, "particulars": LATER, "holder": HOLDER,
                     "tail": "0001", **wish})  # fmt: skip
    step = given(*SIGNED).when(card.request, wanted, certified, NOW)
    if code is not None:
        step.refused(code)
        return
    (fact,) = step.decide()
    assert (fact.binding, fact.card, fact.relation) == (2, OTHER, wanted.relation)


@pytest.mark.parametrize("owner", ["personal", "enterprise"])
def test_at_most_so_many_cards_and_the_state_stays_small(owner: Any) -> None:
    story = given()
    for number in range(1, card.MOST[owner] + 1):
        wish = Wish(owner, f"{number:032}", f"{number:032}", HOLDER, "0001")
        story = story.given(*story.when(card.request, wish, "", NOW).decide())
    wish = Wish(owner, CARD, PARTICULARS, HOLDER, "7894")
    story.when(card.request, wish, "", NOW).refused(Code.CARD_LIMIT)
    story = story.given(BindingRefused(1, "NAME_WRONG"))
    assert len(story.when(card.request, wish, "", NOW).decide()) == 1
    assert len(story.state.bindings) == card.MOST[owner] - 1


def test_an_attempt_is_claimed_once_and_when_it_is_due() -> None:
    given(requested).when(card.claim, 1, 1, NOW).then(asked)
    given(requested).when(card.claim, 1, 2, NOW).then()
    given(requested).when(card.claim, 7, 1, NOW).then()
    given(requested, asked).when(card.claim, 1, 1, NOW).then()
    given(requested, asked).when(card.claim, 1, 2, NOW).then()
    after = NOW + card.CLAIM_US
    again = Attempted(1, 2, "sign", after + card.CLAIM_US)
    given(requested, asked).when(card.claim, 1, 2, after).then(again)
    given(*SIGNED).when(card.claim, 1, 3, after).then()


@pytest.mark.parametrize(
    ("history", "attempt", "said", "facts"),
    [
        ([requested, asked], 1, Said("code_sent", "ICBC", "DEBIT", sent.expires_us), [sent]),
        (
            [requested, asked],
            1,
            Said("refused", reason="NAME_WRONG"),
            [BindingRefused(1, "NAME_WRONG")],
        ),
        (
            [requested, asked],
            1,
            Said("unknown", reason="NO_ANSWER"),
            [Unanswered(1, 1, "NO_ANSWER", NOW + 5 * SECOND_US)],
        ),
        (
            [requested, asked],
            1,
            Said("signed", agreement="A1"),
            [Unanswered(1, 1, "", NOW + 5 * SECOND_US)],
        ),
        ([requested, asked], 2, Said("code_sent"), []),
        ([requested, asked, sent], 1, Said("code_sent"), []),
        (
            [requested, asked, sent, code, confirming],
            2,
            Said("signed", agreement="A1"),
            [bound, default],
        ),
        (
            [requested, asked, sent, code, confirming],
            2,
            Said("code_wrong", tries_left=2),
            [CodeWrong(1, 2)],
        ),
        (
            [requested, asked, sent, code, confirming],
            2,
            Said("code_wrong"),
            [BindingRefused(1, "CODE_WRONG")],
        ),
        (
            [requested, asked, sent, code, confirming],
            2,
            Said("refused", reason="CODE_LATE"),
            [BindingRefused(1, "CODE_LATE")],
        ),
        (
            [*SIGNED, Unbound(1, CARD, "lost"), Attempted(1, 3, "end", NOW)],
            3,
            Said("ended"),
            [Ended(1)],
        ),
        (
            [*SIGNED, Unbound(1, CARD, "lost"), Attempted(1, 3, "end", NOW)],
            3,
            Said("refused"),
            [Ended(1)],
        ),
        ([*SIGNED], 2, Said("signed", agreement="A1"), []),
        ([], 1, Said("ended"), []),
    ],
)
def test_what_the_bank_says(
    history: list[Fact], attempt: int, said: Said, facts: list[Fact]
) -> None:
    given(*history).when(card.answered, 1, attempt, said, NOW).then(*facts)


def test_it_waits_longer_after_each_failure_and_not_after_success() -> None:
    story, waits = given(requested), []
    for attempt in range(1, 8):
        story = story.given(Attempted(1, attempt, "sign", NOW))
        (fact,) = story.when(card.answered, 1, attempt, Said("unknown"), NOW).decide()
        waits.append((fact.due_us - NOW) // SECOND_US)
        story = story.given(fact)
    assert waits == [5, 30, 120, 600, 1800, 1800, 1800]
    story = story.given(Attempted(1, 8, "sign", NOW), sent)
    assert (story.state.bindings[0].failures, story.state.bindings[0].due_us) == (0, 0)


def test_codes() -> None:
    given(requested, asked, sent).when(card.give_code, CARD, CODE, NOW).then(code)
    story = given(requested, asked, sent, code)
    story.when(card.give_code, CARD, CODE, NOW).then()
    story.when(card.give_code, CARD, "c1" * 16, NOW).refused(Code.CARD_STATE_WRONG)
    given(*SIGNED).when(card.give_code, CARD, CODE, NOW).then()
    given().when(card.give_code, CARD, CODE, NOW).refused(Code.CARD_NOT_FOUND)
    given(requested).when(card.give_code, CARD, CODE, NOW).refused(Code.CARD_STATE_WRONG)
    wrong = story.given(confirming, CodeWrong(1, 2))
    wrong.when(card.give_code, CARD, "c1" * 16, NOW).then(CodeGiven(1, 2, "c1" * 16))


def test_the_default() -> None:
    given(*SIGNED).when(card.set_default, CARD).then()
    given(*SIGNED).when(card.set_default, OTHER).refused(Code.CARD_NOT_FOUND)
    given(requested).when(card.set_default, CARD).refused(Code.CARD_NOT_FOUND)
    assert given(*SIGNED).state.default == CARD
    assert given(*SIGNED, Unbound(1, CARD, "lost")).state.default == ""


def test_unbinding() -> None:
    unbound = Unbound(1, CARD, "lost")
    given(*SIGNED).when(card.unbind, CARD, "lost").then(unbound)
    given(*SIGNED, unbound).when(card.unbind, CARD, "again").then()
    given(requested, asked, sent).when(card.unbind, CARD, "lost").then(unbound)
    given(requested).when(card.unbind, CARD, "lost").refused(Code.CARD_STATE_WRONG)
    given().when(card.unbind, CARD, "lost").refused(Code.CARD_NOT_FOUND)
    given(*SIGNED, unbound, Ended(1)).when(card.unbind, CARD, "x").refused(Code.CARD_NOT_FOUND)
    again = BindingRequested(2, "personal", CARD, PARTICULARS, HOLDER, "7894", "", "")
    given(*SIGNED, unbound).when(card.request, WISH, "", NOW).then(again)
