"""What the class of a wallet leaves its owner to pay from balances: for who looks, before it asks.

Read by the rules by which `spent.py` refuses; a payment is decided anew.
"""

from datetime import date

from msgspec import Struct

from domain.kernel import States
from domain.member import member
from domain.member.terms import Level
from domain.payment import spending
from domain.payment.caps import Period, caps_on
from domain.payment.spending import period_fen
from domain.payment.spent import level_of


class ClassLeft(Struct, frozen=True):
    """Fen. `most_fen` counts since opening, or in a year, over all wallets of one customer."""

    level: Level
    period: Period
    most_fen: int
    left_fen: int


def class_left(states: States, member_id: str, today: date) -> ClassLeft | None:
    """None before there were caps."""
    caps = caps_on(today)
    if caps is None:
        return None
    owner = states(member.stream(member_id))
    count = states(spending.stream(spending.customer_of(owner)))
    day = spending.day_counted(count, today)
    level = level_of(owner, day)
    cap = caps.classes[level]
    left_fen = max(0, cap.most_fen - period_fen(count.on(day), cap.period))
    return ClassLeft(level, cap.period, cap.most_fen, left_fen)
