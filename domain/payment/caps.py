"""Caps of wallets (余额付款限额): how much may be paid from balances, as data with effective dates.

Source: PBoC notice 2015-43, articles 11 and 24, in force from 1 July 2016; of static codes the
rules of bar code payments (notice 2017-296), from 1 April 2018. Before that there are no caps,
and nothing is counted. Amounts are fen.
"""

from collections.abc import Collection
from datetime import date
from typing import Literal

from msgspec import Struct

from domain.member.terms import Level

Factor = Literal["password", "code", "certificate"]
# How the payer proved himself: by a certificate and another factor; by two; by fewer.
Band = Literal["signed", "two", "few"]
Period = Literal["opening", "year"]
LOWEST: Level = 1


class ClassCap(Struct, frozen=True):
    """What an account of a class may bring its customer's count to. `opening`: since the first
    account was opened, withdrawals to the own card included; `year`: in a calendar year of
    Shanghai, those excluded."""

    period: Period
    most_fen: int


class Caps(Struct, frozen=True):
    """`days`: what may be paid in one day by each band; `static_fen`: after reading a code that
    does not change, whatever the factors; None for no such cap."""

    classes: dict[Level, ClassCap]
    days: dict[Band, int]
    static_fen: int | None = None


_CLASSES: dict[Level, ClassCap] = {
    1: ClassCap("opening", 100_000),
    2: ClassCap("year", 10_000_000),
    3: ClassCap("year", 20_000_000),
}
# The first figure is by agreement with the customer; this one is what our standard terms agree on.
_DAYS: dict[Band, int] = {"signed": 5_000_000, "two": 500_000, "few": 100_000}

# From a date on (Shanghai), the newest last.
CAPS: tuple[tuple[date, Caps], ...] = (
    (date(2016, 7, 1), Caps(_CLASSES, _DAYS)),
    (date(2018, 4, 1), Caps(_CLASSES, _DAYS, static_fen=50_000)),
)


def caps_on(day: date) -> Caps | None:
    """What is in force on a date; None before there were caps."""
    return next((caps for since, caps in reversed(CAPS) if since <= day), None)


def band_of(factors: Collection[Factor]) -> Band:
    """A certificate counts for more beside another factor; alone it is one factor."""
    if len(factors) < 2:
        return "few"
    return "signed" if "certificate" in factors else "two"
