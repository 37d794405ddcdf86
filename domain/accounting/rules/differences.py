"""What a confirmed difference (差错) posts: a surplus waits on 2241.08, a shortage on 1122.04,
until it is resolved. Source: section 5b of the domain notes, and "amount differs" of section 5."""

from datetime import date
from typing import Literal

from domain.accounting.chart import (
    CHANNEL_COST,
    CHANNEL_FEE_PAYABLE,
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_RECONCILED,
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    ERROR_LOSS,
    MERCHANT_AVAILABLE,
    PAYOUT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    RESERVE,
    WALLET,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.accounting.rules.own import topped_up
from domain.kernel import Entry

# Which side lacks the money: the books ("here"), or the channel's bill or the bank's statement
# ("there"). A payment lacking here is a surplus (长款); a refund or payout lacking here a shortage.
# "… no more": persons have ended such a difference, and by now there is none, or a smaller one:
# what its confirmation posted is led back to suspense, on the other side.
Lacks = Literal["here", "there", "here_no_more", "there_no_more"]
NO_MORE: dict[Lacks, Lacks] = {
    "here": "here_no_more",
    "there": "there_no_more",
    "here_no_more": "here",
    "there_no_more": "there",
}
Flow = Literal["payment", "refund", "payout", "receipt", "session"]


class NoSuchDifference(Exception):
    """A flow whose money cannot be lacking on that side: a mistake in the code that asks."""


def codes_of(flow: Flow, lacks: Lacks, *, gross: bool = False) -> tuple[str, str]:
    """Codes to debit and to credit. `gross`: the channel's refunds leave the reserve one by one,
    they are not taken off what it pays. A session lacks "there" when less arrived than was due."""
    side = lacks.removesuffix("_no_more")
    found = {
        ("payment", "here"): (CHANNEL_RECONCILED, CHANNEL_SURPLUS),
        ("payment", "there"): (CHANNEL_SHORTAGE, CHANNEL_RECEIVABLE),
        ("refund", "here"): (CHANNEL_SHORTAGE, CHANNEL_PAYABLE if gross else CHANNEL_RECONCILED),
        ("refund", "there"): (CHANNEL_PAYABLE, CHANNEL_SURPLUS),
        ("payout", "here"): (CHANNEL_SHORTAGE, RESERVE),
        ("payout", "there"): (CHANNEL_PAYABLE, CHANNEL_SURPLUS),
        ("receipt", "here"): (RESERVE, CHANNEL_SURPLUS),
        ("session", "there"): (CHANNEL_SHORTAGE, CHANNEL_RECONCILED),
        ("session", "here"): (RESERVE, CHANNEL_SURPLUS),
    }.get((flow, side))
    if found is None:
        raise NoSuchDifference(f"{flow} {lacks}")
    if side == lacks:
        return found
    taken, given = found
    return (CHANNEL_SHORTAGE, taken) if given == CHANNEL_SURPLUS else (given, CHANNEL_SURPLUS)


def difference_confirmed(
    on: date, channel: str, flow: Flow, lacks: Lacks, amount_fen: int, *, gross: bool = False
) -> Entry:
    """The entry at confirmation, in fen above zero."""
    taken, given = codes_of(flow, lacks, gross=gross)
    return balanced(
        "difference_confirmed.1",
        on,
        debit(_account(taken, channel), amount_fen),
        credit(_account(given, channel), amount_fen),
    )


def waits_on(flow: Flow, lacks: Lacks, channel: str) -> str:
    """The suspense account on which a confirmed difference waits."""
    _, given = codes_of(flow, lacks)
    return account_id(CHANNEL_SURPLUS if given == CHANNEL_SURPLUS else CHANNEL_SHORTAGE, channel)


def _account(code: str, channel: str) -> str:
    return account_id(code, "" if code == RESERVE else channel)


# Resolutions. `kept` is the suspense account a difference waits on.


def surplus_to_wallet(on: date, kept: str, member: str, amount_fen: int) -> Entry:
    """A surplus is a named member's."""
    wallet = account_id(WALLET, member)
    return _moved("difference_to_wallet.1", on, kept, wallet, amount_fen)


def surplus_to_merchant(on: date, kept: str, merchant: str, amount_fen: int) -> Entry:
    """What never left for a merchant is the merchant's again."""
    available = account_id(MERCHANT_AVAILABLE, merchant)
    return _moved("difference_to_merchant.1", on, kept, available, amount_fen)


def surplus_to_refund(on: date, kept: str, amount_fen: int) -> Entry:
    """A surplus is on its way to the payer, through the channel."""
    return _moved("difference_to_refund.1", on, kept, REFUND_IN_TRANSIT, amount_fen)


def surplus_to_payout(on: date, kept: str, amount_fen: int) -> Entry:
    """What never left is sent once more, by a bank."""
    return _moved("difference_to_payout.1", on, kept, PAYOUT_IN_TRANSIT, amount_fen)


def sent(on: date, transit: str, channel: str, amount_fen: int) -> Entry:
    """The channel has taken what it was sent: we owe it. `transit`: where it waited, or the
    surplus it was led back to."""
    owing = account_id(CHANNEL_PAYABLE, channel)
    return _moved("difference_sent.1", on, transit, owing, amount_fen)


def sent_withdrawn(on: date, channel: str, amount_fen: int) -> Entry:
    """The channel takes its success back: the surplus is there again."""
    owing, kept = account_id(CHANNEL_PAYABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _moved("difference_sent_withdrawn.1", on, owing, kept, amount_fen)


def sent_returned(on: date, channel: str, amount_fen: int) -> Entry:
    """What had been sent came back to the channel, which owes it."""
    owed, kept = account_id(CHANNEL_RECEIVABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _moved("difference_sent_returned.1", on, owed, kept, amount_fen)


def written_off(on: date, kept: str, amount_fen: int) -> Entry:
    """A shortage is our loss, and own funds make good what customers are owed."""
    return balanced(
        "difference_written_off.1",
        on,
        debit(ERROR_LOSS, amount_fen),
        credit(kept, amount_fen),
        *topped_up(amount_fen),
    )


def linked(on: date, surplus: str, shortage: str, amount_fen: int) -> Entry:
    """A surplus and a shortage are one thing."""
    return _moved("differences_linked.1", on, surplus, shortage, amount_fen)


def fee_corrected(on: date, channel: str, more_fen: int) -> Entry:
    """The agreed fee stands: the channel took `more_fen` above it (below zero: less)."""
    owing, amount_fen = account_id(CHANNEL_FEE_PAYABLE, channel), abs(more_fen)
    taken, given = (owing, CHANNEL_COST) if more_fen > 0 else (CHANNEL_COST, owing)
    return _moved("difference_fee_corrected.1", on, taken, given, amount_fen)


def _moved(rule: str, on: date, taken: str, given: str, amount_fen: int) -> Entry:
    return balanced(rule, on, debit(taken, amount_fen), credit(given, amount_fen))
