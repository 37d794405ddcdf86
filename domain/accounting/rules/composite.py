"""A payment of several legs: money that waits on 2241.09 (支付在途) until all legs are in, is taken
into escrow with them, or goes back. Source: section 5a of the domain notes."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_SURPLUS,
    ESCROW,
    PAYMENT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    WALLET,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def leg_received(on: date, channel: str, amount_fen: int) -> Entry:
    """A channel leg is in, and the plan is not complete."""
    return balanced(
        "leg_received.1",
        on,
        debit(account_id(CHANNEL_RECEIVABLE, channel), amount_fen),
        credit(PAYMENT_IN_TRANSIT, amount_fen),
    )


def composite_purchase(
    on: date,
    merchant: str,
    payer: str,
    *,
    wallet_fen: int,
    waiting_fen: int,
    channel: str,
    channel_fen: int,
) -> Entry:
    """One transaction of a plan that is complete: from the payer's wallet, from legs that waited,
    and from the leg that came last, which is booked at once."""
    return balanced(
        "composite_purchase.1",
        on,
        debit(account_id(WALLET, payer), wallet_fen),
        debit(PAYMENT_IN_TRANSIT, waiting_fen),
        debit(account_id(CHANNEL_RECEIVABLE, channel), channel_fen),
        credit(account_id(ESCROW, merchant), wallet_fen + waiting_fen + channel_fen),
    )


def leg_sent_back(on: date, channel: str, amount_fen: int) -> Entry:
    """The plan was given up, and the channel took its leg back."""
    return balanced(
        "leg_sent_back.1",
        on,
        debit(PAYMENT_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), amount_fen),
    )


def leg_to_wallet(on: date, payer: str, amount_fen: int) -> Entry:
    """The plan was given up, and the channel could not take its leg back: the payer has it."""
    return balanced(
        "leg_to_wallet.1",
        on,
        debit(PAYMENT_IN_TRANSIT, amount_fen),
        credit(account_id(WALLET, payer), amount_fen),
    )


def leg_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and the payer's wallet is closed: it is kept apart (长款挂账)."""
    return balanced(
        "leg_to_suspense.1",
        on,
        debit(PAYMENT_IN_TRANSIT, amount_fen),
        credit(account_id(CHANNEL_SURPLUS, channel), amount_fen),
    )


def recharge_to_send_back(on: date, payer: str, amount_fen: int) -> Entry:
    """A recharge is undone: its money leaves the wallet and goes back the way it came."""
    return balanced(
        "recharge_to_send_back.1",
        on,
        debit(account_id(WALLET, payer), amount_fen),
        credit(REFUND_IN_TRANSIT, amount_fen),
    )
