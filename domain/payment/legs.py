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
Gone = Literal["", "sent_back", "kept"]


class LegState(Struct, frozen=True, array_like=True, gc=False):
    """`account`: where its money waits as an open item, "" for nowhere; `gone_fen` of it are on
    their way no more. `kept`: what a channel did not take back in parts, by account ("": it has its
    place), in fen. `tried`: the channels that would not carry it, before the one that does."""

    status: LegStatus
    account: str = ""
    gone_fen: int = 0
    kept: tuple[tuple[str, int], ...] = ()
    tried: tuple[str, ...] = ()


Legs = tuple[LegState, ...]


def first(leg: Leg) -> LegState:
    """Money of the wallet is held at once; a channel is asked."""
    return LegState("held" if leg.kind == "wallet" else "waiting")


def changed(legs: Legs, place: int, status: LegStatus, account: str = "") -> Legs:
    now = LegState(status, account, tried=legs[place].tried)
    return (now,) if len(legs) == 1 else (*legs[:place], now, *legs[place + 1 :])


def captured(legs: Legs) -> Legs:
    """All of them taken for what they pay."""
    return tuple(LegState("captured", tried=leg.tried) for leg in legs)


def again(legs: Legs, place: int, before: str) -> Legs:
    """With a leg that another channel is asked for, after one that would not carry it."""
    now = LegState("waiting", tried=(*legs[place].tried, before))
    return (*legs[:place], now, *legs[place + 1 :])


def comes_to(
    plan: Sequence[Leg], legs: Legs, place: int, amount_fen: int, as_: Literal["sent_back", "kept"]
) -> Gone:
    """What a leg comes to when so much more of it has an end; "" when other parts are under way."""
    now = legs[place]
    if now.gone_fen + amount_fen < plan[place].amount_fen:
        return ""
    return "kept" if now.kept else as_


def all_come_to(legs: Legs, ending: int, as_: Gone) -> Gone:
    """What the legs that go back come to when one of them comes to `as_`."""
    if any_is(legs, "sending_back", but=ending):
        return ""
    return "kept" if as_ and any_is(legs, "kept", but=ending) else as_


def gone(legs: Legs, place: int, amount_fen: int, kept_at: str | None, whole: Gone) -> Legs:
    """After so much of a leg has gone back, or was kept at an account (None: it was not); `whole`:
    what the leg came to with it."""
    now = legs[place]
    kept = now.kept if kept_at is None else (*now.kept, (kept_at, amount_fen))
    if whole:
        after = LegState(whole, kept=kept, tried=now.tried)
    else:
        after = LegState(now.status, now.account, now.gone_fen + amount_fen, kept, now.tried)
    return (*legs[:place], after, *legs[place + 1 :])


def waiting(plan: Sequence[Leg], legs: Legs) -> dict[str, int]:
    """The money of legs that waits as open items, by account."""
    found: dict[str, int] = {}
    for leg, now in zip(plan, legs, strict=True):
        here = ((now.account, leg.amount_fen - now.gone_fen), *now.kept)
        for account, fen in here:
            if account:
                found[account] = found.get(account, 0) + fen
    return found


def released(legs: Legs) -> Legs:
    """Without the holds: what is not taken is the payer's again."""
    if not any_is(legs, "held"):
        return legs
    free = LegState("released")
    return tuple(free if leg.status == "held" else leg for leg in legs)


def any_is(legs: Sequence[LegState], status: LegStatus, *, but: int = -1) -> bool:
    """Whether one of them stands there, the one at `but` left out."""
    return any(leg.status == status for place, leg in enumerate(legs) if place != but)
