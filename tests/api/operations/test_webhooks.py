"""Webhooks end to end: a merchant's endpoint, the deliverer, and a receiver that misbehaves."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.operations.webhooks.deliverer import Deliverer
from api.operations.webhooks.sending import Sender
from api.operations.webhooks.signing import Secrets
from api.settings import Settings
from domain.kernel import MICROSECONDS
from tests.api.conftest import Server
from tests.api.operations.receiver import Receiver

HOOKS = "/v1/members/SQUIRRELS/webhooks"
SHOP = f"{HOOKS}/shop"
LOCAL = Settings(webhooks="local")


class Hooks:
    """A market with a deliverer that is stepped, on a clock that a test moves."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.restart(LOCAL)
        self.deadline_s = 5.0
        self.deliverer = self.new()
        self.runner = asyncio.Runner()
        self.orders = 0

    def new(self) -> Deliverer:
        """As another process would begin."""
        context, clock = self.server.context, lambda: self.server.clock()
        sender = Sender("local", self.deadline_s)
        secrets = Secrets(context.personal)
        return Deliverer(context.ledger, context.engine, context.writes, secrets, sender, clock)

    def add(self, url: str, kinds: list[str] | None = None, name: str = "shop") -> str:
        body = {"endpoint_id": name, "url": url, "kinds": kinds or []}
        answer = self.server.ok("POST", HOOKS, body, role="merchant", key=f"add-{name}-{url[-30:]}")
        return str(answer["result"]["secret"])

    def paid(self, amount_fen: int = 8_900) -> str:
        """An order is placed and paid: an event."""
        self.orders += 1
        number = f"N{self.orders}"
        self.server.sell(number, amount_fen=amount_fen)
        self.server.pay(number, f"P{number}")
        return f"transaction-SQUIRRELS-{number}"

    def step(self, seconds: float = 0) -> int:
        """Time goes on, and all that may be sent now is sent: how many requests."""
        self.server.now_us += int(seconds * MICROSECONDS)
        self.server.context.projector.catch_up()
        return self.runner.run(self._steps())

    async def _steps(self) -> int:
        made = 0
        while begun := await self.deliverer.turn():
            made += begun
            await self.deliverer.idle()
        return made

    def attempts(self, name: str = "shop") -> list[dict[str, Any]]:
        path = f"{HOOKS}/{name}/attempts?limit=500"
        answer = self.server.ok("GET", path, role="merchant")
        return list(reversed(answer["attempts"]))

    def endpoint(self, name: str = "shop") -> dict[str, Any]:
        self.server.context.projector.catch_up()
        found = self.server.ok("GET", HOOKS, role="merchant")["endpoints"]
        return next(one for one in found if one["endpoint_id"] == name)

    def events(self, query: str = "") -> list[dict[str, Any]]:
        self.server.context.projector.catch_up()
        found = self.server.ok("GET", f"/v1/events{query}", role="merchant")["events"]
        return list(found)

    def close(self) -> None:
        self.deliverer.stop()
        self.runner.close()


@pytest.fixture
def hooks(market: Server) -> Iterator[Hooks]:
    made = Hooks(market)
    yield made
    made.close()


def test_one_payment_is_heard_of_with_a_signature_that_is_right(hooks: Hooks) -> None:
    with Receiver() as receiver:
        secret = hooks.add(receiver.url)
        about = hooks.paid()
        assert hooks.step() == 1
        (event,) = receiver.verified(secret)
        assert (event["type"], event["object"]) == ("payment.succeeded", about)
        assert event["data"]["amount_fen"] == 8_900
        assert receiver.got[0].path == "/hooks?shop=1"
        assert receiver.got[0].headers["webhook-id"] == event["id"]
        (attempt,) = hooks.attempts()
        assert (attempt["result"], attempt["status"], attempt["attempt"]) == ("delivered", 204, 1)
        raw = hooks.server.send("GET", "/v1/events", role="merchant").content
        assert receiver.got[0].body in raw, "the same bytes, to the last one"
        assert hooks.step(60) == 0
