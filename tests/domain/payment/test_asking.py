"""An instruction carried over a network: attempts, what is asked next and when, and how it ends."""

from typing import Any

import pytest

from domain.channel.network import AwaitingPayer, Charge, NotFound, Processing, Returned, Said
from domain.channel.port import Declined, Purpose, Succeeded, Unknown
from domain.kernel import Fact
from domain.payment import instruction
from domain.payment.instruction import Answered, AskWanted, Confirmed, State
from domain.payment.rhythm import HOUR, MINUTE, SECOND
from domain.payment.tried import Told
from domain.refusals import Code, Refused
from tests.domain.payment.asking import EXPIRES, T0, Asking
from tests.examples import AMOUNT, BUYER, CHANNEL

YES, NO = Succeeded("S1", AMOUNT), Declined("no money")


def test_an_attempt_is_claimed_once() -> None:
    asking = Asking()
    assert asking.claim() == "send"
    assert asking.state.status == "sent"
    again = instruction.claim(asking.state, 1, T0, repeatable=True, number="x", other_number="x")
    ahead = instruction.claim(
        asking.state, 2, T0 + 1, repeatable=True, number="x", other_number="x"
    )
    assert again == ahead == []


@pytest.mark.parametrize(("repeatable", "next_kind"), [(True, "send"), (False, "query")])
def test_after_a_crash_a_send_is_repeated_only_where_that_is_allowed(
    repeatable: bool, next_kind: str
) -> None:
    asking = Asking(repeatable=repeatable)
    asking.claim()
    assert asking.wait() == 60
    assert asking.due() == next_kind


def test_the_back_off_after_unknown_comes_from_the_facts() -> None:
    asking = Asking("payout")
    asking.claim()
    waited = []
    for _ in range(7):
        asking.hear(Unknown("no answer"))
        waited.append(asking.wait())
        assert asking.due() == "query"
    assert waited == [5, 30, 120, 600, 3600, 3600, 3600]


@pytest.mark.parametrize("purpose", ["refund", "payout"])
def test_what_a_channel_works_on_for_days_is_asked_about_every_hour(purpose: Purpose) -> None:
    asking = Asking(purpose)
    asking.claim()
    waited = []
    for said in (Processing(), Processing(), Unknown("abnormal"), *3 * (Processing(),)):
        asking.hear(said)
        waited.append(asking.wait())
        assert asking.due() == "query"
    assert waited == [5, 5, 30, 120, 600, 3600]


def test_a_payer_is_asked_about_at_a_rhythm_until_the_payment_expires() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("weixin://pay"))
    waited: list[int] = []
    kinds: list[str] = []
    while not kinds or kinds[-1] == "query":
        waited.append(asking.wait())
        kinds.append(asking.due())
        asking.hear(AwaitingPayer(""))
    assert waited == [15, 30, 60, 120, 300, 300, 300, 300, 300, 75]
    assert (asking.now_us, kinds[-1]) == (EXPIRES, "close")
    assert asking.state.tried.url == "weixin://pay"
    assert asking.wait() == 5  # The close closed nothing: asked to close again, not to query.
    assert asking.due() == "close"
    [ended, again] = asking.hear(Declined("closed"))
    assert ended == instruction.Declined("closed", False, 12)
    assert again == AskWanted(asking.now_us + HOUR)


def test_a_closed_payment_is_asked_about_once_more_for_the_payer_may_have_been_faster() -> None:
    asking = closed_one()
    assert asking.due() == "query"
    asking.hear(Declined("closed"))
    assert (asking.state.status, asking.state.due_us) == ("declined", None)
    asking = closed_one()
    asking.due()
    asking.hear(Succeeded("S9", AMOUNT), Charge("S9", AMOUNT, T0))
    [late] = asking.beside.items
    assert (late.kind, late.serial, late.stage) == ("late", "S9", "certain")
    assert (asking.state.status, asking.state.due_us) == ("declined", None)


def closed_one() -> Asking:
    """A payment that an operator closed: one hour on it is asked about again."""
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("weixin://pay"))
    asking._take(instruction.close(asking.state, "the buyer left", asking.now_us))
    assert asking.due() == "close"
    asking.hear(Declined("closed"))
    assert (asking.state.status, asking.wait()) == ("declined", 3600)
    return asking


