"""Three weeks of two merchants through the real command handlers, every kind of money fact in them:
refunds before and after release and after settlement, a debt and its recovery, a payout that fails,
is retried and comes back, a batch that is there for a carry alone, wallets, freezes and holds,
members who close their accounts while their money is on its way, and a reversal of every kind of
entry that may be turned round. The facts are what the ledger stored.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from domain.accounting import commands as accounting
from domain.channel.commands import (
    PlanMaintenance,
    RegisterChannel,
    ReportUnknownNumber,
    SettleReport,
    WithdrawMaintenance,
)
from domain.channel.network import Charge
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks
from domain.kernel import Command, Recorded, Request, day_end_us
from domain.ledger.ledger import Ledger
from domain.member import commands as members
from domain.money import FeeRule
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import OrderLine
from domain.payment import asking
from domain.payment.commands import (
    LegAsked,
    RechargeWallet,
    RecordOutcome,
    SendBackRecharge,
    TransferMoney,
)
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import migrate
from tests.examples import (
    BUYER,
    BUYER_NAME,
    CONSENT,
    FRIEND,
    MERCHANT,
    MERCHANT_NAME,
    SUBJECT,
)
from tests.projections import story_authority
from tests.projections.deciding import approvals
from tests.projections.story_differences import chargebacks, differences
from tests.projections.story_funds import funds
from tests.projections.story_members import cards, endpoints, withdrawals
from tests.projections.story_own import own
from tests.projections.story_reconciled import reconciled
from tests.projections.story_reserves import reserves
from tests.shops import shop

FIRST = date(2010, 12, 1)
TEA = "TEASHOP"
GONE = "GONESHOP"  # It closes its accounts on the last day.


class Story:
    """A ledger and the open day; `do` submits a command in the middle of that day."""

    def __init__(self, path: Path) -> None:
        url = f"sqlite:///{path}"
        migrate(url)
        self.ledger = Ledger.open(url)
        self.day = FIRST
        self.count = 0

    def do(self, command: Command, actor: str = "operator:lin") -> dict[str, object]:
        self.count += 1
        at_us = day_end_us(self.day) - 10_000_000_000 + self.count
        request = Request(f"story-{self.count}", at_us, actor, command)
        return self.ledger.submit(request).unwrap()

    def sell(self, order_no: str, *lines: tuple[str, int], method: str = "JD_PAY") -> None:
        sold = tuple(OrderLine(merchant, fen, SUBJECT, 1) for merchant, fen in lines)
        self.do(Checkout(order_no, BUYER, sold))
        self.do(PayOrder(f"P{order_no}", order_no, method))
        self.succeed(f"pay-P{order_no}")

    def succeed(self, instruction_id: str) -> None:
        self.do(RecordOutcome(instruction_id, succeeded=f"S-{instruction_id}"))

    def confirm(self, *transaction_ids: str) -> None:
        for transaction_id in transaction_ids:
            self.do(ConfirmReceipt(transaction_id, "buyer"))

    def refund(self, refund_no: str, transaction_id: str, amount_fen: int) -> None:
        self.do(RefundTransaction(refund_no, transaction_id, amount_fen))

    def reverse(self, reference: str) -> str:
        turned = self.do(accounting.ReverseEntry(reference, "by mistake"))
        return str(turned["reversed_by"])

    def next_day(self) -> None:
        self.do(CloseDay(self.day))
        self.day += timedelta(days=1)

    def settle(self, batch_id: str) -> list[str]:
        self.do(SealBatch(batch_id))
        self.do(ReviewBatch(batch_id), actor="operator:zhao")
        settled = self.do(SettleBatch(batch_id))
        return [str(one) for one in settled.get("instruction_ids", [])]  # type: ignore[attr-defined]

    def last(self, stream: str, name: str) -> str:
        """The reference of a stream's newest fact of a stored name."""
        found = [one for one in self.ledger.history(stream) if one.name == name]
        return found[-1].reference

    def facts(self) -> Iterator[Recorded]:
        after = 0
        while page := self.ledger.facts(after, 500):
            yield from page
            after = page[-1].position


