"""Where it is measured: a server, an outside, and this process between them."""

import itertools
from collections.abc import Callable

import msgspec
from msgspec import Struct

from benchmarks.graphql.processes import Server
from benchmarks.payments.load import Callbacks
from benchmarks.payments.wire import Client, post


class Place(Struct):
    """The server and who asks it, its operator's key; the simulator; and who is called back."""

    server: Server
    client: Client
    key: str
    outside: Client
    callbacks: Callbacks
    tell: Callable[[str], None]
    numbers: "itertools.count[int]"  # Of orders without a session.

    async def link(self, session_no: str, order_no: str) -> str:
        """Of the session, which is opened unless it was. Raises RuntimeError."""
        body = msgspec.json.encode({"session_no": session_no, "order_no": order_no})
        answer = await self.client.ask(post("/v1/cashier-sessions", self.key, body))
        if answer.status not in (200, 201):
            raise RuntimeError(f"session {session_no}: {answer.status} {answer.body[:300]!r}")
        return str(msgspec.json.decode(answer.body)["result"]["path"])

    async def act(self, act: str, body: bytes) -> None:
        """What people do at the simulator. Raises RuntimeError."""
        answer = await self.outside.ask(post(f"/simulate/{act}", "", body))
        if answer.status != 200:
            raise RuntimeError(f"{act}: {answer.status} {answer.body[:300]!r}")
