"""Money that a channel moved otherwise than it was asked: what is certain is booked at once, and
waits as an open item until somebody finds its place. Source: sections 5a and 5b of the domain
notes."""

from datetime import date

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    REFUND_IN_TRANSIT,
    WALLET,
    account_id,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry


def _from_to(rule: str, on: date, taken: str, given: str, amount_fen: int) -> Entry:
    return balanced(rule, on, debit(taken, amount_fen), credit(given, amount_fen))


def second_charge(on: date, channel: str, amount_fen: int) -> Entry:
    """The payer was charged twice, which the channel has confirmed: it is on its way back."""
    owed = account_id(CHANNEL_RECEIVABLE, channel)
    return _from_to("second_charge.1", on, owed, REFUND_IN_TRANSIT, amount_fen)


def amount_differs(on: date, channel: str, amount_fen: int) -> Entry:
    """What came above the amount that was asked, or in place of it (长款)."""
    owed, kept = account_id(CHANNEL_RECEIVABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _from_to("amount_differs.1", on, owed, kept, amount_fen)


def surplus_to_send_back(on: date, channel: str, amount_fen: int) -> Entry:
    kept = account_id(CHANNEL_SURPLUS, channel)
    return _from_to("surplus_to_send_back.1", on, kept, REFUND_IN_TRANSIT, amount_fen)


def surplus_to_wallet(on: date, channel: str, payer: str, amount_fen: int) -> Entry:
    """An operator gives what lies in suspense to the payer's wallet."""
    kept, wallet = account_id(CHANNEL_SURPLUS, channel), account_id(WALLET, payer)
    return _from_to("surplus_to_wallet.1", on, kept, wallet, amount_fen)


def payment_withdrawn(on: date, channel: str, amount_fen: int) -> Entry:
    """A payment that had succeeded was declined after all: its money will not come (短款)."""
    missing, owed = account_id(CHANNEL_SHORTAGE, channel), account_id(CHANNEL_RECEIVABLE, channel)
    return _from_to("payment_withdrawn.1", on, missing, owed, amount_fen)


def payout_withdrawn(on: date, channel: str, amount_fen: int) -> Entry:
    """A refund or payout that had succeeded was declined after all: we owe the channel nothing,
    and somebody has not got the money (长款)."""
    owing, kept = account_id(CHANNEL_PAYABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _from_to("payout_withdrawn.1", on, owing, kept, amount_fen)


def paid_above(on: date, channel: str, amount_fen: int) -> Entry:
    """A channel paid out more than it was asked, or twice: we owe it, and miss the money (短款)."""
    missing, owing = account_id(CHANNEL_SHORTAGE, channel), account_id(CHANNEL_PAYABLE, channel)
    return _from_to("paid_above.1", on, missing, owing, amount_fen)


def refund_succeeded_late(
    on: date, channel: str, buyer: str, *, wallet_fen: int, missing_fen: int
) -> Entry:
    """A refund succeeded after it was declined and its money given to the wallet: what is left
    there is taken again, what is not is missing."""
    return balanced(
        "refund_succeeded_late.1",
        on,
        debit(account_id(WALLET, buyer), wallet_fen),
        debit(account_id(CHANNEL_SHORTAGE, channel), missing_fen),
        credit(account_id(CHANNEL_PAYABLE, channel), wallet_fen + missing_fen),
    )


def refund_returned(on: date, channel: str, buyer: str, amount_fen: int) -> Entry:
    """A refund came back to the channel days later: the buyer's wallet has it."""
    owed, wallet = account_id(CHANNEL_RECEIVABLE, channel), account_id(WALLET, buyer)
    return _from_to("refund_returned.1", on, owed, wallet, amount_fen)


def refund_returned_to_suspense(on: date, channel: str, amount_fen: int) -> Entry:
    """Likewise, and the wallet is closed."""
    owed, kept = account_id(CHANNEL_RECEIVABLE, channel), account_id(CHANNEL_SURPLUS, channel)
    return _from_to("refund_returned_to_suspense.1", on, owed, kept, amount_fen)