def story(path: Path) -> list[Recorded]:
    """The facts of the whole story, in the order they were committed."""
    told = Story(path)
    try:
        _open(told)
        _first_week(told)
        _settlement(told)
        _debt(told)
        _reversals(told)
        _day_after(told)
        _closed_accounts(told)
        _composite(told)
        _routing(told)
        approvals(told)
        _over_a_network(told)
        cards(told)
        withdrawals(told)
        story_authority.orders(told)
        reserves(told)
        endpoints(told)
        reconciled(told)
        differences(told)
        chargebacks(told)
        own(told)
        funds(told)
        return list(told.facts())
    finally:
        told.ledger.close()


def _open(told: Story) -> None:
    told.do(OpenBooks(FIRST))
    told.do(members.RegisterMember(BUYER, "personal", BUYER_NAME))
    told.do(members.RegisterMember(FRIEND, "personal", "韩梅梅"))
    rule = FeeRule(60)
    told.do(shop(MERCHANT, MERCHANT_NAME, rule, "T+1", 4_000))
    told.do(shop(TEA, "茶叶店", FeeRule(100, 5), "D+1"))
    told.do(members.AddOperator(MERCHANT, "ZHANG", "finance"))
    told.do(members.AddOperator(MERCHANT, "WANG", "viewer"))
    told.do(members.RemoveOperator(MERCHANT, "WANG"))
    told.do(members.SetFeeRule(MERCHANT, date(2011, 1, 1), FeeRule(55, 0, 10, 2_000), CONSENT))
    told.do(members.SetDebtLimit(MERCHANT, date(2011, 1, 1), 50_000))
    told.do(members.SignAgreement(TEA, "instant", date(2011, 1, 1)))


def _first_week(told: Story) -> None:
    told.sell("A1", (MERCHANT, 10_000), (TEA, 3_000))
    told.sell("A2", (MERCHANT, 5_000), method="CLOUD_QUICKPASS")
    told.sell("A3", (TEA, 900), method="WECHAT_PAY")
    told.do(Checkout("A4", BUYER, (OrderLine(TEA, 700, SUBJECT),)))
    told.do(CloseOrder("A4", "not paid"))
    told.do(RechargeWallet("W1", BUYER, "WECHAT_PAY", 2_000))
    told.do(RecordOutcome("pay-W1", unknown="no answer"))
    told.succeed("pay-W1")
    told.do(RechargeWallet("W2", FRIEND, "WECHAT_PAY", 500))
    told.succeed("pay-W2")
    told.do(TransferMoney("X1", BUYER, FRIEND, 700))
    told.refund("R1", f"{MERCHANT}-A1", 1_000)
    told.succeed("refund-R1")
    told.refund("R2", f"{TEA}-A3", 900)  # Everything, before release; the channel refuses.
    told.do(RecordOutcome("refund-R2", declined="card closed"))
    told.next_day()
    told.confirm(f"{MERCHANT}-A1", f"{TEA}-A1")
    told.refund("R3", f"{MERCHANT}-A1", 2_500)
    told.next_day()


def _settlement(told: Story) -> None:
    batch_id = f"{MERCHANT}-2010-12-02"
    first, second = told.settle(batch_id)
    told.do(RecordOutcome(first, declined="name differs"))
    told.succeed(second)
    again = str(told.do(RetryPayout(batch_id, first))["payout_no"])
    told.succeed(again)
    told.next_day()
    told.do(ReturnPayout(batch_id, again, "account closed"))
    for payout_no in told.settle(f"{TEA}-2010-12-02"):
        told.succeed(payout_no)


def _debt(told: Story) -> None:
    told.refund("R4", f"{TEA}-A1", 2_000)  # Its money was paid out: the institution advances.
    told.confirm(f"{MERCHANT}-A2")
    told.next_day()
    told.settle(f"{TEA}-2010-12-04")  # Carried forward: nothing due.
    told.sell("B1", (TEA, 8_000))
    told.confirm(f"{TEA}-B1")
    told.next_day()
    told.do(accounting.HoldMoney(f"2241.02.{TEA}", "H0", 300, "dispute"))
    for payout_no in told.settle(f"{TEA}-2010-12-05"):
        told.succeed(payout_no)
    told.do(accounting.ReleaseHold(f"2241.02.{TEA}", "H0"))  # Carried into the batch of the 6th.


