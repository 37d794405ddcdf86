"""Rolling reserve and deposits: withheld at the release, given back with a refund, released, taken,
returned. A debt is taken out of what becomes the merchant's first, and goes back to own funds."""

from datetime import date

from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_DEPOSIT,
    RESERVE,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules import own
from domain.kernel import Entry


def reserve_released(on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    """Its date has come: what was withheld is available to the merchant."""
    return _given_back("reserve_released.2", on, merchant, amount_fen, recovered_fen)


def deposit_returned(on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    return _given_back("deposit_returned.2", on, merchant, amount_fen, recovered_fen)


def deposit_taken(on: date, merchant: str, amount_fen: int) -> Entry:
    """Out of what is available to the merchant."""
    return balanced(
        "deposit_taken.1",
        on,
        debit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen),
        credit(account_id(MERCHANT_DEPOSIT, merchant), amount_fen),
    )


def deposit_paid_in(on: date, merchant: str, amount_fen: int) -> Entry:
    """The bank statement shows that the merchant has paid it into the reserve account."""
    return balanced(
        "deposit_paid_in.1",
        on,
        debit(RESERVE, amount_fen),
        credit(account_id(MERCHANT_DEPOSIT, merchant), amount_fen),
    )


def _given_back(rule: str, on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    return balanced(
        rule,
        on,
        debit(account_id(MERCHANT_DEPOSIT, merchant), amount_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), amount_fen - recovered_fen),
        credit(account_id(MERCHANT_DEBT, merchant), recovered_fen),
        *own.taken_out(recovered_fen),
    )
