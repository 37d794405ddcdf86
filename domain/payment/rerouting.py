"""Another channel for a leg: when nothing was sent, or the channel declined for its own reasons.

    instruction declined by its channel ──another may carry it──▶ leg rerouted, new instruction
    nothing could be sent, twice ──another may carry it──▶ the instruction ends, and the same

The old instruction is over before the new one is issued, in one commit: never two in flight for one
leg. A payer's decline is no reason; nor is anything once the plan is given up, its time is over, or
somebody wanted it closed. What the old channel says later still is a contradiction.
"""

from domain.channel.commands import chosen_channel
from domain.channel.routing import Choice
from domain.kernel import Stream, Unit
from domain.payment import instruction, payment, rhythm
from domain.payment.asked import Details
from domain.payment.commands import issue
from domain.payment.instruction import Declined, Outcome, Unknown
from domain.payment.plan import place_of
from domain.payment.protocol import PAYMENT_CODES
from domain.payment.signed import known_as


def rerouted(unit: Unit, outcome: Outcome[Declined]) -> bool:
    """Whether the leg of an instruction that its channel declined is carried by another now."""
    asked, reason = outcome.asked, outcome.fact.reason
    issued, place = asked.asked, place_of(outcome.instruction_id)
    if issued is None or not outcome.fact.by_channel:
        return False
    choice = _another(unit, asked, place, f"declined it: {reason}")
    if choice is None:
        return False
    stream: Stream[payment.State] = Stream(asked.reference)
    payment_no = payment.number_of(stream)
    facts = payment.reroute(unit.load(stream), payment_no, place, choice.channel, reason)
    unit.record(stream, facts)
    wanted = payment.asks(unit.load(stream), payment_no, place)
    told = Details(
        code=issued.code,
        subject=issued.subject,
        expires_us=issued.expires_us,
        choice=choice,
        merchant=issued.merchant,
        product=issued.product,
        payee=issued.payee,
        by=issued.by,
    )
    told = known_as(unit, choice.channel, told)
    issue(unit, wanted, "payment", stream, choice.channel, asked.amount_fen, asked.party, **told)
    return True


def given_up(unit: Unit, outcome: Outcome[Unknown]) -> bool:
    """Whether an instruction of which nothing could be sent has ended, for another channel."""
    asked, been = outcome.asked, outcome.asked.tried
    unsent = not been.sends and not been.under_way and been.tries >= rhythm.UNSENT_TIMES
    place = place_of(outcome.instruction_id)
    if not unsent or _another(unit, asked, place, "nothing could be sent") is None:
        return False
    reason = f"nothing could be sent: {outcome.fact.reason}"[:200]
    stream = instruction.stream(outcome.instruction_id)
    unit.record(stream, instruction.close(asked, reason, unit.at_us, by_channel=True))
    return True


def _another(unit: Unit, asked: instruction.State, place: int, why: str) -> Choice | None:
    """The choice of a channel that has not been tried for the leg; None: there is none, or it is
    too late to try one."""
    issued = asked.asked
    if issued is None or issued.parts or asked.tried.closing:
        return None
    if issued.expires_us is not None and issued.expires_us <= unit.at_us:
        return None
    stream: Stream[payment.State] = Stream(asked.reference)
    tried = payment.tried_by(unit.load(stream), place)
    code = PAYMENT_CODES.get(issued.code)
    if tried is None or code is None or len(code.channels) < 2:
        return None
    here = unit.health
    gone = {name: "nothing here can ask it" for name in here if not here[name].reachable}
    gone |= dict.fromkeys(tried, "declined it before") | {issued.channel: why}
    choice = chosen_channel(unit, code.channels, issued.amount_fen, gone)
    return choice if choice.channel else None