@pytest.mark.parametrize("purpose", ["refund", "payout"])
def test_a_declined_refund_or_payout_is_asked_about_a_day_later(purpose: Purpose) -> None:
    asking = Asking(purpose)
    asking.claim()
    asking.hear(Declined("the account is closed"))
    assert (asking.state.status, asking.wait()) == ("declined", 24 * 3600)
    assert asking.due() == "query"
    asking.hear(Unknown("no answer"))
    assert (asking.wait(), asking.due()) == (5, "query")
    asking.hear(Declined("the account is closed"))
    assert asking.state.due_us is None


def test_what_the_payer_was_declined_for_is_not_asked_about_again() -> None:
    asking = Asking()
    asking.claim()
    assert asking.hear(Declined("no money")) == [instruction.Declined("no money", False, 1)]
    assert asking.state.due_us is None


def test_what_was_never_sent_is_declined_without_asking_anybody() -> None:
    asking = Asking()
    asking.now_us = EXPIRES
    assert asking.claim() == ""
    assert asking.state.status == "declined"
    closed = Asking()
    closed._take(instruction.close(closed.state, "the buyer left", T0))
    assert (closed.state.status, closed.state.answer) == ("declined", "the buyer left")


def test_an_operator_closes_at_the_channel_first() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("u"))
    assert instruction.close(asking.state, "he left", T0 + 1) == [
        instruction.CloseWanted("he left", T0 + 1)
    ]
    asking._take(instruction.close(asking.state, "he left", T0 + 1))
    assert instruction.close(asking.state, "he left", T0 + 2) == []
    assert asking.due() == "close"
    asking.hear(Unknown("lost"))
    assert asking.due() == "close"
    asking.hear(Succeeded("S1"))  # He had paid before.
    assert (asking.state.status, asking.against) == ("succeeded", [])


@pytest.mark.parametrize("purpose", ["refund", "payout"])
def test_a_refund_or_payout_cannot_be_closed_and_does_not_expire(purpose: Purpose) -> None:
    asking = Asking(purpose)
    with pytest.raises(Refused) as no:
        instruction.close(asking.state, "x", T0)
    assert no.value.code is Code.INSTRUCTION_NOT_CLOSABLE


def test_no_such_order_is_closed_before_a_payment_is_declined() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(Unknown("lost"))
    assert asking.due() == "query"
    asking.hear(NotFound("no such order"))
    assert asking.state.status == "unknown"
    assert asking.due() == "close"
    [ended, again] = asking.hear(Declined("closed"))
    assert isinstance(ended, instruction.Declined)
    assert again == AskWanted(asking.now_us + HOUR)


def test_what_cannot_be_closed_because_it_is_not_there_is_declined_once_that_has_held() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(Unknown("lost"))
    asking.due()
    first_us, kinds = asking.now_us, []
    while asking.state.status != "declined":
        asking.hear(NotFound("no such order"))
        kinds += [asking.due()] if asking.state.status != "declined" else []
    assert set(kinds) == {"close"}
    assert asking.now_us - first_us >= 10 * MINUTE


def test_a_refund_that_is_not_there_is_sent_again_under_its_number_where_that_is_allowed() -> None:
    asking = Asking("refund", repeatable=True)
    asking.claim()
    asking.hear(Processing())
    assert asking.due() == "query"
    asking.hear(NotFound("no such refund"))
    assert asking.due() == "send"
    assert asking.state.number == "N1"


def test_elsewhere_it_is_sent_again_under_another_number_once_that_has_held() -> None:
    asking = Asking("payout")
    asking.claim()
    asking.hear(Unknown("lost"))
    sent_us, kinds = asking.now_us, []
    while asking.state.number == "N1":
        kinds.append(asking.due())
        if kinds[-1] == "query":
            asking.hear(NotFound("no such order"))
    assert kinds[-1] == "send"
    assert kinds.count("query") >= 3
    assert asking.now_us - sent_us >= 10 * MINUTE
    assert (asking.state.number, asking.state.tried.sent_us) == ("N2", asking.now_us)


def test_a_callback_that_ends_nothing_is_kept_if_it_says_something_new() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("u"))
    assert asking.callback(AwaitingPayer("u")) == []
    [news] = asking.callback(Processing())
    assert isinstance(news, Answered)
    assert asking.callback(Processing()) == []
    assert asking.callback(AwaitingPayer("u")) == []  # It comes late.
    assert asking.callback(Unknown("?")) == asking.callback(NotFound("?")) == []


