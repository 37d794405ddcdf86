"""A chargeback meets its money: what the channel takes off for it is found as a shortage, what it
gives back once it is won as a surplus. A `link` says so of a difference, and names chargebacks.

The entry stands on the chargeback: so all that it moves on 1122.02 is in its own stream. 1122.02 is
that of its channel, suspense that of the difference, which may be the channel that leads a session.
"""

from domain.accounting.entry import reversed_entry
from domain.accounting.rules import chargeback as rules
from domain.accounting.rules.chargeback import Way
from domain.channel.channels import CHANNELS, PAYOUT_CHANNEL, network_of
from domain.fields import checked_number
from domain.kernel import Unit
from domain.reconciliation import chargeback
from domain.reconciliation.chargeback import Received
from domain.reconciliation.deals import Deal, named_cases
from domain.reconciliation.difference import About, State
from domain.reconciliation.resolutions import sense_of
from domain.refusals import Code, Refused

MOST = 20  # Chargebacks that one difference is the money of.
# What a surplus of these is made of is on its way to somebody: no channel has given it back.
OWED = ("payout_missing_at_bank", "refund_missing_at_channel")


def way_of(state: State) -> Way:
    """Which way a chargeback's money goes that a difference is."""
    return "back" if sense_of(state.account) == "surplus" else "off"


def channels_of(about: About) -> tuple[str, ...]:
    """Of which channels a difference can be a chargeback's money: of a session, of all that its
    network clears; of a line of the bank's, of any."""
    if about.channel == PAYOUT_CHANNEL:
        return tuple(CHANNELS)
    if about.flow == "session":
        clearing = network_of(about.channel)
        return tuple(one for one in CHANNELS if network_of(one) == clearing)
    return (about.channel,)


def meet(unit: Unit, deal: Deal) -> None:
    """The chargebacks that a link names have met their money, each once each way.

    Raises IDENTIFIER_INVALID, REQUEST_INVALID, CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG and
    RESOLUTION_UNFIT, which name `to`.
    """
    way, on, waits = way_of(deal.state), unit.accounting_date, deal.state.account
    if way == "back" and deal.about.kind in OWED:
        raise _unfit(f"{deal.about.kind} is owed to who was to have it")
    cases = [checked_number(one, "to") for one in named_cases(deal.to)]
    if len(cases) > MOST:
        raise Refused(Code.REQUEST_INVALID, "to", f"at most {MOST} chargebacks are named")
    found = [_needed(unit, deal.about, one, way) for one in cases]
    whole_fen = sum(one.amount_fen for one in found)
    if whole_fen != deal.state.waits_fen:
        raise _unfit(f"{whole_fen} fen are charged back, {deal.state.waits_fen} fen wait")
    for case, received in zip(cases, found, strict=True):
        entry = rules.met(on, waits, received.channel, received.amount_fen, way)
        stream = chargeback.stream(case)
        facts = chargeback.meet(unit.load(stream), way, unit.actor, deal.id, entry)
        unit.record(stream, facts)


def unmeet(unit: Unit, deal: Deal, reason: str) -> None:
    """The link is undone: they wait for their money again. Raises CHARGEBACK_STATE_WRONG."""
    proposed = deal.state.proposed
    if proposed is None or proposed.resolution != "link":
        return
    for case in named_cases(proposed.to):
        stream = chargeback.stream(case)
        state = unit.load(stream)
        known = chargeback.met_by(state, deal.id)
        entry = reversed_entry(known.entry, unit.accounting_date)
        unit.record(stream, chargeback.unmeet(state, known, unit.actor, reason, entry))


def _needed(unit: Unit, about: About, case: str, way: Way) -> Received:
    """Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG, RESOLUTION_UNFIT."""
    received = chargeback.to_meet(unit.load(chargeback.stream(case)), way)
    if received.channel not in (fits := channels_of(about)):
        raise _unfit(f"{case} is of {received.channel}, not of {', '.join(fits)}")
    return received


def _unfit(detail: str) -> Refused:
    return Refused(Code.RESOLUTION_UNFIT, "to", detail)
