"""The calendar an operator publishes, version by version; a due date that is fixed never moves."""

from datetime import date
from typing import Any

import pytest

from domain.clearing.commands import CutOffDay
from domain.member.terms import Cycle
from domain.refusals import Code
from domain.settlement import published
from domain.settlement.calendar import CALENDAR_VERSION, load
from domain.settlement.commands import SealBatch
from domain.settlement.cycle import due_date
from domain.settlement.published import State, YearDays, in_force
from domain.settlement.publishing import PublishCalendar
from domain.transaction.commands import ConfirmReceipt
from tests.books import Books, refusal
from tests.examples import MERCHANT
from tests.scenario import Scenario

given = Scenario(published.evolve, State()).given
ANNOUNCED = date(2026, 12, 1)
NEW_YEAR = YearDays(2027, (date(2027, 1, 1), date(2027, 2, 8)), (date(2027, 1, 3),))
OTHER = YearDays(2027, (date(2027, 1, 1),), ())
NEXT = CALENDAR_VERSION + 1
T1 = Cycle("T", 1)


def fact(version: int = NEXT, year: YearDays = NEW_YEAR) -> Any:
    return published.Published(version, ANNOUNCED, "notice", (year,))


def test_a_publication_is_recorded_once() -> None:
    wanted = (NEXT, ANNOUNCED, "notice", (NEW_YEAR,))
    given().when(published.publish, *wanted).then(fact())
    given(fact()).when(published.publish, *wanted).then()


@pytest.mark.parametrize("version", [CALENDAR_VERSION, NEXT])
def test_another_one_needs_a_higher_version(version: int) -> None:
    wanted = (version, ANNOUNCED, "notice", (OTHER,))
    given(fact()).when(published.publish, *wanted).refused(Code.CALENDAR_VERSION_TAKEN)


def test_it_overrules_the_release_year_by_year() -> None:
    last = load().last_year
    calendar = in_force(given(fact()).state)
    assert (calendar.version, calendar.last_year) == (NEXT, 2027)
    assert calendar.covers(last)
    # 1 January 2027 is a Friday and off, the 3rd a Sunday and worked.
    assert due_date(T1, date(2026, 12, 31), calendar=calendar) == date(2027, 1, 3)
    again = in_force(given(fact(), fact(NEXT + 1, OTHER)).state)
    assert due_date(T1, date(2026, 12, 31), calendar=again) == date(2027, 1, 4)


def test_the_state_stays_as_small_as_its_years() -> None:
    state = given(*(fact(NEXT + n, NEW_YEAR) for n in range(100))).state
    assert len(state.years) == 1


@pytest.fixture
def year_end(books: Books) -> tuple[Books, str]:
    """A batch of the last day of the last published year, its date cut off."""
    while books.state("day-books").open_date < date(2010, 12, 3):
        books.next_day()
    books.sell("O1", (MERCHANT, 10_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    books.do(CutOffDay(date(2010, 12, 3)))
    return books, f"{MERCHANT}-2010-12-03"


def test_a_due_date_that_is_fixed_never_moves(year_end: tuple[Books, str]) -> None:
    """Friday 3 December is due on Monday the 6th; then that Monday is announced to be off."""
    books, batch_id = year_end
    before = books.do(SealBatch(batch_id))
    days = YearDays(2010, (date(2010, 12, 6),), ())
    books.do(PublishCalendar(NEXT, ANNOUNCED, "notice", (days,)))
    assert books.do(SealBatch(batch_id)) == before
    sealed = books.state(f"settlement-{batch_id}")
    assert sealed.due_date == date(2010, 12, 6)


def test_what_is_sealed_afterwards_counts_by_it(year_end: tuple[Books, str]) -> None:
    books, batch_id = year_end
    days = YearDays(2010, (date(2010, 12, 6),), ())
    books.do(PublishCalendar(NEXT, ANNOUNCED, "notice", (days,)))
    assert books.do(SealBatch(batch_id))["due_date"] == "2010-12-07"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (PublishCalendar(0, ANNOUNCED, "n", (NEW_YEAR,)), Code.REQUEST_INVALID),
        (PublishCalendar(NEXT, ANNOUNCED, "", (NEW_YEAR,)), Code.TEXT_INVALID),
        (PublishCalendar(NEXT, ANNOUNCED, "n", ()), Code.REQUEST_INVALID),
        (PublishCalendar(NEXT, ANNOUNCED, "n", (NEW_YEAR, NEW_YEAR)), Code.REQUEST_INVALID),
        (PublishCalendar(NEXT, ANNOUNCED, "n", (YearDays(2100, (), ()),)), Code.DATE_INVALID),
        (PublishCalendar(NEXT, ANNOUNCED, "n", (YearDays(2027, (), ()),)), Code.DATE_INVALID),
        (
            PublishCalendar(NEXT, ANNOUNCED, "n", (YearDays(2027, (date(2027, 1, 2),), ()),)),
            Code.DATE_INVALID,
        ),
    ],
    ids=["version", "source", "no year", "a year twice", "far off", "no holidays", "a Saturday"],
)
def test_a_publication_that_cannot_be_right_is_refused(
    books: Books, command: PublishCalendar, code: Code
) -> None:
    assert refusal(books, command) is code
