"""Commands that bring a difference to its end: one operator proposes, another approves, and what
`resolutions.py` says of the resolution is done; an undo goes the same way."""

from domain.fields import checked_reason
from domain.kernel import Command, Unit
from domain.reconciliation import difference
from domain.reconciliation.carried import DOES, undo
from domain.reconciliation.deals import (
    Deal,
    deal_of,
    named_cases,
    other_of,
    partner_of,
    proposed_of,
    unfit,
)
from domain.reconciliation.difference import A_BILL, Resolution
from domain.reconciliation.resolutions import (
    FITS,
    SENSES,
    WAYS,
    final_of,
    fitting,
    sense_of,
)
from domain.refusals import Code, Refused


class ProposeResolution(Command, frozen=True, omit_defaults=True):
    """What is to be done about a confirmed difference, and why. `to`: the member or the other
    difference that a resolution names; or the chargebacks, with commas between."""

    difference: str
    resolution: str
    reason: str
    to: str = ""


class ApproveResolution(Command, frozen=True):
    """Do what is proposed, be it a resolution or its undoing: another person than who proposed."""

    difference: str


class TurnDownResolution(Command, frozen=True):
    """What is proposed is not done."""

    difference: str
    reason: str


class UndoResolution(Command, frozen=True):
    """A resolution is to be taken back; another person approves that."""

    difference: str
    reason: str


def propose_resolution(unit: Unit, command: ProposeResolution) -> dict[str, object]:
    """It is tried: what the books would refuse now is refused now.

    Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG, RESOLUTION_UNFIT, and what doing it raises.
    """
    deal = deal_of(unit, command.difference, command.to)
    reason = checked_reason(command.reason)
    resolution = _known(command.resolution)
    facts = difference.propose(deal.state, resolution, unit.actor, reason, command.to)
    if facts:
        _refuse_unfit(deal, resolution)
        unit.record(deal.stream, facts)
        if resolution == "link" and not named_cases(command.to):
            other = other_of(unit, deal)
            again = difference.propose(other.state, "link", unit.actor, reason, deal.id)
            unit.record(other.stream, again)
        unit.rehearse(lambda tried: DOES[resolution](tried, deal_of(tried, deal.id, command.to)))
    return _answer(unit, deal.id)


def approve_resolution(unit: Unit, command: ApproveResolution) -> dict[str, object]:
    """It is decided anew, by the books as they stand; what they refuse waits on.

    Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG, CHECKER_IS_MAKER, PERSON_UNKNOWN,
    RESOLUTION_UNFIT, RESOLUTION_FINAL, and what posting raises.
    """
    deal = deal_of(unit, command.difference)
    if not difference.refuse_approval(deal.state, unit.actor):
        return _answer(unit, deal.id)
    wanted = deal.state.undoing
    if wanted is not None:
        _refuse_final(deal)
        undo(unit, deal, wanted.reason)
    else:
        proposed = proposed_of(deal.state)
        deal = deal._replace(to=proposed.to)
        _refuse_unfit(deal, proposed.resolution)
        DOES[proposed.resolution](unit, deal)
    return _answer(unit, deal.id)


def turn_down_resolution(unit: Unit, command: TurnDownResolution) -> dict[str, object]:
    """Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG."""
    deal, reason = deal_of(unit, command.difference), checked_reason(command.reason)
    other = partner_of(unit, deal)
    unit.record(deal.stream, difference.turn_down(deal.state, unit.actor, reason))
    if other is not None:
        unit.record(other.stream, difference.turn_down(other.state, unit.actor, reason))
    return _answer(unit, deal.id)


def undo_resolution(unit: Unit, command: UndoResolution) -> dict[str, object]:
    """It is tried, as a proposal is. Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG,
    RESOLUTION_FINAL where money is out of the house, and what posting raises."""
    deal, reason = deal_of(unit, command.difference), checked_reason(command.reason)
    other = partner_of(unit, deal)
    facts = difference.want_undone(deal.state, unit.actor, reason)
    if facts:
        _refuse_final(deal)
        unit.record(deal.stream, facts)
        if other is not None:
            again = difference.want_undone(other.state, unit.actor, reason)
            unit.record(other.stream, again)
        unit.rehearse(lambda tried: undo(tried, deal_of(tried, deal.id), reason))
    return _answer(unit, deal.id)


NAMES = {
    "": "nobody",
    "member": "a member",
    "difference": "another difference, or chargebacks",
}


def _known(resolution: str) -> Resolution:
    found = next((one for one in WAYS if one == resolution), None)
    if found is None:
        raise Refused(Code.REQUEST_INVALID, "resolution", f"one of {', '.join(WAYS)}")
    return found


def _refuse_unfit(deal: Deal, resolution: Resolution) -> None:
    fits = fitting(deal.state)
    if resolution not in fits:
        kind, waits = deal.about.kind, SENSES[sense_of(deal.state.account)]
        if resolution in FITS[kind]:
            raise unfit(f"{resolution} is for what waits elsewhere; it waits on {waits}")
        raise unfit(f"{kind} has {', '.join(fits)}")
    if bool(deal.to) != bool(WAYS[resolution].to):
        what = WAYS[resolution].to
        detail = f"{resolution} names {NAMES[what]}"
        raise Refused(Code.REQUEST_INVALID, "to", detail)


def _refuse_final(deal: Deal) -> None:
    """Raises RESOLUTION_FINAL, and says what to do instead."""
    state = deal.state
    final = final_of(proposed_of(state).resolution, deal.about.flow)
    if state.status == "approved" and state.awaits != A_BILL:
        detail = f"{state.awaits} is on its way: wait for the channel's answer"
        raise Refused(Code.RESOLUTION_FINAL, "difference", detail)
    if final:
        raise Refused(Code.RESOLUTION_FINAL, "difference", final)
    if state.status == "resolved" and state.awaits == A_BILL:
        detail = "what was claimed has come: a bill that says otherwise begins it anew"
        raise Refused(Code.RESOLUTION_FINAL, "difference", detail)


def _answer(unit: Unit, difference_id: str) -> dict[str, object]:
    state = unit.load(difference.stream(difference_id))
    answer: dict[str, object] = {"difference": difference_id, "state": state.status}
    if state.proposed is not None:
        answer["resolution"] = state.proposed.resolution
    if state.undoing is not None:
        answer["undo_wanted"] = True
    return answer
