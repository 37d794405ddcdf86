"""Three weeks of two merchants through the real command handlers, every kind of money fact in them:
refunds before and after release and after settlement, a debt and its recovery, a payout that fails,
is retried and comes back, wallets, freezes and holds, and a reversal of every kind of entry. The
facts are what the ledger stored.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from domain.accounting import commands as accounting
from domain.accounting import reversal
from domain.accounting.entry import reversed_entry
from domain.clearing.commands import CloseDay, OpenBooks
from domain.eventstore.ledger import Ledger
from domain.eventstore.recorder import Append
from domain.eventstore.states import StateCache
from domain.eventstore.unit import Batch, UnitOfWork
from domain.kernel import Command, Entry, Recorded, Request, day_end_us
from domain.member import commands as members
from domain.money import FeeRule
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import migrate
from tests.examples import BUYER, BUYER_NAME, FRIEND, MERCHANT, MERCHANT_NAME, SUBJECT

FIRST = date(2010, 12, 1)
TEA = "TEASHOP"
PAYOUTS = 3  # Of the first batch: two, then one again.


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
        """Written as any process may write it, below the command, which takes few kinds of entry:
        read models must read a reversal of any of them."""
        self.count += 1
        at_us = day_end_us(self.day) - 10_000_000_000 + self.count
        recorder, stream = self.ledger.recorder, reversal.stream(reference)
        origin = self.ledger.history(reference.rpartition("#")[0])
        entry: Entry = next(one.fact.entry for one in origin if one.reference == reference)
        with recorder.writing() as session:
            batch = Batch(StateCache(recorder).fetch, lambda _reference: None)
            unit = UnitOfWork(batch, at_us, "operator:lin", f"story-{self.count}")
            turned = reversed_entry(entry, unit.accounting_date)
            unit.record(stream, [reversal.Reversed(reference, "posted by mistake", turned)])
            batch.accept(unit)
            rows, snapshots = batch.rows(session.head.position)
            session.append(Append(rows, (), snapshots, at_us))
        return f"{stream}#1"

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
        return list(told.facts())
    finally:
        told.ledger.close()


def _open(told: Story) -> None:
    told.do(OpenBooks(FIRST))
    told.do(members.RegisterMember(BUYER, "personal", BUYER_NAME))
    told.do(members.RegisterMember(FRIEND, "personal", "韩梅梅"))
    rule = FeeRule(60)
    told.do(members.RegisterMember(MERCHANT, "enterprise", MERCHANT_NAME, rule, "T+1", 4_000))
    told.do(members.RegisterMember(TEA, "enterprise", "茶叶店", FeeRule(100, 5), "D+1"))
    told.do(members.AddOperator(MERCHANT, "ZHANG", "finance"))
    told.do(members.AddOperator(MERCHANT, "WANG", "viewer"))
    told.do(members.RemoveOperator(MERCHANT, "WANG"))
    told.do(members.SetFeeRule(MERCHANT, date(2011, 1, 1), FeeRule(55, 0, 10, 2_000)))


def _first_week(told: Story) -> None:
    told.sell("A1", (MERCHANT, 10_000), (TEA, 3_000))
    told.sell("A2", (MERCHANT, 5_000), method="CLOUD_QUICKPASS")
    told.sell("A3", (TEA, 900), method="WECHAT_PAY")
    told.do(Checkout("A4", BUYER, (OrderLine(TEA, 700, SUBJECT),)))
    told.do(CloseOrder("A4", "not paid"))
    told.do(RechargeWallet("W1", BUYER, "WECHAT_PAY", 2_000))
    told.do(RecordOutcome("pay-W1", unknown="no answer"))
    told.succeed("pay-W1")
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
    for payout_no in told.settle(f"{TEA}-2010-12-05"):
        told.succeed(payout_no)


def _reversals(told: Story) -> None:
    sold = f"transaction-{MERCHANT}-A2"
    told.reverse(told.reverse(told.last(sold, "transaction.cleared.1")))
    told.refund("R5", f"{MERCHANT}-A2", 600)
    told.reverse(told.last(sold, "transaction.refund_cleared.1"))
    told.sell("B2", (MERCHANT, 1_200))
    told.reverse(f"transaction-{MERCHANT}-B2#2")
    told.sell("B3", (MERCHANT, 1_300))
    told.refund("R6", f"{MERCHANT}-B3", 300)
    told.reverse(told.last(f"transaction-{MERCHANT}-B3", "transaction.refund_accepted.1"))
    told.do(accounting.FreezeAccount(f"2241.03.{MERCHANT}", "out", "court order"))
    told.next_day()
    told.do(accounting.UnfreezeAccount(f"2241.03.{MERCHANT}", "lifted"))
    told.do(accounting.HoldMoney(f"2241.01.{BUYER}", "H1", 100, "dispute"))
    told.do(accounting.HoldMoney(f"2241.01.{BUYER}", "H2", 50, "dispute"))
    told.do(accounting.ReleaseHold(f"2241.01.{BUYER}", "H1"))
    batch = f"settlement-{TEA}-2010-12-05"
    told.reverse(told.reverse(told.last(batch, "settlement.payout_succeeded.1")))


def _day_after(told: Story) -> None:
    told.do(members.RegisterMember("GONE", "personal", "销户"))
    told.do(accounting.CloseAccount("2241.01.GONE"))
    told.settle(f"{MERCHANT}-2010-12-04")
    batch = f"settlement-{MERCHANT}-2010-12-04"
    told.reverse(told.reverse(told.last(batch, "settlement.batch_instructed.1")))
    batch = f"settlement-{MERCHANT}-2010-12-02"
    returned = told.last(batch, "settlement.payout_returned.1")
    payout_no = f"payout-{MERCHANT}-2010-12-02-{PAYOUTS}"
    told.do(accounting.ReleaseHold(f"2241.03.{MERCHANT}", payout_no))
    told.reverse(returned)
    told.next_day()
    told.sell("C1", (MERCHANT, 2_100), (TEA, 40))
