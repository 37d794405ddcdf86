"""An operator's ways out of suspense (2241.08): to the payer's wallet, or on to an order.

A surplus is the payer's money. So it pays an order as the payer would: it is in the wallet first,
and the wallet pays, both in one commit or neither. A refund of that order then goes to the wallet.
"""

from domain.fields import checked_number
from domain.kernel import Command, Unit
from domain.order import order
from domain.order.commands import PayOrder, pay
from domain.payment import contradicted, suspense
from domain.payment.plan import WALLET_CODE
from domain.refusals import Code, Refused


class PlaceSurplus(Command, frozen=True, omit_defaults=True):
    """An operator gives what lies in suspense to the wallet of the payer whose it is or, with
    `order_no`, through the wallet to an order of that payer; `item` is its id."""

    item: str
    order_no: str = ""


def payment_of(item: str) -> str:
    """The number of the payment by which a suspense item pays an order."""
    return f"surplus{item}"


def place_surplus(unit: Unit, command: PlaceSurplus) -> dict[str, object]:
    """Placing it again changes nothing. Raises SUSPENSE_NOT_FOUND, SUSPENSE_STATE_WRONG,
    ACCOUNT_CLOSED, what crediting the wallet raises and, for an order, REQUEST_INVALID when the
    surplus does not pay it whole or it is somebody else's, and what paying it raises."""
    status, placed_now = contradicted.place(unit, command.item)
    said: dict[str, object] = {"item": command.item, "status": status}
    if not command.order_no or not placed_now:
        return said
    order_no = checked_number(command.order_no, "order_no")
    surplus = suspense.needed(unit.load(suspense.stream(command.item)))
    placed = order.needed(unit.load(order.stream(order_no)))
    if placed.buyer != surplus.party:
        raise Refused(Code.REQUEST_INVALID, "order_no", "the order is not of the payer whose it is")
    if surplus.waits_fen < placed.total_fen:
        detail = f"{surplus.waits_fen} fen do not pay an order of {placed.total_fen}"
        raise Refused(Code.REQUEST_INVALID, "order_no", detail)
    payment_no = payment_of(command.item)
    # A channel's money on its way to what it was paid for: no payment from a balance.
    pay(unit, PayOrder(payment_no, order_no, WALLET_CODE), counts=False)
    return said | {"order_no": order_no, "payment_no": payment_no}
