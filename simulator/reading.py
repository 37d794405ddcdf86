"""The simulator's book, for whoever compares it with his own: over loopback, unsigned."""

import sqlite3
from typing import Any

from simulator import accounts, orders
from simulator.clock import iso
from simulator.faults import counted
from simulator.orders import Order
from simulator.world import World

PAGE = 200
END = 2**63 - 1


def page(db: sqlite3.Connection, after: int, limit: int) -> dict[str, Any]:
    """Orders after an id, each with all that is known of it; `next` is None on the last page."""
    rows = db.execute("SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    found = [Order(**row) for row in rows]
    return {
        "orders": [entry(db, order) for order in found],
        "next": found[-1].id if len(found) == limit else None,
    }


def entry(db: sqlite3.Connection, order: Order) -> dict[str, Any]:
    """One order of the book. `asked` is the amount of the order, `charges` what really moved."""
    lines = accounts.movements(db, order.id)
    return {
        "id": order.id,
        "network": order.network,
        "merchant": order.merchant,
        "number": order.number,
        "time": order.time or None,
        "kind": order.kind,
        "state": order.state,
        "code": order.code,
        "asked": order.amount,
        "party": {"kind": order.party_kind, "id": order.party_id, "name": order.party_name},
        "created_at": iso(order.created_us),
        "ended_at": iso(order.ended_us) if order.ended_us is not None else None,
        "whole": _number(db, order.whole_id),
        "original": _number(db, order.original_id),
        "charges": [_moved(line) for line in lines if line.kind == "charge"],
        "reversals": [_moved(line) for line in lines if line.kind == "reversal"],
        "returns": [_moved(line) for line in lines if line.kind == "return"],
        "refunds": [
            {"number": one.number, "state": one.state, "amount": one.amount}
            for one in orders.refunds_of(db, order.id)
        ],
        "callbacks": [
            {
                "event": row["event"],
                "type": row["type"],
                "attempts": row["attempts"],
                "status": row["status"],
                "delivered_at": iso(row["ended_us"]) if row["ended_us"] is not None else None,
                "sent": row["due_us"] is not None or row["attempts"] > 0,
            }
            for row in db.execute(
                "SELECT * FROM callbacks WHERE order_id = ? ORDER BY id", (order.id,)
            )
        ],
    }


def _moved(line: accounts.Movement) -> dict[str, Any]:
    return {
        "serial": line.serial,
        "amount": line.amount,
        "fee": line.fee,
        "at": iso(line.at_us),
        "reversed": line.reversed_us is not None,
    }


def _number(db: sqlite3.Connection, order_id: int | None) -> str | None:
    return orders.load(db, order_id).number if order_id is not None else None


def totals(db: sqlite3.Connection) -> dict[str, Any]:
    """Per network and kind: how many orders of each state, and what moved. `balanced`: what is in
    all accounts is what they were opened with."""
    networks: dict[str, Any] = {}
    for row in db.execute(
        "SELECT network, kind, state, count(*), sum(amount) FROM orders "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ):
        kind = networks.setdefault(row[0], {}).setdefault(row[1], {"states": {}})
        kind["states"][row[2]] = {"orders": row[3], "asked": row[4]}
    for row in db.execute(
        "SELECT orders.network, orders.kind, movements.kind, count(*), sum(movements.amount), "
        "sum(movements.fee) FROM movements JOIN orders ON orders.id = order_id "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ):
        networks[row[0]][row[1]][row[2] + "s"] = {"count": row[3], "amount": row[4], "fee": row[5]}
    opening, balance = db.execute("SELECT sum(opening), sum(balance) FROM accounts").fetchone()
    waiting = db.execute("SELECT count(*), min(due_us) FROM tasks").fetchone()
    calls = db.execute(
        "SELECT count(*), min(due_us) FROM callbacks WHERE due_us IS NOT NULL"
    ).fetchone()
    return {
        "networks": networks,
        "balanced": opening == balance,
        "tasks": waiting[0],
        "next_task_at": iso(waiting[1]) if waiting[1] is not None else None,
        "callbacks_waiting": calls[0],
        "next_callback_at": iso(calls[1]) if calls[1] is not None else None,
    }


def account_page(db: sqlite3.Connection, after: str, limit: int) -> dict[str, Any]:
    """Accounts in the order of their ids."""
    rows = db.execute("SELECT * FROM accounts WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    found = [dict(row) for row in rows]
    return {"accounts": found, "next": found[-1]["id"] if len(found) == limit else None}


def fault_page(db: sqlite3.Connection, after: int, limit: int) -> dict[str, Any]:
    """How many faults of each kind, and the list of them."""
    rows = db.execute("SELECT * FROM faults WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    found = [{**row, "at": iso(row["at_us"])} for row in rows]
    return {
        "counts": counted(db),
        "faults": found,
        "next": found[-1]["id"] if len(found) == limit else None,
    }


def health(world: World) -> dict[str, Any]:
    """Who this is, what time it is here, and how it misbehaves."""
    clock = world.clock
    return {
        "status": "ok",
        "now": iso(clock.now_us()),
        "now_us": clock.now_us(),
        "epoch_us": clock.epoch_us,
        "start_unix_us": clock.start_unix_us,
        "factor": clock.factor,
        "offset_us": clock.offset_us,
        "seed": world.draws.seed,
        "faults": world.draws.permilles,
        "payer": world.payer,
        "latency_ms": world.latency_ms,
        "sandbox": world.sandbox,
        "maintenance": sorted(world.maintenance),
        "networks": sorted([*world.signers, "wechat"]),
    }
