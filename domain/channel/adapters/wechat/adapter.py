"""The adapter for WeChat Pay API v3.

The same order under the same number may be sent again: WeChat Pay answers with its code once more,
and a refund under the same number moves money once. A request that is refused outright made no
order; whether an earlier one did, a query tells. "Paid" to a close means: query.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from domain.channel.adapters.freshness import Forged, Nonces, NotFresh
from domain.channel.adapters.reading import Fields, Wrong, parsed
from domain.channel.adapters.wechat import answers, keys, requests
from domain.channel.adapters.wechat.requests import Asked
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.adapters.wechat.signing import signed
from domain.channel.adapters.wire import (
    MAX_BYTES,
    Lost,
    Wire,
    after,
    callback_exchange,
)
from domain.channel.network import Answer, CallbackInvalid, Heard, NotFound, Order
from domain.channel.numbers import wide_number
from domain.channel.port import Declined, Purpose, Unknown

log = logging.getLogger("zhangfang.channel")

Read = Callable[[Fields], Answer]


class WeChatPay:
    """Implements `Adapter`."""

    channel = "WECHAT_PAY"
    repeatable: frozenset[Purpose] = frozenset(("payment", "refund"))

    def __init__(self, settings: WeChatSettings) -> None:
        self.pace = settings.pace
        self._settings = settings
        self._wire = Wire(settings.base_url, settings.limits)
        self._nonces = Nonces()

    def number(self, instruction_id: str) -> str:
        return wide_number(instruction_id)

    async def send(self, order: Order, now_us: int) -> Answer:
        if reason := requests.refused_here(self._settings, order):
            return Answer(Declined(reason, by_channel=True), sent=False)
        read = self._reads_refund(order) if order.purpose == "refund" else answers.placed
        code, answer = await self._ask(requests.send(self._settings, order), read, order, now_us)
        if code in answers.ASK:
            return after(answer, await self.query(order, now_us))
        if code not in answers.REFUSED:
            return answer
        asked = after(answer, await self.query(order, now_us))
        if isinstance(asked.said, NotFound | Declined):  # No order, or one that is closed.
            return replace(asked, said=Declined(_reason(answer), by_channel=True))
        return asked

    async def query(self, order: Order, now_us: int) -> Answer:
        read = self._reads_refund(order) if order.purpose == "refund" else self._reads(order)
        _, answer = await self._ask(requests.query(self._settings, order), read, order, now_us)
        return answer

    async def close(self, order: Order, now_us: int) -> Answer:
        if order.purpose != "payment":
            return Answer(Unknown("only a payment can be closed"), sent=False)
        code, answer = await self._ask(
            requests.close(self._settings, order), _closed, order, now_us
        )
        if code not in answers.ASK:
            return answer
        return after(answer, await self.query(order, now_us))

    def heard(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_us: int
    ) -> Heard:
        if len(body) > MAX_BYTES:
            raise CallbackInvalid(f"a callback above {MAX_BYTES} bytes")
        small = {name.lower(): value for name, value in headers.items()}
        try:
            keys.check(self._settings.keys, self._nonces, small, body, now_us)
            return self._read_callback(method, target, parsed(body))
        except (Forged, NotFresh, Wrong) as error:
            log.warning("%s: a callback was refused: %s", self.channel, error)
            raise CallbackInvalid(str(error)) from error

    def acknowledgement(self, *, taken: bool) -> tuple[int, bytes]:
        if taken:
            return 204, b""
        return 503, b'{"code":"FAIL","message":"not taken, send it again"}'

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _ask(self, asked: Asked, read: Read, order: Order, now_us: int) -> tuple[str, Answer]:
        """One request: the code of the error that was answered ("" if none), and what it says."""
        reply = await self._wire.ask(signed(self._settings, self._wire.prefix, asked, now_us))
        if isinstance(reply, Lost):
            return "", self._unknown(reply.reason, order, reply.answer())
        bare = Answer(Unknown(f"HTTP {reply.status}"), exchange=reply.exchange)
        if reply.is_hindered:
            return "", self._unknown(f"HTTP {reply.status}", order, bare)
        try:
            keys.check(self._settings.keys, self._nonces, reply.headers, reply.body, now_us)
            if reply.status in (200, 204):
                body = Fields({}) if reply.status == 204 else parsed(reply.body)
                return "", replace(read(body), exchange=reply.exchange)
            body = parsed(reply.body)
            said = answers.error(reply.status, body)
            return answers.code_of(body), replace(bare, said=said)
        except (Forged, NotFresh, Wrong) as error:
            return "", self._unknown(f"HTTP {reply.status}: {error}", order, bare)

    def _reads(self, order: Order) -> Read:
        def read(body: Fields) -> Answer:
            if order.parts:
                body.must_be("combine_out_trade_no", order.number)
                return answers.combined(self._settings, body, order.parts)
            body.must_be("out_trade_no", order.number)
            if order.serial:
                body.must_be("transaction_id", order.serial)
            if self._settings.partner:
                body.must_be("sub_mchid", self._settings.sub(order))
            return answers.single(self._settings, body)

        return read

    def _reads_refund(self, order: Order) -> Read:
        def read(body: Fields) -> Answer:
            answers.check_refund(order, body)
            return answers.refund(self._settings, body, "status")

        return read

    def _unknown(self, reason: str, order: Order, answer: Answer) -> Answer:
        log.warning("%s: %s is unknown: %s", self.channel, order.instruction_id, reason)
        return replace(answer, said=Unknown(reason[:200]))

    def _read_callback(self, method: str, target: str, body: Fields) -> Heard:
        event, kind = body.text("id"), body.text("event_type")
        body.must_be("resource_type", "encrypt-resource")
        clear = keys.decrypted(self._settings.keys, body.inside("resource"))
        resource = parsed(clear)
        kept = msgspec.json.encode(
            {"id": event, "event_type": kind, "resource": msgspec.Raw(clear)}
        )
        exchange = callback_exchange(method, target, kept)
        purpose: Purpose = "payment"
        if kind.startswith("REFUND."):
            number, purpose = resource.text("out_refund_no"), "refund"
            self._check_refunder(resource)
            answer = answers.refund(self._settings, resource, "refund_status")
        elif not kind.startswith("TRANSACTION."):
            raise Wrong("event_type: none that we know")
        elif resource.has("combine_out_trade_no"):
            number = resource.text("combine_out_trade_no")
            answer = answers.combined(self._settings, resource, ())
        else:
            number = resource.text("out_trade_no")
            answer = answers.single(self._settings, resource)
        return Heard(event, number, purpose, replace(answer, exchange=exchange))

    def _check_refunder(self, resource: Fields) -> None:
        name = "sp_mchid" if self._settings.partner else "mchid"
        resource.must_be(name, self._settings.mchid)


def _closed(_body: Fields) -> Answer:
    return Answer(Declined("closed"))


def _reason(answer: Answer) -> str:
    return answer.said.reason if isinstance(answer.said, Unknown | NotFound) else ""
