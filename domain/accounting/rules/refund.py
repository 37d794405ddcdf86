"""Refunds: out of escrow, or out of the merchant's money after release, or advanced for it."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_SURPLUS,
    ESCROW,
    FEE_INCOME,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_DEPOSIT,
    MERCHANT_PENDING,
    REFUND_IN_TRANSIT,
    WALLET,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules import own
from domain.kernel import Entry


def refund_from_escrow(on: date, merchant: str, amount_fen: int) -> Entry:
    """Before release: the buyer's money goes back out of escrow; no fee was taken yet."""
    return balanced(
        "refund_from_escrow.1",
        on,
        debit(account_id(ESCROW, merchant), amount_fen),
        credit(REFUND_IN_TRANSIT, amount_fen),
    )


def refund_after_release(
    on: date,
    merchant: str,
    *,
    from_pending_fen: int,
    from_available_fen: int,
    advanced_fen: int,
    fee_returned_fen: int,
    reserve_returned_fen: int = 0,
    fee_own_fen: int = 0,
) -> Entry:
    """After release: the merchant's money, its share of the rolling reserve and the fee given back
    pay for the refund; what is missing the institution advances, and the merchant owes it. Of the
    fee given back `fee_own_fen` was swept already. Both come out of own funds, which are on their
    way into the reserve account."""
    whole = from_pending_fen + from_available_fen + advanced_fen + fee_returned_fen
    whole += reserve_returned_fen
    return balanced(
        "refund_with_reserve.2" if reserve_returned_fen else "refund_after_release.2",
        on,
        debit(account_id(MERCHANT_DEPOSIT, merchant), reserve_returned_fen),
        debit(account_id(MERCHANT_PENDING, merchant), from_pending_fen),
        debit(account_id(MERCHANT_AVAILABLE, merchant), from_available_fen),
        debit(account_id(MERCHANT_DEBT, merchant), advanced_fen),
        *own.given_back(FEE_INCOME, fee_returned_fen - fee_own_fen, fee_own_fen),
        credit(REFUND_IN_TRANSIT, whole),
        *own.topped_up(advanced_fen + fee_own_fen),
    )


def refund_succeeded(on: date, channel: str, amount_fen: int) -> Entry:
    """The channel paid the buyer back: we owe the channel."""
    return balanced(
        "refund_succeeded.1",
        on,
        debit(REFUND_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
    )


def refund_to_wallet(on: date, buyer: str, amount_fen: int) -> Entry:
    """The channel could not pay the buyer back: the money goes to the buyer's wallet."""
    return balanced(
        "refund_to_wallet.1",
        on,
        debit(REFUND_IN_TRANSIT, amount_fen),
        credit(account_id(WALLET, buyer), amount_fen),
    )


def refund_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """The channel could not pay the buyer back, and the wallet is closed: the money is kept apart
    (长款挂账) until somebody finds out where it belongs."""
    return balanced(
        "refund_to_suspense.1",
        on,
        debit(REFUND_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen),
    )
