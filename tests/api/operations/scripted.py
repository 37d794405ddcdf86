"""Channels over a network, played by a script: what each answers is given."""

import asyncio
from collections.abc import Callable, Mapping

from domain.channel.network import (
    Answer,
    AwaitingPayer,
    CallbackInvalid,
    Exchange,
    Heard,
    Order,
    Pace,
    Said,
)
from domain.channel.port import Purpose, Succeeded

Script = Callable[[str, Order, int], Said | Answer]


def pays_when_asked(kind: str, order: Order, asked: int) -> Said:
    """A payer who has paid by the first query; refunds and payouts succeed at once."""
    if order.purpose == "payment" and kind == "send":
        return AwaitingPayer(f"weixin://pay/{order.number}")
    return Succeeded(f"S-{order.number}", order.amount_fen)


class ScriptedNetwork:
    """Implements `Adapter`. `asked` are (kind, number) in order; with `gate` cleared nothing is
    answered until it is set."""

    def __init__(
        self,
        channel: str,
        script: Script = pays_when_asked,
        *,
        repeatable: frozenset[Purpose] = frozenset(),
        heard: Mapping[bytes, Heard] | None = None,
    ) -> None:
        self.channel = channel
        self.repeatable = repeatable
        self.pace = Pace()
        self.script = script
        self.asked: list[tuple[str, str]] = []
        self.orders: list[Order] = []
        self.most_at_once = self.at_once = 0
        self.closed = False
        self.gate: asyncio.Event | None = None
        self._heard = dict(heard or {})

    def number(self, instruction_id: str) -> str:
        return instruction_id.replace("-", "", 1).replace("#", "x")

    async def send(self, order: Order, now_us: int) -> Answer:
        return await self._answer("send", order)

    async def query(self, order: Order, now_us: int) -> Answer:
        return await self._answer("query", order)

    async def close(self, order: Order, now_us: int) -> Answer:
        return await self._answer("close", order)

    async def _answer(self, kind: str, order: Order) -> Answer:
        self.asked.append((kind, order.number))
        self.orders.append(order)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            said = self.script(kind, order, len(self.asked) - 1)
        finally:
            self.at_once -= 1
        if isinstance(said, Answer):
            return said
        wire = Exchange("POST", f"https://{self.channel}/{kind}", b"asked", 200, b"told")
        return Answer(said, exchange=wire)

    def will_hear(self, body: bytes, heard: Heard) -> None:
        """This body is a callback of the channel."""
        self._heard[body] = heard

    def heard(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_us: int
    ) -> Heard:
        if headers.get("x-signature") != "true" or body not in self._heard:
            raise CallbackInvalid("the signature is not the channel's")
        return self._heard[body]

    def acknowledgement(self, *, taken: bool) -> tuple[int, bytes]:
        return (200, b'{"code":"OK"}') if taken else (503, b'{"code":"FAIL"}')

    async def aclose(self) -> None:
        self.closed = True
