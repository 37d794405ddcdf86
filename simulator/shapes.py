"""How an order of a signed-JSON network is told: in answers, callbacks and the book."""

import sqlite3
from typing import Any

from simulator import accounts
from simulator.clock import iso
from simulator.orders import Order


def order_told(db: sqlite3.Connection, order: Order, base_url: str) -> dict[str, Any]:
    """The order of PROTOCOL.md. `amount` is what was really taken or paid by its first serial."""
    charges = accounts.charges(db, order.id)
    ended = order.state in ("SUCCEEDED", "RETURNED")
    first = charges[0] if charges and ended else None
    told: dict[str, Any] = {
        "merchant": order.merchant,
        "number": order.number,
        "kind": order.kind,
        "state": order.state,
        "serial": first.serial if first else None,
        "amount": first.amount if first else None,
        "paid_at": iso(first.at_us) if first else None,
        "reason": order.reason,
        "code": order.code,
        "pay_url": f"{base_url}/pay/{order.id}" if order.state == "WAITING" else None,
        "serials": [
            {"serial": charge.serial, "amount": charge.amount, "at": iso(charge.at_us)}
            for charge in charges
        ],
    }
    if order.time:
        told["time"] = order.time
    if order.state == "RETURNED" and order.returned_us is not None:
        told |= {"return_serial": order.return_serial, "returned_at": iso(order.returned_us)}
    return told
