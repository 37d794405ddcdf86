"""Old payload -> new: how a fact stored under an older name becomes the class of today.

Old name -> (the struct it was stored as, a pure function to the current class). The store applies
an upcast when it decodes, and never rewrites what is stored.
"""

from collections.abc import Callable
from typing import Any

from domain.channel.port import Purpose
from domain.kernel import Fact
from domain.payment import instruction


class IssuedV1(Fact, frozen=True):
    """An instruction, while payments had no codes and channels no numbers of their own."""

    purpose: Purpose
    reference: str
    channel: str
    amount_fen: int
    party: str


def issued(old: IssuedV1) -> instruction.Issued:
    """What was not told then is not told now."""
    return instruction.Issued(old.purpose, old.reference, old.channel, old.amount_fen, old.party)


UPCASTS: dict[str, tuple[type[Fact], Callable[[Any], Fact]]] = {
    "instruction.issued.1": (IssuedV1, issued),
}
