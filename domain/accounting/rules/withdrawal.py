"""Withdrawals: out of the wallet when asked for, the fee earned when the channel has paid; back
when it does not, or when the bank returns it. Source: section 5a of the domain notes."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    PAYOUT_IN_TRANSIT,
    RESERVE,
    WALLET,
    WITHDRAWAL_FEE_INCOME,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules import own
from domain.kernel import Entry


def withdrawal_requested(on: date, member: str, amount_fen: int, fee_fen: int) -> Entry:
    """Amount and fee leave the wallet, and wait in transit."""
    return balanced(
        "withdrawal_requested.1",
        on,
        debit(account_id(WALLET, member), amount_fen + fee_fen),
        credit(PAYOUT_IN_TRANSIT, amount_fen + fee_fen),
    )


def withdrawal_succeeded(on: date, channel: str, amount_fen: int, fee_fen: int) -> Entry:
    """The channel paid: we owe it the amount, and the fee is earned."""
    return balanced(
        "withdrawal_succeeded.2",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen + fee_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
        *own.earned(WITHDRAWAL_FEE_INCOME, fee_fen),
    )


def withdrawal_given_back(on: date, member: str, amount_fen: int, fee_fen: int) -> Entry:
    """Not paid, or not approved: amount and fee are the wallet's again."""
    return balanced(
        "withdrawal_given_back.1",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen + fee_fen),
        credit(account_id(WALLET, member), amount_fen + fee_fen),
    )


def withdrawal_kept(on: date, channel: str, amount_fen: int, fee_fen: int) -> Entry:
    """Likewise, and the wallet is closed: kept apart (长款挂账)."""
    return balanced(
        "withdrawal_kept.1",
        on,
        debit(PAYOUT_IN_TRANSIT, amount_fen + fee_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen + fee_fen),
    )


def withdrawal_succeeded_late(
    on: date, channel: str, member: str, *, wallet_fen: int, missing_fen: int, fee_fen: int
) -> Entry:
    """Paid after it was declined, and given to the wallet again: what is left there is taken, what
    is not is missing (短款); and the fee, if there is enough for it."""
    return balanced(
        "withdrawal_succeeded_late.2",
        on,
        debit(account_id(WALLET, member), wallet_fen + fee_fen),
        debit(account_id(CHANNEL_SHORTAGE, channel), missing_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), wallet_fen + missing_fen),
        *own.earned(WITHDRAWAL_FEE_INCOME, fee_fen),
    )


def withdrawal_succeeded_late_kept(on: date, channel: str, amount_fen: int, fee_fen: int) -> Entry:
    """Likewise, and it was kept in suspense: all of it is there."""
    return balanced(
        "withdrawal_succeeded_late_kept.2",
        on,
        debit(account_id(CHANNEL_SURPLUS, channel), amount_fen + fee_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
        *own.earned(WITHDRAWAL_FEE_INCOME, fee_fen),
    )


def withdrawal_returned(
    on: date, channel: str, member: str, amount_fen: int, *, fee_earned_fen: int, fee_own_fen: int
) -> Entry:
    """The bank returned it, as the channel tells, which owes us the money; the wallet has it, and
    what of the fee is given back."""
    came, to = account_id(CHANNEL_RECEIVABLE, channel), account_id(WALLET, member)
    return _returned("withdrawal_returned.2", on, came, to, amount_fen, fee_earned_fen, fee_own_fen)


def withdrawal_returned_kept(
    on: date, channel: str, amount_fen: int, *, fee_earned_fen: int, fee_own_fen: int
) -> Entry:
    """Likewise, and the wallet is closed."""
    came, to = account_id(CHANNEL_RECEIVABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    rule = "withdrawal_returned_kept.2"
    return _returned(rule, on, came, to, amount_fen, fee_earned_fen, fee_own_fen)


def withdrawal_returned_by_statement(
    on: date, member: str, amount_fen: int, *, fee_earned_fen: int, fee_own_fen: int
) -> Entry:
    """The bank returned it, as the statement of the reserve account shows."""
    rule, to = "withdrawal_returned_by_statement.2", account_id(WALLET, member)
    return _returned(rule, on, RESERVE, to, amount_fen, fee_earned_fen, fee_own_fen)


def withdrawal_returned_by_statement_kept(
    on: date, channel: str, amount_fen: int, *, fee_earned_fen: int, fee_own_fen: int
) -> Entry:
    """Likewise, and the wallet is closed."""
    rule, to = "withdrawal_returned_by_statement_kept.2", account_id(CHANNEL_SURPLUS, channel)
    return _returned(rule, on, RESERVE, to, amount_fen, fee_earned_fen, fee_own_fen)


def _returned(
    rule: str, on: date, came: str, to: str, amount_fen: int, earned_fen: int, own_fen: int
) -> Entry:
    """A fee that is not in the reserve any more is paid out of own funds, and the income taken
    back."""
    return balanced(
        rule,
        on,
        debit(came, amount_fen),
        credit(to, amount_fen + earned_fen + own_fen),
        *own.given_back(WITHDRAWAL_FEE_INCOME, earned_fen, own_fen),
        *own.topped_up(own_fen),
    )
