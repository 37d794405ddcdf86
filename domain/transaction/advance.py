"""Advance (垫付): who would pay a refund after release now, and whether it needs an approval.

What the merchant does not have the institution advances from own funds, and the merchant owes it.
A merchant may have a limit of that debt; a refund above it waits for an operator.
"""

from typing import NamedTuple

from domain.accounting import account, reserve
from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    account_id,
)
from domain.kernel import Unit, shanghai_date
from domain.member import agreement, member
from domain.transaction import transaction
from domain.transaction.shares import refund_shares


class Excess(NamedTuple):
    """What the debt would be, and the limit it is above, in fen."""

    debt_fen: int
    limit_fen: int


def shares_now(unit: Unit, sold: transaction.State, amount_fen: int) -> transaction.RefundShares:
    """Who pays a refund after release, by the merchant's accounts and reserve as they stand."""
    assert sold.created is not None
    merchant = sold.created.merchant
    pending = unit.load(account.stream(account_id(MERCHANT_PENDING, merchant)))
    available = unit.load(account.stream(account_id(MERCHANT_AVAILABLE, merchant)))
    held_fen = 0
    if (share := sold.withheld) is not None:
        bucket = unit.load(reserve.stream(merchant, share.release_on))
        held_fen = reserve.left_of(bucket, share)
    return refund_shares(sold, amount_fen, pending.available_fen, available.available_fen, held_fen)


def above_limit(unit: Unit, sold: transaction.State, amount_fen: int) -> Excess | None:
    """Whether a refund after release would bring the debt above the limit of its day. A refund
    that is advanced nothing never does, however low the limit is by now."""
    assert sold.created is not None
    merchant = sold.created.merchant
    limit_fen = _limit_fen(unit, merchant)
    if limit_fen is None:
        return None
    debt = unit.load(account.stream(account_id(MERCHANT_DEBT, merchant)))
    if debt.status == "closed":
        return None  # Nothing can be advanced any more: posting says so, and nobody need approve.
    advanced_fen = shares_now(unit, sold, amount_fen).advanced_fen
    debt_fen = debt.balance_fen + advanced_fen
    return Excess(debt_fen, limit_fen) if advanced_fen and debt_fen > limit_fen else None


def _limit_fen(unit: Unit, merchant: str) -> int | None:
    """What a merchant may owe today: the lower of what was agreed last, though that has ended, and
    what the institution sets."""
    today, owner = shanghai_date(unit.at_us), unit.load(member.stream(merchant))
    agreed_fen = agreement.debt_limit_on(unit.load(agreement.stream(merchant)), today)
    limits_fen = (owner.debt_limit_in_force(today), agreed_fen)
    return min((one for one in limits_fen if one is not None), default=None)
