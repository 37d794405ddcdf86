"""Reads what a channel wrote: JSON, field by field, with its type, its length and its range.

What is not as the protocol says is `Wrong`, which names the field and the reason. The caller makes
an unknown outcome of it: an answer that cannot be read says nothing about the money.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from domain.channel.adapters.masking import masked_text
from domain.fields import EARLIEST_US, LATEST_US
from domain.kernel import EPOCH, MICROSECONDS, SHANGHAI
from domain.money import MAX_FEN
from domain.texts import fault, without_faults

SERIAL = 64  # A channel's own number is never longer.
REASON = 200

_is_instant = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII
).fullmatch


class Wrong(Exception):
    """What a channel wrote is not as its protocol says; the text names the field and the reason."""


class Fields:
    """A JSON object, read with care."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise Wrong(f"{path or 'the body'}: an object is needed")
        self._value = value
        self._path = path

    def has(self, name: str) -> bool:
        return self._value.get(name) is not None

    def text(self, name: str, longest: int = SERIAL) -> str:
        """1 to `longest` characters, none of which a text of ours may not have."""
        value = self._value.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            raise Wrong(f"{self._at(name)}: a text of 1 to {longest} characters is needed")
        if wrong := fault(value):
            raise Wrong(f"{self._at(name)}: {wrong}")
        return value

    def maybe(self, name: str, longest: int = SERIAL) -> str:
        """A text, or "" where there is none."""
        return self.text(name, longest) if self._value.get(name) not in (None, "") else ""

    def reason(self, name: str) -> str:
        """Words for people: cut and made safe, whatever stands there. "" where nothing does."""
        value = self._value.get(name)
        return safe(value) if isinstance(value, str) else ""

    def fen(self, name: str, *, minimum: int = 1) -> int:
        """An amount in fen: an int, no float and no bool, from `minimum` to MAX_FEN."""
        value = self._value.get(name)
        if type(value) is not int:
            raise Wrong(f"{self._at(name)}: a whole number of fen is needed")
        if not minimum <= value <= MAX_FEN:
            raise Wrong(f"{self._at(name)}: not from {minimum} to {MAX_FEN} fen")
        return value

    def instant(self, name: str) -> int:
        """A time with its offset, as UTC µs."""
        return instant_us(self.text(name), self._at(name))

    def count(self, name: str, least: int, most: int = 1_000_000) -> int:
        """A whole number, no bool, from `least` to `most`."""
        value = self._value.get(name)
        if type(value) is not int or not least <= value <= most:
            raise Wrong(f"{self._at(name)}: a whole number from {least} is needed")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._value.get(name)
        if type(value) is not bool:
            raise Wrong(f"{self._at(name)}: true or false is needed")
        return value

    def inside(self, name: str) -> "Fields":
        return Fields(self._value.get(name), self._at(name))

    def each(self, name: str, most: int) -> "Iterator[Fields]":
        """The objects of a list of at most so many. Where there is no list: none."""
        value = self._value.get(name)
        if value is None:
            return
        if not isinstance(value, list) or len(value) > most:
            raise Wrong(f"{self._at(name)}: a list of at most {most} is needed")
        for place, inner in enumerate(value):
            yield Fields(inner, f"{self._at(name)}[{place}]")

    def must_be(self, name: str, expected: str) -> None:
        """The field says what it must: another order's answer is no answer."""
        if self._value.get(name) != expected:
            shown = safe(str(self._value.get(name)))[:40]
            raise Wrong(f"{self._at(name)}: {shown} instead of {expected}")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def parsed(body: bytes) -> Fields:
    """The object that a body holds. Raises Wrong."""
    try:
        return Fields(msgspec.json.decode(body))
    except RecursionError:
        raise Wrong("the body: nested too deep") from None
    except ValueError:  # Of bytes that are not UTF-8 too.
        raise Wrong("the body: not JSON") from None


def safe(text: str) -> str:
    """A text from outside as a reason of ours: 1 line, at most 200 characters, nothing unseen and
    nothing personal: reasons are kept in facts, for ever."""
    return masked_text(" ".join(without_faults(text[: 4 * REASON]).split()))[:REASON]


def instant_us(text: str, field: str) -> int:
    """ISO 8601 with seconds and offset, as UTC µs. Raises Wrong."""
    if not _is_instant(text):
        raise Wrong(f"{field}: a time like 2026-11-28T08:00:00+08:00 is needed")
    try:
        at_us = (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise Wrong(f"{field}: no such time") from None
    if not EARLIEST_US <= at_us <= LATEST_US:
        raise Wrong(f"{field}: a time between 2000 and 2099 is needed")
    return at_us


def iso(at_us: int) -> str:
    """UTC µs as a channel reads it: Shanghai time with its offset, whole seconds."""
    return _shanghai(at_us).isoformat(timespec="seconds")


def compact(at_us: int) -> str:
    """UTC µs as yyyyMMddHHmmss, Shanghai time."""
    return _shanghai(at_us).strftime("%Y%m%d%H%M%S")


def _shanghai(at_us: int) -> datetime:
    return (EPOCH + timedelta(seconds=at_us // MICROSECONDS)).astimezone(SHANGHAI)