def test_a_callback_overtakes_the_answer_of_an_attempt() -> None:
    asking = Asking()
    asking.claim()
    asking.callback(Succeeded("S1"))
    assert asking.state.due_us is None
    assert asking.hear(AwaitingPayer("u")) == []
    assert asking.state.status == "succeeded"


def test_an_answer_that_comes_twice_is_kept_once() -> None:
    asking = Asking()
    asking.claim()
    for said in (AwaitingPayer("u"), Unknown("?"), Processing()):
        asking.hear(said)
        assert asking.hear(said) == []


def test_what_cannot_be_sent_waits_until_somebody_wants_it_asked() -> None:
    asking = Asking("payout")
    asking._take(instruction.withhold(asking.state, "no bank account"))
    assert (asking.state.due_us, asking.state.tried.withheld) == (None, "no bank account")
    assert instruction.withhold(asking.state, "no bank account") == []
    asking._take(instruction.ask(asking.state, T0 + HOUR))
    asking.now_us = T0 + HOUR
    assert asking.claim() == "send"


@pytest.mark.parametrize("said", [YES, NO, Unknown("?"), Processing()])
def test_what_was_never_issued_has_no_answer(said: Said) -> None:
    with pytest.raises(Refused) as no:
        instruction.hear(State(), said, Told())
    assert no.value.code is Code.INSTRUCTION_NOT_FOUND


def test_what_never_left_is_sent_again_even_where_a_send_is_made_once() -> None:
    asking = Asking()
    asking.claim()
    told = Told(1, asking.now_us, "", True)
    asking._take(instruction.hear(asking.state, Unknown("no connection"), told))
    assert asking.due() == "send"
    asking.hear(Unknown("no answer"))
    assert asking.due() == "query"


def test_an_instruction_stored_before_there_were_numbers_goes_on() -> None:
    old: list[Fact] = [
        instruction.Issued("payment", "payment-P1", CHANNEL, AMOUNT, BUYER),
        instruction.Unknown("no answer"),
    ]
    asking = Asking()
    asking.state = State()
    asking._take(old)
    assert asking.claim() == "send"


def test_asking_earlier_changes_no_rhythm() -> None:
    """Operators may ask as often as they like: the next time stays, and so does the one after."""
    asking = Asking("refund")
    asking.due()
    asking.hear(Unknown("no answer"))
    asking.due()
    asking.hear(NotFound("no such order"))
    planned_us = asking.state.due_us
    for _ in range(3):
        asking.now_us += SECOND
        asking._take(instruction.ask(asking.state, asking.now_us))
        assert asking.claim() == "query"
        asking.hear(NotFound("no such order"))
        assert asking.state.due_us == planned_us
    assert asking.due() == "query"
    asking.hear(NotFound("no such order"))
    assert asking.wait() == 120  # 5 s and 30 s have passed: as if nobody had asked.


@pytest.mark.parametrize(
    ("first", "again", "told"),
    [
        (YES, YES, ("confirmed", "")),
        (YES, Succeeded("S1"), ("confirmed", "")),
        (YES, Succeeded("S2", AMOUNT), ("succeeded", "S2")),
        (YES, Succeeded("S1", AMOUNT + 1), ("differs", "S1")),
        (YES, NO, ("declined", "no money")),
        (YES, Returned("S9", "no such card"), ("returned", "no such card")),
        (YES, NotFound("no such order"), ("not_found", "no such order")),
        (NO, NO, ("confirmed", "")),
        (NO, YES, ("succeeded", "S1")),
        (NO, NotFound("no such order"), ("not_found", "no such order")),
    ],
)
def test_what_is_said_of_what_has_ended_is_told_as_it_is(
    first: Any, again: Any, told: tuple[str, str]
) -> None:
    asking = Asking("refund")
    asking.claim()
    asking.hear(first)
    asking.state = instruction.evolve(asking.state, AskWanted(asking.now_us))
    asking.due()
    (fact,) = [one for one in asking.hear(again) if isinstance(one, Confirmed)]
    assert (fact.said, fact.detail) == told
