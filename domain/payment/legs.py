"""Where the legs of a payment stand: pure functions over their states, in the plan's order.

    held | waiting ──▶ in ──▶ captured
     │      │          └──▶ sending_back ──▶ sent_back | kept
     ▼      ▼
released  declined
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from domain.payment.plan import Leg

LegStatus = Literal[
    "held", "waiting", "in", "captured", "released", "declined", "sending_back", "sent_back", "kept"
]


class LegState(Struct, frozen=True, array_like=True, gc=False):
    """`account`: where its money waits as an open item, "" for nowhere."""

    status: LegStatus
    account: str = ""


Legs = tuple[LegState, ...]


def first(leg: Leg) -> LegState:
    """Money of the wallet is held at once; a channel is asked."""
    return LegState("held" if leg.kind == "wallet" else "waiting")


def changed(legs: Legs, place: int, status: LegStatus, account: str = "") -> Legs:
    if len(legs) == 1:
        return (LegState(status, account),)
    return (*legs[:place], LegState(status, account), *legs[place + 1 :])


def released(legs: Legs) -> Legs:
    """Without the holds: what is not taken is the payer's again."""
    if not any_is(legs, "held"):
        return legs
    free = LegState("released")
    return tuple(free if leg.status == "held" else leg for leg in legs)


def any_is(legs: Sequence[LegState], status: LegStatus, *, but: int = -1) -> bool:
    """Whether one of them stands there, the one at `but` left out."""
    return any(leg.status == status for place, leg in enumerate(legs) if place != but)
