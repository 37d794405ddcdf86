"""A market with an endpoint's deliverer that is stepped, on a clock that a test moves."""

import asyncio
from typing import Any

from api.operations.webhooks.deliverer import Deliverer
from api.operations.webhooks.sending import Sender
from api.operations.webhooks.signing import Secrets
from api.settings import Settings
from domain.kernel import MICROSECONDS
from tests.api.conftest import Server

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


def decline(server: Server, order_no: str, payment_no: str) -> None:
    body = {"payment_no": payment_no, "method": "JD_PAY"}
    server.ok("POST", f"/v1/orders/{order_no}/payments", body)
    outcome = f"/v1/instructions/pay-{payment_no}/outcome"
    server.ok("POST", outcome, {"declined": "no money"}, key=f"no-{payment_no}")
