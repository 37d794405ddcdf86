"""The channel port: what the institution asks of a bank, a wallet or a clearing network.

An adapter carries an instruction out under the instruction's own id, so that carrying it out twice
moves money once. Its answer is one of three: *succeeded*, *declined*, *unknown*. Unknown is not a
failure: only the channel's answer to a query, or its bill, may end it.
"""

from datetime import date
from typing import Literal, Protocol

from msgspec import Struct

Purpose = Literal["payment", "refund", "payout"]


class Succeeded(Struct, frozen=True):
    """`serial` is the channel's own number; `amount_fen` what it says was paid, None where it does
    not say: then it is what was asked."""

    serial: str
    amount_fen: int | None = None


class Declined(Struct, frozen=True):
    """`by_channel`: for reasons of its own (down, over its limit), so that another may be tried."""

    reason: str
    by_channel: bool = False


class Unknown(Struct, frozen=True):
    reason: str


Result = Succeeded | Declined | Unknown


class ChannelRequest(Struct, frozen=True):
    """What a channel is asked to do: amounts in fen, `instruction_id` is the idempotency key."""

    instruction_id: str
    purpose: Purpose
    channel: str
    amount_fen: int
    party: str  # Payer of a payment, payee of a refund or payout.


class BillLine(Struct, frozen=True):
    """One line of a channel's daily bill, in fen."""

    instruction_id: str
    serial: str
    purpose: Purpose
    amount_fen: int


class ChannelPort(Protocol):
    """What every channel adapter does. It never raises for an outcome: not knowing is `Unknown`."""

    def pay(self, request: ChannelRequest) -> Result: ...

    def refund(self, request: ChannelRequest) -> Result: ...

    def payout(self, request: ChannelRequest) -> Result: ...

    def query(self, request: ChannelRequest) -> Result:
        """What became of a request: `Unknown` as long as the channel cannot say."""

    def bill(self, channel: str, day: date) -> list[BillLine]:
        """What the channel says happened on a date (Shanghai)."""


def carry_out(port: ChannelPort, request: ChannelRequest) -> Result:
    """Send a request through the method of its purpose."""
    if request.purpose == "payment":
        return port.pay(request)
    if request.purpose == "refund":
        return port.refund(request)
    return port.payout(request)
