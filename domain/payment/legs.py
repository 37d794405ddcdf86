"""Where the legs of a payment stand: pure functions over their states, in the plan's order.

    held | waiting ──▶ in ──▶ captured
     │      │          └──▶ sending_back ──▶ sent_back | kept
     ▼      ▼
released  declined
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from domain.accounting.open_items import NONE, OpenItems
from domain.payment.plan import Leg

LegStatus = Literal[
    "held", "waiting", "in", "captured", "released", "declined", "sending_back", "sent_back", "kept"
]

Gone = Literal["", "sent_back", "kept"]


class LegState(Struct, frozen=True, array_like=True, gc=False):
    """`account`: where its money waits as an open item, "" for nowhere. `tried`: the channels that
    would not carry it, before the one that does."""

    status: LegStatus
    account: str = ""
    tried: tuple[str, ...] = ()


Legs = tuple[LegState, ...]


def first(leg: Leg) -> LegState:
    """Money of the wallet is held at once; a channel is asked."""
    return LegState("held" if leg.kind == "wallet" else "waiting")


def changed(legs: Legs, place: int, status: LegStatus, account: str = "") -> Legs:
    now = LegState(status, account, legs[place].tried)
    return (now,) if len(legs) == 1 else (*legs[:place], now, *legs[place + 1 :])


def captured(legs: Legs) -> Legs:
    """All of them taken for what they pay."""
    return tuple(LegState("captured", "", leg.tried) for leg in legs)


def again(legs: Legs, place: int, before: str) -> Legs:
    """With a leg that another channel is asked for, after one that would not carry it."""
    now = LegState("waiting", "", (*legs[place].tried, before))
    return (*legs[:place], now, *legs[place + 1 :])


def released(legs: Legs) -> Legs:
    """Without the holds: what is not taken is the payer's again."""
    if not any_is(legs, "held"):
        return legs
    free = LegState("released")
    return tuple(free if leg.status == "held" else leg for leg in legs)


def any_is(legs: Sequence[LegState], status: LegStatus, *, but: int = -1) -> bool:
    """Whether one of them stands there, the one at `but` left out."""
    return any(leg.status == status for place, leg in enumerate(legs) if place != but)


def items(plan: Sequence[Leg], legs: Legs) -> OpenItems:
    """What of a plan's legs waits as open items."""
    found: dict[str, int] = {}
    for leg, now in zip(plan, legs, strict=True):
        if now.account:
            found[now.account] = found.get(now.account, 0) + leg.amount_fen
    return found or NONE


def gone(legs: Legs, ending: int, as_: Gone) -> Gone:
    """What a payment that goes back whole comes to with this leg; "" while others are under way."""
    if any_is(legs, "sending_back", but=ending):
        return ""
    return "kept" if any_is(legs, "kept", but=ending) else as_
