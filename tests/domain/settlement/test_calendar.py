"""The working-day calendar: the shipped data against three independent witnesses.

The witnesses are the library it was taken from, the number of statutory holidays, and days that
people remember. Then what a broken file is refused for, and where answers end.
"""

import json
from datetime import date, datetime, timedelta
from importlib.resources import files

import chinese_calendar
import msgspec
import pytest

from domain.refusals import Code, Refused
from domain.settlement import calendar
from domain.settlement.calendar import is_working_day, next_working_days
from tests.tools import calendar_from_source

DATA = files("domain.settlement").joinpath("data")
SHIPPED = sorted(
    int(file.name.split(".")[1]) for file in DATA.iterdir() if file.name.endswith(".json")
)
YEARS = range(calendar.load().first_year, calendar.load().last_year + 1)


def raw(version: int = calendar.CALENDAR_VERSION) -> bytes:
    return DATA.joinpath(f"working_days.{version}.json").read_bytes()


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


def test_the_calendar_covers_2004_to_2026():
    assert (YEARS[0], YEARS[-1]) == (2004, 2026)


def test_the_newest_shipped_version_is_in_force_and_none_is_missing():
    assert list(range(1, calendar.CALENDAR_VERSION + 1)) == SHIPPED


@pytest.mark.parametrize("version", SHIPPED)
def test_every_shipped_version_can_be_read(version):
    assert calendar.load(version).version == version


@pytest.mark.parametrize("year", YEARS)
def test_every_day_agrees_with_the_source_except_for_our_corrections(year):
    corrected = calendar.read(raw(), calendar.CALENDAR_VERSION).corrections
    different = [
        day
        for day in days_of(year)
        if is_working_day(day) != chinese_calendar.is_workday(day) and day not in corrected
    ]
    assert different == []


def test_the_corrections_are_the_ones_the_tool_makes():
    corrections = calendar.read(raw(), calendar.CALENDAR_VERSION).corrections
    assert corrections == {
        day: notice for day, (_, notice) in calendar_from_source.CORRECTIONS.items()
    }
    assert all(
        is_working_day(day) == works for day, (works, _) in calendar_from_source.CORRECTIONS.items()
    )


def test_the_newest_file_is_byte_for_byte_what_the_tool_prints():
    shipped = calendar.read(raw(), calendar.CALENDAR_VERSION)
    printed = calendar_from_source.publication(
        shipped.version, shipped.published, shipped.source, shipped.first_year, shipped.last_year
    )
    assert printed.encode() == raw()


# Weekdays off minus weekend days worked is what the law grants (statutory days on a weekend are
# made up for), plus what a notice moved across New Year or granted once.
GRANTED_ONCE = {
    2005: -1,  # 2005-12-31 is worked for the New Year of 2006 ...
    2006: 1 - 2,  # ... and 2006-12-30 and 31 for that of 2007.
    2007: 2,
    2011: -1,  # 2011-12-31 is worked for the New Year of 2012.
    2012: 1,
    2015: 1,  # The seventieth anniversary of the end of the war.
    2020: 2,  # Spring Festival was extended: a Friday off, a make-up Saturday called off.
}


@pytest.mark.parametrize("year", YEARS)
def test_each_year_has_as_many_days_off_as_the_law_grants(year):
    statutory = 10 if year < 2008 else 11 if year < 2025 else 13
    weekdays = sum(day.weekday() < 5 for day in days_of(year))
    working = sum(is_working_day(day) for day in days_of(year))
    assert weekdays - working == statutory + GRANTED_ONCE.get(year, 0)


