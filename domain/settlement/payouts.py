"""Payouts of a settlement batch: what one transfer is, and what all of a batch come to together.

Their facts and decisions are the batch's (`batch.py`). Amounts are fen.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from domain.accounting.chart import PAYOUT_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems

Paying = Literal["instructed", "partly_paid", "failed", "returned", "settled"]
PayoutStatus = Literal["instructed", "succeeded", "failed", "returned", "retried"]


class Payout(Struct, frozen=True):
    """One transfer of a batch; `payout_no` is the instruction's id."""

    payout_no: str
    amount_fen: int
    status: PayoutStatus = "instructed"


class LivePayout(Payout, frozen=True):
    """A payout that no other has replaced. `replaces` is the payout it is the retry of, if any;
    `suspense` the account on which its money lies, when the merchant's were closed."""

    replaces: str = ""
    suspense: str = ""


def payout_number(batch_id: str, count: int) -> str:
    """Of the `count`-th payout of a batch; it is the id of the payout's instruction too."""
    return f"payout-{batch_id}-{count}"


def overall(payouts: Iterable[LivePayout]) -> Paying:
    """The status that its payouts give a batch, before all of them have arrived."""
    live = {payout.status for payout in payouts}
    if "returned" in live:
        return "returned"
    if "failed" in live:
        return "failed"
    return "partly_paid" if "succeeded" in live else "instructed"


def waiting(payouts: tuple[LivePayout, ...]) -> OpenItems:
    """What of them is on its way, or lies in suspense: fen by account."""
    if not payouts:
        return NONE
    items: dict[str, int] = {}
    for payout in payouts:
        account = PAYOUT_IN_TRANSIT if payout.status == "instructed" else payout.suspense
        if account:
            items[account] = items.get(account, 0) + payout.amount_fen
    return items
