"""Refunds and payouts to the simulator's banks and back: the outbox with the real adapters."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.operations.desk import Desk
from api.operations.outbox import Outbox
from domain.accounting import account
from domain.accounting.chart import MERCHANT_AVAILABLE, account_id
from domain.channel.adapters.loading import load
from domain.clearing.commands import CutOffDay
from domain.kernel import DAY_US
from domain.ledger.proof import verify_log
from domain.ledger.states import fold_stream
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction
from domain.payment.asking import AskChannel
from domain.payment.rhythm import MINUTE
from domain.refusals import Code, Refused
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from projections.models import instruction_attempts
from tests.api.operations.test_outbox import Office
from tests.domain.channel.adapters.outside_process import Simulator, wall_us
from tests.examples import BUYER, PAID_AT, PAY_DAY
from tests.shops import shop
from tests.stories.books import open_books

ACCOUNT = "6217000010001234567"
OPENING_FEN = 10_000_000_00
NOBODY = "http://127.0.0.1:9/callbacks"  # Nobody is called back: what happened is asked about.


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    with open_books(database_url) as opened:
        yield opened


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    made = Simulator(tmp_path, "--payer", "manual", "--epoch", str(PAID_AT))
    yield made
    made.stop()


class Institution(Office):
    """An office whose channels are the simulator's."""

    def __init__(self, desk: Desk, simulator: Simulator) -> None:
        super().__init__(desk)
        self.simulator = simulator

    async def stepped(self, outbox: Outbox | None = None) -> int:
        adapters = load(self.simulator.keys, notify_url=NOBODY)
        desk = self.desk
        sending = Outbox(
            desk.ledger,
            desk.engine,
            adapters,
            lambda: self.now_us,
            wall=wall_us,
            payees={"TEA": ACCOUNT},
        )
        try:
            return await super().stepped(sending)
        finally:
            for adapter in adapters.values():
                await adapter.aclose()

    def carried_out(self, instruction_id: str) -> instruction.State:
        """The instruction, once it was asked about."""
        self.now_us += MINUTE
        self.do(AskChannel(instruction_id))
        asyncio.run(self.stepped())
        return fold_stream(self.desk.ledger.recorder, instruction.stream(instruction_id))[1]

    def paid_out(self) -> str:
        """A sale of 100.00 is confirmed and settled: its payout."""
        self.do(shop("TEA", "Tea", FeeRule(100), "D+0"))
        self.do(Checkout("O1", BUYER, (OrderLine("TEA", 10_000, "tea"),)))
        self.do(PayOrder("PO1", "O1", "JD_PAY"))
        asyncio.run(self.stepped())
        self.simulator.does("pay", network="jdpay", number="pay-PO1")
        self.carried_out("pay-PO1")
        self.do(ConfirmReceipt("TEA-O1", "buyer"))
        self.do(CutOffDay(PAY_DAY))
        self.do(SealBatch(f"TEA-{PAY_DAY}"))
        self.do(ReviewBatch(f"TEA-{PAY_DAY}"), actor="operator:zhao")
        [payout] = self.do(SettleBatch(f"TEA-{PAY_DAY}"))["instruction_ids"]
        return str(payout)

    def told_last(self, instruction_id: str) -> tuple[str, str | None]:
        """What was asked last, and what the attempt is shown to have come to."""
        self.desk.projector.catch_up()
        with self.desk.engine.connect() as view:
            newest = instruction_attempts.attempts(view, instruction_id)[0]
        return newest.kind, newest.outcome

    def available_fen(self) -> tuple[int, int]:
        """Of the merchant: what it has, and what of it is on hold."""
        stream = account.stream(account_id(MERCHANT_AVAILABLE, "TEA"))
        state: Any = fold_stream(self.desk.ledger.recorder, stream)[1]
        return state.balance_fen, sum(fen for _, fen in state.holds)


def test_a_return_that_an_operator_records_is_paid_again_once_the_bank_confirms_it(
    desk: Desk, simulator: Simulator
) -> None:
    ours = Institution(desk, simulator)
    payout = ours.paid_out()
    assert ours.carried_out(payout).status == "succeeded"
    batch_id = f"TEA-{PAY_DAY}"
    ours.do(ReturnPayout(batch_id, payout, "so the bank's clerk said"))
    for _ in range(2):  # Before the bank is asked, and after it has said that it paid.
        with pytest.raises(Refused) as no:
            ours.do(RetryPayout(batch_id, payout))
        assert no.value.code is Code.PAYOUT_UNCONFIRMED
        asyncio.run(ours.stepped())
    assert ours.told_last(payout) == ("query", "confirmed")
    simulator.does("return", network="bank", kind="payout", number=ours.carried_out(payout).number)
    ours.carried_out(payout)
    assert ours.told_last(payout) == ("query", "returned")
    again = str(ours.do(RetryPayout(batch_id, payout))["payout_no"])
    assert ours.carried_out(again).status == "succeeded"
    assert simulator.balance(f"account:{ACCOUNT}") == OPENING_FEN + 9_900
    assert ours.available_fen() == (0, 0)
    assert verify_log(desk.ledger.recorder) == []


def test_a_refund_and_a_payout_arrive_and_a_payout_that_returns_is_with_its_merchant_again(
    desk: Desk, simulator: Simulator
) -> None:
    ours = Institution(desk, simulator)
    ours.do(shop("TEA", "Tea", FeeRule(100), "D+0"))
    ours.do(Checkout("O1", BUYER, (OrderLine("TEA", 10_000, "tea"),)))
    ours.do(PayOrder("PO1", "O1", "JD_PAY"))
    asyncio.run(ours.stepped())
    simulator.does("pay", network="jdpay", number="pay-PO1")
    assert ours.carried_out("pay-PO1").status == "succeeded"
    ours.do(RefundTransaction("R1", "TEA-O1", 4_000))
    assert ours.carried_out("refund-R1").status == "succeeded"
    assert simulator.balance(f"user:{BUYER}") == OPENING_FEN - 6_000

    ours.do(ConfirmReceipt("TEA-O1", "buyer"))
    ours.do(CutOffDay(PAY_DAY))
    ours.do(SealBatch(f"TEA-{PAY_DAY}"))
    ours.do(ReviewBatch(f"TEA-{PAY_DAY}"), actor="operator:zhao")
    [payout] = ours.do(SettleBatch(f"TEA-{PAY_DAY}"))["instruction_ids"]
    assert ours.carried_out(payout).status == "succeeded"
    number = ours.carried_out(payout).number
    assert simulator.balance(f"account:{ACCOUNT}") == OPENING_FEN + 5_940
    assert ours.available_fen() == (0, 0)

    ours.now_us += 3 * DAY_US
    simulator.does("clock", seconds=3 * 86_400)
    simulator.does("return", network="bank", kind="payout", number=number)
    assert simulator.balance(f"account:{ACCOUNT}") == OPENING_FEN
    ours.carried_out(payout)
    assert ours.available_fen() == (5_940, 5_940)  # On hold, for its retry.
    assert verify_log(desk.ledger.recorder) == []
