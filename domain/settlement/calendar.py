"""The Chinese working-day calendar: published, versioned data, and questions about it.

A day is a working day when it is a weekday that is not off, or a weekend day that is worked to make
up for a holiday. Both lists come from the State Council's yearly notices. Those known at a release
ship as `data/working_days.<version>.json`, which is never edited; what is announced later operators
publish (`published.py`). A year nobody has announced is refused, never guessed. See
`docs/calendar.md`.
"""

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from domain.refusals import Code, Refused

CALENDAR_VERSION = 1  # The version shipped: moved by hand, in the commit that ships its file.
SATURDAY = 5


class Year(Struct, frozen=True, forbid_unknown_fields=True):
    """What differs from plain weeks in one year; both lists ascend."""

    holidays: tuple[date, ...]  # Weekdays that are off.
    makeup_workdays: tuple[date, ...]  # Weekend days that are worked.


class Publication(Struct, frozen=True, forbid_unknown_fields=True):
    """One published file. `corrections`: days on which the notice named overrules the source."""

    version: int
    published: date
    source: str
    corrections: dict[date, str]
    first_year: int
    last_year: int
    years: dict[int, Year]


class Calendar(Struct, frozen=True):
    """Every working day of its years, ascending; `missing` are years between the first and the last
    that nobody has published."""

    version: int
    first_year: int
    last_year: int
    working_days: tuple[date, ...]
    missing: frozenset[int] = frozenset()

    def covers(self, year: int) -> bool:
        return self.first_year <= year <= self.last_year and year not in self.missing


def is_working_day(day: date, field: str = "date", calendar: Calendar | None = None) -> bool:
    """Whether people, banks and so settlements work on this day, by a calendar (that of the release
    if none is given).

    Raises Refused(CALENDAR_UNPUBLISHED) naming `field` when the day's year has no calendar.
    """
    working_days = _published(day.year, field, calendar).working_days
    index = bisect_left(working_days, day)
    return index < len(working_days) and working_days[index] == day


def next_working_days(
    day: date, n: int, field: str = "date", calendar: Calendar | None = None
) -> tuple[date, ...]:
    """The n working days that follow `day`, ascending, `day` itself not among them.

    Raises Refused(CALENDAR_UNPUBLISHED) naming `field` when the day, or any of the n, falls in a
    year without a calendar; ValueError when n is negative.
    """
    if n < 0:
        raise ValueError(f"cannot count {n} working days ahead")
    known = _published(day.year, field, calendar)
    start = bisect_right(known.working_days, day)
    following = known.working_days[start : start + n]
    if len(following) < n:
        until = known.last_year + 1
    else:
        until = following[-1].year if following else day.year
    for year in range(day.year, until + 1):
        if not known.covers(year):
            raise _unpublished(known, year, field)
    return following


@cache
def load(version: int = CALENDAR_VERSION) -> Calendar:
    """The calendar of a shipped version, read and checked once per process.

    Raises FileNotFoundError for a version that was never published, ValueError for a broken file.
    """
    name = f"working_days.{version}.json"
    raw = files("domain.settlement").joinpath("data", name).read_bytes()
    return unfold(read(raw, version))


def read(raw: bytes, version: int) -> Publication:
    """A publication from its JSON, checked; ValueError says what is wrong.

    It must be the version asked for, have every year from first to last, and in each year at least
    one holiday, holidays on weekdays and make-up days on weekends, each inside its year, ascending.
    """
    publication = msgspec.json.decode(raw, type=Publication)
    if publication.version != version:
        raise ValueError(f"version {publication.version} stands in the file of version {version}")
    expected = list(range(publication.first_year, publication.last_year + 1))
    if not expected or sorted(publication.years) != expected:
        raise ValueError(f"the years are not {publication.first_year} to {publication.last_year}")
    for number, year in publication.years.items():
        check_year(number, year)
    return publication


def unfold(publication: Publication) -> Calendar:
    """Every working day of a checked publication."""
    return Calendar(
        version=publication.version,
        first_year=publication.first_year,
        last_year=publication.last_year,
        working_days=tuple(
            day
            for number, year in sorted(publication.years.items())
            for day in working_days_of(number, year)
        ),
    )


def working_days_of(number: int, year: Year) -> list[date]:
    """The working days of one year, ascending."""
    off, made_up, first = set(year.holidays), set(year.makeup_workdays), date(number, 1, 1)
    length = (date(number, 12, 31) - first).days + 1
    days = (first + timedelta(days=offset) for offset in range(length))
    return [day for day in days if day in made_up or (day.weekday() < SATURDAY and day not in off)]


def check_year(number: int, year: Year) -> None:
    """ValueError says what is wrong with the days of one year."""
    if not year.holidays:
        raise ValueError(f"{number} has no holidays: its notice is missing")
    _check_days(number, "holidays", year.holidays, weekend=False)
    _check_days(number, "makeup_workdays", year.makeup_workdays, weekend=True)


def _check_days(number: int, name: str, days: tuple[date, ...], *, weekend: bool) -> None:
    if list(days) != sorted(set(days)):
        raise ValueError(f"{number} {name}: the days do not ascend")
    for day in days:
        if day.year != number:
            raise ValueError(f"{number} {name}: {day} is of another year")
        if (day.weekday() >= SATURDAY) != weekend:
            raise ValueError(f"{number} {name}: {day} is a {day:%A}")


def _published(year: int, field: str, calendar: Calendar | None) -> Calendar:
    known = calendar or load()
    if not known.covers(year):
        raise _unpublished(known, year, field)
    return known


def _unpublished(calendar: Calendar, year: int, field: str) -> Refused:
    missing = f", but not {', '.join(map(str, sorted(calendar.missing)))}"
    detail = (
        f"no working-day calendar for {year}: version {calendar.version} is published"
        f" for {calendar.first_year} to {calendar.last_year}{missing if calendar.missing else ''}"
    )
    return Refused(Code.CALENDAR_UNPUBLISHED, field, detail)
