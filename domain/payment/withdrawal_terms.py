"""What withdrawing costs, and how much of it may be: data, by the date from which it is in force.

Fees are shown beforehand (decree 768, art. 34), so a request names the fee that was shown. What was
in force when a withdrawal was asked for stands on its own facts.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

from domain.money import FeeRule, fee_fen

# T+0: instructed at once. T+1: instructed when the next working day is open.
Speed = Literal["T+0", "T+1"]


class Tariff(Struct, frozen=True):
    """`fee_back`: whether the fee is given back, too, when the bank returns the money days later.
    Where speed is paid for it is: the money was not there. What pays for the carrying is kept: the
    bank carried it, and back."""

    fee: FeeRule
    fee_back: bool


class Terms(Struct, frozen=True):
    """Amounts in fen. A withdrawal is of `least_fen` to `most_fen`; those of a member on one date
    come to `day_most_fen` together; one above `approved_above_fen` leaves only when a second
    operator has approved it. The first `free` of a month cost nothing."""

    tariffs: dict[Speed, Tariff]
    free: int
    least_fen: int
    most_fen: int
    day_most_fen: int
    approved_above_fen: int


# From a date on (Shanghai), the newest last. Ours: what wallets commonly ask, 0.1 %, 0.10 yuan at
# least; no source fixes it.
TERMS: tuple[tuple[date, Terms], ...] = (
    (
        date(2000, 1, 1),
        Terms(
            tariffs={
                "T+0": Tariff(FeeRule(10, 0, 10, 2_500), fee_back=True),
                "T+1": Tariff(FeeRule(5, 0, 5, 1_000), fee_back=False),
            },
            free=3,
            least_fen=100,
            most_fen=5_000_000,
            day_most_fen=10_000_000,
            approved_above_fen=2_000_000,
        ),
    ),
)


def terms_on(day: date) -> Terms:
    """What is in force on a date; before the first row, that one."""
    found = TERMS[0][1]
    for begins, terms in TERMS:
        if begins <= day:
            found = terms
    return found


def withdrawal_fee_fen(terms: Terms, speed: Speed, amount_fen: int, free_used: int) -> int:
    """The fee on an amount, on top of it, in fen. `free_used`: so many of this month cost nothing.
    Rounded in `fee_fen`, half up, once."""
    return 0 if free_used < terms.free else fee_fen(terms.tariffs[speed].fee, amount_fen)
