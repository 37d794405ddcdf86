"""A channel in this process, whose answers are scripted: for the demo, imports and tests.

It behaves like a real one where it matters: it keeps what it was asked under the instruction's id,
so asking twice moves money once and gets the same answer; an unknown outcome stays unknown until
the script lets a query end it; its bill lists what it carried out. It keeps its book in memory, and
a query for an order it has never seen (this process started anew) is answered by carrying the order
out, which is what a channel that holds the order would have done.
"""

import threading
from collections.abc import Callable
from datetime import date

from domain.channel.port import BillLine, Declined, Order, Result, Succeeded, Unknown

# What to answer the n-th time an order is asked about (0 = when it is sent).
Script = Callable[[Order, int], Result]


def always_succeeds(order: Order, _asked: int) -> Result:
    """Success at once; the serial is made of the instruction's id, so it is the same anywhere."""
    return Succeeded(f"SIM-{order.instruction_id}")


class SimulatedChannel:
    """Implements `ChannelPort`. Thread-safe."""

    def __init__(self, script: Script = always_succeeds) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._ended: dict[str, Result] = {}
        self._carried: list[BillLine] = []

    def pay(self, order: Order) -> Result:
        return self._answer(order)

    def refund(self, order: Order) -> Result:
        return self._answer(order)

    def payout(self, order: Order) -> Result:
        return self._answer(order)

    def query(self, order: Order) -> Result:
        return self._answer(order)

    def bill(self, channel: str, day: date) -> list[BillLine]:
        """Everything carried out so far; a simulated channel keeps one running bill."""
        with self._lock:
            return list(self._carried)

    def _answer(self, order: Order) -> Result:
        with self._lock:
            ended = self._ended.get(order.instruction_id)
            if ended is not None:
                return ended
            asked = self._asked.get(order.instruction_id, 0)
            result = self._script(order, asked)
            self._asked[order.instruction_id] = asked + 1
            if isinstance(result, Unknown):
                return result
            self._ended[order.instruction_id] = result
            if isinstance(result, Succeeded):
                line = BillLine(
                    order.instruction_id, result.serial, order.purpose, order.amount_fen
                )
                self._carried.append(line)
            assert isinstance(result, Succeeded | Declined)
            return result
