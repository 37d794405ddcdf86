"""A payment is a plan of legs (组合支付): wallet and channels, all or nothing for the order.

Pure arithmetic over three words. A *leg* is one source of the money. A *share* is what one leg pays
of one transaction; shares are fixed when the plan is made, so that a refund knows where the money
of its transaction came from. Channel legs fill the transactions first, in their order, and the
wallet pays what is left; a refund takes in the same order, so that money of a card never ends in a
wallet while the card can still take it (against cash-out, 套现). Nothing is divided, so nothing is
rounded. Amounts are fen.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from domain.refusals import Code, Refused

LegKind = Literal["wallet", "channel"]
MAX_LEGS = 5
WALLET_CODE, CARD_CODE = "WALLET_BALANCE", "BANK_CARD"
_AGAIN = ("", *"bcdefghijklmno")  # Not p, which says that a part follows.

# Of an instruction's id: the word, the place of the leg, and the part of it.
_placed = re.compile(r"[a-z]+?([0-9]*)(?:p[0-9]+)?-", re.ASCII).match


class Leg(Struct, frozen=True, array_like=True, gc=False):
    """One source of a payment's money. `code` is the payment code that was asked for, `channel` who
    carries it, "" for the wallet."""

    kind: LegKind
    code: str
    channel: str
    amount_fen: int


class Share(Struct, frozen=True, array_like=True, gc=False):
    """What one leg (by its place in the plan) pays of one transaction, or gives back of it."""

    leg: int
    kind: LegKind
    channel: str
    amount_fen: int


def in_order(legs: Sequence[Leg]) -> list[int]:
    """The places of the legs, channels first, the wallet last."""
    return sorted(range(len(legs)), key=lambda place: legs[place].kind == "wallet")


def shares(legs: Sequence[Leg], amounts_fen: Sequence[int]) -> list[tuple[Share, ...]]:
    """The shares of each transaction, in their order; the legs and the amounts have one sum.

    Raises Refused(LEGS_INVALID) when they have not.
    """
    if sum(leg.amount_fen for leg in legs) != sum(amounts_fen):
        raise Refused(Code.LEGS_INVALID, "legs", "their sum is not what is to be paid")
    left = [(place, legs[place].amount_fen) for place in reversed(in_order(legs))]
    found = []
    for amount_fen in amounts_fen:
        parts = []
        while amount_fen:
            place, there_fen = left.pop()
            taken_fen = min(there_fen, amount_fen)
            leg = legs[place]
            parts.append(Share(place, leg.kind, leg.channel, taken_fen))
            amount_fen -= taken_fen
            if there_fen > taken_fen:
                left.append((place, there_fen - taken_fen))
        found.append(tuple(parts))
    return found


class Taken(NamedTuple):
    """What a refund takes of shares, and what is left of them."""

    parts: tuple[Share, ...]
    left: tuple[Share, ...]


def take(there: Sequence[Share], amount_fen: int) -> Taken:
    """The parts of a refund: what it takes of each share, channels first, and what is left; as much
    as there is."""
    parts, left = [], []
    for share in there:  # They stand in this order since the plan was made.
        part_fen = min(share.amount_fen, amount_fen)
        amount_fen -= part_fen
        if part_fen:
            parts.append(Share(share.leg, share.kind, share.channel, part_fen))
        if left_fen := share.amount_fen - part_fen:
            left.append(Share(share.leg, share.kind, share.channel, left_fen))
    return Taken(tuple(parts), tuple(left))


def carrier(parts: Sequence[Leg] | Sequence[Share]) -> str:
    """In a word, who carries a plan or a refund: its first channel; the wallet, where none does."""
    return next((part.channel for part in parts if part.channel), WALLET_CODE)


def alike(one: Sequence[Leg], other: Sequence[Leg]) -> bool:
    """Whether the same was asked for, whichever channels carry it."""
    return [(leg.code, leg.amount_fen) for leg in one] == [
        (leg.code, leg.amount_fen) for leg in other
    ]


def through(plan: Sequence[Leg], place: int, channel: str) -> tuple[Leg, ...]:
    """The plan with another channel for one leg."""
    there = plan[place]
    leg = Leg(there.kind, there.code, channel, there.amount_fen)
    return (*plan[:place], leg, *plan[place + 1 :])


def numbered(prefix: str, number: str, place: int, legs: int, part: int = 0, again: int = 0) -> str:
    """The id of the instruction of one of several legs: `pay-P1` of a plan of one, `pay2-P1` of the
    second of several; `back2p3-P1` of its third part, where a leg has several; `payb2-P1` when
    another channel is asked for the leg, `payc2-P1` when a third one is. The prefix has no dash, so
    no two numbers share an id."""
    prefix += _AGAIN[again]
    leg = "" if legs == 1 else str(place + 1)
    return f"{prefix}{leg}p{part}-{number}" if part else f"{prefix}{leg}-{number}"


def merchant_of(transaction_id: str) -> str:
    """A transaction is named after its merchant, whose id has no dash."""
    return transaction_id.partition("-")[0]


def place_of(instruction_id: str) -> int:
    """The place of the leg whose instruction this is."""
    found = _placed(instruction_id)
    return int(found[1]) - 1 if found and found[1] else 0