@pytest.mark.parametrize(
    ("text", "works"),
    [
        # The three golden weeks, until 2007.
        pytest.param("2004-01-22", False, id="Spring Festival 2004 begins"),
        pytest.param("2004-01-17", True, id="a Saturday made up for Spring Festival 2004"),
        pytest.param("2005-05-06", False, id="a week of Labour Day in 2005"),
        pytest.param("2007-05-07", False, id="the last golden week of May"),
        pytest.param("2007-04-28", True, id="a Saturday made up for it"),
        pytest.param("2007-04-05", True, id="Qingming not yet a holiday in 2007"),
        # New Year's make-up days belong to the notice of the next year.
        pytest.param("2005-12-31", True, id="a Saturday made up for New Year 2006"),
        pytest.param("2006-12-31", True, id="a Sunday made up for New Year 2007"),
        pytest.param("2007-12-31", False, id="New Year 2008 begins on a Monday in December"),
        pytest.param("2011-12-31", True, id="a Saturday made up for New Year 2012"),
        # The reform of 2008: Qingming, Dragon Boat and Mid-Autumn in, the week of May out.
        pytest.param("2008-04-04", False, id="the first Qingming"),
        pytest.param("2008-06-09", False, id="the first Dragon Boat Festival, moved to Monday"),
        pytest.param("2008-09-15", False, id="the first Mid-Autumn Festival, moved to Monday"),
        pytest.param("2008-05-05", True, id="no golden week of May any more"),
        pytest.param("2008-02-06", False, id="New Year's Eve off since 2008"),
        pytest.param("2009-10-08", False, id="National Day and Mid-Autumn together in 2009"),
        pytest.param("2009-10-10", True, id="a Saturday made up for them"),
        # The months of the trading feed.
        pytest.param("2010-12-24", True, id="Christmas Eve of no meaning"),
        pytest.param("2011-01-03", False, id="New Year 2011 moved to Monday"),
        pytest.param("2011-01-30", True, id="a Sunday made up for Spring Festival 2011"),
        pytest.param("2011-02-08", False, id="Spring Festival 2011 ends on a Tuesday"),
        pytest.param("2011-02-12", True, id="a Saturday made up for it"),
        pytest.param("2011-04-02", True, id="a Saturday made up for Qingming 2011"),
        # Exceptions.
        pytest.param("2013-01-05", True, id="a Saturday made up for New Year 2013"),
        pytest.param("2013-01-06", True, id="and the Sunday after it"),
        pytest.param("2014-01-30", True, id="New Year's Eve of 2014, worked for once"),
        pytest.param("2015-09-03", False, id="the parade of 2015"),
        pytest.param("2015-09-04", False, id="the Friday bridging it"),
        pytest.param("2015-09-06", True, id="the Sunday made up for it"),
        pytest.param("2017-10-06", False, id="eight days of National Day in 2017"),
        pytest.param("2018-12-29", True, id="a Saturday made up for New Year 2019"),
        pytest.param("2018-12-31", False, id="the Monday it was made up for"),
        pytest.param("2019-05-02", False, id="Labour Day 2019, extended by a later notice"),
        pytest.param("2019-05-05", True, id="a Sunday made up for that"),
        pytest.param("2020-01-19", True, id="a Sunday made up for Spring Festival 2020"),
        pytest.param("2020-01-31", False, id="Spring Festival 2020, extended in the epidemic"),
        pytest.param("2020-02-01", False, id="a make-up Saturday called off by the extension"),
        pytest.param("2020-02-03", True, id="the Monday work began again"),
        pytest.param("2020-10-08", False, id="eight days of National Day in 2020"),
        pytest.param("2020-10-09", True, id="the Friday after them"),
        pytest.param("2022-12-31", False, id="a Saturday of New Year 2023"),
        pytest.param("2023-10-07", True, id="a Saturday after National Day 2023"),
        pytest.param("2023-10-08", True, id="and the Sunday after it"),
        pytest.param("2024-02-09", True, id="New Year's Eve of 2024, a working day by the notice"),
        pytest.param("2024-10-12", True, id="a Saturday made up for National Day 2024"),
        # Two more statutory days since 2025.
        pytest.param("2025-01-28", False, id="New Year's Eve by law since 2025"),
        pytest.param("2025-05-02", False, id="a second statutory Labour Day since 2025"),
        pytest.param("2025-10-08", False, id="National Day and Mid-Autumn together in 2025"),
        pytest.param("2026-01-04", True, id="a Sunday made up for New Year 2026"),
        pytest.param("2026-02-23", False, id="nine days of Spring Festival in 2026"),
        pytest.param("2026-02-28", True, id="a Saturday made up for them"),
        pytest.param("2026-10-10", True, id="a Saturday made up for National Day 2026"),
    ],
)
def test_people_remember(text, works):
    assert is_working_day(date.fromisoformat(text)) is works


@pytest.mark.parametrize(
    ("after", "n", "days"),
    [
        pytest.param(date(2024, 10, 11), 0, [], id="nothing"),
        pytest.param(date(2024, 9, 30), 1, ["2024-10-08"], id="the day after a holiday"),
        pytest.param(
            date(2024, 10, 10), 3, ["2024-10-11", "2024-10-12", "2024-10-14"], id="a long week"
        ),
        pytest.param(date(2026, 12, 29), 2, ["2026-12-30", "2026-12-31"], id="all that is left"),
    ],
)
def test_the_next_working_days_are(after, n, days):
    assert [str(day) for day in next_working_days(after, n)] == days


