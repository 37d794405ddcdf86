"""Which channel carries a leg when its plan is made: one of its payment code's, for a reason.

The choice of a code that has several stands on the instruction. What one unit of work sees does not
change, so the choice may be made again instead of being carried about.
"""

from domain.channel.commands import chosen_channel, is_registered
from domain.channel.routing import Choice
from domain.kernel import Unit
from domain.payment.plan import Leg
from domain.payment.protocol import PAYMENT_CODES, PaymentCode
from domain.refusals import Code, Refused


def channel_for(unit: Unit, code: PaymentCode, amount_fen: int, field: str) -> str:
    """Raises CHANNEL_NOT_REGISTERED, CHANNEL_UNAVAILABLE."""
    choice = chosen_channel(unit, code.channels, amount_fen, {})
    if choice.channel:
        return choice.channel
    if not any(is_registered(unit.load, name) for name in code.channels):
        detail = f"{' and '.join(code.channels)}: no accounts here yet"
        raise Refused(Code.CHANNEL_NOT_REGISTERED, field, detail)
    why = "; ".join(f"{one.channel} {one.reason}" for one in choice.rejected)
    raise Refused(Code.CHANNEL_UNAVAILABLE, field, why)


def choice_of(unit: Unit, leg: Leg) -> Choice | None:
    """Why this channel carries a leg, for the record; None where there was nothing to choose."""
    channels = PAYMENT_CODES[leg.code].channels
    return chosen_channel(unit, channels, leg.amount_fen, {}) if len(channels) > 1 else None
