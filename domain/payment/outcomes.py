"""What an instruction's outcome does to the payment that asked for it, or that is sent back.

`domain/policies.py` says which of these follows: an outcome finds its owner by the stream that the
instruction names. Recharges are booked here; an order's payment is booked by the order.
"""

from functools import partial

from domain.accounting.chart import WALLET, account_id
from domain.accounting.commands import home_or_suspense, is_closed
from domain.accounting.rules.purchase import payment_to_send_back
from domain.accounting.rules.purchase import recharge as recharge_entry
from domain.accounting.rules.refund import refund_succeeded, refund_to_suspense, refund_to_wallet
from domain.kernel import Entry, Reaction, Stream, Unit
from domain.payment import payment
from domain.payment.commands import issue
from domain.payment.instruction import Declined, Outcome, Succeeded, Unknown


def payment_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel took the payer's money: the payment has succeeded."""
    stream = _payment(outcome)
    unit.record(stream, payment.succeed(unit.load(stream)))


def payment_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel refused the payment."""
    stream = _payment(outcome)
    unit.record(stream, payment.decline(unit.load(stream), outcome.fact.reason))


def payment_unknown(unit: Unit, outcome: Outcome[Unknown]) -> None:
    """Nobody can say yet: unknown is a state, never a guess."""
    stream = _payment(outcome)
    unit.record(stream, payment.become_unknown(unit.load(stream), outcome.fact.reason))


def credit_recharged_wallet(
    unit: Unit, reaction: Reaction[payment.Succeeded, payment.State]
) -> None:
    """A recharge succeeded: the wallet gets the money, or the payer, if it was closed meanwhile."""
    fact, stream = reaction.fact, reaction.stream
    wallet = account_id(WALLET, fact.reference)
    if is_closed(unit, wallet):
        send_back(unit, stream, f"{wallet} is closed")
        return
    entry = recharge_entry(unit.accounting_date, fact.channel, fact.reference, fact.amount_fen)
    unit.record(stream, payment.recharge_wallet(unit.load(stream), entry))


def send_back(unit: Unit, stream: "Stream[payment.State]", reason: str) -> None:
    """A payment succeeded and nothing can take the money: the whole of it goes back as it came."""
    state = unit.load(stream)
    assert state.started is not None
    channel, amount_fen = state.started.channel, state.started.amount_fen
    entry = payment_to_send_back(unit.accounting_date, channel, amount_fen)
    facts = payment.send_back(state, reason, entry)
    unit.record(stream, facts)
    if facts:
        wanted = payment.send_back_id(payment.number_of(stream))
        issue(unit, wanted, "refund", stream, channel, amount_fen, state.started.payer)


def send_back_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel took a payment back."""
    stream, asked = _payment(outcome), outcome.asked
    entry = refund_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
    unit.record(stream, payment.complete_send_back(unit.load(stream), entry))


def send_back_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel did not take a payment back: it is kept for the payer."""
    stream, asked = _payment(outcome), outcome.asked
    entry = refund_kept(unit, asked.channel, asked.party, asked.amount_fen)
    unit.record(stream, payment.fail_send_back(unit.load(stream), outcome.fact.reason, entry))


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


def _payment(outcome: Outcome[Succeeded | Declined | Unknown]) -> "Stream[payment.State]":
    return Stream(outcome.asked.reference)
