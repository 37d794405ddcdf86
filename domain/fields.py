"""Checks of what comes in from outside: ids, numbers, texts, times.

Each `checked_…` returns the value itself when it is right. Otherwise it raises a refusal that
names the field and the reason.
"""

import ipaddress
import re
import unicodedata
from datetime import date, datetime

from domain.kernel import MICROSECONDS, to_us
from domain.refusals import Code, Refused
from domain.texts import fault, quoted

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
EARLIEST_US = 946_656_000 * MICROSECONDS  # 2000-01-01 in Shanghai
LATEST_US = 4_102_415_999 * MICROSECONDS  # 2099-12-31 in Shanghai

_is_member_id = re.compile(r"[A-Za-z0-9_]{1,32}", re.ASCII).fullmatch
_is_moment = re.compile(
    r"20[0-9]{2}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
).fullmatch
_is_url = re.compile(
    r"https?://([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[1-9][0-9]{0,4})?"
    r"([/?#][!-\[\]-~]*)?",  # No backslash, which some take for a slash.
    re.ASCII,
).fullmatch
_digits = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9])*[Xx]?(?![0-9A-Za-z])").findall
_is_mobile = re.compile(r"(?:86)?1[3-9][0-9]{9}", re.ASCII).fullmatch
_is_resident = re.compile(r"[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9X]", re.ASCII).fullmatch
_is_number = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII).fullmatch


def checked_member_id(value: str, field: str = "member_id") -> str:
    """A member's id: 1 to 32 of A-Z a-z 0-9 _ ; no dash, because it is part of other keys."""
    if not isinstance(value, str) or not _is_member_id(value):
        shown = quoted(str(value)[:40])
        raise Refused(Code.IDENTIFIER_INVALID, field, f"{shown}: 1-32 of A-Z a-z 0-9 _")
    return value


def checked_number(value: str, field: str, *, longest: int = 64) -> str:
    """A business number (order, payment, refund): 1 to 64 of A-Z a-z 0-9 _ -, no leading dash."""
    if not isinstance(value, str) or len(value) > longest or not _is_number(value):
        shown = quoted(str(value)[:40])
        raise Refused(Code.IDENTIFIER_INVALID, field, f"{shown}: 1-{longest} of A-Z a-z 0-9 _ -")
    return value


def checked_text(value: str, field: str, *, longest: int = 200) -> str:
    """Free text for people: 1 to `longest` characters, none that `domain/texts.py` refuses; the
    first of those is named with its place."""
    detail = f"1 to {longest} printable characters are needed"
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise Refused(Code.TEXT_INVALID, field, detail)
    if wrong := fault(value):
        raise Refused(Code.TEXT_INVALID, field, f"{detail}: {wrong}")
    return value


def checked_reason(value: str, field: str = "reason", *, longest: int = 200) -> str:
    """A text that stands in facts for ever and says why: as `checked_text`, and without what looks
    like a person's card, identity or mobile number, which would be there in clear."""
    text = checked_text(value, field, longest=longest)
    if _is_personal(text):
        detail = "it holds what looks like a person's card, identity or phone number"
        raise Refused(Code.TEXT_INVALID, field, detail)
    return text


def _is_personal(text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text)
    for run in _digits(plain):
        number = re.sub("[ -]", "", run)
        if _is_mobile(number) or _is_resident(number.upper()):
            return True
        if 13 <= len(number) <= 19 and number.isdigit() and is_luhn(number):
            return True
    return False


def is_luhn(digits: str) -> bool:
    """Whether the last digit of a card's number fits the others (ISO/IEC 7812-1)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def is_web_address(text: object, longest: int) -> bool:
    """Whether it is a URL of http or https with a host, and without user: of the characters that
    may stand there, so that nobody who splits it later stumbles."""
    found = _is_url(text) if isinstance(text, str) and len(text) <= longest else None
    if found is None or int((found[2] or ":443")[1:]) > 65_535:
        return False
    if found[1].startswith("["):
        try:
            ipaddress.IPv6Address(found[1][1:-1])
        except ValueError:
            return False
    return True


def checked_instant(at_us: int, field: str = "at") -> int:
    """A business time in UTC µs between the years 2000 and 2099."""
    if (
        not isinstance(at_us, int)
        or isinstance(at_us, bool)
        or not EARLIEST_US <= at_us <= LATEST_US
    ):
        raise Refused(Code.DATE_INVALID, field, "a time between 2000 and 2099 is needed")
    return at_us


def checked_day(day: date, field: str) -> date:
    """A date between the years 2000 and 2099: those beside it are dates as well."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Refused(Code.DATE_INVALID, field, "a date between 2000 and 2099 is needed")
    return day


def checked_moment(text: str, field: str) -> int:
    """A time with its offset, 2026-11-23T22:00:00+08:00 or 2026-11-23T14:00:00Z, as UTC µs."""
    try:
        if isinstance(text, str) and _is_moment(text):
            return checked_instant(to_us(datetime.fromisoformat(text)), field)
    except ValueError:  # The 30th of February.
        pass
    detail = "a time such as 2026-11-23T22:00:00+08:00 or …Z is needed, from 2000 to 2099"
    raise Refused(Code.DATE_INVALID, field, detail)
