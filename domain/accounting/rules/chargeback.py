"""Chargebacks (拒付): the channel takes a payment back, and whose money bears it. Source: section
5a of the domain notes."""

from datetime import date
from typing import Literal

from domain.accounting.chart import (
    CHANNEL_RECONCILED,
    ESCROW,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules.own import taken_out, topped_up
from domain.kernel import Entry


def charged_back(
    on: date,
    channel: str,
    merchant: str,
    *,
    escrow_fen: int,
    pending_fen: int,
    available_fen: int,
    advanced_fen: int,
) -> Entry:
    """The channel pays so much less: out of escrow or, after release, of what the merchant has;
    what it has not is advanced from own funds, and owed."""
    whole_fen = escrow_fen + pending_fen + available_fen + advanced_fen
    return balanced(
        "charged_back.1",
        on,
        debit(account_id(ESCROW, merchant), escrow_fen),
        debit(account_id(MERCHANT_PENDING, merchant), pending_fen),
        debit(account_id(MERCHANT_AVAILABLE, merchant), available_fen),
        debit(account_id(MERCHANT_DEBT, merchant), advanced_fen),
        credit(account_id(CHANNEL_RECONCILED, channel), whole_fen),
        *topped_up(advanced_fen),
    )


Way = Literal["off", "back"]


def met(on: date, waits: str, channel: str, amount_fen: int, way: Way) -> Entry:
    """The shortage on `waits` is what the channel took off; the surplus, what it gives back."""
    owed = account_id(CHANNEL_RECONCILED, channel)
    taken, given = (owed, waits) if way == "off" else (waits, owed)
    return balanced("chargeback_met.1", on, debit(taken, amount_fen), credit(given, amount_fen))


def won_back(
    on: date,
    channel: str,
    merchant: str,
    *,
    escrow_fen: int,
    pending_fen: int,
    available_fen: int,
    recovered_fen: int,
) -> Entry:
    """The channel pays it after all: what the merchant owes is recovered first."""
    whole_fen = escrow_fen + pending_fen + available_fen + recovered_fen
    return balanced(
        "won_back.1",
        on,
        debit(account_id(CHANNEL_RECONCILED, channel), whole_fen),
        credit(account_id(MERCHANT_DEBT, merchant), recovered_fen),
        credit(account_id(ESCROW, merchant), escrow_fen),
        credit(account_id(MERCHANT_PENDING, merchant), pending_fen),
        credit(account_id(MERCHANT_AVAILABLE, merchant), available_fen),
        *taken_out(recovered_fen),
    )