def _reversals(told: Story) -> None:
    told.reverse(told.reverse("transfer-X1#1"))
    told.do(TransferMoney("X3", FRIEND, BUYER, 500))
    told.reverse("transfer-X3#1")
    told.do(TransferMoney("X2", BUYER, FRIEND, 100))
    told.reverse("transfer-X2#1")
    told.refund("R5", f"{MERCHANT}-A2", 600)
    told.sell("B2", (MERCHANT, 1_200))
    told.refund("R6", f"{MERCHANT}-B2", 300)
    told.do(accounting.FreezeAccount(f"2241.03.{MERCHANT}", "out", "court order"))
    told.next_day()
    told.do(accounting.UnfreezeAccount(f"2241.03.{MERCHANT}", "lifted"))
    told.do(accounting.HoldMoney(f"2241.01.{BUYER}", "H1", 100, "dispute"))
    told.do(accounting.HoldMoney(f"2241.01.{BUYER}", "H2", 50, "dispute"))
    told.do(accounting.ReleaseHold(f"2241.01.{BUYER}", "H1"))


def _day_after(told: Story) -> None:
    told.settle(f"{MERCHANT}-2010-12-04")
    assert told.settle(f"{TEA}-2010-12-06")  # The carry alone.


def _over_a_network(told: Story) -> None:
    """Attempts, an answer of each kind, and what contradicts them."""
    told.do(RechargeWallet("N1", BUYER, "WECHAT_PAY", 400))
    told.do(asking.ClaimAttempt("pay-N1", 1, True, "pay-N1", "zN1"))
    told.do(asking.RecordAnswer("pay-N1", "awaiting_payer", url="weixin://pay/N1", attempt=1))
    told.do(asking.RecordAnswer("pay-N1", "succeeded", "S1", 400))
    told.do(asking.RecordAnswer("pay-N1", "succeeded", "S2", 400))
    told.do(asking.ClaimAttempt("pay-N1", 2, True, "pay-N1", "zN1"))
    two = (Charge("S1", 400, 0), Charge("S2", 400, 0))
    told.do(asking.RecordAnswer("pay-N1", "succeeded", "S1", 400, charges=two, attempt=2))
    told.do(RechargeWallet("N2", BUYER, "JD_PAY", 300))
    told.do(asking.ClaimAttempt("pay-N2", 1, False, "payN2", "zN2"))
    told.do(asking.RecordAnswer("pay-N2", "unknown", reason="no answer", attempt=1))
    told.do(asking.ClosePayment("pay-N2", "the buyer left"))
    told.do(asking.ClaimAttempt("pay-N2", 2, False, "payN2", "zN2"))
    told.do(asking.RecordAnswer("pay-N2", "declined", reason="closed", attempt=2))
    told.do(asking.RecordAnswer("pay-N2", "succeeded", "S3", 300))
    told.do(RechargeWallet("N3", BUYER, "JD_PAY", 300))
    told.do(asking.WithholdInstruction("pay-N3", "for no reason"))
    told.do(asking.AskChannel("pay-N3"))
    told.do(asking.ClaimAttempt("pay-N3", 1, False, "payN3", "zN3"))
    told.do(asking.RecordAnswer("pay-N3", "succeeded", "S4", 330, attempt=1))
    told.do(RechargeWallet("N4", BUYER, "JD_PAY", 300))
    told.do(asking.ClaimAttempt("pay-N4", 1, False, "payN4", "zN4"))
    told.do(asking.RecordAnswer("pay-N4", "not_found", reason="no such order", attempt=1))


def _closed_accounts(told: Story) -> None:
    """Money that is on its way when its member leaves."""
    for member in ("LEFT", "LEFTTOO"):
        told.do(members.RegisterMember(member, "personal", "销户"))
        told.do(RechargeWallet(f"W{member}", member, "WECHAT_PAY", 250))
        told.do(accounting.CloseAccount(f"2241.01.{member}"))
        told.succeed(f"pay-W{member}")
    told.succeed("back-WLEFT")
    told.do(RecordOutcome("back-WLEFTTOO", declined="card closed"))
    told.do(shop(GONE, "关店", FeeRule(60), "D+0", 300))
    told.sell("D1", (GONE, 1_000))
    told.confirm(f"{GONE}-D1")
    told.do(Checkout("D2", BUYER, (OrderLine(GONE, 400, SUBJECT), OrderLine(TEA, 60, SUBJECT))))
    told.do(PayOrder("PD2", "D2", "JD_PAY"))
    told.do(CutOffDay(told.day))
    first, second, third, fourth = told.settle(f"{GONE}-2010-12-07")
    told.do(RecordOutcome(first, declined="name differs"))
    again = str(told.do(RetryPayout(f"{GONE}-2010-12-07", first))["payout_no"])
    told.do(accounting.CloseAccount(f"2241.04.{GONE}"))
    told.do(RecordOutcome(second, declined="name differs"))
    for payout_no in (again, third, fourth):
        told.succeed(payout_no)
    told.do(ReturnPayout(f"{GONE}-2010-12-07", third, "account closed"))
    told.succeed("pay-PD2")
    told.succeed("back-PD2")
    told.next_day()
    told.sell("C1", (MERCHANT, 2_100), (TEA, 40))


