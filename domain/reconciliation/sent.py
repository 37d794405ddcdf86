"""What becomes of a difference outside: what its own instruction was answered, what was claimed.

`domain/policies.py` says which of these follows.
"""

from domain.accounting.entry import reversed_entry
from domain.accounting.open_items import suspense_of
from domain.accounting.rules import differences as rules
from domain.kernel import Entry, Stream, Unit
from domain.payment import instruction
from domain.payment.contradicted import ended, paid_out_above, paid_out_withdrawn
from domain.payment.contradiction import Against
from domain.payment.instruction import Declined, Outcome, Succeeded
from domain.reconciliation import difference
from domain.reconciliation.deals import CHANNEL, deal_of, reversal
from domain.reconciliation.difference import State
from domain.reconciliation.resolutions import sense_of


def claim_arrived(unit: Unit, difference_id: str, by: str, entry: Entry | None = None) -> None:
    """A later bill or statement brings what was claimed: `by` names it. The confirmation's entry is
    reversed, so that the money stands where the verdict or the session takes it; or `entry` says
    where it is. What is no claim under way is left alone."""
    deal = deal_of(unit, difference_id)
    if not difference.is_claimed(deal.state):
        return
    if entry is None:
        entry = reversal(deal.state, unit.accounting_date)
    unit.record(deal.stream, difference.resolve(deal.state, by, entry))


def difference_sent(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel has taken back, or paid, what it was asked to."""
    stream, asked = _of(outcome.asked), outcome.asked
    state, on = unit.load(stream), unit.accounting_date
    entry = rules.sent(on, state.account, asked.channel, asked.amount_fen)
    unit.record(stream, difference.resolve(state, CHANNEL, entry))


def difference_not_sent(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel will not: the difference waits where it did, for another resolution."""
    stream = _of(outcome.asked)
    state = unit.load(stream)
    if state.approval is not None:
        entry = reversed_entry(state.approval, unit.accounting_date)
        reason = outcome.fact.reason
        facts = difference.lead_back(state, CHANNEL, reason, suspense_of(entry), entry)
        unit.record(stream, facts)


def difference_sent_late(unit: Unit, against: Against) -> None:
    """A success after a decline: what was led back is still there, or it was paid twice."""
    stream, asked = _of(against.asked), against.asked
    state, on = unit.load(stream), unit.accounting_date
    if state.status != "confirmed" or sense_of(state.account) != "surplus":
        paid_out_above(unit, against)
        return
    entry = rules.sent(on, state.account, asked.channel, asked.amount_fen)
    unit.record(stream, difference.resolve(state, CHANNEL, entry))
    ended(unit, against, "it is sent after all")


def difference_sent_withdrawn(unit: Unit, against: Against) -> None:
    """The channel takes its success back: the difference waits again."""
    if unit.load(_of(against.asked)).status != "resolved":
        paid_out_withdrawn(unit, against)
        return
    entry = rules.sent_withdrawn(
        unit.accounting_date, against.asked.channel, against.asked.amount_fen
    )
    _waits_again(unit, against, entry)


def difference_came_back(unit: Unit, against: Against) -> None:
    """What was sent came back days later: the difference waits again."""
    if unit.load(_of(against.asked)).status != "resolved":
        return  # It stays listed.
    entry = rules.sent_returned(
        unit.accounting_date, against.asked.channel, against.asked.amount_fen
    )
    _waits_again(unit, against, entry)


def _waits_again(unit: Unit, against: Against, entry: Entry) -> None:
    stream, reason = _of(against.asked), against.fact.reason or against.fact.kind
    state = unit.load(stream)
    facts = difference.lead_back(state, CHANNEL, reason, suspense_of(entry), entry)
    unit.record(stream, facts)
    ended(unit, against, "in suspense: its difference is confirmed again")


def _of(asked: instruction.State) -> "Stream[State]":
    return Stream(asked.reference)
