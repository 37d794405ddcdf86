"""Maturity (到期): what of a batch falls due, what of that recovers a debt, what is carried on.

Why due money can differ from a batch's net: pending money is one account for all open batches of a
merchant. A refund after a batch was sealed takes from it and stands, negative, in a later batch. A
hold may keep a part of it. The transfers of one batch can carry only so much. So what falls due is
at most what is there and can be paid. The difference is carried until a later batch meets it:
Σ net of open batches + carry = pending money, at every commit. All amounts are fen.
"""

from typing import NamedTuple

MAX_TRANSFERS = 25  # Of one batch, not counting retries; what they cannot carry is carried over.


class Maturity(NamedTuple):
    """`due_fen` = what recovers a debt + what is paid out. `carry_*` is what is owed over batches:
    what an earlier batch could not take (negative) or had to leave (positive). `released_fen` is
    paid out beside it, from what is available already; `below_least`: so little was to be paid out
    that all of it waits."""

    carry_in_fen: int
    recovered_fen: int
    payout_fen: int
    carry_out_fen: int
    released_fen: int = 0
    below_least: bool = False

    @property
    def due_fen(self) -> int:
        return self.recovered_fen + self.payout_fen

    @property
    def paid_fen(self) -> int:
        """What all transfers of the batch carry."""
        return self.payout_fen + self.released_fen


def mature(
    *,
    net_fen: int,
    carry_fen: int,
    pending_fen: int,
    debt_fen: int,
    max_transfer_fen: int | None,
    released_fen: int = 0,
    min_payout_fen: int = 0,
) -> Maturity:
    """What falls due of a batch that adds `net_fen` to a merchant's pending money, and what of
    `released_fen`, which is available already, is paid with it.

    `pending_fen` is what of that is there and free, `debt_fen` the debt that is not on hold; either
    may be below zero, where a hold is larger than the balance. A debt is recovered first. Less than
    `min_payout_fen` is not paid out.
    """
    wanted_fen = net_fen + carry_fen
    there_fen = max(min(wanted_fen, pending_fen), 0)
    recovered_fen = min(max(debt_fen, 0), there_fen)
    payout_fen = payable_fen(there_fen - recovered_fen, max_transfer_fen)
    released_fen = payable_fen(payout_fen + max(released_fen, 0), max_transfer_fen) - payout_fen
    below_least = 0 < payout_fen + released_fen < min_payout_fen
    if below_least:
        payout_fen = released_fen = 0
    carry_out_fen = wanted_fen - recovered_fen - payout_fen
    paid = (recovered_fen, payout_fen, carry_out_fen, released_fen)
    return Maturity(carry_fen, *paid, below_least)


def payable_fen(amount_fen: int, max_transfer_fen: int | None) -> int:
    """How much of an amount one batch may pay out: what its transfers can carry."""
    if max_transfer_fen is None:
        return amount_fen
    return min(amount_fen, MAX_TRANSFERS * max_transfer_fen)


def transfers(amount_fen: int, max_transfer_fen: int | None) -> tuple[int, ...]:
    """The transfers of a payable amount, each at most `max_transfer_fen`."""
    most = max_transfer_fen or amount_fen
    return tuple(min(most, amount_fen - sent) for sent in range(0, amount_fen, most))