@pytest.mark.parametrize(
    ("ask", "year"),
    [
        pytest.param(lambda: is_working_day(date(2027, 1, 1), "at"), 2027, id="the next year"),
        pytest.param(lambda: is_working_day(date(2003, 12, 31), "at"), 2003, id="the year before"),
        pytest.param(
            lambda: next_working_days(date(2026, 12, 31), 1, "at"), 2027, id="one day too many"
        ),
        pytest.param(
            lambda: next_working_days(date(2004, 1, 1), 10_000, "at"), 2027, id="far too many days"
        ),
        pytest.param(
            lambda: next_working_days(date(2003, 12, 31), 0, "at"), 2003, id="none, from no year"
        ),
    ],
)
def test_the_calendar_does_not_guess(ask, year):
    with pytest.raises(Refused) as refused:
        ask()
    assert (refused.value.code, refused.value.field, refused.value.detail) == (
        Code.CALENDAR_UNPUBLISHED,
        "at",
        f"no working-day calendar for {year}: version 1 is published for 2004 to 2026",
    )


def test_a_negative_number_of_days_is_a_programming_error():
    with pytest.raises(ValueError, match="-1 working days"):
        next_working_days(date(2024, 1, 2), -1)


def test_a_time_is_not_taken_for_a_day():
    with pytest.raises(TypeError):
        is_working_day(datetime(2024, 10, 1, 8, 26))  # noqa: DTZ001 - any datetime is wrong here


def test_a_version_that_was_never_published_cannot_be_read():
    with pytest.raises(FileNotFoundError):
        calendar.load(calendar.CALENDAR_VERSION + 1)


def edited(*path: str, to: object) -> bytes:
    """The shipped file with one value replaced, or removed where `to` is None."""
    content = json.loads(raw())
    target = content
    for name in path[:-1]:
        target = target[name]
    if to is None:
        del target[path[-1]]
    else:
        target[path[-1]] = to
    return json.dumps(content).encode()


def year_with(name: str, *days: str) -> bytes:
    return edited("years", "2024", name, to=list(days))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(edited("version", to=2), "version 2 stands", id="of another version"),
        pytest.param(edited("years", "2010", to=None), "not 2004 to 2026", id="lacking a year"),
        pytest.param(edited("last_year", to=2027), "not 2004 to 2027", id="promising a year"),
        pytest.param(edited("last_year", to=2025), "not 2004 to 2025", id="hiding a year"),
        pytest.param(
            edited("first_year", to=2027), "not 2027 to 2026", id="ending before it began"
        ),
        pytest.param(year_with("holidays"), "2024 has no holidays", id="with an empty year"),
        pytest.param(
            year_with("holidays", "2024-10-05"), "2024-10-05 is a Saturday", id="off on a weekend"
        ),
        pytest.param(
            year_with("makeup_workdays", "2024-10-11"), "is a Friday", id="made up on a weekday"
        ),
        pytest.param(
            year_with("holidays", "2023-10-02"), "2023-10-02 is of another year", id="of two years"
        ),
        pytest.param(
            year_with("holidays", "2024-10-02", "2024-10-01"), "do not ascend", id="out of order"
        ),
        pytest.param(
            year_with("holidays", "2024-10-01", "2024-10-01"), "do not ascend", id="saying it twice"
        ),
        pytest.param(year_with("holidays", "2024-02-30"), "Invalid RFC3339", id="with no such day"),
        pytest.param(edited("holidays", to=[]), "unknown field", id="with a field of its own"),
        pytest.param(edited("source", to=None), "missing required", id="without its source"),
        pytest.param(raw()[:-3], "truncated", id="cut short"),
    ],
)
def test_a_file_is_not_accepted(content, reason):
    with pytest.raises(ValueError, match=reason):
        calendar.read(content, calendar.CALENDAR_VERSION)


def test_a_file_only_reformatted_is_accepted():
    """The table above refuses for its edits, not for the way `edited` writes JSON."""
    assert calendar.read(edited("version", to=1), 1) == calendar.read(raw(), 1)
    assert issubclass(msgspec.ValidationError, ValueError)
