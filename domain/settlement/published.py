"""Published calendar (工作日历公布): working days that operators announced since the release.

    (none) ──publish──▶ published ──publish a newer version──▶ published

The release ships a calendar; a publication overrules it, year by year, from the moment it is
recorded. A publication never moves a due date that is fixed: that stands in the sealed batch. State
is a bitmap of working days per year, at most a hundred years of them.
"""

import hashlib
from datetime import date, timedelta
from functools import lru_cache
from typing import assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused
from domain.settlement.calendar import CALENDAR_VERSION, Calendar, Year, load, working_days_of

STREAM: "Stream[State]" = Stream("calendar-working-days")
FIRST_YEAR, LAST_YEAR = 2000, 2099
MAX_VERSION = 1_000_000


class YearDays(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What differs from plain weeks in one year; both lists ascend."""

    year: int
    holidays: tuple[date, ...]  # Weekdays that are off.
    makeup_workdays: tuple[date, ...]  # Weekend days that are worked.


class Published(Fact, frozen=True):
    """`published` is when the notices were, `source` which they are; who recorded it and when
    stands in the envelope."""

    calendar_version: int
    published: date
    source: str
    years: tuple[YearDays, ...]


Event = Published


class State(Struct, frozen=True, gc=False):
    """`version` 0: nothing was published beside the release. `years`: (year, hex digits, bit n set
    for a working day n days after 1 January), ascending; `digest` is that of the last one."""

    version: int = 0
    digest: str = ""
    years: tuple[tuple[int, str], ...] = ()


def publish(
    state: State, version: int, announced: date, source: str, years: tuple[YearDays, ...]
) -> list[Event]:
    """The same publication again returns []. Raises CALENDAR_VERSION_TAKEN for another one
    under its version, or under one that is not newer than what is in force."""
    wanted = Published(version, announced, source, years)
    if (state.version, state.digest) == (version, _digest(wanted)):
        return []
    newest = max(state.version, CALENDAR_VERSION)
    if version <= newest:
        detail = f"version {newest} is in force: this one needs a higher number"
        raise Refused(Code.CALENDAR_VERSION_TAKEN, "version", detail)
    return [wanted]


@lru_cache(maxsize=8)
def in_force(state: State) -> Calendar:
    """The calendar of the release, overruled by what was published."""
    shipped = load()
    if not state.version:
        return shipped
    published = dict(state.years)
    first = min(shipped.first_year, *published)
    last = max(shipped.last_year, *published)
    days = [day for day in shipped.working_days if day.year not in published]
    days += [day for year, bits in published.items() for day in _days(year, bits)]
    covered = {*range(shipped.first_year, shipped.last_year + 1), *published}
    missing = frozenset(range(first, last + 1)) - covered
    return Calendar(state.version, first, last, tuple(sorted(days)), missing)


def _digest(wanted: Published) -> str:
    return hashlib.sha256(msgspec.json.encode(wanted)).hexdigest()


def _bits(days: YearDays) -> str:
    first = date(days.year, 1, 1)
    worked = working_days_of(days.year, Year(days.holidays, days.makeup_workdays))
    return f"{sum(1 << (day - first).days for day in worked):x}"


def _days(year: int, bits: str) -> list[date]:
    first, worked = date(year, 1, 1), int(bits, 16)
    return [first + timedelta(days=n) for n in range(worked.bit_length()) if worked >> n & 1]


def evolve(state: State, event: Event) -> State:
    match event:
        case Published(calendar_version=version, years=years):
            known = dict(state.years) | {one.year: _bits(one) for one in years}
            digest = _digest(event)
            return replace(
                state, version=version, digest=digest, years=tuple(sorted(known.items()))
            )
        case _:
            assert_never(event)
