"""Orders as they stand in the book, of every network and kind: payments, refunds, payouts.

The states of the signed-JSON networks (`simulator/conduct.py` leads through them):

    payment   WAITING | PROCESSING ──▶ SUCCEEDED | DECLINED | CLOSED
    refund    PROCESSING ──▶ SUCCEEDED | DECLINED
    payout    PROCESSING ──▶ SUCCEEDED ──▶ RETURNED,  PROCESSING ──▶ DECLINED

and, by fault alone: CLOSED → SUCCEEDED (paid after all), SUCCEEDED → DECLINED (taken back),
DECLINED → SUCCEEDED of a refund or payout. WeChat Pay's own states: `simulator/wechat/`.
"""

import sqlite3
from typing import Any

import msgspec
from msgspec import Struct


class Order(Struct):
    """One row. Times are UTC µs, amounts fen. `time`: only at UnionPay, part of an order's key.
    `whole_id`: of a sub-order, its combined order. `detail`: what only its network knows."""

    network: str
    merchant: str
    number: str
    time: str
    kind: str
    state: str
    amount: int
    party_kind: str
    party_id: str
    party_name: str
    subject: str
    notify_url: str
    fingerprint: str
    created_us: int
    expires_us: int | None = None
    original_id: int | None = None
    whole_id: int | None = None
    ended_us: int | None = None
    code: str | None = None
    reason: str | None = None
    return_serial: str | None = None
    returned_us: int | None = None
    detail: str = "{}"
    id: int = 0

    @property
    def key(self) -> str:
        """What faults are drawn by: the same in every run."""
        return f"{self.network}/{self.kind}/{self.number}"

    @property
    def party(self) -> str:
        """The account of the payer or payee."""
        return f"{self.party_kind}:{self.party_id}"

    def details(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.detail)
        return found


COLUMNS = tuple(name for name in Order.__struct_fields__ if name != "id")
# Columns are our own words, spelled above; values are always bound.
_NAMES, _MARKS = ", ".join(COLUMNS), ", ".join("?" for _ in COLUMNS)
_INSERT = f"INSERT INTO orders ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608
_UPDATE = f"UPDATE orders SET ({_NAMES}) = ({_MARKS}) WHERE id = ?"  # noqa: S608


def insert(db: sqlite3.Connection, order: Order) -> Order:
    """Puts a new order into the book and gives it its id."""
    done = db.execute(_INSERT, tuple(getattr(order, name) for name in COLUMNS))
    order.id = int(done.lastrowid or 0)
    return order


def save(db: sqlite3.Connection, order: Order) -> None:
    db.execute(_UPDATE, (*(getattr(order, name) for name in COLUMNS), order.id))


def load(db: sqlite3.Connection, order_id: int) -> Order:
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    return Order(**row)


def find(
    db: sqlite3.Connection, network: str, kind: str, merchant: str, number: str, time: str = ""
) -> Order | None:
    # `+?`: a bare mark could fit the condition of a partial index, and SQLite then compiles the
    # statement anew for every other value that it is given.
    row = db.execute(
        "SELECT * FROM orders WHERE network = +? AND kind = +? AND merchant = ? AND number = ? "
        "AND time = ?",
        (network, kind, merchant, number, time),
    ).fetchone()
    return Order(**row) if row else None


def payments_numbered(
    db: sqlite3.Connection, network: str, merchant: str, number: str
) -> list[Order]:
    """Payments of a number, whatever their time; the newest first."""
    rows = db.execute(
        "SELECT * FROM orders WHERE network = ? AND kind = 'payment' AND merchant = ? "
        "AND number = ? ORDER BY id DESC LIMIT 20",
        (network, merchant, number),
    )
    return [Order(**row) for row in rows]


def refunds_of(db: sqlite3.Connection, order_id: int) -> list[Order]:
    rows = db.execute("SELECT * FROM orders WHERE original_id = ? ORDER BY id", (order_id,))
    return [Order(**row) for row in rows]


def parts_of(db: sqlite3.Connection, whole_id: int) -> list[Order]:
    """The sub-orders of a combined order, as they were placed."""
    rows = db.execute("SELECT * FROM orders WHERE whole_id = ? ORDER BY id", (whole_id,))
    return [Order(**row) for row in rows]
