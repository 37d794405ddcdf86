"""Clearing split (清分): who gets what of a release, and who gives what back for a refund.

Both reactions record the transaction's own clearing fact with its entry; the day's clearing date
says which settlement batch it belongs to.
"""

from datetime import date

from domain.accounting import account
from domain.accounting.chart import MERCHANT_AVAILABLE, MERCHANT_PENDING, account_id
from domain.accounting.rules.refund import refund_after_release
from domain.accounting.rules.release import release as release_entry
from domain.clearing import day
from domain.kernel import Reaction, Unit
from domain.money import fee_fen
from domain.refusals import Code, Refused
from domain.transaction import transaction


def batch_id(merchant: str, clearing_date: date) -> str:
    """The settlement batch of a merchant and a clearing date: `SHOP22-2010-12-08`."""
    return f"{merchant}-{clearing_date.isoformat()}"


def clearing_date(unit: Unit) -> date:
    """The date that collects releases now. Raises DAY_NOT_OPEN."""
    current: day.State = unit.load(day.STREAM)
    if current.clearing_date is None:
        raise Refused(Code.DAY_NOT_OPEN, "date")
    return current.clearing_date


def release(unit: Unit, reaction: Reaction) -> None:
    """A transaction was completed: release what was not refunded, less the fee on it."""
    state: transaction.State = unit.load(reaction.stream)
    assert state.created is not None
    merchant, gross_fen = state.created.merchant, state.refundable_fen
    fee = fee_fen(state.created.fee_rule, gross_fen)
    on = clearing_date(unit)
    entry = release_entry(unit.accounting_date, merchant, gross_fen, fee)
    cleared = transaction.Cleared(
        on, batch_id(merchant, on), gross_fen, fee, gross_fen - fee, entry
    )
    unit.record(reaction.stream, [cleared])


def take_back(unit: Unit, reaction: Reaction) -> None:
    """A refund after release: the fee on it comes back, the merchant's money pays the rest, first
    what is not yet due, then what is available; what is missing becomes the merchant's debt."""
    fact: transaction.RefundAccepted = reaction.fact
    if fact.stage != "released":
        return
    state: transaction.State = unit.load(reaction.stream)
    assert state.created is not None
    merchant = state.created.merchant
    fee_returned_fen = transaction.fee_returned_fen(state, fact.amount_fen)
    owed_fen = fact.amount_fen - fee_returned_fen
    pending: account.State = unit.load(account.stream(account_id(MERCHANT_PENDING, merchant)))
    available: account.State = unit.load(account.stream(account_id(MERCHANT_AVAILABLE, merchant)))
    from_pending_fen = min(owed_fen, max(pending.available_fen, 0))
    from_available_fen = min(owed_fen - from_pending_fen, max(available.available_fen, 0))
    advanced_fen = owed_fen - from_pending_fen - from_available_fen
    on = clearing_date(unit)
    entry = refund_after_release(
        unit.accounting_date,
        merchant,
        from_pending_fen=from_pending_fen,
        from_available_fen=from_available_fen,
        advanced_fen=advanced_fen,
        fee_returned_fen=fee_returned_fen,
    )
    cleared = transaction.RefundCleared(
        fact.refund_no,
        on,
        batch_id(merchant, on),
        fact.amount_fen,
        fee_returned_fen,
        from_pending_fen,
        from_available_fen,
        advanced_fen,
        entry,
    )
    unit.record(reaction.stream, [cleared])
