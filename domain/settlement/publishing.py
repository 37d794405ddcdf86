"""The command of the calendar: an operator publishes working days that were announced."""

from datetime import date

from domain.fields import checked_text
from domain.kernel import Command, Unit
from domain.refusals import Code, Refused
from domain.settlement import published
from domain.settlement.calendar import Year, check_year
from domain.settlement.published import FIRST_YEAR, LAST_YEAR, MAX_VERSION, YearDays


class PublishCalendar(Command, frozen=True):
    """Working days of some years. A year that was published before is replaced; others stay."""

    version: int
    published: date
    source: str
    years: tuple[YearDays, ...]


def publish_calendar(unit: Unit, command: PublishCalendar) -> dict[str, object]:
    """Raises REQUEST_INVALID, DATE_INVALID, TEXT_INVALID, CALENDAR_VERSION_TAKEN."""
    if not 1 <= command.version <= MAX_VERSION:
        raise Refused(Code.REQUEST_INVALID, "version", f"1 to {MAX_VERSION} is needed")
    source = checked_text(command.source, "source")
    _check_years(command.years)
    state: published.State = unit.load(published.STREAM)
    facts = published.publish(state, command.version, command.published, source, command.years)
    unit.record(published.STREAM, facts)
    return {"version": command.version, "years": [one.year for one in command.years]}


def _check_years(years: tuple[YearDays, ...]) -> None:
    numbers = [one.year for one in years]
    if not numbers:
        raise Refused(Code.REQUEST_INVALID, "years", "at least one year is needed")
    if numbers != sorted(set(numbers)):
        raise Refused(Code.REQUEST_INVALID, "years", "the years do not ascend")
    for one in years:
        if not FIRST_YEAR <= one.year <= LAST_YEAR:
            raise Refused(Code.DATE_INVALID, "years", f"{one.year}: {FIRST_YEAR} to {LAST_YEAR}")
        try:
            check_year(one.year, Year(one.holidays, one.makeup_workdays))
        except ValueError as error:
            raise Refused(Code.DATE_INVALID, "years", str(error)) from None
