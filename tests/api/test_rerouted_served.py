"""A card is paid with while UnionPay is down: through NetsUnion, and back through it; against the
simulator, over HTTP."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.cli.opening import network_of
from api.context import AppContext, open_context
from api.operations.watching import Watched
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.commands import RegisterChannel
from domain.kernel import Command, Request
from domain.ledger.ledger import utc_us
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction, payment
from domain.transaction import refund
from domain.transaction.commands import RefundTransaction
from tests.domain.channel.adapters.outside_process import Simulator
from tests.examples import BUYER, BUYER_NAME, MERCHANT, MERCHANT_NAME
from tests.shops import shop

UNION, NETS = "UNIONPAY_CARD", "NETSUNION_CARD"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Simulator]]:
    """One whose channels all work, and one whose channels decline for reasons of their own."""
    well = Simulator(tmp_path_factory.mktemp("well"), "--faults", "none")
    ill = Simulator(tmp_path_factory.mktemp("ill"), "--faults", "decline_channel=1000")
    yield well, ill
    well.stop()
    ill.stop()


def settings(place: Path, well: Simulator, union: dict[str, Any]) -> str:
    """NetsUnion at one simulator, UnionPay elsewhere."""
    keys = json.loads(well.keys.read_text())
    keys["notify_url"] = "http://127.0.0.1:9/callbacks"  # Nobody is called: we ask.
    keys["networks"] = {"netsunion": keys["networks"]["netsunion"], "unionpay": union}
    del keys["wechat"]
    path = place / "channels.json"
    path.write_text(json.dumps(keys))
    path.chmod(0o600)
    return str(path)


class House:
    """Books that are served, with channels over the network."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.made = 0
        context.start()
        worker = context.worker
        assert worker is not None
        self.until(lambda: worker.status.rounds > 0)
        for one in (UNION, NETS):
            self.do(RegisterChannel(one))
        self.do(RegisterMember(BUYER, "personal", BUYER_NAME))
        self.do(shop(MERCHANT, MERCHANT_NAME, FeeRule(60), "T+1"))

    def do(self, command: Command) -> None:
        self.made += 1
        request = Request(f"test-{self.made}", utc_us(), "operator:lin", command)
        self.context.ledger.submit(request).unwrap()

    def until(self, holds: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end_s, "it never came about"
            time.sleep(0.02)

    def pay(self, no: str) -> None:
        self.do(Checkout(no, BUYER, (OrderLine(MERCHANT, 8_900, "nuts"),)))
        self.do(PayOrder(no, no, "BANK_CARD"))

    def payment(self, no: str) -> payment.State:
        return self.context.ledger.state(payment.stream(no))

    def instruction(self, one: str) -> instruction.State:
        return self.context.ledger.state(instruction.stream(one))


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("down", ["refuses connections", "declines"])
def test_a_payment_goes_on_through_another_channel(
    migrated_url: str, tmp_path: Path, outside: tuple[Simulator, Simulator], down: str
) -> None:
    well, ill = outside
    union = json.loads(ill.keys.read_text())["networks"]["unionpay"] | {"base_url": ill.url}
    if down == "refuses connections":
        union["base_url"] = f"http://127.0.0.1:{closed_port()}"
    path = settings(tmp_path, well, union)
    context = open_context(
        migrated_url,
        SimulatedChannel(),
        projections=True,
        worker=True,
        network=partial(network_of, path),
    )
    tag = "A" if "sqlite" in migrated_url else "B"  # The simulator knows a number for ever.
    tag += down[0]
    with closing(context):
        house = House(context)
        numbers = [f"{tag}{one}" for one in range(12 if down == "declines" else 6)]
        for no in numbers:
            house.pay(no)
        house.until(lambda: all(house.payment(no).status == "succeeded" for no in numbers))
        first = numbers[0]
        assert house.payment(first).started.legs[0].channel == NETS  # type: ignore[union-attr]
        old, new = (house.instruction(f"{one}-{first}") for one in ("pay", "payb"))
        assert (old.channel, old.status, new.channel, new.status) == (
            UNION,
            "declined",
            NETS,
            "succeeded",
        )
        house.do(RefundTransaction(f"R{first}", f"{MERCHANT}-{first}", 4_000))
        back = house.instruction(f"refund-R{first}").asked
        assert back is not None
        assert (back.channel, back.original) == (NETS, f"payb-{first}")
        gone = refund.stream(f"R{first}")
        house.until(lambda: context.ledger.state(gone).status == "succeeded")
        # Enough was seen by now: UnionPay is not even asked any more.
        house.until(lambda: not Watched(context.engine, context.watch)()[UNION].well)
        time.sleep(1.1)  # What was known a second ago is looked up anew.
        house.pay(f"{tag}last")
        choice = house.instruction(f"pay-{tag}last").asked.choice  # type: ignore[union-attr]
        assert choice is not None
        assert choice.channel == NETS
        assert [(one.channel, one.reason) for one in choice.rejected] == [
            (UNION, "answered 0 of 10000 requests")
        ]
        house.until(lambda: house.payment(f"{tag}last").status == "succeeded")
        assert verify_log(context.ledger.recorder) == []
