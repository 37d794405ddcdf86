"""The part of the story that is about authorities: money stopped, waiting, lifted, taken."""

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.authority.commands import DeductMoney, EndOrder, ExtendOrder, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.kernel import DAY_US
from domain.member.commands import RegisterMember
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import asking
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.payment.plan import WALLET_CODE
from domain.screening.commands import (
    ClearMatch,
    ConfirmMatch,
    LoadList,
    ReachScan,
    RecordMatches,
)
from domain.screening.entries import Hit
from tests.examples import MERCHANT

if TYPE_CHECKING:
    from tests.projections.story import Story

DEBTOR = "DEBTOR"
WALLET = f"2241.01.{DEBTOR}"
COURT, PARTICULARS = "c0" * 16, "1c" * 16


def orders(told: "Story") -> None:
    """A court's order, another that waits, one over all there is; deductions of every end."""
    told.do(RegisterMember(DEBTOR, "personal", "老赖"))
    told.do(RechargeWallet("W20", DEBTOR, "JD_PAY", 10_000))
    told.succeed("pay-W20")
    told.do(Checkout("O90", DEBTOR, (OrderLine(MERCHANT, 1_000, "坚果", 1),)))
    told.do(PayOrder("P90", "O90", legs=(LegAsked(WALLET_CODE, 600), LegAsked("JD_PAY", 400))))
    ends = told.day + timedelta(days=1)
    for number, fen in (("F1", 5_000), ("F2", 3_000), ("F3", None), ("F4", 50)):
        told.do(PlaceOrder(number, "COURT", f"{number}号", WALLET, fen, ends))
    told.succeed("pay2-P90")
    for number, fen in (("K1", 2_000), ("K2", 1_000), ("K3", 2_000)):
        told.do(_deduct(number, "F1", fen))
    told.succeed("deduct-K1")
    told.do(RecordOutcome("deduct-K2", declined="no such account"))
    told.succeed("deduct-K3")
    told.do(asking.RecordAnswer("deduct-K2", "succeeded", "S2"))
    told.do(_deduct("K4", "F2", 3_000))
    told.succeed("deduct-K4")
    told.do(ReturnDeduction("K4", "account closed"))
    told.do(_deduct("K5", "F3", 100))
    told.do(LiftOrder("F3", "解3号"))
    told.do(ExtendOrder("F2", "续2号", ends + timedelta(days=9)))
    told.do(_deduct("K6", "F2", 10))
    told.do(RecordOutcome("deduct-K6", declined="no such account"))
    told.do(LoadList("WATCH", 1, "ab" * 32, 1, 0))
    told.do(ReachScan(1, "DEBTOR", 1, True))
    for version, digest in ((1, "5f" * 16), (2, "6f" * 16)):
        for number, action in (("W-7", "stop"), (f"W-{version}", "review")):
            hit = Hit("WATCH", version, number, digest, "name", action)  # type: ignore[arg-type]
            told.do(RecordMatches(DEBTOR, (hit,)))
        told.do(ClearMatch(DEBTOR, "WATCH", "W-7", "another birthday"))
    told.do(ConfirmMatch(DEBTOR, "WATCH", "W-2", "the same birthday"), actor="staff:zhao")
    told.count += 2 * DAY_US  # The clock goes on; the books stay open.
    told.do(EndOrder("F4"))


def _deduct(number: str, of: str, fen: int) -> DeductMoney:
    return DeductMoney(number, of, f"扣{number}号", fen, COURT, PARTICULARS, "6677")
