"""Payouts of which the channel says later what it had not said: section 5a of the domain notes."""

from functools import partial

from domain.accounting import account
from domain.accounting.chart import MERCHANT_AVAILABLE, account_id
from domain.accounting.commands import home_or_suspense
from domain.accounting.rules import settlement as rules
from domain.kernel import Stream, Unit
from domain.payment.contradicted import ended, paid_out_above
from domain.payment.contradiction import Against
from domain.settlement import batch
from domain.settlement.commands import hold_returned
from domain.settlement.payouts import PayoutStatus
from domain.settlement.reserving import taken_from_available


def _is(state: batch.State, payout_no: str, status: PayoutStatus) -> bool:
    """Whether a payout stands so, was not paid again, and none of its money is in suspense."""
    known = [(one.payout_no, one.status, one.suspense) for one in state.payouts]
    return (payout_no, status, "") in known


def payout_late(unit: Unit, against: Against) -> None:
    """A payout succeeded after it was declined. Not paid again yet, and its money still there: it
    is paid now. Else it was paid twice, or is missing."""
    stream: Stream[batch.State] = Stream(against.asked.reference)
    state, payout_no = unit.load(stream), against.instruction_id
    waiting = _is(state, payout_no, "failed")
    owner = account.stream(account_id(MERCHANT_AVAILABLE, state.merchant))
    held = unit.load(owner)
    mine_fen = dict(held.holds).get(payout_no, 0)
    amount_fen = against.asked.amount_fen
    enough = held.available_fen + mine_fen >= amount_fen and not held.frozen_out
    if not waiting or not enough or held.status != "open":
        paid_out_above(unit, against)
        return
    if mine_fen:
        unit.record(owner, account.take_hold(held, payout_no))
    on, channel = unit.accounting_date, against.asked.channel
    entry = rules.payout_succeeded_late(on, channel, state.merchant, amount_fen)
    unit.record(stream, batch.payout_succeeded(state, payout_no, entry, "failed"))
    if not mine_fen:
        taken_from_available(unit, state.merchant, stream, amount_fen)
    ended(unit, against, "paid")


def payout_returned(unit: Unit, against: Against) -> None:
    """退汇, as the channel tells it: it owes us the money, and the merchant has it again, on hold;
    or suspense, where the merchant's accounts are closed."""
    stream: Stream[batch.State] = Stream(against.asked.reference)
    state, payout_no = unit.load(stream), against.instruction_id
    if _is(state, payout_no, "returned"):
        ended(unit, against, "an operator had recorded it: the merchant has it")
    if not _is(state, payout_no, "succeeded"):
        return  # What was paid again stays listed.
    on, channel, amount_fen = (
        unit.accounting_date,
        against.asked.channel,
        against.asked.amount_fen,
    )
    entry = home_or_suspense(
        unit,
        account_id(MERCHANT_AVAILABLE, state.merchant),
        partial(rules.payout_returned_by_channel, on, channel, state.merchant, amount_fen),
        partial(rules.payout_returned_by_channel_to_suspense, on, channel, amount_fen),
    )
    reason = against.fact.reason or "returned"
    unit.record(stream, batch.payout_returned(state, payout_no, reason, entry))
    hold_returned(unit, state.merchant, payout_no, amount_fen)
    ended(unit, against, "the merchant has it again")
