"""When a cycle's money is due: calendar days for D+n, working days for T+n."""

from datetime import date, timedelta

from domain.member.terms import Cycle
from domain.refusals import Code, Refused
from domain.settlement.calendar import Calendar, is_working_day, next_working_days


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
    if it is a working day, otherwise the next one.

    Raises Refused(CALENDAR_UNPUBLISHED) when the clearing date or the answer of a T cycle falls in
    a year without a calendar, Refused(DATE_INVALID) when a D cycle runs past the year 9999.
    """
    if cycle.kind == "D":
        if (date.max - clearing_date).days < cycle.days:
            raise Refused(
                Code.DATE_INVALID, field, f"{clearing_date} {cycle} is past the year 9999"
            )
        return clearing_date + timedelta(days=cycle.days)
    if cycle.days == 0 and is_working_day(clearing_date, field, calendar):
        return clearing_date
    return next_working_days(clearing_date, max(cycle.days, 1), field, calendar)[-1]
