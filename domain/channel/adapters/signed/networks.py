"""The channels that speak signed JSON, as data: what differs between them is a column."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from domain.channel.numbers import narrow_number, wide_number
from domain.channel.port import Purpose

ALL: frozenset[Purpose] = frozenset(("payment", "refund", "payout"))
NONE: frozenset[Purpose] = frozenset()


class Network(Struct, frozen=True):
    """One channel and the network it is reached through.

    `name` stands in the paths; `party` says what a payer or payee is there. `repeatable`: for which
    purposes the same number may be sent again. `timed`: an order is its number *and* the time it
    was sent at, so that the same number at another time would be a second order.
    """

    channel: str
    name: str
    party: Literal["card", "account", "user"]
    repeatable: frozenset[Purpose]
    number: Callable[[str], str]
    timed: bool = False


NETWORKS: tuple[Network, ...] = (
    Network("UNIONPAY_CARD", "unionpay", "card", NONE, narrow_number, timed=True),
    Network("NETSUNION_CARD", "netsunion", "card", ALL, wide_number),
    Network("JD_PAY", "jdpay", "user", ALL, wide_number),
    Network("CLOUD_QUICKPASS", "quickpass", "user", ALL, narrow_number),
    Network("BANK_TRANSFER", "bank", "account", ALL, wide_number),
)
