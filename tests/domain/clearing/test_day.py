"""Business day: one is open; cut-off ends its clearing, closing ends it."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import json

from domain.clearing import day
from domain.clearing.day import Closed, CutOff, Opened, Position, State
from domain.kernel import Fact
from domain.refusals import Code
from tests.scenario import Scenario

given = Scenario(day.evolve, State()).given
FIRST, SECOND, THIRD = (date(2010, 12, 1) + timedelta(days=n) for n in range(3))
positions = (Position("JD_PAY", "NETSUNION", 10_000, 1_000, 9_000),)
opened, cut = Opened(FIRST), CutOff(FIRST)
over: list[Fact] = [opened, cut, Closed(FIRST, positions), Opened(SECOND)]


def test_the_books_are_opened_once() -> None:
    given().when(day.open_first, FIRST).then(opened)
    given(opened).when(day.open_first, FIRST).then()
    given(*over).when(day.open_first, FIRST).then()


@pytest.mark.parametrize("history", [[opened], over])
def test_another_first_day_is_refused(history: list[Fact]) -> None:
    given(*history).when(day.open_first, SECOND).refused(Code.DAY_ALREADY_OPEN)


@pytest.mark.parametrize(
    ("history", "facts"),
    [
        pytest.param([opened], [cut], id="open"),
        pytest.param([opened, cut], [], id="cut off"),
        pytest.param(over, [], id="closed"),
    ],
)
def test_a_day_is_cut_off_once(history: list[Fact], facts: list[Fact]) -> None:
    given(*history).when(day.cut_off, FIRST).then(*facts)


@pytest.mark.parametrize(
    ("history", "facts"),
    [
        pytest.param([opened], over[1:], id="open: it is cut off first"),
        pytest.param([opened, cut], over[2:], id="cut off"),
        pytest.param(over, [], id="closed"),
    ],
)
def test_a_day_is_closed_once_and_the_next_one_opened(
    history: list[Fact], facts: list[Fact]
) -> None:
    given(*history).when(day.close, FIRST, positions).then(*facts)


@pytest.mark.parametrize(("decision", "more"), [(day.cut_off, ()), (day.close, (positions,))])
@pytest.mark.parametrize(
    ("history", "on", "code"),
    [
        pytest.param([], FIRST, Code.DAY_NOT_OPEN, id="books not opened"),
        pytest.param([opened], SECOND, Code.DAY_NOT_THE_OPEN_ONE, id="the next day"),
        pytest.param([opened, cut], SECOND, Code.DAY_NOT_THE_OPEN_ONE, id="next, after cut-off"),
        pytest.param(
            [opened], FIRST - timedelta(days=1), Code.DAY_NOT_THE_OPEN_ONE, id="before the first"
        ),
        pytest.param(over, THIRD, Code.DAY_NOT_THE_OPEN_ONE, id="after the open one"),
    ],
)
def test_a_day_that_is_not_open_is_refused(
    decision: Any, more: tuple[Any, ...], history: list[Fact], on: date, code: Code
) -> None:
    given(*history).when(decision, on, *more).refused(code)


def test_after_cut_off_releases_clear_with_the_next_day_while_postings_stay() -> None:
    assert given(opened).state == State(FIRST, FIRST, FIRST)
    assert given(opened, cut).state == State(FIRST, SECOND, FIRST)
    assert given(*over).state == State(SECOND, SECOND, FIRST)


def test_ten_years_of_days_leave_the_state_three_dates() -> None:
    state = given(opened).state
    for n in range(3_650):
        today = FIRST + timedelta(days=n)
        for fact in day.close(state, today, positions):
            state = day.evolve(state, fact)
    assert state == State(FIRST + timedelta(days=3_650), FIRST + timedelta(days=3_650), FIRST)
    assert len(json.encode(state)) < 100
