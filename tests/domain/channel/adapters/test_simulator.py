"""Every channel end to end: our adapters against the simulator, another process and program."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.channel.adapters.loading import adapters_of
from domain.channel.network import (
    Answer,
    AwaitingPayer,
    Charge,
    NotFound,
    Order,
    Processing,
    Returned,
)
from domain.channel.numbers import part_number
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import COMBINED, NETWORK_OF, PAYMENT, PAYOUT, REFUND
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


def native(ours: Institution, instruction_id: str, **changed: object) -> Order:
    expires = wall_us() + 900_000_000
    return numbered(
        ours.adapters["WECHAT_PAY"], PAYMENT, instruction_id, expires_us=expires, **changed
    )


def test_a_native_order_is_paid_and_refunded(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], native(ours, "pay-800001")
        assert isinstance((await adapter.query(order, wall_us())).said, NotFound)
        placed = await adapter.send(order, wall_us())
        assert isinstance(placed.said, AwaitingPayer)
        assert placed.said.url.startswith("weixin://wxpay/")
        assert (await adapter.send(order, wall_us())).said == placed.said, "the same order"
        assert (await adapter.query(order, wall_us())).said == AwaitingPayer("")
        await ours.does("pay", network="wechat", number=order.number)
        serial = paid((await ours.hears(lambda heard: heard.number == order.number)).answer)
        for asked in (adapter.query, adapter.close, adapter.send):
            assert paid(await asked(order, wall_us())) == serial
        refund = numbered(adapter, REFUND, "refund-R800001-1", original=order.number)
        assert isinstance((await adapter.query(refund, wall_us())).said, NotFound)
        said = (await adapter.send(refund, wall_us())).said
        assert isinstance(said, Processing | Succeeded)
        heard = await ours.hears(lambda heard: heard.purpose == "refund")
        back = paid(heard.answer, 5_000)
        assert heard.number == refund.number
        assert paid(await adapter.query(refund, wall_us()), 5_000) == back
        assert paid(await adapter.query(order, wall_us())) == serial, "REFUND: it was paid"
        soon = numbered(adapter, REFUND, "refund-R800001-2", original=order.number)
        said = (await adapter.send(soon, wall_us())).said
        assert said == Unknown("HTTP 429"), "refunds of one order are a minute apart"

    plays(simulator, story)


def test_a_native_order_is_closed_and_its_number_used_up(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], native(ours, "pay-800002")
        await adapter.send(order, wall_us())
        assert (await adapter.close(order, wall_us())).said == Declined("closed")
        for asked in (adapter.query, adapter.send):
            said = (await asked(order, wall_us())).said
            assert isinstance(said, Declined)
            assert said.reason.startswith("CLOSED")
        await ours.does("conduct", faults="decline_channel=1000")
        said = (await adapter.send(native(ours, "pay-800003"), wall_us())).said
        assert isinstance(said, Declined)
        assert said.by_channel
        assert "RULE_LIMIT" in said.reason

    plays(simulator, story)


@pytest.mark.parametrize(("state", "kind"), [("ABNORMAL", Unknown), ("CLOSED", Declined)])
def test_a_refund_that_goes_wrong(simulator: Simulator, state: str, kind: type[object]) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], native(ours, f"pay-80001{state}")
        await adapter.send(order, wall_us())
        await ours.does("pay", network="wechat", number=order.number)
        fault = {"ABNORMAL": "refund_abnormal", "CLOSED": "refund_declined"}[state]
        await ours.does("conduct", faults=f"{fault}=1000")
        refund = numbered(adapter, REFUND, f"refund-R8{state}", original=order.number)
        await adapter.send(refund, wall_us())
        heard = await ours.hears(lambda heard: heard.number == refund.number)
        asked = (await adapter.query(refund, wall_us())).said
        assert heard.answer.said == asked
        assert isinstance(asked, kind)

    plays(simulator, story)


def combined_order(ours: Institution, instruction_id: str) -> Order:
    order = native(ours, instruction_id)
    parts = tuple(
        replace(part, number=part_number(instruction_id, place))
        for place, part in enumerate(COMBINED.parts, start=1)
    )
    return replace(order, parts=parts)


def test_a_combined_order_is_paid_whole_and_refunded_in_parts(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], combined_order(ours, "pay-800004")
        assert isinstance((await adapter.query(order, wall_us())).said, NotFound)
        assert isinstance((await adapter.send(order, wall_us())).said, AwaitingPayer)
        await ours.does("pay", network="wechat", kind="whole", number=order.number)
        heard = await ours.hears(lambda heard: heard.number == order.number)
        asked = await adapter.query(order, wall_us())
        assert asked.said == heard.answer.said
        assert isinstance(asked.said, Succeeded)
        assert asked.said.amount_fen == 15_300
        assert set(asked.parts) == set(heard.answer.parts)
        assert {(part.number, part.amount_fen) for part in asked.parts} == {
            ("part1-800004", 10_000),
            ("part2-800004", 5_300),
        }
        refund = numbered(
            adapter, REFUND, "refund-R800004", original="part1-800004", original_fen=10_000
        )
        await adapter.send(refund, wall_us())
        back = await ours.hears(lambda heard: heard.number == refund.number)
        paid(back.answer, 5_000)

    plays(simulator, story)


def test_a_combined_order_is_closed_whole(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], combined_order(ours, "pay-800005")
        await adapter.send(order, wall_us())
        assert (await adapter.close(order, wall_us())).said == Declined("closed")
        assert (await adapter.query(order, wall_us())).said == Declined("CLOSED")

    plays(simulator, story)


def test_a_second_charge_is_heard_of_asked_about_and_given_back(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        adapter, order = ours.adapters["WECHAT_PAY"], native(ours, "pay-800006")
        await adapter.send(order, wall_us())
        await ours.does("pay", network="wechat", number=order.number)
        first = paid((await ours.hears(lambda heard: heard.number == order.number)).answer)
        await ours.does("charge-again", network="wechat", number=order.number)
        heard = await ours.hears(lambda heard: first not in str(heard.answer.said))
        second = paid(heard.answer)
        assert paid(await adapter.query(order, wall_us())) == first
        assert paid(await adapter.query(replace(order, serial=second), wall_us())) == second
        refund = numbered(
            adapter,
            REFUND,
            "back-800006",
            original=order.number,
            amount_fen=15_300,
            serial=second,
        )
        await adapter.send(refund, wall_us())
        back = await ours.hears(lambda heard: heard.number == refund.number)
        paid(back.answer, 15_300)

    plays(simulator, story)


def test_a_partner_acts_for_its_merchants(simulator: Simulator) -> None:
    async def story(ours: Institution) -> None:
        file = json.loads(simulator.keys.read_bytes())
        file["wechat"]["sub_mchids"] = {"SHOP22": "1900000022", "SHOP23": "1900000023"}
        notify = "http://127.0.0.1:1/callbacks"
        adapter = adapters_of(json.dumps(file).encode(), notify_url=notify)["WECHAT_PAY"]
        for order in (native(ours, "pay-800007"), combined_order(ours, "pay-800008")):
            assert isinstance((await adapter.send(order, wall_us())).said, AwaitingPayer)
            kind, merchant = ("whole", None) if order.parts else ("payment", "1900000022")
            await ours.does(
                "pay", network="wechat", kind=kind, number=order.number, merchant=merchant
            )
            assert isinstance((await adapter.query(order, wall_us())).said, Succeeded)
        refund = numbered(adapter, REFUND, "refund-R800007", original="pay-800007")
        said = (await adapter.send(refund, wall_us())).said
        assert isinstance(said, Processing | Succeeded)
        closed = native(ours, "pay-800009")
        await adapter.send(closed, wall_us())
        assert (await adapter.close(closed, wall_us())).said == Declined("closed")
        await adapter.aclose()

    plays(simulator, story)


@pytest.mark.parametrize("fault", ["lost_answer", "error_after", "signtest"])
def test_an_answer_of_wechat_pay_that_gets_lost_is_unknown_until_it_is_asked_about(
    simulator: Simulator, fault: str
) -> None:
    async def story(ours: Institution) -> None:
        adapter = ours.adapters["WECHAT_PAY"]
        order = native(ours, f"pay-9{fault}".replace("_", ""))
        await ours.does("conduct", faults=f"{fault}=1000")
        assert isinstance((await adapter.send(order, wall_us())).said, Unknown)
        await ours.does("conduct", faults="none")
        assert (await adapter.query(order, wall_us())).said == AwaitingPayer("")

    plays(simulator, story)
