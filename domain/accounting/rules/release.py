"""Escrow is released: the merchant gets the amount less the fee, both still inside the reserve."""

from datetime import date

from domain.accounting.chart import ESCROW, FEE_EARNED, MERCHANT_PENDING, account_id
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def release(on: date, merchant: str, gross_fen: int, fee_fen: int) -> Entry:
    return balanced(
        "release.1",
        on,
        debit(account_id(ESCROW, merchant), gross_fen),
        credit(account_id(MERCHANT_PENDING, merchant), gross_fen - fee_fen),
        credit(FEE_EARNED, fee_fen),
    )
