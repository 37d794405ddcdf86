"""What moved on the institution's reserve account at the bank, day by day, with its balance.

Sessions of the day before, payouts and what came back of them, refunds of gross settlers, and what
was transferred by hand. The balance begins with nothing before the first movement of the book.
"""

import heapq
import sqlite3
from collections.abc import Iterator
from datetime import date
from functools import partial

from msgspec import Struct

from simulator.bills.chance import Chance
from simulator.bills.days import after, day_of, start_us
from simulator.bills.lines import BANK, moved
from simulator.bills.settling import GROSS, sessions


class Entry(Struct, frozen=True, gc=False):
    """A booked entry: `amount` in fen, above zero in, below zero out. `reference` is ours (or a
    session's id), `serial` the bank's. `reversal`: the bank takes back an earlier one."""

    at_us: int
    amount: int
    reference: str
    serial: str
    what: str
    name: str = ""
    reversal: bool = False


def entries(db: sqlite3.Connection, chance: Chance, day: date) -> Iterator[Entry]:
    """All entries of a day, by time."""
    start, end = start_us(day), start_us(after(day))
    paid = [
        Entry(one.at_us, one.amount, one.id, one.serial, f"{one.clearing} 清算净额")
        for one in sessions(db, chance, after(day, -1))
    ]
    parts = (_payouts(db, start, end), _refunds(db, start, end), _transfers(db, start, end))
    return heapq.merge(iter(paid), *parts, key=lambda entry: entry.at_us)


_PAYOUTS = (
    "SELECT m.kind, m.serial, m.amount, m.at_us, o.number, o.party_name FROM movements m "
    "JOIN orders o ON o.id = m.order_id WHERE m.at_us >= ? AND m.at_us < ? AND o.network = ? "
    "ORDER BY m.at_us, m.id"
)


def _payouts(db: sqlite3.Connection, start: int, end: int) -> Iterator[Entry]:
    for row in db.execute(_PAYOUTS, (start, end, BANK)):
        out = row["kind"] == "charge"
        amount = -row["amount"] if out else row["amount"]
        what = {"charge": "付款", "return": "退汇", "reversal": "冲正"}[row["kind"]]
        reversal = row["kind"] == "reversal"
        name = row["party_name"]
        yield Entry(row["at_us"], amount, row["number"], row["serial"], what, name, reversal)


def _refunds(db: sqlite3.Connection, start: int, end: int) -> Iterator[Entry]:
    for network in sorted(GROSS):
        for line in moved(db, network, start, end):
            if line.refund:
                yield Entry(line.at_us, -line.amount, line.number, line.serial, "退款")


def _transfers(db: sqlite3.Connection, start: int, end: int) -> Iterator[Entry]:
    sql = "SELECT * FROM transfers WHERE at_us >= ? AND at_us < ? ORDER BY at_us, id"
    for row in db.execute(sql, (start, end)):
        serial = f"T{row['id']:019d}"
        yield Entry(row["at_us"], row["amount"], row["reference"], serial, row["words"])


def opening(db: sqlite3.Connection, chance: Chance, day: date) -> int:
    """The balance before a day. What every day before it closed with is kept in the book."""
    text = day.isoformat()
    row = db.execute(
        "SELECT day, closing FROM reserve_days WHERE day < ? ORDER BY day DESC LIMIT 1", (text,)
    ).fetchone()
    balance = row["closing"] if row else 0
    at: date | None = after(date.fromisoformat(row["day"])) if row else date(1970, 1, 3)
    while at is not None and (at := _active(db, at, day)) is not None:
        balance += sum(entry.amount for entry in entries(db, chance, at))
        chance.write(partial(_put, at, int(balance)))
        at = after(at)
    return int(balance)


def _put(day: date, closing: int, book: sqlite3.Connection) -> None:
    sql = "INSERT OR IGNORE INTO reserve_days (day, closing) VALUES (?, ?)"
    book.execute(sql, (day.isoformat(), closing))


_FIRST = (
    "SELECT min(at_us) FROM movements WHERE at_us >= ?",
    "SELECT min(at_us) FROM transfers WHERE at_us >= ?",
    "SELECT min(created_us) FROM orders WHERE network = 'wechat' AND kind = 'refund' "
    "AND created_us >= ?",
    "SELECT min(ended_us) FROM orders WHERE network = 'wechat' AND kind = 'refund' "
    "AND state = 'CLOSED' AND ended_us >= ?",
)


def _active(db: sqlite3.Connection, first: date, limit: date) -> date | None:
    """The next day, before the limit, on which something may be booked: a session pays for the day
    before, and that one's bill may hold what the day before it had cut off."""
    since = start_us(after(first, -2))
    found = [db.execute(sql, (since,)).fetchone()[0] for sql in _FIRST]
    times = [at_us for at_us in found if at_us is not None]
    if not times:
        return None
    day = max(first, day_of(min(times)))
    return day if day < limit else None
