"""What a page that waits is told by its stream, on both databases. The application is called as a
server calls it, and what it says is read as it comes."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.context import open_context
from api.graphql.listening.hub import Hub
from api.web.live import MOST_PER_SESSION, Lives
from domain.channel.adapters.simulated import SimulatedChannel
from domain.kernel import Request
from domain.payment.commands import RecordOutcome
from tests.api.conftest import Server
from tests.api.graphql.listening import Client
from tests.api.test_cashier import Payer, opened

ENDED = "event: ended\ndata:\n\n"
ALIVE = "event: alive\ndata:\n\n"


class Wire:
    """Pages of one payer that wait."""

    def __init__(self, market: Server, cookie: str) -> None:
        self.market = market
        self.app: Any = market.client.app
        self.cookie = cookie
        self.clients: list[Client] = []

    @property
    def lives(self) -> Lives:
        lives: Lives = self.app.state.lives
        return lives

    @property
    def hub(self) -> Hub:
        hub: Hub = self.app.state.hub
        return hub

    def listen(
        self, session_no: str = "S1", seen: str = "", method: str = "GET", **headers: str
    ) -> Client:
        path = f"/pay/{session_no}/live"
        named = {"cookie": self.cookie, "accept-language": "en"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": f"seen={seen}".encode(),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "root_path": "",
        }
        client = Client(self.app, scope, b"")
        self.clients.append(client)
        return client

    async def tell(self, number: str, **outcome: str) -> None:
        """A channel says what became of a payment."""
        command = RecordOutcome(f"pay-{number}", **outcome)
        request = Request(f"tell-{number}-{outcome}", self.market.now_us, "system:test", command)
        answer = await self.market.context.ledger.submit_async(request)
        answer.unwrap()


@asynccontextmanager
async def wire(market: Server, cookie: str) -> AsyncIterator[Wire]:
    made = Wire(market, cookie)
    try:
        yield made
    finally:
        for one in made.clients:
            await one.leave()


class Waiting:
    """A payer whose page waits: the cookie of its device, and what the page shows."""

    def __init__(self, market: Server) -> None:
        market.sell("JD1")
        link = opened(market)
        payer = Payer(market)
        self.page = payer.choose(payer.follow(link).text, method="JD_PAY").text
        (self.seen,) = re.findall(r"/live\?seen=([0-9a-f]+)\"", self.page)
        self.cookie = f"zf_pay={link.rpartition('/')[2]}"


@pytest.fixture
def waiting(market: Server) -> Waiting:
    return Waiting(market)


def kinds(text: str) -> list[str]:
    """Of the scenes that were sent."""
    return re.findall(r'class="scene (\w+)"', text)


def until(client: Client, part: str) -> Callable[[], bool]:
    return lambda: part in client.text


def test_what_changes_is_told_and_nothing_twice(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            client = await wired.listen(seen=waiting.seen).open()
            assert client.status == 200
            assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert client.headers["cache-control"] == "no-store"
            await wired.tell("S1-1", unknown="no answer")
            await client.until(until(client, 'scene unknown"'))
            await wired.tell("S1-1", succeeded="J1")
            await client.end()
            assert kinds(client.text) == ["unknown", "paid"]
            assert client.text.startswith(ALIVE) and client.text.endswith(ENDED)
            assert wired.lives.count == 0

    asyncio.run(run())


def test_a_decline_brings_a_form_that_pays(market: Server, waiting: Waiting) -> None:
    async def run() -> str:
        async with wire(market, waiting.cookie) as wired:
            client = await wired.listen(seen=waiting.seen).open()
            await wired.tell("S1-1", declined="no")
            await client.end()
            return client.text

    told = asyncio.run(run())
    assert kinds(told) == ["choose"] and told.endswith(ENDED)
    page = "\n".join(line.removeprefix("data: ") for line in told.splitlines())
    payer = Payer(market)
    market.client.cookies.set("zf_pay", waiting.cookie.partition("=")[2], path="/pay/S1")
    assert 'class="scene waiting"' in payer.choose(page, method="WECHAT_PAY").text


def test_what_happened_before_it_was_there_is_told_at_once(
    market: Server, waiting: Waiting
) -> None:
    market.ok("POST", "/v1/instructions/pay-S1-1/outcome", {"succeeded": "J1"}, key="o")

    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            client = await wired.listen(seen=waiting.seen).open()
            await client.end()
            assert kinds(client.text) == ["paid"]
            (name,) = re.findall("^id: ([0-9a-f]+)$", client.text, re.MULTILINE)
            again = wired.listen(seen=waiting.seen, last_event_id=name)
            await again.end()
            assert again.text == ALIVE + ENDED  # It has seen that.

    asyncio.run(run())


def test_another_process_decides_and_the_page_is_told(market: Server, waiting: Waiting) -> None:
    other = open_context(market.url, SimulatedChannel(), clock=lambda: market.now_us)

    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            client = await wired.listen(seen=waiting.seen).open()
            command = RecordOutcome("pay-S1-1", succeeded="J1")
            wanted = Request("elsewhere", market.now_us, "system:test", command)
            await asyncio.to_thread(other.ledger.submit, wanted)
            await client.end()
            assert kinds(client.text) == ["paid"]

    try:
        asyncio.run(run())
    finally:
        other.close()


def test_many_facts_at_once_wake_everybody(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            wired.lives.at_once = 1
            client = await wired.listen(seen=waiting.seen).open()
            await wired.tell("S1-1", succeeded="J1")
            await client.end()
            assert kinds(client.text) == ["paid"]

    asyncio.run(run())


def test_a_foreign_cookie_or_none_hears_nothing(market: Server, waiting: Waiting) -> None:
    market.sell("JD2")
    link = opened(market, session_no="S2", order_no="JD2")
    foreign = f"zf_pay={link.rpartition('/')[2]}"

    async def run() -> None:
        for cookie in ("", foreign, "zf_pay=1.00"):
            async with wire(market, cookie) as wired:
                client = wired.listen()
                await client.end()
                assert client.status == 403 and "scene" not in client.text
                assert wired.lives.count == 0

    asyncio.run(run())


def test_a_head_is_answered_by_a_head(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            client = wired.listen(method="HEAD")
            await client.end()
            assert (client.status, client.text, wired.lives.count) == (200, "", 0)

    asyncio.run(run())


def test_how_many_there_are_is_bounded(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            for _ in range(MOST_PER_SESSION):
                await wired.listen(seen=waiting.seen).open()
            more = wired.listen(seen=waiting.seen)
            await more.end()
            assert (more.status, more.headers["retry-after"]) == (503, "5")
            await wired.clients[0].leave()
            assert wired.lives.count == MOST_PER_SESSION - 1
            wired.lives.most = 3
            more = wired.listen(seen=waiting.seen)
            await more.end()
            assert more.status == 503
            wired.lives.most, wired.hub.most = 100, MOST_PER_SESSION - 1
            more = wired.listen(seen=waiting.seen)
            await more.end()
            assert more.status == 503  # Subscriptions and pages are within one bound.

    asyncio.run(run())


def test_as_many_at_once_are_bounded_too(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            for _ in range(3 * MOST_PER_SESSION):
                wired.listen(seen=waiting.seen)
            while not all(one.status for one in wired.clients):
                await asyncio.sleep(0)
            let_in = [one.status for one in wired.clients].count(200)
            assert let_in == wired.lives.count == MOST_PER_SESSION

    asyncio.run(run())


def test_a_stream_ends_after_its_time_and_with_the_server(market: Server, waiting: Waiting) -> None:
    async def run() -> None:
        async with wire(market, waiting.cookie) as wired:
            wired.lives.longest_s = 0
            short = wired.listen(seen=waiting.seen)
            await short.end()
            assert short.text == ALIVE  # Not `ended`: the page comes back.
            wired.lives.longest_s = 300
            client = await wired.listen(seen=waiting.seen).open()
            wired.lives.close()
            await client.end()
            assert client.text == ALIVE
            late = wired.listen(seen=waiting.seen)
            await late.end()
            assert late.status == 503

    asyncio.run(run())
