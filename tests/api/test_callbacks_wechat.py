"""WeChat Pay at our door: its callbacks are taken, and nobody else's, nor its probes."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.callbacks.routes import routes
from domain.kernel import Request
from domain.payment import instruction
from domain.payment.asking import ClaimAttempt
from tests.api.conftest import Server
from tests.domain.channel.adapters.orders import adapter_of
from tests.domain.channel.adapters.outside import NOW_US, Json, WeChatSide
from tests.domain.channel.adapters.wechat_words import (
    SERIAL,
    OtherKey,
    Platform,
    Probe,
    Skewed,
    UnknownKey,
    WrongPair,
    single,
)

PAID = single(out_trade_no="pay-P1", amount={"total": 500, "payer_total": 500, "currency": "CNY"})
Call = Callable[[tuple[Json, bytes]], tuple[int, bytes]]


@pytest.fixture
def recharge(market: Server) -> Server:
    """A recharge of 5.00 that was sent to WeChat Pay."""
    body = {"payment_no": "P1", "member_id": "xiaoming", "method": "WECHAT_PAY", "amount_fen": 500}
    market.ok("POST", "/v1/recharges", body)
    claim = ClaimAttempt("pay-P1", 1, True, "pay-P1", "zP1")
    request = Request("claim", market.now_us, "system:outbox", claim)
    market.context.ledger.submit(request).unwrap()
    market.context.projector.catch_up()
    return market


@pytest.fixture
def call(recharge: Server) -> Iterator[Call]:
    """Posts headers and body to the door of WeChat Pay, at the time the other side signs by."""
    adapters = {"WECHAT_PAY": adapter_of("WECHAT_PAY")}
    context = replace(recharge.context, callbacks=adapters)
    app = Starlette(routes=routes(context, adapters, wall=lambda: NOW_US))
    client = TestClient(app, raise_server_exceptions=False)

    def post(told: tuple[Json, bytes]) -> tuple[int, bytes]:
        headers = {name: str(value) for name, value in told[0].items()}
        answer = client.post("/callbacks/WECHAT_PAY", content=told[1], headers=headers)
        return answer.status_code, answer.content

    yield post


def state(server: Server) -> instruction.State:
    return server.context.ledger.state(instruction.stream("pay-P1"))


def callback(side: type[WeChatSide] = WeChatSide) -> tuple[Json, bytes]:
    return side().callback("TRANSACTION.SUCCESS", PAID)


@pytest.mark.parametrize("side", [WeChatSide, Platform], ids=["public key", "certificate"])
def test_what_it_tells_is_booked(recharge: Server, call: Call, side: type[WeChatSide]) -> None:
    assert call(callback(side)) == (204, b"")
    assert (state(recharge).status, state(recharge).answer) == ("succeeded", SERIAL)
    wallet = recharge.context.ledger.state("account-2241.01.xiaoming")
    assert wallet.balance_fen == 500


@pytest.mark.parametrize(
    "side", [Probe, OtherKey, WrongPair, UnknownKey, Skewed], ids=lambda side: side.__name__
)
def test_what_is_forged_stale_or_a_probe_is_told_nothing_and_changes_nothing(
    recharge: Server, call: Call, side: type[WeChatSide]
) -> None:
    before = recharge.context.ledger.head()
    status, body = call(callback(side))
    assert status == 401
    assert b"FAIL" in body
    assert b"signature" not in body
    headers, content = callback()
    assert call((headers, content.replace(b"EV-2018", b"EV-2019")))[0] == 401
    assert recharge.context.ledger.head() == before
    # The probe was no reason not to take what comes then.
    assert call(callback())[0] == 204
    assert state(recharge).status == "succeeded"


def test_the_same_bytes_again_are_refused_and_a_repetition_is_taken_once(
    recharge: Server, call: Call
) -> None:
    told = callback()
    assert call(told)[0] == 204
    before = recharge.context.ledger.version(instruction.stream("pay-P1"))
    assert call(told)[0] == 401
    assert call(callback())[0] == 204  # Signed anew, as WeChat Pay does it.
    assert recharge.context.ledger.version(instruction.stream("pay-P1")) == before
    wallet = recharge.context.ledger.state("account-2241.01.xiaoming")
    assert wallet.balance_fen == 500
