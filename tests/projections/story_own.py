"""The part of the story about the institution's own books: capital, a buffer, interest; sweeps that
are shown, called off and not instructed; a fee given back after it was swept; a certified day."""

from datetime import timedelta
from typing import Any

from domain.accounting.owning import (
    CallOffSweep,
    InstructSweep,
    PostOwnFunds,
    PostSweep,
    ShowTopUp,
)
from domain.clearing.certificate import Aged, Section, Total
from domain.clearing.commands import CertifyReserve
from domain.money import FeeRule
from tests.shops import shop

SWEPT = "SWEPTSHOP"
# What is certified is proved elsewhere; here it is read.
TOTALS = (Total("1001.01", 500), Total("1122.05", 500), Total("2202.09", 500), Total("4001", 500))
WAITS = (Section("suspense", (Aged("2241.07", "0", 1, 5),)),)


def own(told: Any) -> None:
    for number, kind in (("C1", "capital"), ("B1", "buffer"), ("I1", "interest")):
        told.do(PostOwnFunds(number, kind, 500, f"L{number}"))
    told.do(shop(SWEPT, "结转店", FeeRule(60), "T+1"))
    told.sell("SW1", (SWEPT, 10_000))
    told.confirm(f"{SWEPT}-SW1")
    told.do(InstructSweep("S1", 300, "fees"))
    told.do(PostSweep("S1", 300, "LS1"))
    told.do(InstructSweep("S2", 10, "fees"))
    told.do(CallOffSweep("S2", "the bank was closed"))
    left_fen = told.ledger.state("account-2202.09").balance_fen
    told.do(InstructSweep("S3", left_fen - 40, "fees"))
    told.do(PostSweep("S3", left_fen - 40, "LS3"))
    told.refund("SWR1", f"{SWEPT}-SW1", 10_000)
    told.succeed("refund-SWR1")
    told.do(ShowTopUp(told.last(f"transaction-{SWEPT}-SW1", "transaction.refund_cleared.1"), "LT1"))
    closed = told.day - timedelta(days=1)
    told.do(CertifyReserve(closed, 7, "1a" * 32, TOTALS, WAITS), "system:worker")
