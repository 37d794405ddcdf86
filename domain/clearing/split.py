"""Clearing split (清分): who gets what of a release, and who gives what back for a refund.

Both reactions record the transaction's own clearing fact with its entry; the day's clearing date
says which settlement batch it belongs to.
"""

from datetime import date

from domain.accounting.rules.refund import refund_after_release
from domain.accounting.rules.release import release as release_entry
from domain.clearing import day
from domain.kernel import Reaction, Unit
from domain.refusals import Code, Refused
from domain.transaction import transaction
from domain.transaction.advance import shares_now


def batch_id(merchant: str, clearing_date: date) -> str:
    """The settlement batch of a merchant and a clearing date: `SHOP22-2010-12-08`."""
    return f"{merchant}-{clearing_date.isoformat()}"


def merchant_of_batch(batch_id: str) -> str:
    """The merchant, from a batch's id: what stands before the first dash."""
    return batch_id.partition("-")[0]


def clearing_date(unit: Unit) -> date:
    """The date that collects releases now. Raises DAY_NOT_OPEN."""
    on = unit.load(day.STREAM).clearing_date
    if on is None:
        raise Refused(Code.DAY_NOT_OPEN, "date")
    return on


def release(unit: Unit, reaction: Reaction[transaction.Completed, transaction.State]) -> None:
    """A transaction was completed: release what was not refunded, less the fee on it."""
    state = unit.load(reaction.stream)
    assert state.created is not None
    merchant, on = state.created.merchant, clearing_date(unit)
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
    merchant, on = state.created.merchant, clearing_date(unit)
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
