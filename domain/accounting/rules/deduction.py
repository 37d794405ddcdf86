"""Deductions: out of the account that an authority names, to the account it names; back when the
bank does not pay, or returns it. Source: section 5a of the domain notes."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    PAYOUT_IN_TRANSIT,
    RESERVE,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def deduction_asked(on: date, account: str, amount_fen: int) -> Entry:
    """扣划: it leaves the account, and waits in transit."""
    rule = "deduction_asked.1"
    return _moved(rule, on, account, PAYOUT_IN_TRANSIT, amount_fen)


def deduction_succeeded(on: date, channel: str, amount_fen: int) -> Entry:
    """The channel paid: we owe it the amount."""
    payable = account_id(CHANNEL_PAYABLE, channel)
    return _moved("deduction_succeeded.1", on, PAYOUT_IN_TRANSIT, payable, amount_fen)


def deduction_given_back(on: date, account: str, amount_fen: int) -> Entry:
    """Not paid: the account has it again."""
    return _moved("deduction_given_back.1", on, PAYOUT_IN_TRANSIT, account, amount_fen)


def deduction_kept(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and the account is closed: kept apart (长款挂账)."""
    surplus = account_id(CHANNEL_SURPLUS, channel)
    return _moved("deduction_kept.1", on, PAYOUT_IN_TRANSIT, surplus, amount_fen)


def deduction_succeeded_late(
    on: date, channel: str, account: str, *, there_fen: int, missing_fen: int
) -> Entry:
    """Paid after it was declined, and given back: what is there is taken again, what is not is
    missing (短款)."""
    return balanced(
        "deduction_succeeded_late.1",
        on,
        debit(account, there_fen),
        debit(account_id(CHANNEL_SHORTAGE, channel), missing_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), there_fen + missing_fen),
    )


def deduction_succeeded_late_kept(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and it was kept in suspense: all of it is there."""
    surplus, payable = account_id(CHANNEL_SURPLUS, channel), account_id(CHANNEL_PAYABLE, channel)
    return _moved("deduction_succeeded_late_kept.1", on, surplus, payable, amount_fen)


def deduction_returned(on: date, channel: str, account: str, amount_fen: int) -> Entry:
    """退汇, as the channel tells it, which owes us the money; the account has it."""
    came = account_id(CHANNEL_RECEIVABLE, channel)
    return _moved("deduction_returned.1", on, came, account, amount_fen)


def deduction_returned_kept(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and the account is closed."""
    came, kept = account_id(CHANNEL_RECEIVABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _moved("deduction_returned_kept.1", on, came, kept, amount_fen)


def deduction_returned_by_statement(on: date, account: str, amount_fen: int) -> Entry:
    """退汇, as the statement of the reserve account shows."""
    rule = "deduction_returned_by_statement.1"
    return _moved(rule, on, RESERVE, account, amount_fen)


def deduction_returned_by_statement_kept(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and the account is closed."""
    rule = "deduction_returned_by_statement_kept.1"
    return _moved(rule, on, RESERVE, account_id(CHANNEL_SURPLUS, channel), amount_fen)


def _moved(rule: str, on: date, out_of: str, into: str, amount_fen: int) -> Entry:
    return balanced(rule, on, debit(out_of, amount_fen), credit(into, amount_fen))
