"""An adapter for each channel that speaks signed JSON.

A request that is refused outright made no order. Whether an earlier one under the same number did,
only a query can say: so after a refusal the adapter asks, and only when there is no order it is
declined. A close of an order that was paid asks too. Everything that cannot be read or is not
signed as it must be is unknown.
"""

import logging
import secrets
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from domain.channel.adapters.freshness import Forged, Nonces, NotFresh
from domain.channel.adapters.reading import Fields, Wrong, parsed
from domain.channel.adapters.signed import orders
from domain.channel.adapters.signed.networks import Network
from domain.channel.adapters.signed.signing import (
    Keys,
    check_answer,
    check_callback,
    signed_headers,
)
from domain.channel.adapters.wire import (
    MAX_BYTES,
    Limits,
    Lost,
    Request,
    Wire,
    after,
    callback_exchange,
)
from domain.channel.network import Answer, CallbackInvalid, Heard, NotFound, Order, Pace
from domain.channel.port import Declined, Purpose, Unknown
from domain.kernel import MICROSECONDS

log = logging.getLogger("zhangfang.channel")

PURPOSES: dict[str, Purpose] = {"payment": "payment", "refund": "refund", "payout": "payout"}


class SignedSettings(Struct, frozen=True):
    """Who we are at a channel, both sides' keys, where it is, and where it calls us."""

    merchant: str
    keys: Keys
    base_url: str
    notify_url: str
    limits: Limits = Limits()
    pace: Pace = Pace()


class SignedChannel:
    """Implements `Adapter` for one row of NETWORKS."""

    def __init__(self, network: Network, settings: SignedSettings) -> None:
        self.channel = network.channel
        self.repeatable = network.repeatable
        self.pace = settings.pace
        self._network = network
        self._settings = settings
        self._wire = Wire(settings.base_url, settings.limits)
        self._nonces = Nonces()

    def number(self, instruction_id: str) -> str:
        return self._network.number(instruction_id)

    async def send(self, order: Order, now_us: int) -> Answer:
        body = orders.order_body(
            self._network, self._settings.merchant, order, self._settings.notify_url
        )
        code, answer = await self._ask("POST", f"/{self._network.name}/orders", body, order, now_us)
        if code == orders.REUSED:
            return after(answer, await self.query(order, now_us))
        if code not in orders.REFUSED:
            return answer
        asked = after(answer, await self.query(order, now_us))
        if isinstance(asked.said, NotFound):
            return replace(asked, said=Declined(_reason(answer), by_channel=True))
        return asked

    async def query(self, order: Order, now_us: int) -> Answer:
        target = orders.query_target(self._network, self._settings.merchant, order)
        _, answer = await self._ask("GET", target, b"", order, now_us)
        return answer

    async def close(self, order: Order, now_us: int) -> Answer:
        if order.purpose != "payment":
            return Answer(Unknown("only a payment can be closed"), sent=False)
        target = f"/{self._network.name}/orders/{order.number}/close"
        body = orders.close_body(self._network, self._settings.merchant, order)
        code, answer = await self._ask("POST", target, body, order, now_us)
        if code != orders.PAID:
            return answer
        return after(answer, await self.query(order, now_us))

    def heard(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_us: int
    ) -> Heard:
        if len(body) > MAX_BYTES:
            raise CallbackInvalid(f"a callback above {MAX_BYTES} bytes")
        small = {name.lower(): value for name, value in headers.items()}
        keys = self._settings.keys
        try:
            check_callback(keys, self._nonces, method, target, small, body, now_us)
            return self._read_callback(method, target, body)
        except (Forged, NotFresh, Wrong) as error:
            log.warning("%s: a callback was refused: %s", self.channel, error)
            raise CallbackInvalid(str(error)) from error

    def acknowledgement(self, *, taken: bool) -> tuple[int, bytes]:
        if taken:
            return 204, b""
        return 503, b'{"code":"SYSTEM_ERROR","message":"not taken, send it again"}'

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _ask(
        self, method: str, path: str, body: bytes, order: Order, now_us: int
    ) -> tuple[str, Answer]:
        """One request: the code of the error that was answered ("" if none), and what it says."""
        keys, target, nonce = self._settings.keys, self._wire.prefix + path, secrets.token_hex(16)
        headers = signed_headers(
            keys, method, target, body, second=now_us // MICROSECONDS, nonce=nonce
        )
        reply = await self._wire.ask(Request(method, target, headers, body))
        if isinstance(reply, Lost):
            return "", self._unknown(reply.reason, order, reply.answer())
        bare = Answer(Unknown(f"HTTP {reply.status}"), exchange=reply.exchange)
        if reply.is_hindered:
            return "", self._unknown(f"HTTP {reply.status}", order, bare)
        try:
            check_answer(keys, reply.headers, reply.body, nonce, now_us)
            read = parsed(reply.body)
            if reply.status == 200:
                read.must_be("number", order.number)
                read.must_be("kind", order.purpose)
                if self._network.timed and read.has("time"):
                    read.must_be("time", orders.time_of(order))
                answer = orders.read_order(read, self._settings.merchant)
                return "", replace(answer, exchange=reply.exchange)
            code, said = orders.read_error(reply.status, read)
            if code == orders.NOT_FOUND:
                said = NotFound(said.reason if isinstance(said, Unknown) else code)
            return code, replace(bare, said=said)
        except (Forged, NotFresh, Wrong) as error:
            return "", self._unknown(f"HTTP {reply.status}: {error}", order, bare)

    def _unknown(self, reason: str, order: Order, answer: Answer) -> Answer:
        log.warning("%s: %s is unknown: %s", self.channel, order.instruction_id, reason)
        return replace(answer, said=Unknown(reason[:200]))

    def _read_callback(self, method: str, target: str, body: bytes) -> Heard:
        read = parsed(body)
        read.must_be("event", "ORDER")
        order: Fields = read.inside("order")
        purpose = PURPOSES.get(order.text("kind"))
        if purpose is None:
            raise Wrong("order.kind: none of the protocol")
        answer = orders.read_order(order, self._settings.merchant)
        exchange = callback_exchange(method, target, body)
        return Heard(
            read.text("id"), order.text("number"), purpose, replace(answer, exchange=exchange)
        )


def _reason(answer: Answer) -> str:
    return answer.said.reason if isinstance(answer.said, Unknown | NotFound) else ""
