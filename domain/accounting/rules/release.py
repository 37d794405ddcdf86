"""Escrow is released: the merchant gets the amount less the fee, both still inside the reserve; of
what it gets a part may be withheld for its rolling reserve."""

from datetime import date

from domain.accounting.chart import (
    ESCROW,
    FEE_INCOME,
    MERCHANT_DEPOSIT,
    MERCHANT_PENDING,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules import own
from domain.kernel import Entry


def release(on: date, merchant: str, gross_fen: int, fee_fen: int, withheld_fen: int = 0) -> Entry:
    """The fee is income from now on, and lies in the reserve until it is swept.

    What is withheld never passes through the pending account: a freeze of what may leave that
    must not hold up what comes in."""
    return balanced(
        "release_with_reserve.2" if withheld_fen else "release.2",
        on,
        debit(account_id(ESCROW, merchant), gross_fen),
        credit(account_id(MERCHANT_PENDING, merchant), gross_fen - fee_fen - withheld_fen),
        credit(account_id(MERCHANT_DEPOSIT, merchant), withheld_fen),
        *own.earned(FEE_INCOME, fee_fen),
    )
