"""Orders in signed JSON: what is written of ours, and what an order of theirs says.

Pure: nothing here knows a network, a key or a clock.
"""

import msgspec

from domain.channel.adapters.reading import (
    SERIAL,
    Fields,
    Wrong,
    compact,
    instant_us,
    iso,
    safe,
)
from domain.channel.adapters.signed.networks import Network
from domain.channel.network import (
    Answer,
    AwaitingPayer,
    Charge,
    Order,
    Processing,
    Returned,
    Said,
)
from domain.channel.port import Declined, Succeeded, Unknown

CHARGES = 100  # An order with more charges than this is not read.
URL = 2048

# What an error's code means. `refused`: this request made no order; whether an earlier one did, a
# query tells. All others mean that nothing is known.
REFUSED = frozenset(("PARAM_INVALID", "TIME_INVALID", "AMOUNT_TOO_LARGE", "ORDER_UNPAID"))
NOT_FOUND = "NO_SUCH_ORDER"
PAID = "ORDER_PAID"
# To a repeated send that is not the same any more (we are called back elsewhere since): the channel
# has the order, and a query tells what became of it.
REUSED = "NUMBER_REUSED"


def order_body(network: Network, merchant: str, order: Order, notify_url: str) -> bytes:
    """The body of an order that is sent."""
    body: dict[str, object] = {
        "merchant": merchant,
        "number": order.number,
        "kind": order.purpose,
        "amount": order.amount_fen,
        "currency": "CNY",
        "party": _party(network, order),
        "subject": order.subject,
        "notify_url": notify_url,
    }
    if network.timed:
        body["time"] = time_of(order)
    if order.purpose == "refund":
        body |= {"original": order.original, "original_amount": order.original_fen}
    if order.expires_us is not None and order.purpose == "payment":
        body["expires"] = iso(order.expires_us)
    return msgspec.json.encode(body)


def _party(network: Network, order: Order) -> dict[str, str]:
    party = {"kind": order.party_kind or network.party, "id": order.party}
    return {**party, "name": order.party_name} if order.party_name else party


def close_body(network: Network, merchant: str, order: Order) -> bytes:
    body = {"merchant": merchant, "kind": order.purpose}
    if network.timed:
        body["time"] = time_of(order)
    return msgspec.json.encode(body)


def query_target(network: Network, merchant: str, order: Order) -> str:
    """Path and query: the order's number, and what else is part of its key there."""
    time = f"&time={time_of(order)}" if network.timed else ""
    path = f"/{network.name}/orders/{order.number}"
    return f"{path}?merchant={merchant}&kind={order.purpose}{time}"


def time_of(order: Order) -> str:
    """The time that is part of an order's key where the network is timed."""
    return compact(order.sent_us)


def read_order(order: Fields, merchant: str) -> Answer:
    """What an order of theirs says. Raises Wrong."""
    order.must_be("merchant", merchant)
    said = _said(order)
    charges = tuple(
        Charge(
            charge.text("serial"),
            charge.fen("amount"),
            instant_us(charge.text("at"), "at"),
        )
        for charge in order.each("serials", CHARGES)
    )
    return Answer(said, charges)


def read_error(status: int, body: Fields) -> tuple[str, Said]:
    """The code of an error, and what it says: unknown, unless the channel has no such order."""
    code = body.text("code")
    reason = safe(f"{code}: {body.reason('message')}")
    return code, Unknown(f"HTTP {status}: {reason}"[:200])


def _said(order: Fields) -> Said:
    state = order.text("state")
    if state == "PROCESSING":
        return Processing()
    if state == "WAITING":
        return AwaitingPayer(order.maybe("pay_url", URL))
    if state == "SUCCEEDED":
        amount_fen = order.fen("amount") if order.has("amount") else None
        return Succeeded(order.text("serial"), amount_fen)
    if state in ("DECLINED", "CLOSED"):
        code = order.maybe("code") or state
        reason = safe(f"{code}: {order.reason('reason')}".removesuffix(": "))
        return Declined(reason, by_channel=code.startswith("CHANNEL_"))
    if state == "RETURNED":
        reason = order.reason("reason") or "returned by the bank"
        return Returned(order.text("return_serial", SERIAL), reason)
    raise Wrong(f"state: {safe(state)} is none of the protocol")
