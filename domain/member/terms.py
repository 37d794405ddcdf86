"""Settlement terms (结算条款): the cycle, which says how long after its clearing date money is due.

`T+n` counts working days and `D+n` calendar days. A member's terms keep the cycle as text, checked
here; `domain/settlement/cycle.py` turns it into a due date. Beside it: what a fee rule must be,
how far an identity is certified, and how long the law wants data kept.
"""

import re
from datetime import date
from typing import Literal

from msgspec import Struct

from domain.money import BASIS, MAX_FEN, FeeRule
from domain.refusals import Code, Refused
from domain.texts import quoted

Level = Literal[1, 2, 3]
Source = Literal[
    "police", "telecom", "bank_card", "social_security", "tax", "education", "in_person"
]
# How many sources, independent of each other, a level needs (notice 2015-43, art. 11).
SOURCES: dict[Level, int] = {1: 1, 2: 3, 3: 5}
RETENTION_YEARS = 10  # After the last transaction (AML law of 2025, art. 34).
LONGEST_DAYS = 90  # Longer than any agreed term; a typing slip must not lock money up for years.
# [0-9] and not \d, which takes other scripts' digits; no leading zero, so a cycle has one spelling.
_CYCLE = re.compile(r"([TD])\+(0|[1-9][0-9]?)")


class Cycle(Struct, frozen=True):
    """A cycle as `parse_cycle` makes it: 0..90 `days`, working days (T) or calendar days (D)."""

    kind: Literal["T", "D"]
    days: int

    def __str__(self) -> str:
        return f"{self.kind}+{self.days}"


def parse_cycle(text: str, field: str) -> Cycle:
    """The cycle from exactly `T+n` or `D+n`, n a plain number 0..90, so that str() gives it back.

    Raises Refused(TERMS_INVALID) naming the field.
    """
    match = _CYCLE.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[2]) > LONGEST_DAYS:
        shown = quoted(str(text)[:40])
        detail = f"{shown} is not a cycle: T+n or D+n with n from 0 to {LONGEST_DAYS}"
        raise Refused(Code.TERMS_INVALID, field, detail)
    return Cycle(kind="T" if match[1] == "T" else "D", days=int(match[2]))


def check_rule(rule: FeeRule) -> None:
    """Raises Refused(TERMS_INVALID) naming the field."""
    for field in rule.__struct_fields__:
        value = getattr(rule, field)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (field == "cap_fen" and value is None):
            raise Refused(Code.TERMS_INVALID, field, "a whole number is needed")
    if not 0 <= rule.rate_bps <= BASIS:
        raise Refused(Code.TERMS_INVALID, "rate_bps", f"{rule.rate_bps}: 0 to {BASIS}")
    for field in ("fixed_fen", "min_fen"):
        if not 0 <= getattr(rule, field) <= MAX_FEN:
            raise Refused(Code.TERMS_INVALID, field, "fen, not negative")
    if rule.cap_fen is not None and not rule.min_fen <= rule.cap_fen <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "cap_fen", "fen, not below min_fen")


class Identity(Struct, frozen=True):
    """A person as tokens of the vault: `holder` stands for name and identity number, `particulars`
    is where they are kept; `customer` is the same for all members that are this person."""

    holder: str
    particulars: str
    customer: str = ""


def check_sources(level: int, sources: tuple[Source, ...]) -> None:
    """Raises Refused(TERMS_INVALID) unless a level can be certified by these sources."""
    needed = next((count for one, count in SOURCES.items() if one == level), None)
    if needed is None:
        raise Refused(Code.TERMS_INVALID, "level", "1, 2 or 3")
    if len(set(sources)) != len(sources):
        raise Refused(Code.TERMS_INVALID, "sources", "a source counts once")
    if len(sources) < needed and "in_person" not in sources:
        detail = f"level {level} needs {needed} sources, or to have come in person"
        raise Refused(Code.TERMS_INVALID, "sources", detail)


def retained_until(last: date, years: int) -> date:
    """The first date on which data of this last transaction need not be kept any more."""
    try:
        return last.replace(year=last.year + years)
    except ValueError:  # The 29th of February.
        return date(last.year + years, 3, 1)
