"""A difference as its commands find it: what it is about and posts, who is named, what is unfit."""

from datetime import date
from typing import NamedTuple

from domain.accounting.entry import reversed_entry
from domain.accounting.rules.differences import difference_confirmed, waits_on
from domain.channel.channels import CHANNELS
from domain.fields import checked_number
from domain.kernel import Entry, Stream, Unit
from domain.payment import instruction
from domain.reconciliation import difference
from domain.reconciliation.difference import About, Proposed, State
from domain.reconciliation.hindrances import NOT_OURS
from domain.refusals import Code, Refused

CHANNEL = "channel"  # Who brought or took back the money, where it is no person.


class Deal(NamedTuple):
    """A difference as it stands, and what is to be done about it."""

    id: str
    stream: "Stream[State]"
    state: State
    about: About
    to: str


def deal_of(unit: Unit, difference_id: str, to: str = "") -> Deal:
    """Raises IDENTIFIER_INVALID, DIFFERENCE_NOT_FOUND."""
    number = checked_number(difference_id, "difference")
    stream = difference.stream(number)
    state = unit.load(stream)
    return Deal(number, stream, state, difference.needed(state), to)


def confirmation(about: About, on: date) -> tuple[str, Entry | None]:
    """Where the money of a difference waits from its confirmation on, and the entry: none where no
    money is in question, or something has posted it already."""
    if not about.amount_fen or about.linked:
        return "", None
    named = (about.channel, about.flow, about.lacks)
    entry = difference_confirmed(on, *named, about.amount_fen, gross=about.gross)
    return waits_on(about.flow, about.lacks, about.channel), entry


def reversal(state: State, on: date) -> Entry | None:
    """The entry of its confirmation turned round; None where it has none."""
    return reversed_entry(state.confirmation, on) if state.confirmation is not None else None


def proposed_of(state: State) -> Proposed:
    assert state.proposed is not None
    return state.proposed


def named_cases(to: str) -> tuple[str, ...]:
    """The chargebacks that a link names, by their ids; () where it names another difference."""
    channel, dash, _ = to.partition("-")
    return tuple(to.split(",")) if dash and channel in CHANNELS else ()


def other_of(unit: Unit, deal: Deal) -> Deal:
    """The difference that a link names. Raises REQUEST_INVALID, DIFFERENCE_NOT_FOUND."""
    number = checked_number(deal.to, "to")
    state = unit.load(difference.stream(number))
    if state.about is None:
        raise Refused(Code.DIFFERENCE_NOT_FOUND, "to")
    if number == deal.id:
        raise Refused(Code.REQUEST_INVALID, "to", "another difference is needed")
    return Deal(number, difference.stream(number), state, state.about, deal.id)


def partner_of(unit: Unit, deal: Deal) -> Deal | None:
    """The other one of a link that is proposed or done, if it still names this one; of a link to
    chargebacks none."""
    proposed = deal.state.proposed
    if proposed is None or proposed.resolution != "link" or named_cases(proposed.to):
        return None
    other = other_of(unit, deal._replace(to=proposed.to))
    names = other.state.proposed
    return other if names is not None and names.to == deal.id else None


def asked_of(unit: Unit, deal: Deal) -> instruction.Issued:
    asked = unit.load(instruction.stream(deal.about.instruction_id)).asked
    if asked is None:
        raise unfit(NOT_OURS)
    return asked


def unfit(detail: str) -> Refused:
    return Refused(Code.RESOLUTION_UNFIT, "resolution", detail)
