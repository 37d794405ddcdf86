"""What a verdict on a channel's bill posts: section 5a of the domain notes, "bill matched".

Payments that both sides have move from 1122.01 to 1122.02. A channel that settles net takes its
refunds off that; those of a gross settler stay on 2202.01 until they have left the reserve. What
the channel charges is our cost, and owed to it.
"""

from datetime import date
from typing import NamedTuple

from domain.accounting.chart import (
    CHANNEL_COST,
    CHANNEL_FEE_PAYABLE,
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_RECONCILED,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry, Line
from domain.money import fen_of_milli


class Sums(NamedTuple):
    """What of a bill was matched: payments, refunds; and what the whole bill charges."""

    paid_fen: int
    refunded_fen: int
    fee_milli_fen: int

    @property
    def fee_fen(self) -> int:
        """Rounded half up, once for the whole bill; below zero: more was given back."""
        return fen_of_milli(self.fee_milli_fen)


def bill_matched(on: date, channel: str, before: Sums, now: Sums, *, gross: bool) -> Entry | None:
    """The difference between what was posted before and what is to be; None for none."""
    paid_fen = now.paid_fen - before.paid_fen
    refunded_fen = 0 if gross else now.refunded_fen - before.refunded_fen
    fee_fen = now.fee_fen - before.fee_fen
    if not (paid_fen or refunded_fen or fee_fen):
        return None
    return balanced(
        "bill_matched.1",
        on,
        _change(CHANNEL_RECONCILED, channel, paid_fen - refunded_fen),
        _change(CHANNEL_PAYABLE, channel, refunded_fen),
        _change(CHANNEL_COST, "", fee_fen),
        _change(CHANNEL_RECEIVABLE, channel, -paid_fen),
        _change(CHANNEL_FEE_PAYABLE, channel, -fee_fen),
    )


def _change(code: str, channel: str, debit_fen: int) -> Line:
    """A debit, or a credit of what is below zero."""
    account = account_id(code, channel)
    return debit(account, debit_fen) if debit_fen >= 0 else credit(account, -debit_fen)
