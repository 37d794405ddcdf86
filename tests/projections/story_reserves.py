"""The part of the story in which a merchant has a weekly cycle, a least payout, a rolling reserve
and deposits: withheld, taken out by a refund, released on its date and before it; a debt covered.
"""

from datetime import timedelta
from typing import Any

from domain.clearing.commands import CutOffDay
from domain.member import commands as members
from domain.money import FeeRule
from domain.settlement.reserving import (
    ReleaseReserve,
    ReleaseReserveEarly,
    ReturnDeposit,
    TakeDeposit,
)
from tests.shops import shop

KEPT = "KEPTSHOP"


def reserves(told: Any) -> None:
    first = told.day
    told.do(shop(KEPT, "留款店", FeeRule(60), "T+1"))
    today = first + timedelta(days=2)  # By the clock, which went on while the books stayed open.
    terms = members.SetSettlementTerms(KEPT, today, "weekly:mon:D", None, 500, 1_000, 5)
    told.do(terms)
    for order, fen in (("K1", 10_000), ("K2", 3_000)):
        told.sell(order, (KEPT, fen))
        told.confirm(f"{KEPT}-{order}")
    told.refund("KR1", f"{KEPT}-K1", 2_500)
    told.succeed("refund-KR1")
    told.do(TakeDeposit("KB1", KEPT, 5_000, "statement", "agreed"))
    _weeks_end(told)
    told.refund("KR2", f"{KEPT}-K1", 4_000)  # More than is there: a debt.
    told.do(ReleaseReserveEarly(KEPT, first + timedelta(days=5), "trusted"), "operator:zhao")
    told.do(ReturnDeposit("KB1", "not needed"), "operator:zhao")
    told.do(TakeDeposit("KB2", KEPT, 100, "available", "agreed"))
    told.sell("K3", (KEPT, 7_000))
    told.confirm(f"{KEPT}-K3")
    due = told.day + timedelta(days=5)
    while told.day < due:
        told.next_day()
    told.do(ReleaseReserve(KEPT, due), "system:settlement")
    told.sell("K4", (KEPT, 2_000))  # On the day that is open.


def _weeks_end(told: Any) -> None:
    """Days until the Monday on which the batch of the week is due: it is settled."""
    end = told.day + timedelta(days=6 - told.day.weekday())
    while told.day < end:
        told.next_day()
    told.next_day()
    told.do(CutOffDay(told.day))
    for payout in told.settle(f"{KEPT}-{end}"):
        told.succeed(payout)
    told.next_day()
