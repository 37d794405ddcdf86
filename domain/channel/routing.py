"""Which channel carries a payment method, and through which clearing network it is cleared.

Since 2018 bank-account payments go through NetsUnion (网联), card payments through UnionPay (银联):
银支付〔2017〕209号. The literal table is the routing of this release; choosing between several
channels for one method belongs to the payment core's routing later on.
"""

from msgspec import Struct

from domain.refusals import Code, Refused
from domain.texts import quoted


class Channel(Struct, frozen=True):
    """A channel: what it is called, the network that clears it, and what it carries."""

    name: str
    network: str
    pays_in: bool
    pays_out: bool


CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel("WECHAT_PAY", "NETSUNION", pays_in=True, pays_out=False),
        Channel("JD_PAY", "NETSUNION", pays_in=True, pays_out=False),
        Channel("CLOUD_QUICKPASS", "UNIONPAY", pays_in=True, pays_out=False),
        Channel("BANK_TRANSFER", "NETSUNION", pays_in=False, pays_out=True),
    )
}

PAYOUT_CHANNEL = "BANK_TRANSFER"


def channel_for(method: str) -> Channel:
    """The channel of a payment method. Raises Refused(METHOD_UNKNOWN)."""
    channel = CHANNELS.get(method) if isinstance(method, str) else None
    if channel is None or not channel.pays_in:
        known = ", ".join(name for name, line in CHANNELS.items() if line.pays_in)
        detail = f"{quoted(str(method)[:40])} is not one of {known}"
        raise Refused(Code.METHOD_UNKNOWN, "method", detail)
    return channel


def network_of(channel: str) -> str:
    """The clearing network of a channel."""
    return CHANNELS[channel].network
