"""Combined orders (合单): one order at a channel for several merchants' transactions. Pure.

The channel knows the whole by one number and each transaction by one of its own. It is paid whole,
by one payer, and closed whole; it is refunded by transaction. So what a channel says was paid is
compared transaction by transaction: too much for one and too little for another is no payment,
though the sums are equal.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from domain.channel.network import PaidPart
from domain.channel.numbers import part_number
from domain.payment.asked import Part
from domain.payment.plan import Leg, shares
from domain.payment.protocol import COMBINES


class Sold(NamedTuple):
    """A transaction that is to be paid, and what it costs in fen."""

    transaction: str
    amount_fen: int


class Charged(NamedTuple):
    """What one serial of a channel moved: `part` is the transaction of a combined order, "" for an
    order that is none. In fen."""

    serial: str
    part: str
    asked_fen: int
    moved_fen: int


def parts_of(
    instruction_id: str, place: int, legs: tuple[Leg, ...], sold: Sequence[Sold]
) -> tuple[Part, ...]:
    """The parts of the leg at `place`: its shares of the transactions. () when its channel does not
    combine, or not so few or so many: then it is one order for the whole leg."""
    limits = COMBINES.get(legs[place].channel)
    if limits is None or len(sold) < limits[0]:
        return ()
    paid_by = shares(legs, [one.amount_fen for one in sold])
    found = [
        (one.transaction, share.amount_fen)
        for one, its in zip(sold, paid_by, strict=True)
        for share in its
        if share.leg == place
    ]
    if not limits[0] <= len(found) <= limits[1]:
        return ()
    return tuple(
        Part(transaction, part_number(instruction_id, number), amount_fen)
        for number, (transaction, amount_fen) in enumerate(found, 1)
    )


def are_others(asked: Sequence[Part], paid: Sequence[PaidPart]) -> bool:
    """Whether a channel speaks of other transactions than were asked for. Saying none is no
    contradiction: then the whole counts."""
    return bool(paid) and sorted(one.number for one in asked) != sorted(one.number for one in paid)


def compared(
    asked_fen: int, moved_fen: int, asked: Sequence[Part], paid: Sequence[PaidPart]
) -> Literal["", "more", "less"]:
    """How what was paid differs from what was asked: "" not at all, "less" when any transaction has
    too little."""
    moved = {one.number: one.amount_fen for one in paid}
    pairs = [(one.amount_fen, moved[one.number]) for one in asked] if paid else []
    pairs = pairs or [(asked_fen, moved_fen)]
    if any(was_fen < wanted_fen for wanted_fen, was_fen in pairs):
        return "less"
    return "more" if any(was_fen > wanted_fen for wanted_fen, was_fen in pairs) else ""


def charged(
    asked_fen: int, serial: str, moved_fen: int, asked: Sequence[Part], paid: Sequence[PaidPart]
) -> list[Charged]:
    """Each charge of what was paid: one, or one per transaction."""
    if not paid:
        return [Charged(serial, "", asked_fen, moved_fen)]
    wanted = {one.number: one for one in asked}
    return [
        Charged(one.serial, wanted[one.number].transaction, wanted[one.number].amount_fen,
                one.amount_fen)
        for one in paid
    ]  # fmt: skip
