"""Canonical orders of the adapters' tests, and the adapters against a server of the tests."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import TypeVar

from msgspec.structs import replace

from domain.channel.adapters.loading import adapters_of
from domain.channel.network import Adapter, Answer, Order, Part
from tests.domain.channel.adapters.outside import NOW_US, Json, Scripted, SignedSide, WeChatSide
from tests.domain.channel.adapters.server import Server

NOTIFY = "https://pay.example/callbacks"
CARD = "6222021234567890123"

PAYMENT = Order(
    instruction_id="pay-536365",
    number="pay-536365",
    purpose="payment",
    channel="JD_PAY",
    amount_fen=15_300,
    party=CARD,
    subject="Order 536365",
    sent_us=NOW_US,
    expires_us=NOW_US + 900_000_000,
    merchant="SHOP22",
)
REFUND = replace(
    PAYMENT,
    instruction_id="refund-R1-1",
    number="refund-R1-1",
    purpose="refund",
    amount_fen=5_000,
    original="pay-536365",
    original_fen=15_300,
)
PAYOUT = replace(
    PAYMENT,
    instruction_id="payout-B1-1",
    number="payout-B1-1",
    purpose="payout",
    channel="BANK_TRANSFER",
    expires_us=None,
)
COMBINED = replace(
    PAYMENT,
    channel="WECHAT_PAY",
    parts=(
        Part("part1-536365", "SHOP22", 10_000, "Tea"),
        Part("part2-536365", "SHOP23", 5_300, "Cups"),
    ),
)

Do = Callable[[Adapter], Coroutine[object, object, Answer]]
T = TypeVar("T")
NETWORK_OF = {
    "UNIONPAY_CARD": "unionpay",
    "NETSUNION_CARD": "netsunion",
    "JD_PAY": "jdpay",
    "CLOUD_QUICKPASS": "quickpass",
    "BANK_TRANSFER": "bank",
}


def settings(channel: str, url: str, **changed: object) -> Json:
    """A settings file with one channel."""
    file: Json = {"base_url": url, "notify_url": NOTIFY}
    if channel == "WECHAT_PAY":
        return file | {"wechat": WeChatSide.settings() | changed}
    return file | {"networks": {NETWORK_OF[channel]: SignedSide.settings() | changed}}


def adapter_of(channel: str, url: str = "http://127.0.0.1:1", **changed: object) -> Adapter:
    return adapters_of(json.dumps(settings(channel, url, **changed)).encode())[channel]


def ask(side: Scripted, channel: str, do: Do, **changed: object) -> tuple[Answer, Server]:
    """What an adapter makes of a scripted side's answers; every request was signed rightly."""

    async def story() -> tuple[Answer, Server]:
        async with Server(side) as server:
            adapter = adapter_of(channel, server.url, **changed)
            try:
                return await do(adapter), server
            finally:
                await adapter.aclose()

    answer, server = asyncio.run(story())
    assert side.signatures_wrong == []
    return answer, server


def sends(order: Order) -> Do:
    return lambda adapter: adapter.send(order, NOW_US)


def queries(order: Order) -> Do:
    return lambda adapter: adapter.query(order, NOW_US)


def closes(order: Order) -> Do:
    return lambda adapter: adapter.close(order, NOW_US)
