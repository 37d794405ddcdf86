"""What an instruction asks for beyond purpose, channel, amount and party: all of it optional."""

from typing import TypedDict

from msgspec import Struct

from domain.channel.routing import Choice
from domain.payment.plan import CARD_CODE


class Part(Struct, frozen=True, gc=False, omit_defaults=True):
    """One transaction's share of a combined order: `number` is its own at the channel, `sub_mchid`
    its merchant's there, "" where it has none."""

    transaction: str
    number: str
    amount_fen: int
    sub_mchid: str = ""


class Destination(Struct, frozen=True, gc=False):
    """Which account money goes to, or comes from, never in clear: `card` stands for its number,
    `particulars` for all that the vault has of it, and of the number the last four digits are
    known."""

    card: str
    particulars: str
    tail: str


class Details(TypedDict, total=False):
    """Fields of `instruction.Issued`, where they are told; by name, to `instruction.issue`."""

    number: str
    code: str
    subject: str
    expires_us: int | None
    original: str
    original_fen: int
    part: str
    parts: tuple[Part, ...]
    choice: Choice | None
    merchant: str
    serial: str
    product: str
    payee: str
    to: Destination | None
    sub_mchid: str
    by: Destination | None


def told_of(leg: str, more: Details) -> Details:
    """What the channel of a leg is told of a plan, by the leg's payment code: the card is the
    business of who charges it."""
    return more if leg == CARD_CODE else {**more, "by": None}
