"""What channels cost (渠道成本) and how they settle (清算方式), as data, in force from a date on.

A channel keeps its fee from every payment, rounded half up to a fen, and gives it back with every
refund. The rates are those that the channels agreed on with the institution; a bill that charges
otherwise is a difference.
"""

from datetime import date

from msgspec import Struct

from domain.money import round_half_up

PPM = 1_000_000
FROM_THE_BEGINNING = date(2000, 1, 1)
POOL_DAYS = 3  # Bills of so many days after, until what is missing on one side is certain.


class Terms(Struct, frozen=True):
    """From `from_` on: `rate_ppm` of each amount (parts of a million). A `gross` settler pays the
    payments whole: its refunds leave the reserve one by one, and its fees are invoiced."""

    from_: date
    rate_ppm: int
    gross: bool = False


# By channel, the newest last. NetsUnion's and UnionPay's are ours to suppose: the feed has none.
TERMS: dict[str, tuple[Terms, ...]] = {
    "WECHAT_PAY": (Terms(FROM_THE_BEGINNING, 2_000),),
    "CLOUD_QUICKPASS": (Terms(FROM_THE_BEGINNING, 2_300),),
    "JD_PAY": (Terms(FROM_THE_BEGINNING, 1_800),),
    "UNIONPAY_CARD": (Terms(FROM_THE_BEGINNING, 3_000),),
    "NETSUNION_CARD": (Terms(FROM_THE_BEGINNING, 2_000, gross=True),),
    "BANK_TRANSFER": (Terms(FROM_THE_BEGINNING, 0),),
}
# How many days' bills are waited for, by channel and kind of bill, where it is not `POOL_DAYS`.
WAITED_FOR: dict[tuple[str, str], int] = {}


def terms_of(channel: str, on: date) -> Terms:
    """What holds for a channel on a day."""
    return [one for one in TERMS[channel] if one.from_ <= on][-1]


def cost_fen(terms: Terms, amount_fen: int) -> int:
    """What the channel keeps of a payment, or gives back of a refund, in fen."""
    return round_half_up(amount_fen * terms.rate_ppm, PPM)


def pool_days(channel: str, kind: str = "trade") -> int:
    """So many days after a day must have their bills before what is missing is certain."""
    return WAITED_FOR.get((channel, kind), POOL_DAYS)
