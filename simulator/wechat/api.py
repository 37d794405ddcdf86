"""WeChat Pay as one thing: its table of doors, its tasks, its writer of callbacks."""

from simulator.bills.desk import Desk
from simulator.wechat.bills import Bills
from simulator.wechat.callbacks import Writer
from simulator.wechat.combined import CombinedPayments
from simulator.wechat.conduct import TASKS
from simulator.wechat.door import Door, Endpoint
from simulator.wechat.payments import Payments
from simulator.wechat.refunds import Refunds
from simulator.wechat.signing import Seal
from simulator.world import World

__all__ = ["TASKS", "WeChatPay"]


class WeChatPay:
    """Everything that `app.py`, the agenda and the callers need of it."""

    def __init__(self, world: World, desk: Desk) -> None:
        seal = Seal(world.keys.wechat, world.outside)
        door = Door(world, seal)
        self.writer = Writer(seal, world.keys.wechat)
        self.table: list[tuple[str, str, Endpoint]] = [
            *Payments(door).table(),
            *CombinedPayments(door).table(),
            *Refunds(door).table(),
            *Bills(door, desk).table(),
            ("GET", "/v3/certificates", door.endpoint(door.certificates)),
        ]
