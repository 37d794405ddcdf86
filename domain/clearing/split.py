"""Clearing split (清分): who gets what of a release, and who gives what back for a refund.

Both reactions record the transaction's own clearing fact with its entry; the day's clearing date
says which settlement batch it belongs to.
"""

from datetime import date, timedelta

from domain.accounting.rules.refund import refund_after_release
from domain.accounting.rules.release import release as release_entry
from domain.clearing import day
from domain.kernel import Reaction, Unit, iso_time, shanghai_date
from domain.member import agreement, member
from domain.refusals import Code, Refused
from domain.transaction import transaction
from domain.transaction.advance import shares_now


def batch_id(merchant: str, clearing_date: date) -> str:
    """The settlement batch of a merchant and a clearing date: `SHOP22-2010-12-08`."""
    return f"{merchant}-{clearing_date.isoformat()}"


def merchant_of_batch(batch_id: str) -> str:
    """The merchant, from a batch's id: what stands before the first dash."""
    return batch_id.partition("-")[0]


def clearing_date(unit: Unit, merchant: str = "") -> date:
    """The date that collects releases now, those of a merchant by its own cut-off. Raises
    DAY_NOT_OPEN."""
    on = unit.load(day.STREAM).clearing_date
    if on is None:
        raise Refused(Code.DAY_NOT_OPEN, "date")
    if not merchant:
        return on
    owner, signed = unit.load(member.stream(merchant)), unit.load(agreement.stream(merchant))
    terms = agreement.terms_on(owner, signed, shanghai_date(unit.at_us))
    return after_own_cut_off(on, terms.cut_off if terms else "", unit.at_us)


def after_own_cut_off(on: date, cut_off: str, at_us: int) -> date:
    """The clearing date of what happens at an instant while `on` is collecting: the next one, once
    a merchant's own cut-off (HH:MM in Shanghai; "": it has none) has passed on that date. What the
    common cut-off has moved on already, and what comes late or early, stays with `on`."""
    if not cut_off or shanghai_date(at_us) != on:
        return on
    return on + timedelta(days=1) if iso_time(at_us)[11:16] >= cut_off else on


def release(unit: Unit, reaction: Reaction[transaction.Completed, transaction.State]) -> None:
    """A transaction was completed: release what was not refunded, less the fee on it."""
    state = unit.load(reaction.stream)
    assert state.created is not None
    merchant = state.created.merchant
    on = clearing_date(unit, merchant)
    share = transaction.release_of(state)
    entry = release_entry(unit.accounting_date, merchant, share.gross_fen, share.fee_fen)
    unit.record(reaction.stream, transaction.clear(share, on, batch_id(merchant, on), entry))


def take_back(
    unit: Unit, reaction: Reaction[transaction.RefundAccepted, transaction.State]
) -> None:
    """A refund after release: the fee on it comes back, the merchant's money pays the rest, and
    what is missing is advanced."""
    accepted = reaction.fact
    if accepted.stage != "released":
        return
    state = unit.load(reaction.stream)
    assert state.created is not None
    merchant = state.created.merchant
    on = clearing_date(unit, merchant)
    shares = shares_now(unit, state, accepted.amount_fen)
    entry = refund_after_release(
        unit.accounting_date,
        merchant,
        from_pending_fen=shares.from_pending_fen,
        from_available_fen=shares.from_available_fen,
        advanced_fen=shares.advanced_fen,
        fee_returned_fen=shares.fee_returned_fen,
    )
    cleared = transaction.clear_refund(accepted, shares, on, batch_id(merchant, on), entry)
    unit.record(reaction.stream, cleared)
