"""Open items (未达项): single items that wait on an account, each known to its own aggregate.

The balance of a controlled account is the sum of its open items, after every commit. The reserve
identity alone would not see that one item was paid with another's money. Which items an aggregate
has is said by its `open_items(state)`: fen by account, on the account's normal side.
"""

from collections.abc import Mapping

from domain.accounting.chart import (
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    MERCHANT_DEPOSIT,
    PAYMENT_IN_TRANSIT,
    PAYOUT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    TOP_UP_IN_TRANSIT,
    split_id,
)
from domain.kernel import Entry

CONTROLLED = frozenset(
    {
        PAYOUT_IN_TRANSIT,
        REFUND_IN_TRANSIT,
        PAYMENT_IN_TRANSIT,
        MERCHANT_DEPOSIT,
        CHANNEL_SURPLUS,
        CHANNEL_SHORTAGE,
        TOP_UP_IN_TRANSIT,
    }
)

OpenItems = Mapping[str, int]  # Fen by account; an item that is closed is left out.
NONE: OpenItems = {}


def is_controlled(account: str) -> bool:
    """Whether an account's balance is proved from open items."""
    return split_id(account)[0] in CONTROLLED


def suspense_of(entry: Entry) -> str:
    """The suspense account (长款挂账) that an entry put money into, or ""."""
    for line in entry.lines:
        if line.credit_fen and split_id(line.account)[0] == CHANNEL_SURPLUS:
            return line.account
    return ""
