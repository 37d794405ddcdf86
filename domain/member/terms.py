"""Settlement terms (结算条款): the cycle, which says when what was cleared is due, the least that
is paid out, and the rolling reserve.

    T+n, D+n            each clearing date by itself, n working days (T) or calendar days (D) later
    weekly:mon          what was cleared since the Monday before, on Monday
    monthly:15, :last   what was cleared since that day of the month before, on that day

A pay day that is no working day is moved to the next one; with `:D` at the end (`weekly:mon:D`) it
stays. A member's terms keep the cycle as text, checked here; `domain/settlement/cycle.py` turns it
into a due date. Beside it: what a fee rule must be, how far an identity is certified, and how long
the law wants data kept.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, TypeVar

from msgspec import Struct

from domain.fields import checked_text
from domain.money import BASIS, MAX_FEN, FeeRule
from domain.refusals import Code, Refused
from domain.texts import quoted

TermsT = TypeVar("TermsT")
Level = Literal[1, 2, 3]
Source = Literal[
    "police", "telecom", "bank_card", "social_security", "tax", "education", "in_person"
]
# How many sources, independent of each other, a level needs (notice 2015-43, art. 11).
SOURCES: dict[Level, int] = {1: 1, 2: 3, 3: 5}
NOTICE_DAYS = 30  # Of a change of fees (order 2024-4, art. 62).
MAX_TERMS = 20  # Changes of one term that are kept.
RETENTION_YEARS = 10  # After the last transaction (AML law of 2025, art. 34).
LONGEST_DAYS = 90  # Longer than any agreed term; a typing slip must not lock money up for years.
LONGEST_RESERVE_DAYS = 540  # Card schemes let a buyer dispute for as long (18 months).
LAST_DAY = 31  # As `monthly:last` is kept: every month has a last day.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# [0-9] and not \d, which takes other scripts' digits; no leading zero, so a cycle has one spelling.
_CYCLE = re.compile(
    rf"([TD])\+(0|[1-9][0-9]?)|weekly:({'|'.join(WEEKDAYS)})(:D)?"
    r"|monthly:([1-9]|1[0-9]|2[0-8]|last)(:D)?"
)
_ONE_DAY = timedelta(days=1)


class Cycle(Struct, frozen=True):
    """A cycle as `parse_cycle` makes it. `kind` is how its days count: as working days (T) or as
    calendar days (D). `days` is 0..90; with `every` a week it is a weekday, 0 for Monday, and with
    `every` a month its day, 1..28 or LAST_DAY."""

    kind: Literal["T", "D"]
    days: int
    every: Literal["", "week", "month"] = ""

    def __str__(self) -> str:
        if not self.every:
            return f"{self.kind}+{self.days}"
        name = "last" if self.days == LAST_DAY else str(self.days)
        said = f"weekly:{WEEKDAYS[self.days]}" if self.every == "week" else f"monthly:{name}"
        return said if self.kind == "T" else f"{said}:D"

    def period_end(self, clearing_date: date) -> date:
        """The last clearing date that is settled together with this one: the date itself, or the
        day before the next pay day. Needs no calendar."""
        if not self.every:
            return clearing_date
        return self.pay_day(clearing_date) - _ONE_DAY

    def pay_day(self, clearing_date: date) -> date:
        """The first day of pay after a clearing date, of a week or month, before any is moved; the
        last date there is, where there is none."""
        day = clearing_date + _ONE_DAY
        while day < date.max and not self._pays_on(day):
            day += _ONE_DAY
        return day

    def _pays_on(self, day: date) -> bool:
        if self.every == "week":
            return day.weekday() == self.days
        if self.days == LAST_DAY:
            return (day + _ONE_DAY).day == 1
        return day.day == self.days


def parse_cycle(text: str, field: str) -> Cycle:
    """The cycle from exactly one of the spellings above, so that str() gives it back.

    Raises Refused(TERMS_INVALID) naming the field.
    """
    match = _CYCLE.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[2] or 0) > LONGEST_DAYS:
        shown = quoted(str(text)[:40])
        detail = (
            f"{shown} is not a cycle: T+n or D+n with n from 0 to {LONGEST_DAYS}, weekly:mon to"
            " weekly:sun, monthly:1 to monthly:28 or monthly:last, these also with :D"
        )
        raise Refused(Code.TERMS_INVALID, field, detail)
    if match[3]:
        return Cycle("D" if match[4] else "T", WEEKDAYS.index(match[3]), "week")
    if match[5]:
        day = LAST_DAY if match[5] == "last" else int(match[5])
        return Cycle("D" if match[6] else "T", day, "month")
    return Cycle("T" if match[1] == "T" else "D", int(match[2]))


class SettlementTerms(Struct, frozen=True):
    """How a merchant is settled. A batch that would pay out less than `min_payout_fen` carries it
    on (0: there is no such amount); `max_transfer_fen` is the most one transfer may carry, in fen.

    Rolling reserve (滚动准备金): of what a release brings the merchant, `reserve_bps` basis points
    are withheld for `reserve_days` calendar days; 0 and 0: nothing is.
    """

    cycle: str
    max_transfer_fen: int | None = None
    min_payout_fen: int = 0
    reserve_bps: int = 0
    reserve_days: int = 0


def check_settlement_terms(terms: SettlementTerms) -> None:
    """Raises Refused(TERMS_INVALID) naming the field."""
    parse_cycle(terms.cycle, "settlement_cycle")
    most, least = terms.max_transfer_fen, terms.min_payout_fen
    if most is not None and not 1 <= most <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "max_transfer_fen", f"{most} fen")
    if not 0 <= least <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "min_payout_fen", f"{least}: 0 to {MAX_FEN} fen")
    bps, days = terms.reserve_bps, terms.reserve_days
    if not 0 <= bps <= BASIS:
        raise Refused(Code.TERMS_INVALID, "reserve_bps", f"{bps}: 0 to {BASIS}")
    if not 0 <= days <= LONGEST_RESERVE_DAYS:
        detail = f"{days}: 0 to {LONGEST_RESERVE_DAYS} days"
        raise Refused(Code.TERMS_INVALID, "reserve_days", detail)
    if bool(bps) != bool(days):
        detail = "a reserve has both, reserve_bps and reserve_days, or neither"
        raise Refused(Code.TERMS_INVALID, "reserve_days" if bps else "reserve_bps", detail)


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


class Consent(Struct, frozen=True):
    """That a merchant agreed to a change: who, on which day, and in which document (its reference,
    or its SHA-256)."""

    by: str
    on: date
    document: str


def check_notice(
    effective_from: date, today: date, notice_days: int, consent: Consent | None
) -> None:
    """A change of fees takes effect after a notice, and with consent (order 2024-4, art. 62).

    Raises Refused(TERMS_INVALID | CONSENT_MISSING | NOTICE_TOO_SHORT).
    """
    if consent is None:
        raise Refused(Code.CONSENT_MISSING, "consent", "a change needs the merchant's consent")
    for field in ("by", "document"):
        checked_text(getattr(consent, field), f"consent.{field}")
    if consent.on > today:
        raise Refused(Code.TERMS_INVALID, "consent.on", f"{consent.on} has not come")
    first = today + timedelta(days=notice_days)
    if effective_from < first:
        detail = f"{notice_days} days of notice: not before {first}"
        raise Refused(Code.NOTICE_TOO_SHORT, "effective_from", detail)


def check_effective(effective_from: date, today: date, known: Sequence[date]) -> None:
    """Whether a change of a term may begin on a date; `known` are the dates of those there are.

    Raises Refused(TERMS_INVALID) for a date that has passed, or too many changes that wait.
    """
    if effective_from < today:
        raise Refused(Code.TERMS_INVALID, "effective_from", f"{effective_from} has passed")
    # One place stays for the terms in force today: what is kept drops the oldest beyond MAX_TERMS.
    if sum(day > today for day in known) >= MAX_TERMS - 1:
        raise Refused(Code.TERMS_INVALID, "effective_from", f"{MAX_TERMS} changes are waiting")


def dated(
    known: Sequence[tuple[date, TermsT]], day: date, terms: TermsT
) -> tuple[tuple[date, TermsT], ...]:
    """Terms by date with those of one more, which replace its own; the newest MAX_TERMS."""
    others = [pair for pair in known if pair[0] != day]
    return tuple(sorted([*others, (day, terms)], key=lambda pair: pair[0])[-MAX_TERMS:])


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
