"""What stands against a resolution of one difference before anything is tried: its kind and money
allow it (`resolutions.py`), and still its instruction, or what the bill says of it, does not.

`carried.py` refuses by it, and whoever is shown what may be done is not shown what cannot.
"""

from domain.kernel import States, category
from domain.money import round_half_up
from domain.payment import contradiction, instruction
from domain.reconciliation.bills.line import MILLI
from domain.reconciliation.difference import About, Resolution, State
from domain.reconciliation.resolutions import fitting

NOT_OURS = "no instruction of ours has its number"


def possible(load: States, state: State) -> tuple[Resolution, ...]:
    """What may be proposed for a difference as it stands, and nothing known is against. A `link`
    wants another difference, a `to_wallet` a member: those are not asked for."""
    about = state.about
    if about is None:
        return ()
    return tuple(one for one in fitting(state) if not hindrance(load, about, one))


def hindrance(load: States, about: About, resolution: Resolution) -> str:
    """Why it cannot be carried out; "": nothing is known against it."""
    match resolution:
        case "adopt":
            return _not_adopted(load, about)
        case "refund_payer":
            known = about.serial or _asked(load, about) is not None
            return "" if known else "neither the instruction nor the channel's serial is known"
        case "credit_payee":
            asked = _asked(load, about)
            if asked is None:
                return NOT_OURS
            owed = asked.purpose == "payout" and category(asked.reference) == "deduction"
            return "an authority is owed it: issue it again" if owed else ""
        case "reissue":
            return "" if _asked(load, about) is not None else NOT_OURS
        case "correct_fee":
            off = round_half_up(abs(about.bill_fen - about.ours_fen), MILLI)
            return "" if off else "less than half a fen is rounding"
        case _:
            return ""


def _not_adopted(load: States, about: About) -> str:
    known = load(instruction.stream(about.instruction_id))
    if not about.instruction_id or known.asked is None:
        return NOT_OURS
    word = load(contradiction.stream(about.instruction_id)).word or known.status
    if word not in (*instruction.OPEN, "declined"):
        return f"its instruction has {word} already"
    if not about.serial or not about.bill_fen:
        return "the bill names no success, by a serial of the channel"
    if known.asked.parts:
        return "it pays several transactions: ask the channel for the serial of each"
    return ""


def _asked(load: States, about: About) -> instruction.Issued | None:
    return load(instruction.stream(about.instruction_id)).asked
