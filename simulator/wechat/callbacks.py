"""Callbacks of WeChat Pay: the resource encrypted, the whole signed by one of two keys."""

import msgspec

from simulator.callbacks import Due
from simulator.clock import iso_seconds
from simulator.keys import WeChat
from simulator.wechat.signing import Seal
from simulator.world import World

SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}


class Writer:
    """Writes callbacks; `world.callbacks_by` says whose key signs them."""

    def __init__(self, seal: Seal, member: WeChat) -> None:
        self._seal, self._member = seal, member

    def __call__(self, world: World, due: Due) -> tuple[dict[str, str], bytes]:
        kind = "refund" if due.order.kind == "refund" else "transaction"
        resource = self._seal.encrypted(due.body.encode(), kind)
        body = msgspec.json.encode(
            {
                "id": f"{due.event[:8]}-{due.event[8:12]}-5{due.event[12:15]}-{due.event[15:31]}",
                "create_time": iso_seconds(world.clock.now_us()),
                "resource_type": "encrypt-resource",
                "event_type": due.type,
                "summary": SUMMARIES[due.type],
                "resource": {"original_type": kind, **resource},
            }
        )
        headers = self._seal.sign(self._serial(world, due), body, signtest=due.signtest)
        return {**headers, "Content-Type": "application/json"}, body

    def _serial(self, world: World, due: Due) -> str:
        by = world.callbacks_by
        if by == "both":  # During a change they come by either.
            turn = world.draws.number("signed_by", due.event, due.attempt) % 2
            by = "certificate" if turn else "public_key"
        return self._member.platform_serial if by == "certificate" else self._member.public_key_id
