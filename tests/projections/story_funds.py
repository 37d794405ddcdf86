"""The part of the story about the fund side: a statement, a session that it pays, what nobody knows
in it, and a quota."""

from typing import Any

from msgspec.structs import replace

from domain.reconciliation.commands import ImportBill
from domain.reconciliation.difference import About
from domain.reconciliation.funding import (
    ClearDifference,
    FindDifference,
    MapQuota,
    MatchStatement,
    SettleSession,
)
from domain.reconciliation.session import Arrival
from domain.reconciliation.statement import Group
from tests.bill_examples import READ

BANK = "BANK_TRANSFER"
SHOWN = replace(READ, format="camt053", paid_fen=9_980, refunded_fen=0, refunded=0, lines=2)


def funds(told: Any) -> None:
    """WeChat Pay's bill of the day is on record before; the other channels' are not."""
    told.do(ImportBill(BANK, "bank", told.day, SHOWN))
    groups = (
        Group("in_doubt", BANK, 1, 5),
        Group("payout", BANK, 1, 1),
        Group("session", BANK, 1, 9_975),
    )
    told.do(MatchStatement(BANK, told.day, 1, groups, "3d" * 32))
    told.do(SettleSession("NETSUNION", told.day))
    told.do(SettleSession("NETSUNION", told.day, (Arrival(told.day, 1, 1, 9_975),)))
    for line, amount_fen in ((1, 5), (2, 7)):
        about = About(
            "receipt_unknown", BANK, f"NOBODY-{line}", told.day, "receipt", "here", 0, amount_fen,
            amount_fen,
        )  # fmt: skip
        found = told.do(FindDifference(about))
    told.do(ClearDifference(str(found["difference"]), "matched"))
    told.do(MapQuota("NETSUNION", 1_000_000, "the week before New Year"))
