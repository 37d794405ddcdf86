"""A context with channels over a network: outbox and callbacks beside the worker, in threads."""

import time
from collections.abc import Callable

import pytest

from api.cli.opening import network_of
from api.context import open_context
from api.operations.watching import Watched
from domain.channel.adapters.simulated import SimulatedChannel
from domain.kernel import Command, Request
from domain.ledger.ledger import utc_us
from domain.member.commands import RegisterMember
from domain.payment import instruction
from domain.payment.commands import RechargeWallet
from domain.refusals import Code, Refused
from tests.api.operations.scripted import ScriptedNetwork
from tests.examples import BUYER, BUYER_NAME

FACTOR = 1_000


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end_s, "it never came about"
        time.sleep(0.01)


def test_an_outbox_sends_beside_the_worker_and_what_is_not_listed_waits(migrated_url: str) -> None:
    made: list[ScriptedNetwork] = []

    def network() -> dict[str, ScriptedNetwork]:
        made.append(ScriptedNetwork("JD_PAY"))
        return {"JD_PAY": made[-1]}

    began_us = utc_us()

    def clock() -> int:
        """The wall's, but a thousand times as fast: 15 s of waiting for the payer are 15 ms."""
        return began_us + (utc_us() - began_us) * FACTOR

    context = open_context(
        migrated_url,
        SimulatedChannel(),
        clock=clock,
        projections=True,
        worker=True,
        network=network,
        factor=FACTOR,
    )
    context.start()
    try:
        numbers = iter(range(100))

        def do(command: Command) -> None:
            request = Request(f"test-{next(numbers)}", clock(), "operator:lin", command)
            context.ledger.submit(request).unwrap()

        def status(number: str) -> str:
            return context.ledger.state(instruction.stream(f"pay-{number}")).status

        worker = context.worker
        assert worker is not None
        until(lambda: worker.status.rounds > 0)
        do(RegisterMember(BUYER, "personal", BUYER_NAME))
        do(RechargeWallet("P1", BUYER, "JD_PAY", 500))
        do(RechargeWallet("P2", BUYER, "WECHAT_PAY", 500))
        until(lambda: status("P1") == "succeeded")
        assert made[0].asked[0] == ("send", "payP1")
        rounds = worker.status.rounds
        until(lambda: worker.status.rounds > rounds + 1)
        assert status("P2") == "issued"  # No channel of the file carries it.
        assert set(context.callbacks) == {"JD_PAY"}
        seen = Watched(context.engine, context.watch)()
        assert seen["JD_PAY"].requests >= 2 and seen["JD_PAY"].reachable
    finally:
        context.close()
    assert made[0].closed


def test_a_settings_file_that_is_not_there_is_named() -> None:
    with pytest.raises(Refused) as no:
        network_of("nowhere/channels.json")
    assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS")
