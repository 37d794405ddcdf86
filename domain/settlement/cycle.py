"""When a cycle's money is due: calendar days for D+n, working days for T+n; a pay day of the week
or month, which waits for the next working day unless its cycle says `:D`."""

from datetime import date, timedelta

from domain.member.terms import Cycle
from domain.refusals import Code, Refused
from domain.settlement.calendar import Calendar, is_working_day, next_working_days

LONGEST_MONTH = 31


def due_date(
    cycle: Cycle,
    clearing_date: date,
    field: str = "clearing_date",
    calendar: Calendar | None = None,
) -> date:
    """The date on which what was cleared on `clearing_date` is due, by a calendar (that of the
    release if none is given).

    D+n: n calendar days later; needs no calendar. T+n: the n-th working day after the clearing
    date, so Friday, Saturday and Sunday at T+1 are all due on Monday. T+0: the clearing date itself
    if it is a working day, otherwise the next one. Weekly and monthly: the first pay day after the
    clearing date, or the first working day from there on.

    Raises Refused(CALENDAR_UNPUBLISHED) when the clearing date (the pay day, of a week or month) or
    the answer of a T cycle falls in a year without a calendar, Refused(DATE_INVALID) when the
    answer is past the year 9999.
    """
    if cycle.every:
        if (date.max - clearing_date).days < LONGEST_MONTH + 1:
            raise _past(cycle, clearing_date, field)
        pay_day = cycle.pay_day(clearing_date)
        return pay_day if cycle.kind == "D" else _working_day(pay_day, field, calendar)
    if cycle.kind == "D":
        if (date.max - clearing_date).days < cycle.days:
            raise _past(cycle, clearing_date, field)
        return clearing_date + timedelta(days=cycle.days)
    if cycle.days == 0:
        return _working_day(clearing_date, field, calendar)
    return next_working_days(clearing_date, cycle.days, field, calendar)[-1]


def _working_day(day: date, field: str, calendar: Calendar | None) -> date:
    """The day itself if people work on it, otherwise the next one on which they do."""
    if is_working_day(day, field, calendar):
        return day
    return next_working_days(day, 1, field, calendar)[-1]


def _past(cycle: Cycle, clearing_date: date, field: str) -> Refused:
    return Refused(Code.DATE_INVALID, field, f"{clearing_date} {cycle} is past the year 9999")
