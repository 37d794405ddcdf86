"""A channel in this process, whose answers are scripted: for the demo, imports and tests.

It behaves like a real one where it matters. It keeps what it was asked under the instruction's id,
so asking twice moves money once and gets the same answer. An unknown outcome stays unknown until
the script lets a query end it. Its bill lists what it carried out. Its book is in memory: a query
for a request that it has never seen (this process started anew) carries the request out, as a
channel that holds it would have done.
"""

import threading
from collections.abc import Callable
from datetime import date

from domain.channel.port import BillLine, ChannelRequest, Declined, Result, Succeeded, Unknown

# What to answer the n-th time a request is asked about (0 = when it is sent).
Script = Callable[[ChannelRequest, int], Result]


def always_succeeds(request: ChannelRequest, _asked: int) -> Result:
    """Success at once; the serial is made of the instruction's id, so it is the same anywhere."""
    return Succeeded(f"SIM-{request.instruction_id}")


class SimulatedChannel:
    """Implements `ChannelPort`. Thread-safe."""

    def __init__(self, script: Script = always_succeeds) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._ended: dict[str, Result] = {}
        self._carried: list[BillLine] = []

    def pay(self, request: ChannelRequest) -> Result:
        return self._answer(request)

    def refund(self, request: ChannelRequest) -> Result:
        return self._answer(request)

    def payout(self, request: ChannelRequest) -> Result:
        return self._answer(request)

    def query(self, request: ChannelRequest) -> Result:
        return self._answer(request)

    def bill(self, channel: str, day: date) -> list[BillLine]:
        """Everything carried out so far; a simulated channel keeps one running bill."""
        with self._lock:
            return list(self._carried)

    def _answer(self, request: ChannelRequest) -> Result:
        with self._lock:
            ended = self._ended.get(request.instruction_id)
            if ended is not None:
                return ended
            asked = self._asked.get(request.instruction_id, 0)
            result = self._script(request, asked)
            self._asked[request.instruction_id] = asked + 1
            if isinstance(result, Unknown):
                return result
            self._ended[request.instruction_id] = result
            if isinstance(result, Succeeded):
                line = BillLine(
                    request.instruction_id, result.serial, request.purpose, request.amount_fen
                )
                self._carried.append(line)
            assert isinstance(result, Succeeded | Declined)
            return result
