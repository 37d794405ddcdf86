"""A merchant as most tests need one: registered with its terms, and with the usual agreement."""

import msgspec

from domain.member.agreement import STANDARD, Terms
from domain.member.commands import RegisterMember
from domain.money import FeeRule

USUAL: Terms = STANDARD  # Escrow by every payment code; mode instant by its own agreement.

USUAL_JSON = msgspec.to_builtins(USUAL)


def shop(
    member_id: str,
    name: str,
    fee_rule: FeeRule | None = None,
    settlement_cycle: str | None = None,
    max_transfer_fen: int | None = None,
) -> RegisterMember:
    """The command that registers it."""
    terms = (fee_rule, settlement_cycle, max_transfer_fen)
    return RegisterMember(member_id, "enterprise", name, *terms, agreement=USUAL)
