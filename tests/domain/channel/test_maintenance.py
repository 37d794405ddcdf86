"""Times of maintenance: planned, withdrawn, over; and what an operator must not ask for."""

import pytest

from domain.channel import channel
from domain.channel.channel import MOST_PLANNED, MaintenancePlanned, MaintenanceWithdrawn, State
from domain.channel.commands import PlanMaintenance, RegisterChannel, WithdrawMaintenance
from domain.channel.routing import Window
from domain.fields import checked_moment
from domain.kernel import Command
from domain.refusals import Code, Refused
from tests.books import Books, names, refusal
from tests.scenario import Scenario

T0, HOUR = 1_300_000_000_000_000, 3_600_000_000
given = Scenario(channel.evolve, State()).given
FIRST = MaintenancePlanned(1, T0 + HOUR, T0 + 2 * HOUR, "a release", T0)
LATER = MaintenancePlanned(2, T0 + 5 * HOUR, T0 + 6 * HOUR, "again", T0)
WITHDRAWN = MaintenanceWithdrawn(1, "put off")


def plan(state: State, from_us: int, until_us: int, at_us: int = T0) -> list[channel.Event]:
    return channel.plan_maintenance(state, from_us, until_us, "a release", at_us)


def withdraw(state: State, window: int, at_us: int = T0) -> list[channel.Event]:
    return channel.withdraw_maintenance(state, window, "put off", at_us)


def code(decide: object, *args: object) -> Code:
    with pytest.raises(Refused) as no:
        decide(*args)  # type: ignore[operator]
    return no.value.code


def told(*facts: channel.Event) -> State:
    state = State()
    for fact in facts:
        state = channel.evolve(state, fact)
    return state


def test_a_time_is_planned_once_and_withdrawn_once() -> None:
    given().when(plan, T0 + HOUR, T0 + 2 * HOUR).then(FIRST)
    given(FIRST).when(plan, T0 + HOUR, T0 + 2 * HOUR).then()
    given(FIRST).when(withdraw, 1).then(WITHDRAWN)
    given(FIRST, WITHDRAWN).when(withdraw, 1).then()
    other = "done early"
    given(FIRST, WITHDRAWN).when(channel.withdraw_maintenance, 1, other, T0).refused(
        Code.MAINTENANCE_OVER, "reason"
    )
    again = (FIRST.from_us, FIRST.until_us, "another release", T0)
    given(FIRST).when(channel.plan_maintenance, *again).refused(Code.MAINTENANCE_INVALID, "reason")
    again = MaintenancePlanned(2, T0 + HOUR, T0 + 2 * HOUR, "a release", T0)
    given(FIRST, WITHDRAWN).when(plan, T0 + HOUR, T0 + 2 * HOUR).then(again)


def test_a_time_that_is_no_time_is_refused() -> None:
    assert code(plan, State(), T0 + 2, T0 + 2) is Code.MAINTENANCE_INVALID
    assert code(plan, State(), T0 - 2, T0) is Code.MAINTENANCE_INVALID
    assert plan(State(), T0 - 2, T0 + 1)  # It has begun already.
    assert code(withdraw, State(), 1) is Code.MAINTENANCE_NOT_FOUND
    assert code(withdraw, told(FIRST), 0) is Code.MAINTENANCE_NOT_FOUND
    assert code(withdraw, told(FIRST), 1, T0 + 2 * HOUR) is Code.MAINTENANCE_OVER


def test_the_state_keeps_what_is_not_over() -> None:
    both = told(FIRST, LATER)
    assert channel.maintenance(both) == (
        Window(T0 + HOUR, T0 + 2 * HOUR),
        Window(T0 + 5 * HOUR, T0 + 6 * HOUR),
    )
    assert channel.maintenance(told(FIRST, LATER, WITHDRAWN)) == (
        Window(T0 + 5 * HOUR, T0 + 6 * HOUR),
    )
    third = MaintenancePlanned(3, T0 + 9 * HOUR, T0 + 10 * HOUR, "third", T0 + 3 * HOUR)
    state = channel.evolve(both, third)
    assert [one.window for one in state.times] == [2, 3]
    assert code(withdraw, state, 1) is Code.MAINTENANCE_OVER


def test_so_many_are_planned_at_once_and_no_more() -> None:
    state = State()
    for number in range(MOST_PLANNED):
        (fact,) = plan(state, T0 + number, T0 + HOUR)
        state = channel.evolve(state, fact)
    assert code(plan, state, T0 + 99, T0 + HOUR) is Code.MAINTENANCE_INVALID
    assert plan(state, T0 + HOUR, T0 + 3 * HOUR, T0 + HOUR)  # Those are over by then.


def test_a_time_may_have_any_offset() -> None:
    same = {
        checked_moment(text, "at")
        for text in (at(10), "2010-12-01T02:00:00Z", "2010-11-30T21:00:00-05:00")
    }
    assert len(same) == 1


def at(hour: int) -> str:
    return f"2010-12-01T{hour:02}:00:00+08:00"


@pytest.mark.parametrize(
    ("command", "no"),
    [
        (PlanMaintenance("NOBODY", at(10), at(23), "x"), Code.CHANNEL_UNKNOWN),
        (PlanMaintenance("UNIONPAY_CARD", at(10), at(23), "x"), Code.CHANNEL_NOT_REGISTERED),
        (PlanMaintenance("JD_PAY", "2010-12-01", at(23), "x"), Code.DATE_INVALID),
        (PlanMaintenance("JD_PAY", at(10), "2010-02-30T10:00:00+08:00", "x"), Code.DATE_INVALID),
        (PlanMaintenance("JD_PAY", at(10), "2010-12-01T10:00:00+25:00", "x"), Code.DATE_INVALID),
        (PlanMaintenance("JD_PAY", at(10), "2010-12-01T10:00:00", "x"), Code.DATE_INVALID),
        (PlanMaintenance("JD_PAY", at(10), at(23), ""), Code.TEXT_INVALID),
        (PlanMaintenance("JD_PAY", at(23), at(10), "x"), Code.MAINTENANCE_INVALID),
        (WithdrawMaintenance("NOBODY", 1, "x"), Code.CHANNEL_UNKNOWN),
        (WithdrawMaintenance("JD_PAY", 1, "x"), Code.MAINTENANCE_NOT_FOUND),
    ],
)
def test_what_an_operator_must_not_ask_for(books: Books, command: Command, no: Code) -> None:
    assert refusal(books, command) is no


def test_a_channel_that_was_registered_stays_so(books: Books) -> None:
    books.do(RegisterChannel("UNIONPAY_CARD"))
    wanted = PlanMaintenance("UNIONPAY_CARD", at(10), at(23), "a release")
    assert names(books, wanted) == ["channel.maintenance_planned.1"]
    assert books.do(wanted) == {"channel": "UNIONPAY_CARD", "window": 1}
    assert names(books, WithdrawMaintenance("UNIONPAY_CARD", 1, "x")) == [
        "channel.maintenance_withdrawn.1"
    ]
    assert books.state("channel-UNIONPAY_CARD").registered
