"""The scalars of the schema: whole numbers of any size, dates, and instants.

GraphQL's own Int ends at 2,147,483,647, which in fen is 21 million yuan, and its Float is no
number for money. So amounts and positions are BigInt, a string of digits that every client keeps.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NewType

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from domain.kernel import EPOCH
from domain.refusals import Code, Refused

BigInt = NewType("BigInt", int)
Date = NewType("Date", date)
Instant = NewType("Instant", int)  # UTC µs; DateTime in the schema.

_DIGITS = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def parse_big_int(value: object) -> int:
    """A whole number of 64 bits, as digits in a string or as a number of JSON.

    Raises Refused(REQUEST_INVALID).
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LOWEST <= value <= _HIGHEST:
        return value
    raise Refused(Code.REQUEST_INVALID, "", "a whole number of at most 64 bits is needed")


def parse_date(value: object) -> date:
    """A date as `2011-03-31` and in no other form. Raises Refused(DATE_INVALID)."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Refused(Code.DATE_INVALID, "", "a date such as 2011-03-31 is needed")


def instant_or_none(at_us: int | None) -> Instant | None:
    """UTC µs, if there is an instant."""
    return None if at_us is None else Instant(at_us)


_DAY_S = 86_400
_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1_440)]
_SECONDS = [f"{second:02d}" for second in range(60)]


def date_time_text(at_us: int) -> str:
    """UTC µs as `2011-03-31T15:59:59Z`, with a fraction of six digits where there is one.

    A page has hundreds of them: the parts are looked up, which takes a fifth of the time that
    `datetime` takes. Raises OverflowError outside of the years 1 to 9999.
    """
    seconds, micros = divmod(at_us, 1_000_000)
    days, second = divmod(seconds, _DAY_S)
    minute, second = divmod(second, 60)
    if micros:
        return f"{_day_text(days)}{_MINUTES[minute]}{_SECONDS[second]}.{micros:06d}Z"
    return f"{_day_text(days)}{_MINUTES[minute]}{_SECONDS[second]}Z"


@lru_cache(maxsize=10_000)
def _day_text(days: int) -> str:
    return (EPOCH + timedelta(days=days)).date().isoformat()


def _output_only(value: object) -> int:
    raise Refused(Code.DATE_INVALID, "", f"a DateTime is only ever answered, not {value!r}")


def _scalar(
    name: str,
    description: str,
    serialize: Callable[[Any], str],
    parse_value: Callable[[object], object],
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name, description=description, serialize=serialize, parse_value=parse_value
    )


SCALARS: Mapping[object, ScalarDefinition] = {
    BigInt: _scalar(
        "BigInt",
        "A whole number of up to 64 bits, written as a string of digits.",
        str,
        parse_big_int,
    ),
    Date: _scalar("Date", "A date: 2011-03-31.", date.isoformat, parse_date),
    Instant: _scalar(
        "DateTime", "An instant in UTC: 2011-03-31T15:59:59Z.", date_time_text, _output_only
    ),
}

CONFIG = StrawberryConfig(scalar_map=SCALARS)
