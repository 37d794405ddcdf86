"""What a line of the bank's statement is: ours, by the number it carries, or nobody's that we know.

A number is that of a payout, a withdrawal or a deduction, of a settlement batch that was paid in
one transfer, of a refund that leaves the reserve by itself, or a clearing session's. An amount
without a number is never taken for one of them.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

from msgspec import Struct

from domain.channel.channels import PAYOUT_CHANNEL
from domain.reconciliation.difference import Cause
from domain.reconciliation.statement import What

Way = Literal["in", "out"]


class Outgoing(Protocol):
    """What a bank was asked to pay: `projections/models/outgoings.py`."""

    @property
    def instruction_id(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def amount_fen(self) -> int: ...

    @property
    def owed_fen(self) -> int: ...

    @property
    def back_fen(self) -> int: ...

    @property
    def came_fen(self) -> int: ...

    @property
    def leaves_fen(self) -> int: ...


class Shown(Struct, gc=False):
    """What lines before this one have shown of an outgoing, in fen."""

    left_fen: int = 0
    told_fen: int = 0
    came_fen: int = 0


class Booked(Struct, frozen=True, gc=False):
    """A booked line: `amount_fen` above zero, and which way it went. `repeated`: the bank's serial
    stood on an earlier line."""

    line: int
    way: Way
    number: str
    serial: str
    amount_fen: int
    at_us: int | None = None
    repeated: bool = False


class Part(Struct, frozen=True, gc=False):
    """What a line, or a part of it, is. `about`: an instruction, a session's stream, the number of
    a movement of own funds; "" of what is in doubt. `to_return`: the owner is to be told. `way`:
    of a session, for one that we pay is set off against others; else it is the line's."""

    what: What
    channel: str
    about: str
    amount_fen: int
    cause: Cause = ""
    to_return: bool = False
    way: Way | None = None


_session = re.compile(r"([A-Z]{2,16})-([0-9]{8})-([0-9]{1,3})", re.ASCII).fullmatch


def session_of(number: str, networks: Sequence[str]) -> tuple[str, date] | None:
    """Clearing network and day that a session's id names; None if it is none."""
    found = _session(number)
    if found is None or found[1] not in networks:
        return None
    digits = found[2]
    try:
        return found[1], date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def in_doubt(amount_fen: int, cause: Cause = "") -> Part:
    return Part("in_doubt", PAYOUT_CHANNEL, "", amount_fen, cause)


def session_part(stream: str, signed_fen: int) -> Part:
    """Fen above zero came in, whichever way the line went as a whole."""
    way: Way = "in" if signed_fen > 0 else "out"
    return Part("session", PAYOUT_CHANNEL, stream, abs(signed_fen), way=way)


def place_outgoing(line: Booked, known: Outgoing, shown: Shown) -> list[Part]:
    """A line with the number of something we asked a bank to pay. What goes beyond what it can be
    of that is in doubt. `shown` is brought up to date."""
    if line.way == "out":
        return _left(line, known, shown)
    return _came(line, known, shown)


def _left(line: Booked, known: Outgoing, shown: Shown) -> list[Part]:
    taken_fen = min(line.amount_fen, max(known.leaves_fen - shown.left_fen, 0))
    shown.left_fen += taken_fen
    cause: Cause = "declined_here" if known.state == "failed" else ""
    return with_rest(line, [Part("payout", known.channel, known.instruction_id, taken_fen)], cause)


def _came(line: Booked, known: Outgoing, shown: Shown) -> list[Part]:
    """Told by the bank before, or shown by a statement alone: then its owner has it already, or is
    to have it now, if it is the whole of what had left."""
    told_fen = min(line.amount_fen, max(known.back_fen - shown.told_fen, 0))
    shown.told_fen += told_fen
    left_fen = line.amount_fen - told_fen
    came_fen = min(left_fen, max(known.came_fen - shown.came_fen, 0))
    shown.came_fen += came_fen
    parts = [
        Part("returned", known.channel, known.instruction_id, told_fen),
        Part("came_back", known.channel, known.instruction_id, came_fen),
    ]
    whole = left_fen == line.amount_fen == known.amount_fen
    if whole and not came_fen and known.state == "paid":
        shown.came_fen += left_fen
        one = known.instruction_id
        return [Part("came_back", known.channel, one, left_fen, "bank_returned", to_return=True)]
    return with_rest(line, parts, "bank_returned")


def place_batch(
    line: Booked, outgoings: Sequence[Outgoing], shown: Mapping[str, Shown]
) -> list[Part]:
    """A line with the number of a batch: all of its payouts that have not been shown, if they add
    up to it."""
    waits_fen = {
        one.instruction_id: max(one.leaves_fen - shown[one.instruction_id].left_fen, 0)
        for one in outgoings
    }
    if line.way != "out" or sum(waits_fen.values()) != line.amount_fen:
        return [in_doubt(line.amount_fen)]
    for name, amount_fen in waits_fen.items():
        shown[name].left_fen += amount_fen
    return [
        Part("payout", one.channel, one.instruction_id, waits_fen[one.instruction_id])
        for one in outgoings
        if waits_fen[one.instruction_id]
    ]


def with_rest(line: Booked, parts: Sequence[Part], cause: Cause = "") -> list[Part]:
    """What of a line is known, and in doubt what it has beyond that."""
    kept = [one for one in parts if one.amount_fen]
    rest_fen = line.amount_fen - sum(one.amount_fen for one in kept)
    return [*kept, in_doubt(rest_fen, cause)] if rest_fen else kept
