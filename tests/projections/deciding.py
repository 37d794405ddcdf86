"""Of the projections' story: persons in office, and what one proposes and another one decides."""

from datetime import date
from typing import Any

from domain.accounting import commands as accounting
from domain.approval.commands import (
    ApproveProposal,
    ExpireProposal,
    RefuseProposal,
    WithdrawProposal,
    proposal,
)
from domain.approval.kinds import HOUR_US
from domain.member import commands as members
from domain.member.staffing import AppointOperator, DismissOperator
from tests.examples import BUYER, MERCHANT


def approvals(told: Any) -> None:
    """Persons in office, and what one of them proposed: decided in every way, and not yet."""
    for operator, office in (("lin", "cashier"), ("zhao", "reviewer"), ("wu", "risk")):
        told.do(AppointOperator(operator, office))  # type: ignore[arg-type]
    told.do(AppointOperator("wu", "auditor"))
    told.do(DismissOperator("zhao"))
    for day in (date(2098, 1, 1), date(2098, 2, 1)):
        told.do(members.SetApiCommands(MERCHANT, day, ("order.pay",) if day.month == 1 else None))
    ids = []
    for n in range(5):
        freeze = accounting.FreezeAccount(f"2241.01.{BUYER}", "in", f"reason {n}")
        wished = proposal(f"freeze-{n}", freeze, 1 if n == 3 else HOUR_US, "")
        told.do(wished, actor="staff:lin")
        ids.append(wished.approval_id)
    told.do(ApproveProposal(ids[0]), actor="staff:zhao")
    told.do(RefuseProposal(ids[1], "no order"), actor="staff:zhao")
    told.do(WithdrawProposal(ids[2]), actor="staff:lin")
    told.do(accounting.UnfreezeAccount(f"2241.01.{BUYER}", "lifted"))
    told.do(ExpireProposal(ids[3]))
