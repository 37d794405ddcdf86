"""Prints a working-day publication, made from the development dependency `chinesecalendar`.

    python -m tests.tools.calendar_from_source --version 2 --published 2026-12-01 \
        > domain/settlement/data/working_days.2.json

`docs/calendar.md` says what else belongs to publishing a version.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.metadata import version as installed_version

import chinese_calendar
from chinese_calendar.constants import holidays

# Where the State Council's own notice overrules the library: day -> (worked?, notice).
CORRECTIONS: dict[date, tuple[bool, str]] = {
    # The Saturday before the New Year holiday of 2006, in the notice for 2006 and so easily missed.
    date(2005, 12, 31): (True, "国办发明电〔2005〕35号"),
}


def source() -> str:
    release = installed_version("chinesecalendar")
    return f"State Council holiday notices, via chinesecalendar {release} (MIT)"


def years_known() -> tuple[int, int]:
    """The first and the last year that the installed library has notices for."""
    return min(holidays).year, max(holidays).year


def days_of(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def works(day: date) -> bool:
    """Whether the day is worked: as our correction says, if there is one, else as the library."""
    if day in CORRECTIONS:
        return CORRECTIONS[day][0]
    return bool(chinese_calendar.is_workday(day))


def publication(version: int, published: date, origin: str, first: int, last: int) -> str:
    """The whole JSON file, one list a line, so that a new version is an easy diff to the last."""
    head = {
        "version": version,
        "published": published.isoformat(),
        "source": origin,
        "corrections": {
            day.isoformat(): notice
            for day, (_, notice) in sorted(CORRECTIONS.items())
            if first <= day.year <= last
        },
        "first_year": first,
        "last_year": last,
    }
    lines = [f"  {_json(name)}: {_json(value)}," for name, value in head.items()]
    years = ",\n".join(_year(year) for year in range(first, last + 1))
    return "\n".join(["{", *lines, '  "years": {', years, "  }", "}"]) + "\n"


def _year(year: int) -> str:
    off = [str(day) for day in days_of(year) if day.weekday() < 5 and not works(day)]
    made_up = [str(day) for day in days_of(year) if day.weekday() >= 5 and works(day)]
    return (
        f'    "{year}": {{\n'
        f'      "holidays": {_json(off)},\n'
        f'      "makeup_workdays": {_json(made_up)}\n'
        "    }"
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    first, last = years_known()
    parser = argparse.ArgumentParser(description="Print a working-day publication as JSON.")
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--published", type=date.fromisoformat, required=True, help="YYYY-MM-DD")
    parser.add_argument("--last-year", type=int, default=last, help=f"default: {last}")
    chosen = parser.parse_args()
    if not first <= chosen.last_year <= last:
        parser.error(f"the installed library knows {first} to {last}")
    text = publication(chosen.version, chosen.published, source(), first, chosen.last_year)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
