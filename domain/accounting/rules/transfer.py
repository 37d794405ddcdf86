"""Internal transfer: one customer's wallet pays another's, nothing leaves the institution."""

from datetime import date

from domain.accounting.chart import WALLET, account_id
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def internal_transfer(on: date, payer: str, payee: str, amount_fen: int) -> Entry:
    return balanced(
        "internal_transfer.1",
        on,
        debit(account_id(WALLET, payer), amount_fen),
        credit(account_id(WALLET, payee), amount_fen),
    )
