"""The channels (渠道) as data: what each carries, and through which clearing network it is cleared.

Since 2018 bank-account payments go through NetsUnion (网联), card payments through UnionPay (银联):
银支付〔2017〕209号. A channel that is added here is registered in a ledger before it can be used
there (`channel.py`): its accounts must exist before it takes anybody's money.
"""

from msgspec import Struct

from domain.kernel import MICROSECONDS
from domain.refusals import Code, Refused

SLOW_US = 5 * MICROSECONDS


class Channel(Struct, frozen=True):
    """A channel: what it is called, the network that clears it, and what it carries. One payment
    through it is `least_fen` to `most_fen` (None: whatever one amount may be); `slow_us`: one that
    mostly takes longer to answer is not well."""

    name: str
    network: str
    pays_in: bool
    pays_out: bool
    least_fen: int = 1
    most_fen: int | None = None
    slow_us: int = SLOW_US


CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel("WECHAT_PAY", "NETSUNION", pays_in=True, pays_out=False),
        Channel("JD_PAY", "NETSUNION", pays_in=True, pays_out=False),
        Channel("CLOUD_QUICKPASS", "UNIONPAY", pays_in=True, pays_out=False),
        Channel("UNIONPAY_CARD", "UNIONPAY", pays_in=True, pays_out=False),
        # Ours: what the banks behind it commonly take by one quick payment (快捷支付), 50,000 yuan.
        Channel("NETSUNION_CARD", "NETSUNION", pays_in=True, pays_out=False, most_fen=5_000_000),
        Channel("BANK_TRANSFER", "NETSUNION", pays_in=False, pays_out=True),
    )
}

# Every ledger opens the accounts of these with its books; all others are registered. Never changed:
# a ledger's first commit would be another one.
FOUNDING = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "BANK_TRANSFER")

PAYOUT_CHANNEL = "BANK_TRANSFER"


def channel_named(name: str) -> Channel:
    """The channel of a name. Raises Refused(CHANNEL_UNKNOWN)."""
    channel = CHANNELS.get(name) if isinstance(name, str) else None
    if channel is None:
        known = ", ".join(CHANNELS)
        raise Refused(Code.CHANNEL_UNKNOWN, "channel", f"{str(name)[:40]!r} is not one of {known}")
    return channel


def network_of(channel: str) -> str:
    """The clearing network of a channel."""
    return CHANNELS[channel].network
