"""What each channel owes us for a day, and the sessions in which it is paid: at ten the next day,
one net sum for all channels of a clearing network, into the reserve account or out of it.

Most channels settle net: payments less refunds and fees. A gross settler pays the payments whole;
its refunds leave the reserve account one by one, and its fees are invoiced to our own account.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import astuple, replace

from simulator.accounts import fee_fen
from simulator.bills.chance import Chance
from simulator.bills.days import READY, after, start_us
from simulator.bills.lines import WECHAT, lines_of

CLEARED_BY = {
    "wechat": "NETSUNION",
    "jdpay": "NETSUNION",
    "netsunion": "NETSUNION",
    "quickpass": "UNIONPAY",
    "unionpay": "UNIONPAY",
}
GROSS = frozenset(("netsunion",))


class Owed(Struct, frozen=True):
    """What a day's lines add up to, in fen. `fees`: kept less given back; `restored`: refunds of
    earlier days that came to nothing (WeChat Pay: CLOSED), and `restored_fees` that go with them.
    """

    payments: int = 0
    refunds: int = 0
    fees: int = 0
    restored: int = 0
    restored_fees: int = 0

    def net(self, network: str) -> int:
        """What arrives for it; below zero: what we pay."""
        if network in GROSS:
            return self.payments
        came, fees = self.payments + self.restored, self.fees + self.restored_fees
        return came - self.refunds - fees


class Session(Struct, frozen=True):
    """One net sum of a clearing network for a day: `due` by the bills, `amount` as it arrived."""

    id: str
    clearing: str
    serial: str
    at_us: int
    due: int
    amount: int
    networks: dict[str, Owed]


class Restored(Struct, frozen=True):
    """A refund that was closed on a later day than it was accepted on."""

    number: str
    serial: str
    amount: int
    fee: int
    at_us: int


def owed(db: sqlite3.Connection, chance: Chance, network: str, day: date) -> Owed:
    """What a channel owes for a day that is over. Counted once, then kept in the book."""
    sql = (
        "SELECT payments, refunds, fees, restored, restored_fees FROM owed "
        "WHERE network = ? AND day = ?"
    )
    row = db.execute(sql, (network, day.isoformat())).fetchone()
    if row is not None:
        return Owed(**row)
    payments = refunds = fees = back = back_fees = 0
    for line in lines_of(db, chance, network, day):
        fees += line.fee
        if line.refund:
            refunds += line.amount if line.moved else 0
        else:
            payments += line.amount
    for one in restored(db, day) if network == WECHAT else ():
        back, back_fees = back + one.amount, back_fees + one.fee
    made = Owed(payments, refunds, fees, back, back_fees)
    values = (network, day.isoformat(), *astuple(made))
    put = "INSERT OR IGNORE INTO owed VALUES (?, ?, ?, ?, ?, ?, ?)"
    chance.write(lambda book: book.execute(put, values))
    return made


def restored(db: sqlite3.Connection, day: date) -> Iterator[Restored]:
    """Refunds of earlier days that WeChat Pay gave up on this one."""
    start = start_us(day)
    for row in db.execute(
        "SELECT number, amount, ended_us, detail ->> 'refund_id' AS serial FROM orders "
        "WHERE network = 'wechat' AND kind = 'refund' AND state = 'CLOSED' "
        "AND ended_us >= ? AND ended_us < ? AND created_us < ? ORDER BY ended_us, id",
        (start, start_us(after(day)), start),
    ):
        fee = fee_fen(WECHAT, row["amount"])
        yield Restored(row["number"], row["serial"], row["amount"], fee, row["ended_us"])


def sessions(db: sqlite3.Connection, chance: Chance, day: date) -> list[Session]:
    """The sessions that pay for a day; those in which nothing moves are left out."""
    found = []
    for clearing in dict.fromkeys(CLEARED_BY.values()):
        networks = {
            network: owed(db, chance, network, day)
            for network, by in CLEARED_BY.items()
            if by == clearing
        }
        due = sum(one.net(network) for network, one in networks.items())
        if due == 0:
            continue
        compact = day.isoformat().replace("-", "")
        made = Session(
            f"{clearing}-{compact}-1",
            clearing,
            "S" + chance.of(day).digits(19, "session", f"{clearing}/{day}"),
            start_us(after(day)) + READY,
            due,
            due,
            networks,
        )
        found.append(_misdelivered(chance, day, made))
    return found


def _misdelivered(chance: Chance, day: date, session: Session) -> Session:
    """By fault a hundredth less arrives than is due, or more; both together are as it is due."""
    key, part = f"session/{session.id}", max(1, abs(session.due) // 100)
    if chance.strikes(day, "session_short", key):
        session = replace(session, amount=session.amount - part)
    if chance.strikes(day, "session_over", key):
        session = replace(session, amount=session.amount + part)
    return session
