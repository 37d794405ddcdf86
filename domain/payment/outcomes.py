"""What an instruction's outcome does to the payment that asked for it, or that is sent back.

`domain/policies.py` says which of these follows: an outcome finds its owner by the stream that the
instruction names. Recharges are booked here; an order's payment is booked by the order.
"""

from functools import partial

from domain.accounting.chart import PAYMENT_IN_TRANSIT, WALLET, account_id
from domain.accounting.commands import home_or_suspense, is_closed
from domain.accounting.rules import composite
from domain.accounting.rules.purchase import payment_to_send_back
from domain.accounting.rules.purchase import recharge as recharge_entry
from domain.accounting.rules.refund import refund_succeeded, refund_to_suspense, refund_to_wallet
from domain.kernel import Entry, Reaction, Stream, Unit
from domain.payment import instruction, payment
from domain.payment.commands import issue_send_backs, release_wallet
from domain.payment.instruction import Answered, Declined, Outcome, Succeeded, Unknown
from domain.payment.plan import Leg, place_of
from domain.payment.rerouting import given_up, rerouted
from domain.payment.spent import give_back


def payment_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel took the payer's money: its leg is in, and perhaps the payment has succeeded."""
    stream, on = _payment(outcome), unit.accounting_date
    facts = payment.leg_succeeded(
        unit.load(stream),
        place_of(outcome.instruction_id),
        lambda leg: composite.leg_received(on, leg.channel, leg.amount_fen),
        lambda leg: payment_to_send_back(on, leg.channel, leg.amount_fen),
    )
    unit.record(stream, facts)
    issue_send_backs(unit, stream, facts)
    _known_again(unit, stream)


def payment_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel refused a leg: another carries it, or what the other legs brought is undone."""
    stream = _payment(outcome)
    if rerouted(unit, outcome):
        _unknown_still(unit, stream)
        return
    state = unit.load(stream)
    reason = outcome.fact.reason
    facts = payment.leg_declined(state, place_of(outcome.instruction_id), reason)
    unit.record(stream, facts)
    if facts and state.started is not None and len(state.legs) > 1:
        release_wallet(unit, payment.number_of(stream), state.started.payer)
        give_back(unit, "payment", payment.number_of(stream), None, "the payment was given up")
        issue_send_backs(unit, stream, facts)


def payment_unknown(unit: Unit, outcome: Outcome[Unknown]) -> None:
    """Nobody can say yet: unknown is a state, never a guess. But what was certainly never sent may
    be left, for another channel."""
    if given_up(unit, outcome):
        return
    stream = _payment(outcome)
    unit.record(stream, payment.become_unknown(unit.load(stream), outcome.fact.reason))


def payment_known(unit: Unit, outcome: Outcome[Answered]) -> None:
    """A channel that could not say has the order: the payment goes on."""
    _known_again(unit, _payment(outcome))


def _known_again(unit: Unit, stream: "Stream[payment.State]") -> None:
    """A payment is unknown as long as one of its legs is."""
    state = unit.load(stream)
    if state.status == "unknown" and _unknown_leg(unit, stream, state) is None:
        unit.record(stream, payment.become_known(state))


def _unknown_still(unit: Unit, stream: "Stream[payment.State]") -> None:
    """One leg was given to another channel: another leg may be unknown."""
    state = unit.load(stream)
    leg = _unknown_leg(unit, stream, state)
    if leg is not None:
        unit.record(stream, payment.become_unknown(state, leg.answer))


def _unknown_leg(
    unit: Unit, stream: "Stream[payment.State]", state: payment.State
) -> instruction.State | None:
    """What is asked of a channel for a leg of which nobody can say what became of it."""
    payment_no = payment.number_of(stream)
    for place, leg in enumerate(state.legs):
        if leg.status == "waiting":
            asked = unit.load(instruction.stream(payment.asks(state, payment_no, place)))
            if asked.status == "unknown":
                return asked
    return None


def credit_recharged_wallet(
    unit: Unit, reaction: Reaction[payment.Succeeded, payment.State]
) -> None:
    """A recharge succeeded: the wallet gets the money, or the payer, if it was closed meanwhile."""
    fact, stream = reaction.fact, reaction.stream
    wallet = account_id(WALLET, fact.reference)
    if is_closed(unit, wallet):
        send_back(unit, stream, f"{wallet} is closed")
        return
    state = unit.load(stream)
    assert state.started is not None and fact.leg is not None
    channel = state.started.legs[fact.leg].channel
    entry = recharge_entry(unit.accounting_date, channel, fact.reference, fact.amount_fen)
    unit.record(stream, payment.recharge_wallet(state, entry))


def send_back(unit: Unit, stream: "Stream[payment.State]", reason: str) -> None:
    """A payment succeeded and nothing can take the money: the whole of it goes back as it came."""
    state, on = unit.load(stream), unit.accounting_date

    def goes_back(leg: Leg) -> Entry:
        return payment_to_send_back(on, leg.channel, leg.amount_fen)

    facts = payment.send_back(state, reason, goes_back)
    unit.record(stream, facts)
    if state.started is not None:
        release_wallet(unit, payment.number_of(stream), state.started.payer)
        give_back(unit, "payment", payment.number_of(stream), None, "the payment went back")
    issue_send_backs(unit, stream, facts)


def send_back_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel took a leg back."""
    stream, asked = _payment(outcome), outcome.asked
    state, place = unit.load(stream), place_of(outcome.instruction_id)
    waited = state.legs[place].account == PAYMENT_IN_TRANSIT
    back = composite.leg_sent_back if waited else refund_succeeded
    entry = back(unit.accounting_date, asked.channel, asked.amount_fen)
    unit.record(stream, payment.complete_send_back(state, place, asked.amount_fen, entry))


def send_back_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel did not take a leg back: it is kept for the payer."""
    stream, asked = _payment(outcome), outcome.asked
    state, place = unit.load(stream), place_of(outcome.instruction_id)
    waited = state.legs[place].account == PAYMENT_IN_TRANSIT
    keep = leg_kept if waited else refund_kept
    entry = keep(unit, asked.channel, asked.party, asked.amount_fen)
    reason, amount_fen = outcome.fact.reason, asked.amount_fen
    unit.record(stream, payment.fail_send_back(state, place, amount_fen, reason, entry))


def refund_kept(unit: Unit, channel: str, buyer: str, amount_fen: int) -> Entry:
    """The entry for money that a channel could not give back: the buyer's wallet has it or, closed
    as that is, the suspense account."""
    on = unit.accounting_date
    return home_or_suspense(
        unit,
        account_id(WALLET, buyer),
        partial(refund_to_wallet, on, buyer, amount_fen),
        partial(refund_to_suspense, on, channel, amount_fen),
    )


def leg_kept(unit: Unit, channel: str, buyer: str, amount_fen: int) -> Entry:
    """Likewise for a leg that waited for its plan."""
    on = unit.accounting_date
    return home_or_suspense(
        unit,
        account_id(WALLET, buyer),
        partial(composite.leg_to_wallet, on, buyer, amount_fen),
        partial(composite.leg_to_suspense, on, channel, amount_fen),
    )


def _payment(
    outcome: Outcome[Succeeded | Declined | Unknown | Answered],
) -> "Stream[payment.State]":
    return Stream(outcome.asked.reference)