def _composite(told: Story) -> None:
    """Payments of several legs: taken, given up, sent back; refunds by legs; a recharge undone."""
    told.do(RechargeWallet("W8", BUYER, "WECHAT_PAY", 3_000))
    told.succeed("pay-W8")
    told.do(
        Checkout("E1", BUYER, (OrderLine(MERCHANT, 2_000, SUBJECT), OrderLine(TEA, 900, SUBJECT)))
    )
    legs = (
        LegAsked("WALLET_BALANCE", 800),
        LegAsked("JD_PAY", 1_500),
        LegAsked("CLOUD_QUICKPASS", 600),
    )
    told.do(PayOrder("PE1", "E1", legs=legs))
    told.succeed("pay2-PE1")
    told.do(RecordOutcome("pay3-PE1", unknown="no answer"))
    told.do(RecordOutcome("pay3-PE1", declined="no money"))
    told.do(RecordOutcome("back2-PE1", declined="card closed"))
    told.do(PayOrder("PE2", "E1", legs=legs))
    told.succeed("pay3-PE2")
    told.succeed("pay2-PE2")
    told.refund("RE1", f"{TEA}-E1", 700)
    told.refund("RE2", f"{MERCHANT}-E1", 1_900)
    told.do(RecordOutcome("refund1-RE2", declined="card closed"))
    told.succeed("refund2-RE2")
    told.succeed("refund1-RE1")
    told.do(SendBackRecharge("W8", "the wrong wallet"))
    told.succeed("back-W8")


def _routing(told: Story) -> None:
    """Two card channels: one under maintenance, one that will not carry what is then carried by the
    other; alone and as a leg of several."""
    told.do(RegisterChannel("UNIONPAY_CARD"))
    told.do(RegisterChannel("NETSUNION_CARD"))
    for hour in (1, 3):
        begins, ends = (f"2098-12-01T0{one}:00:00+08:00" for one in (hour, hour + 1))
        told.do(PlanMaintenance("UNIONPAY_CARD", begins, ends, "a release"))
    told.do(WithdrawMaintenance("UNIONPAY_CARD", 1, "put off"))
    for number in ("pay-NOBODY", "pay-NOBODY2"):
        told.do(ReportUnknownNumber("UNIONPAY_CARD", number, "payment", "succeeded", "S", 700))
    told.do(SettleReport("UNIONPAY_CARD", 1, "an order of the test system"))
    told.do(RechargeWallet("W9", BUYER, "BANK_CARD", 300))
    _busy(told, "pay-W9")
    told.succeed("payb-W9")
    told.do(Checkout("F1", BUYER, (OrderLine(MERCHANT, 2_000, SUBJECT),)))
    legs = (LegAsked("BANK_CARD", 1_500), LegAsked("CLOUD_QUICKPASS", 500))
    told.do(PayOrder("PF1", "F1", legs=legs))
    _busy(told, "pay1-PF1")
    _busy(told, "payb1-PF1")
    told.succeed("pay2-PF1")
    told.do(PayOrder("PF2", "F1", legs=legs))
    _busy(told, "pay1-PF2")
    told.succeed("payb1-PF2")
    told.succeed("pay2-PF2")


def _busy(told: Story, instruction_id: str) -> None:
    told.do(asking.ClaimAttempt(instruction_id, 1, False, f"n{instruction_id}", "N2"))
    busy = {"reason": "CHANNEL_BUSY", "by_channel": True, "attempt": 1}
    told.do(asking.RecordAnswer(instruction_id, "declined", **busy))  # type: ignore[arg-type]
