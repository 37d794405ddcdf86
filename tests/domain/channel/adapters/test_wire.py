"""Whatever goes wrong on the way is an answer with a reason, within the deadline."""

import asyncio
import logging
import time

import pytest
from msgspec.structs import replace

from domain.channel.adapters.wire import MAX_BYTES
from domain.channel.network import Adapter, Answer
from domain.channel.port import Unknown
from tests.domain.channel.adapters.orders import PAYMENT, adapter_of, ask, sends
from tests.domain.channel.adapters.outside import NOW_US, Scripted, SignedSide, WeChatSide
from tests.domain.channel.adapters.server import Asked, Raw, Reply, Server, Silence

BOTH = [("JD_PAY", SignedSide), ("WECHAT_PAY", WeChatSide)]
FAST = {"connect_ms": 300, "request_ms": 300}


@pytest.mark.parametrize(("channel", "side"), BOTH, ids=["signed", "wechat"])
@pytest.mark.parametrize(
    ("reply", "reason", "status"),
    [
        pytest.param(Silence(), "no answer within 300 ms", 0, id="silence"),
        pytest.param(Raw(), "the connection broke", 0, id="closed at once"),
        pytest.param(Raw(b"SSH-2.0-OpenSSH_9\r\n"), "the connection broke", 0, id="not HTTP"),
        pytest.param(Raw(b"HTTP/1.1 2"), "the connection broke", 0, id="half a head"),
        pytest.param(Reply(body=b"x" * 100, cut=50), "the connection broke", 0, id="half a body"),
        pytest.param(
            Reply(body=b"x" * 100, pause_s=0.05), "no answer within 300 ms", 0, id="drop by drop"
        ),
        pytest.param(
            Reply(body=b"x" * (MAX_BYTES + 1)), f"an answer above {MAX_BYTES}", 200, id="too large"
        ),
        pytest.param(
            Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b"),
            "an answer that is compressed",
            200,
            id="compressed",
        ),
        pytest.param(Reply(500, body=b"{}"), "HTTP 500", 500, id="500"),
        pytest.param(Reply(502, body=b"<html>"), "HTTP 502", 502, id="502"),
        pytest.param(Reply(503), "HTTP 503", 503, id="503"),
        pytest.param(Reply(429, {"Retry-After": "1"}), "HTTP 429", 429, id="429"),
        pytest.param(Reply(302, {"Location": "/"}), "HTTP 302: ", 302, id="elsewhere"),
        pytest.param(Reply(200, body=b"{}"), "HTTP 200: ", 200, id="not signed"),
    ],
)
def test_what_goes_wrong_is_unknown(
    channel: str, side: type[Scripted], reply: Reply | Raw | Silence, reason: str, status: int
) -> None:
    answer, _ = ask(side(reply), channel, sends(PAYMENT), **FAST)
    assert isinstance(answer.said, Unknown)
    assert answer.said.reason.startswith(reason)
    assert answer.sent, "it may have arrived"
    assert answer.exchange is not None
    assert answer.exchange.status == status


@pytest.mark.parametrize("channel", ["JD_PAY", "WECHAT_PAY"])
def test_nothing_was_sent_where_nobody_listens(channel: str) -> None:
    async def story() -> Answer:
        adapter = adapter_of(channel, "http://127.0.0.1:1")
        answer = await adapter.send(PAYMENT, NOW_US)
        await adapter.aclose()
        return answer

    answer = asyncio.run(story())
    assert isinstance(answer.said, Unknown)
    assert answer.said.reason.startswith("no connection")
    assert not answer.sent


def test_the_log_says_which_instruction_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "zhangfang.channel"):
        ask(SignedSide(Reply(500)), "JD_PAY", sends(PAYMENT))
    assert [r.getMessage() for r in caplog.records] == ["JD_PAY: pay-536365 is unknown: HTTP 500"]


def test_a_channel_has_its_own_connections_and_no_more() -> None:
    async def slow(_asked: Asked) -> Reply:
        await asyncio.sleep(0.02)
        return Reply(500)

    async def story() -> tuple[list[Answer], int]:
        async with Server(slow) as server:
            adapter = adapter_of("JD_PAY", server.url, connections=3)
            answers = await asyncio.gather(*(adapter.send(PAYMENT, NOW_US) for _ in range(20)))
            await adapter.aclose()
            return answers, server.most_open

    answers, most = asyncio.run(story())
    assert {str(answer.said) for answer in answers} == {"Unknown(reason='HTTP 500')"}
    assert most == 3


def test_requests_one_after_another_use_one_connection() -> None:
    async def story() -> int:
        async with Server(SignedSide(*(Reply(500) for _ in range(5)))) as server:
            adapter = adapter_of("JD_PAY", server.url)
            for _ in range(5):
                await adapter.send(PAYMENT, NOW_US)
            await adapter.aclose()
            return server.taken

    assert asyncio.run(story()) == 1


def test_a_full_channel_says_that_nothing_was_sent_and_slows_no_other() -> None:
    async def hang(_asked: Asked) -> Silence:
        return Silence()

    async def story() -> tuple[list[Answer], float]:
        async with Server(hang) as stuck, Server(SignedSide(Reply(500))) as well:
            full: Adapter = adapter_of("JD_PAY", stuck.url, connections=1, request_ms=400)
            other = adapter_of("NETSUNION_CARD", well.url)
            waiting = [asyncio.create_task(full.send(PAYMENT, NOW_US)) for _ in range(3)]
            await asyncio.sleep(0)
            began = time.monotonic()
            await other.send(PAYMENT, NOW_US)
            took = time.monotonic() - began
            answers = await asyncio.gather(*waiting)
            await full.aclose()
            await other.aclose()
            return answers, took

    answers, took = asyncio.run(story())
    assert took < 0.3
    assert [answer.sent for answer in answers].count(False) >= 1
    assert any("all 1 connections are busy" in str(answer.said) for answer in answers)


@pytest.mark.parametrize(("channel", "side"), BOTH, ids=["signed", "wechat"])
def test_a_socket_that_is_closed_while_it_connects(
    channel: str, side: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library asks the socket for its address, and there is none any more."""

    def gone(*_: object) -> None:
        raise AttributeError("'NoneType' object has no attribute 'getpeername'")

    monkeypatch.setattr("httpcore2._backends.anyio.AnyIOStream.get_extra_info", gone)
    answer, _ = ask(side(Reply(500)), channel, sends(PAYMENT), **FAST)
    assert isinstance(answer.said, Unknown)
    assert answer.said.reason.startswith("the connection broke")


def test_connections_that_timed_out_are_given_back() -> None:
    async def story() -> Answer:
        quick = SignedSide(*(Silence() for _ in range(6)), Reply(500))
        async with Server(quick) as server:
            adapter = adapter_of("JD_PAY", server.url, connections=2, request_ms=60)
            for _ in range(3):
                await asyncio.gather(*(adapter.send(PAYMENT, NOW_US) for _ in range(2)))
            answer = await adapter.send(PAYMENT, NOW_US)
            await adapter.aclose()
            return answer

    assert asyncio.run(story()).said == Unknown("HTTP 500")


def test_a_path_before_the_channels_is_signed_too() -> None:
    side = SignedSide(Reply(500))

    async def story() -> str:
        async with Server(side) as server:
            adapter = adapter_of("JD_PAY", server.url + "/gateway/v1/")
            await adapter.send(replace(PAYMENT), NOW_US)
            await adapter.aclose()
            return server.asked[0].target

    assert asyncio.run(story()) == "/gateway/v1/jdpay/orders"
    assert side.signatures_wrong == []
