"""Money that moves on the reserve account: a clearing session and a statement are one net entry
each. Source: section 5a of the domain notes.

Both are targets: what has been posted is compared with what should be, and the difference between
them is the entry. So an amount here may be below zero: its side is turned.
"""

from collections.abc import Mapping
from datetime import date

from domain.accounting.chart import (
    CHANNEL_COST,
    CHANNEL_FEE_PAYABLE,
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_RECONCILED,
    FEE_EARNED,
    OWN_FUNDS,
    OWN_IN_RESERVE,
    RESERVE,
    TOP_UP_IN_TRANSIT,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry, Line

Moved = Mapping[str, int]  # Fen by account: above zero a debit, below zero a credit.


def share_settled(
    channel: str,
    *,
    reconciled_fen: int,
    fee_fen: int,
    restored_fen: int = 0,
    restored_fee_fen: int = 0,
) -> dict[str, int]:
    """What one channel of a session settles: what its bill says less its fee. `restored_fen`:
    refunds that it had taken off before and that came to nothing, with a fee for them again."""
    moved = {
        account_id(CHANNEL_RECONCILED, channel): -reconciled_fen,
        account_id(CHANNEL_FEE_PAYABLE, channel): fee_fen,
        account_id(CHANNEL_PAYABLE, channel): -restored_fen,
        CHANNEL_COST: restored_fee_fen,
    }
    return {account: amount_fen for account, amount_fen in moved.items() if amount_fen}


def session_lacks(channel: str, short_fen: int) -> dict[str, int]:
    """What of a session has not come stays owed by one channel of it."""
    return {account_id(CHANNEL_RECONCILED, channel): short_fen} if short_fen else {}


def fees_borne(there_fen: int, own_fen: int) -> dict[str, int]:
    """The channels' fees were taken out of what came in: own money that lies in the reserve bears
    them, and what is not there is topped up from own funds."""
    moved = {
        FEE_EARNED: there_fen,
        OWN_IN_RESERVE: -there_fen,
        TOP_UP_IN_TRANSIT: own_fen,
        OWN_FUNDS: -own_fen,
    }
    return {account: amount_fen for account, amount_fen in moved.items() if amount_fen}


def payouts_shown(channel: str, amount_fen: int) -> dict[str, int]:
    """The statement shows payouts, or refunds that leave the reserve one by one."""
    return {account_id(CHANNEL_PAYABLE, channel): amount_fen, RESERVE: -amount_fen}


def returns_shown(channel: str, amount_fen: int) -> dict[str, int]:
    """The statement shows what the bank had told came back (退汇)."""
    return {account_id(CHANNEL_RECEIVABLE, channel): -amount_fen, RESERVE: amount_fen}


def together(*parts: Moved) -> dict[str, int]:
    """Their sum, without what comes to nothing."""
    total: dict[str, int] = {}
    for part in parts:
        for account, amount_fen in part.items():
            total[account] = total.get(account, 0) + amount_fen
    return {account: amount_fen for account, amount_fen in total.items() if amount_fen}


def session_settled(on: date, before: Moved, after: Moved) -> Entry | None:
    """From what was posted of a session to what is to be; None for no difference."""
    return _between("session_settled.1", on, before, after)


def statement_matched(on: date, before: Moved, after: Moved) -> Entry | None:
    """From what was posted of a statement to what is to be; None for no difference."""
    return _between("statement_matched.1", on, before, after)


def _between(rule: str, on: date, before: Moved, after: Moved) -> Entry | None:
    changed = together(after, {account: -amount for account, amount in before.items()})
    lines = [_line(account, changed[account]) for account in sorted(changed)]
    return balanced(rule, on, *lines) if lines else None


def _line(account: str, amount_fen: int) -> Line:
    return debit(account, amount_fen) if amount_fen > 0 else credit(account, -amount_fen)
