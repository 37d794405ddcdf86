"""A purchase or a recharge succeeded at a channel: the channel owes us, we owe the customer."""

from datetime import date

from domain.accounting.chart import CHANNEL_RECEIVABLE, ESCROW, WALLET, account_id
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def escrow_purchase(on: date, channel: str, merchant: str, amount_fen: int) -> Entry:
    """Paid through a channel; the money waits in the merchant's escrow account."""
    return balanced(
        "escrow_purchase.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(account_id(ESCROW, merchant), amount_fen),
    )


def recharge(on: date, channel: str, member: str, amount_fen: int) -> Entry:
    """A wallet recharged through a channel."""
    return balanced(
        "recharge.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(account_id(WALLET, member), amount_fen),
    )
