"""Bringing differences to what a comparison finds: suspected, confirmed with its entry, or none.

What persons have ended stays ended, as in `ended.py`: what is found with more money, with less, or
not any more makes another difference beside it.
"""

from typing import Literal

from msgspec.structs import replace

from domain.accounting.chart import CHANNEL_SURPLUS
from domain.accounting.rules.differences import NO_MORE, codes_of
from domain.kernel import Unit
from domain.reconciliation import difference
from domain.reconciliation.deals import confirmation, reversal
from domain.reconciliation.difference import About, Cause, State, Why, difference_id
from domain.reconciliation.ended import MADE_UP
from domain.reconciliation.sent import claim_arrived

BY_ITSELF = ("session_short", "session_over")  # A session takes off what was ended (`session.py`).


def found(unit: Unit, one: str, about: About, cause: Cause, *, certain: bool) -> None:
    """It is there, for certain or not. One that was confirmed with other amounts is found anew, so
    is a claim of which a part came; of one that persons have ended, what is more or less."""
    stream = difference.stream(one)
    state = unit.load(stream)
    if difference.is_ended(state):
        if about.kind not in BY_ITSELF:
            _beside(unit, one, state, about, cause, certain=certain)
        return
    _alone(unit, one, state)
    if difference.is_claimed(state):
        if not certain or difference.is_same(state, about):
            return
        claim_arrived(unit, one, _brought(state))
    elif state.status in ("confirmed", "proposed"):
        if state.about == about:
            return
        _clear(unit, one, state, "other_bill")
    state = unit.load(stream)
    if not certain:
        unit.record(stream, difference.suspect(state, about, cause))
        return
    account, entry = confirmation(about, unit.accounting_date)
    unit.record(stream, difference.confirm(state, about, cause, account, entry))


def gone(unit: Unit, one: str, why: Why) -> None:
    """It is none: what its confirmation posted is turned round. What was claimed has come; what
    persons have ended was ended in vain."""
    state = unit.load(difference.stream(one))
    if difference.is_ended(state):
        if state.about is not None and state.about.kind not in BY_ITSELF:
            _beside(unit, one, state, None, "", certain=True)
        return
    _alone(unit, one, state)
    if difference.is_claimed(state):
        claim_arrived(unit, one, _brought(state))
    _clear(unit, one, state, why)


def _clear(unit: Unit, one: str, state: State, why: Why) -> None:
    turned = reversal(state, unit.accounting_date)
    unit.record(difference.stream(one), difference.clear(state, why, turned))


def _brought(state: State) -> str:
    about = difference.needed(state)
    return f"{about.flow}-{about.number}"


def _beside(
    unit: Unit, one: str, state: State, about: About | None, cause: Cause, *, certain: bool
) -> None:
    """What is more than was ended, and what of that is there no more."""
    known = difference.needed(state)
    now_fen = about.amount_fen if about is not None else 0
    more_fen = now_fen - known.amount_fen
    more_id, less_id = _more(one, known), _less(one, known)
    if about is not None and more_fen > 0:
        found(unit, more_id, replace(about, amount_fen=more_fen), cause, certain=certain)
    else:
        gone(unit, more_id, "agrees")
    if more_fen < 0:
        made = replace(
            known,
            kind=_turned(known),
            lacks=NO_MORE[known.lacks],
            ours_fen=known.amount_fen,
            bill_fen=now_fen,
            amount_fen=-more_fen,
        )
        found(unit, less_id, made, "", certain=True)
    else:
        gone(unit, less_id, "agrees")


def _alone(unit: Unit, one: str, state: State) -> None:
    """It is not ended, so nothing stands beside it."""
    if state.about is None or state.status == "suspected" or state.about.kind in BY_ITSELF:
        return
    for beside in (_more(one, state.about), _less(one, state.about)):
        gone(unit, beside, "agrees")


def _more(one: str, about: About) -> str:
    return difference_id(about.kind, about.channel, about.number, about.on, f"more+{one}")


def _less(one: str, about: About) -> str:
    place = f"{MADE_UP}{one}"
    return difference_id(_turned(about), about.channel, about.number, about.on, place)


def _turned(about: About) -> Literal["payout_missing_here", "receipt_unknown"]:
    """Of a surplus that was ended in vain money is missing; of a shortage it is there unasked."""
    _, given = codes_of(about.flow, about.lacks)
    return "payout_missing_here" if given == CHANNEL_SURPLUS else "receipt_unknown"
