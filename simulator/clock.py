"""The simulator's time: UTC microseconds, on a clock that may run faster than the wall.

now = epoch + (wall - start) * factor + offset

A system that is given the same three numbers (epoch, start, factor) lives in the same time, without
asking. `offset` is what somebody has advanced the clock by hand. Signatures carry the wall's time:
their 300 seconds guard a wire, and no wire runs faster.
"""

import re
import time
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, 8, tzinfo=BEIJING)
SECOND = 1_000_000
# Where this clock ends: in the year 9000, a little before times that cannot be written.
LATEST_US = 221_845_392_000 * SECOND
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?\+08:00")
_COMPACT = re.compile(r"[0-9]{14}")


class Clock:
    """Virtual time. `factor`: virtual seconds in one second of the wall, a whole number >= 1."""

    def __init__(self, epoch_us: int, start_unix_us: int, factor: int, offset_us: int = 0) -> None:
        self.epoch_us, self.start_unix_us, self.factor = epoch_us, start_unix_us, factor
        self.offset_us = offset_us

    def now_us(self) -> int:
        passed = (wall_us() - self.start_unix_us) * self.factor
        return self.epoch_us + passed + self.offset_us

    def wall_seconds(self, virtual_us: int) -> float:
        """How long the wall takes for a span of virtual time."""
        return virtual_us / self.factor / SECOND


def wall_us() -> int:
    return time.time_ns() // 1_000


def wall_seconds() -> int:
    """Unix seconds, as signatures carry them."""
    return int(time.time())


def iso(at_us: int) -> str:
    """ISO 8601 with +08:00, fractions only where there are any."""
    return _at(at_us).isoformat()


def iso_seconds(at_us: int) -> str:
    """The same in whole seconds, as WeChat Pay writes times."""
    return _at(at_us).replace(microsecond=0).isoformat()


def _at(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)


def parse_iso(text: str) -> int | None:
    """UTC µs of an ISO 8601 time with +08:00, None if it is not one."""
    return _parse(text) if _ISO.fullmatch(text) else None


def parse_compact(text: str) -> int | None:
    """UTC µs of yyyyMMddHHmmss in Beijing, None if it is not one."""
    return _parse(f"{text[:8]}T{text[8:]}") if _COMPACT.fullmatch(text) else None


def _parse(text: str) -> int | None:
    whole, _, rest = text.removesuffix("+08:00").partition(".")
    try:
        since = datetime.fromisoformat(f"{whole}+08:00") - _EPOCH
    except ValueError:
        return None
    return (since.days * 86_400 + since.seconds) * SECOND + int(rest.ljust(6, "0") or "0")
