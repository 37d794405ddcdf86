"""Settlement: money falls due, a debt is recovered, a payout leaves, fails, or comes back."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_SURPLUS,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    PAYOUT_IN_TRANSIT,
    RESERVE,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules import own
from domain.kernel import Entry

PAID_LATE = "payout_succeeded_late.1"  # No instruction of it has succeeded at the time.


def matured(on: date, merchant: str, due_fen: int, recovered_fen: int) -> Entry:
    """The cycle is due: pending becomes available, a debt is taken back first and the advance
    is on its way from the reserve to own funds."""
    return balanced(
        "settlement_matured.2",
        on,
        debit(account_id(MERCHANT_PENDING, merchant), due_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), due_fen - recovered_fen),
        credit(account_id(MERCHANT_DEBT, merchant), recovered_fen),
        *own.taken_out(recovered_fen),
    )


def payout_instructed(on: date, merchant: str, amount_fen: int) -> Entry:
    return balanced(
        "payout_instructed.1",
        on,
        debit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
        credit(PAYOUT_IN_TRANSIT, amount_fen),
    )


def payout_succeeded(on: date, channel: str, amount_fen: int) -> Entry:
    return balanced(
        "payout_succeeded.1",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
    )


def payout_failed(on: date, merchant: str, amount_fen: int) -> Entry:
    """The channel did not pay: the money is the merchant's again."""
    return balanced(
        "payout_failed.1",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
    )


def payout_returned(on: date, merchant: str, amount_fen: int) -> Entry:
    """退汇: the receiving bank sent the money back, days later, into the reserve account."""
    return balanced(
        "payout_returned.1",
        on,
        debit(RESERVE, amount_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
    )


def payout_succeeded_late(on: date, channel: str, merchant: str, amount_fen: int) -> Entry:
    """The channel paid after it had declined: the money leaves the merchant's account again."""
    return balanced(
        PAID_LATE,
        on,
        debit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
    )


def payout_returned_by_channel(on: date, channel: str, merchant: str, amount_fen: int) -> Entry:
    """退汇, as the channel tells it: it owes us what has not come into the reserve account yet."""
    return balanced(
        "payout_returned_by_channel.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
    )


def payout_returned_by_channel_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, for a merchant whose accounts are closed."""
    return balanced(
        "payout_returned_by_channel_to_suspense.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen),
    )


def payout_failed_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """The channel did not pay, and the merchant's accounts are closed: the money is kept apart
    (长款挂账) until somebody finds out where it belongs."""
    return balanced(
        "payout_failed_to_suspense.1",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen),
    )


def payout_returned_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """退汇 for a merchant whose accounts are closed: back in the reserve account, kept apart."""
    return balanced(
        "payout_returned_to_suspense.1",
        on,
        debit(RESERVE, amount_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen),
    )
