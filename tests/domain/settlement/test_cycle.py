"""When money is due: T+n by the working-day calendar, D+n by plain days."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.member.terms import LONGEST_DAYS, Cycle, parse_cycle
from domain.refusals import Code, Refused
from domain.settlement.calendar import is_working_day
from domain.settlement.cycle import due_date


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("cycle", "cleared", "due"),
    [
        # A plain week: 2024-03-11 is a Monday.
        pytest.param("T+1", "2024-03-11", "2024-03-12", id="Monday settles on Tuesday"),
        pytest.param("T+1", "2024-03-14", "2024-03-15", id="Thursday settles on Friday"),
        pytest.param("T+1", "2024-03-15", "2024-03-18", id="Friday settles on Monday"),
        pytest.param("T+1", "2024-03-16", "2024-03-18", id="Saturday settles on Monday"),
        pytest.param("T+1", "2024-03-17", "2024-03-18", id="Sunday settles on Monday"),
        pytest.param("T+2", "2024-03-14", "2024-03-18", id="T+2 counts Friday and Monday"),
        pytest.param("T+5", "2024-03-11", "2024-03-18", id="T+5 is a week"),
        pytest.param("T+0", "2024-03-15", "2024-03-15", id="T+0 on a working day is that day"),
        pytest.param("T+0", "2024-03-16", "2024-03-18", id="T+0 on a Saturday is Monday"),
        # Holidays and make-up days.
        pytest.param("T+1", "2024-09-30", "2024-10-08", id="National Day is passed over"),
        pytest.param("T+0", "2024-10-01", "2024-10-08", id="T+0 waits for the holiday to end"),
        pytest.param("T+1", "2024-10-11", "2024-10-12", id="a make-up Saturday settles Friday"),
        pytest.param("T+0", "2024-10-12", "2024-10-12", id="a make-up Saturday settles itself"),
        pytest.param("T+1", "2024-10-12", "2024-10-14", id="a make-up Saturday goes to Monday"),
        pytest.param("T+3", "2023-10-06", "2023-10-09", id="both make-up weekend days count"),
        pytest.param("T+1", "2020-01-23", "2020-02-03", id="the extended Spring Festival is off"),
        pytest.param(
            "T+1", "2015-09-02", "2015-09-06", id="the parade of 2015 settles on a Sunday"
        ),
        pytest.param("T+1", "2010-12-31", "2011-01-04", id="New Year of 2011 moves to Tuesday"),
        pytest.param("T+1", "2011-02-01", "2011-02-09", id="Spring Festival of 2011 is off"),
        pytest.param("T+1", "2011-12-30", "2011-12-31", id="the year's last Saturday is worked"),
        # January has 21 working days left, February 18, March 21, April 22: 82; eight are missing,
        # 6 to 11 May (a make-up Saturday), 13 and 14 May.
        pytest.param("T+90", "2024-01-02", "2024-05-14", id="the longest cycle runs to mid-May"),
        pytest.param("T+0", "2026-12-31", "2026-12-31", id="the last published day settles itself"),
        pytest.param("T+1", "2026-12-30", "2026-12-31", id="the last answer is still given"),
        pytest.param("T+1", "2004-01-01", "2004-01-02", id="the first published day is answered"),
        # Calendar days take no notice of any of this, nor of the horizon.
        pytest.param("D+0", "2024-10-01", "2024-10-01", id="D+0 is the same day, holiday or not"),
        pytest.param("D+1", "2024-09-30", "2024-10-01", id="D+1 falls on National Day"),
        pytest.param("D+1", "2024-02-28", "2024-02-29", id="D+1 knows leap years"),
        pytest.param("D+90", "2024-01-02", "2024-04-01", id="D+90 is ninety days"),
        pytest.param("D+1", "2026-12-31", "2027-01-01", id="D+1 leaves the published years"),
        pytest.param("D+1", "2003-12-31", "2004-01-01", id="D+1 starts before the published years"),
        pytest.param("D+0", "9999-12-31", "9999-12-31", id="D+0 on the last of all days"),
        # Pay days of the week and month.
        pytest.param("weekly:mon", "2010-12-05", "2010-12-06", id="a week is due on its Monday"),
        pytest.param("weekly:mon", "2010-12-06", "2010-12-13", id="a Monday goes to the next"),
        pytest.param("weekly:mon", "2010-12-31", "2011-01-04", id="a Monday off is a Tuesday"),
        pytest.param("weekly:mon:D", "2010-12-31", "2011-01-03", id="unless it must not be"),
        pytest.param("weekly:wed", "2011-02-01", "2011-02-09", id="Spring Festival is passed over"),
        pytest.param("weekly:sat", "2010-12-10", "2010-12-13", id="Saturdays are not worked"),
        pytest.param("weekly:sat", "2024-10-11", "2024-10-12", id="but a make-up Saturday is"),
        pytest.param("monthly:1", "2010-12-08", "2011-01-04", id="the first of January is off"),
        pytest.param("monthly:15", "2010-12-15", "2011-01-17", id="the 15th was a Saturday"),
        pytest.param("monthly:15:D", "2010-12-15", "2011-01-15", id="and is one, by :D"),
        pytest.param("monthly:last", "2011-01-31", "2011-02-28", id="the last of February"),
        pytest.param("monthly:last", "2011-04-29", "2011-05-03", id="a last day on a Saturday"),
    ],
)
def test_money_is_due(cycle, cleared, due):
    assert due_date(parse_cycle(cycle, "cycle"), day(cleared)) == day(due)


@pytest.mark.parametrize(
    ("cycle", "cleared", "year"),
    [
        pytest.param("T+1", "2026-12-31", 2027, id="only the answer is beyond the horizon"),
        pytest.param("T+90", "2026-10-01", 2027, id="a long cycle runs over the horizon"),
        pytest.param("T+0", "2027-01-04", 2027, id="the clearing date is beyond the horizon"),
        pytest.param("T+1", "2030-06-03", 2030, id="the clearing date is far beyond it"),
        pytest.param("T+0", "2003-12-31", 2003, id="the clearing date is before the first year"),
        pytest.param("T+1", "2003-12-31", 2003, id="though the answer alone would be published"),
        pytest.param("T+1", "9999-12-31", 9999, id="on the last of all days"),
    ],
)
def test_a_due_date_is_not_guessed_when(cycle, cleared, year):
    with pytest.raises(Refused) as refused:
        due_date(parse_cycle(cycle, "cycle"), day(cleared), "clearing_date")
    assert (refused.value.code, refused.value.field, refused.value.detail) == (
        Code.CALENDAR_UNPUBLISHED,
        "clearing_date",
        f"no working-day calendar for {year}: version 1 is published for 2004 to 2026",
    )


def test_a_calendar_cycle_past_the_year_9999_is_refused():
    with pytest.raises(Refused) as refused:
        due_date(Cycle("D", 1), date(9999, 12, 31), "clearing_date")
    assert (refused.value.code, refused.value.field) == (Code.DATE_INVALID, "clearing_date")


# Ninety working days are at most 150 days, so every answer to these dates is published.
clearing_dates = st.dates(date(2004, 1, 1), date(2026, 7, 1))
numbers = st.integers(0, LONGEST_DAYS)
kinds = st.sampled_from(["T", "D"])
fixed = settings(derandomize=True, deadline=None, max_examples=300)


@fixed
@given(kinds, numbers, numbers, clearing_dates)
def test_a_longer_cycle_is_never_due_earlier(kind, one, other, cleared):
    shorter, longer = sorted([one, other])
    assert due_date(Cycle(kind, shorter), cleared) <= due_date(Cycle(kind, longer), cleared)


@fixed
@given(kinds, numbers, clearing_dates, clearing_dates)
def test_what_is_cleared_earlier_is_never_due_later(kind, days, one, other):
    earlier, later = sorted([one, other])
    assert due_date(Cycle(kind, days), earlier) <= due_date(Cycle(kind, days), later)


@fixed
@given(numbers, clearing_dates)
def test_working_day_cycles_are_due_on_working_days(days, cleared):
    assert is_working_day(due_date(Cycle("T", days), cleared))


@fixed
@given(st.integers(1, LONGEST_DAYS), clearing_dates)
def test_a_working_day_cycle_takes_exactly_that_many_working_days(days, cleared):
    taken = (due_date(Cycle("T", days), cleared) - cleared).days
    passed = [cleared + timedelta(days=offset) for offset in range(1, taken + 1)]
    assert sum(is_working_day(one) for one in passed) == days


@fixed
@given(clearing_dates)
def test_t_plus_0_waits_only_while_nobody_works(cleared):
    waited = (due_date(Cycle("T", 0), cleared) - cleared).days
    assert not any(is_working_day(cleared + timedelta(days=offset)) for offset in range(waited))


@fixed
@given(numbers, st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_calendar_day_cycle_takes_exactly_that_many_days(days, cleared):
    assert (due_date(Cycle("D", days), cleared) - cleared).days == days
