"""A purchase or a recharge succeeded at a channel: the channel owes us, we owe the customer; or the
payer, when nothing can take the money any more."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_RECEIVABLE,
    ESCROW,
    REFUND_IN_TRANSIT,
    WALLET,
    account_id,
)
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


def payment_to_send_back(on: date, channel: str, amount_fen: int) -> Entry:
    """A payment succeeded for what is closed, or paid already: it is on its way back at once."""
    return balanced(
        "payment_to_send_back.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(REFUND_IN_TRANSIT, amount_fen),
    )
