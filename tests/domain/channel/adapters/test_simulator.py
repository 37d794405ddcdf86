"""Every channel end to end: our adapters against the simulator, another process and program."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.channel.network import (
    Answer,
    AwaitingPayer,
    Charge,
    NotFound,
    Returned,
)
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import NETWORK_OF, PAYMENT, PAYOUT, REFUND
from tests.domain.channel.adapters.outside_process import (
    Institution,
    Simulator,
    numbered,
    wall_us,
)

CARDS = ["UNIONPAY_CARD", "NETSUNION_CARD"]
WALLETS = ["JD_PAY", "CLOUD_QUICKPASS"]
Story = Callable[[Institution], Coroutine[object, object, None]]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    directory: Path = tmp_path_factory.mktemp("outside")
    made = Simulator(directory, "--payer", "manual", "--seed", "1")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def no_faults(simulator: Simulator) -> None:
    simulator.does("conduct", faults="none")


def plays(simulator: Simulator, story: Story) -> None:
    async def told() -> None:
        async with Institution(simulator) as ours:
            await story(ours)

    asyncio.run(told())


def paid(answer: Answer, amount_fen: int = 15_300) -> str:
    """The serial of an answer that says an amount was paid, once."""
    said = answer.said
    assert isinstance(said, Succeeded), said
    assert said.amount_fen == amount_fen
    assert [charge.serial for charge in answer.charges] == [said.serial]
    return said.serial


@pytest.mark.parametrize("channel", CARDS)
def test_a_card_pays_is_asked_about_and_is_refunded(simulator: Simulator, channel: str) -> None:
    async def story(ours: Institution) -> None:
        adapter = ours.adapters[channel]
        order = numbered(adapter, PAYMENT, "pay-700001", expires_us=wall_us() + 900_000_000)
        serial = paid(await adapter.send(order, wall_us()))
        assert paid(await adapter.query(order, wall_us())) == serial
        heard = await ours.hears(lambda heard: heard.number == order.number)
        assert paid(heard.answer) == serial
        assert paid(await adapter.close(order, wall_us())) == serial
        refund = numbered(adapter, REFUND, "refund-R700001-1", original=order.number)
        back = paid(await adapter.send(refund, wall_us()), 5_000)
        assert paid(await adapter.query(refund, wall_us()), 5_000) == back != serial
        more = numbered(
            adapter, REFUND, "refund-R700001-2", original=order.number, amount_fen=15_300
        )
        said = (await adapter.send(more, wall_us())).said
        assert isinstance(said, Declined), "more than is left of the payment"

    plays(simulator, story)


@pytest.mark.parametrize("channel", WALLETS)
def test_a_payer_acts_and_its_callback_comes(simulator: Simulator, channel: str) -> None:
    async def story(ours: Institution) -> None:
        adapter, network = ours.adapters[channel], NETWORK_OF[channel]
        order = numbered(adapter, PAYMENT, "pay-700002", expires_us=wall_us() + 900_000_000)
        first = await adapter.send(order, wall_us())
        assert isinstance(first.said, AwaitingPayer)
        assert first.said.url.startswith(simulator.url)
        assert (await adapter.send(order, wall_us())).said == first.said, "the same order"
        await ours.does("pay", network=network, number=order.number)
        heard = await ours.hears(lambda heard: heard.number == order.number)
        serial = paid(heard.answer)
        await ours.does("charge-again", network=network, number=order.number)
        twice = await adapter.query(order, wall_us())
        assert twice.said == Succeeded(serial, 15_300)
        assert [type(charge) for charge in twice.charges] == [Charge, Charge]

    plays(simulator, story)


@pytest.mark.parametrize("channel", WALLETS)
def test_an_order_is_closed_or_declined_and_an_unknown_one_is_not_found(
    simulator: Simulator, channel: str
) -> None:
    async def story(ours: Institution) -> None:
        adapter, network = ours.adapters[channel], NETWORK_OF[channel]
        order = numbered(adapter, PAYMENT, "pay-700003", expires_us=wall_us() + 900_000_000)
        assert isinstance((await adapter.query(order, wall_us())).said, NotFound)
        assert isinstance((await adapter.close(order, wall_us())).said, NotFound)
        await adapter.send(order, wall_us())
        assert (await adapter.close(order, wall_us())).said == Declined("CLOSED")
        assert (await adapter.query(order, wall_us())).said == Declined("CLOSED")
        failed = numbered(adapter, PAYMENT, "pay-700004", expires_us=wall_us() + 900_000_000)
        await adapter.send(failed, wall_us())
        await ours.does("fail", network=network, number=failed.number, code="PAYER_NO_FUNDS")
        said = (await adapter.query(failed, wall_us())).said
        assert isinstance(said, Declined)
        assert said.reason.startswith("PAYER_NO_FUNDS")
        assert not said.by_channel

    plays(simulator, story)


def test_a_payout_arrives_on_a_bank_account_and_comes_back(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter = ours.adapters["BANK_TRANSFER"]
        account = "6217000010001234567"
        await ours.does("account", kind="account", id=account, balance=100)
        order = numbered(adapter, PAYOUT, "payout-B700005-1", party=account)
        serial = paid(await adapter.send(order, wall_us()))
        assert await asyncio.to_thread(simulator.balance, f"account:{account}") == 15_400
        await ours.does("return", network="bank", kind="payout", number=order.number)
        heard = await ours.hears(lambda heard: isinstance(heard.answer.said, Returned))
        assert (heard.number, heard.purpose) == (order.number, "payout")
        said = (await adapter.query(order, wall_us())).said
        assert said == heard.answer.said
        assert isinstance(said, Returned)
        assert said.serial != serial
        assert await asyncio.to_thread(simulator.balance, f"account:{account}") == 100
        await ours.does("account", kind="account", id="closed-1", state="closed")
        refused = numbered(adapter, PAYOUT, "payout-B700005-2", party="closed-1")
        said = (await adapter.send(refused, wall_us())).said
        assert isinstance(said, Declined)
        assert said.reason.startswith("PAYEE_ACCOUNT_CLOSED")

    plays(simulator, story)


@pytest.mark.parametrize("channel", [*CARDS, *WALLETS])
@pytest.mark.parametrize("fault", ["lost_request", "lost_answer", "error_before", "error_after"])
def test_what_gets_lost_is_unknown_until_it_is_asked_about(
    simulator: Simulator, channel: str, fault: str
) -> None:
    async def story(ours: Institution) -> None:
        adapter = ours.adapters[channel]
        expires = wall_us() + 900_000_000
        order = numbered(adapter, PAYMENT, f"pay-{fault}".replace("_", ""), expires_us=expires)
        await ours.does("conduct", faults=f"{fault}=1000")
        lost = await adapter.send(order, wall_us())
        assert isinstance(lost.said, Unknown)
        assert lost.sent, "it is not known that nothing arrived"
        await ours.does("conduct", faults="none")
        asked = (await adapter.query(order, wall_us())).said
        if fault in ("lost_request", "error_before"):
            assert isinstance(asked, NotFound)
        else:
            assert isinstance(asked, Succeeded | AwaitingPayer)

    plays(simulator, story)


def test_unionpay_refuses_a_time_that_is_long_ago_and_no_order_is_made(
    simulator: Simulator,
) -> None:
    async def story(ours: Institution) -> None:
        adapter = ours.adapters["UNIONPAY_CARD"]
        order = numbered(adapter, PAYMENT, "pay-700006", expires_us=wall_us() + 900_000_000)
        late = replace(order, sent_us=order.sent_us - 3_600_000_000)
        answer = await adapter.send(late, wall_us())
        assert isinstance(answer.said, Declined)
        assert answer.said.by_channel
        assert "TIME_INVALID" in answer.said.reason
        assert len(answer.earlier) == 1

    plays(simulator, story)
