"""Days of Shanghai: where they begin, and when their bills are there."""

import re
from datetime import UTC, date, datetime, timedelta

from simulator.clock import BEIJING, HOUR, SECOND

READY = 10 * HOUR  # Of the next day, on this clock.
_DAY = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def start_us(day: date) -> int:
    """Its first moment, UTC µs."""
    since = datetime(day.year, day.month, day.day, tzinfo=BEIJING) - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND


def local(at_us: int) -> datetime:
    """The time in Shanghai."""
    return _EPOCH.astimezone(BEIJING) + timedelta(microseconds=at_us)


def day_of(at_us: int) -> date:
    return local(at_us).date()


def after(day: date, days: int = 1) -> date:
    return day + timedelta(days=days)


def ready_us(day: date) -> int:
    """When the bills of a day are there, if nothing holds them up."""
    return start_us(after(day)) + READY


def spelled(at_us: int) -> str:
    """As bills write a time: 2026-11-29 14:00:00."""
    return local(at_us).strftime("%Y-%m-%d %H:%M:%S")


def parse_day(text: str) -> date | None:
    """A day like 2026-11-29, None if it is not one."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
