"""The lines of a channel's day, out of the book, one by one.

What a channel took back before the day was over was never cleared: neither the payment nor its
reversal is a line. What it took back later is a refund of its own making, under a number of its
own. WeChat Pay's refunds are lines of the day they were accepted on, in the state of that day's
end; elsewhere a refund is a line when its money moved.
"""

import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from simulator.accounts import fee_fen
from simulator.bills.chance import Chance, cut_off
from simulator.bills.days import after, start_us
from simulator.clock import HOUR

WECHAT = "wechat"
BANK = "bank"


class BillLine(Struct, frozen=True, gc=False):
    """One payment or refund, in fen. `key`: what faults are drawn by. `fee`: what the channel
    keeps; below zero, what it gives back. `original…`: of a refund, its payment. `state`:
    PROCESSING, SUCCESS, CHANGE or FAIL of a refund at WeChat Pay. `detail`: what only the network
    knows."""

    key: str
    refund: bool
    number: str
    serial: str
    amount: int
    fee: int
    at_us: int
    merchant: str
    party: str
    subject: str
    original: str = ""
    original_serial: str = ""
    original_us: int = 0
    state: str = "SUCCESS"
    ended_us: int | None = None
    detail: str = "{}"

    @property
    def moved(self) -> bool:
        """Whether its money moved, or is moving."""
        return self.state != "FAIL"

    @property
    def net(self) -> int:
        """What it adds to what the channel owes, without the fee."""
        if not self.moved:
            return 0
        return -self.amount if self.refund else self.amount


def lines_of(
    db: sqlite3.Connection, chance: Chance, network: str, day: date, *, newest_first: bool = False
) -> Iterator[BillLine]:
    """What belongs into the bills of a day, by time; with what the day before had cut off."""
    before, start, end = after(day, -1), start_us(day), start_us(after(day))
    earlier = _within(db, network, start - HOUR, start, newest_first)
    late = (line for line in earlier if cut_off(chance, before, line.key, start - line.at_us))
    today = _within(db, network, start, end, newest_first)
    own = (line for line in today if not cut_off(chance, day, line.key, end - line.at_us))
    for part in (own, late) if newest_first else (late, own):
        yield from part


def _within(
    db: sqlite3.Connection, network: str, start: int, end: int, newest_first: bool
) -> Iterator[BillLine]:
    payments = moved(db, network, start, end, newest_first=newest_first)
    if network != WECHAT:
        return payments
    return heapq.merge(payments, _accepted(db, start, end), key=lambda line: line.at_us)


_MOVED = (
    "SELECT m.kind AS what, m.serial, m.amount, m.fee, m.at_us, m.reversed_us, m.order_id, "
    "o.kind, o.number, o.merchant, o.party_id, o.subject, o.detail, o.original_id "
    "FROM movements m JOIN orders o ON o.id = m.order_id "
    "WHERE m.at_us >= ? AND m.at_us < ? AND o.network = ? ORDER BY m.at_us {way}, m.id {way}"
)
_ACCEPTED = (
    "SELECT * FROM orders WHERE network = 'wechat' AND kind = 'refund' "
    "AND created_us >= ? AND created_us < ? ORDER BY created_us, id"
)


def moved(
    db: sqlite3.Connection, network: str, start: int, end: int, *, newest_first: bool = False
) -> Iterator[BillLine]:
    """Lines by the time their money moved, whatever bill they stand in; at WeChat Pay, payments."""
    sql = _MOVED.format(way="DESC" if newest_first else "ASC")
    for row in db.execute(sql, (start, end, network)):
        line = _line(db, network, row)
        if line is not None and not (network == WECHAT and line.refund):
            yield line


def _line(db: sqlite3.Connection, network: str, row: sqlite3.Row) -> BillLine | None:
    """A movement as a line; None for what was never cleared, and for payouts."""
    refund, original = row["kind"] == "refund", row["original_id"]
    number, at_us = row["number"], row["at_us"]
    if row["kind"] == "payout":
        return None
    if row["what"] == "charge":
        if row["reversed_us"] is not None and _same_day(at_us, row["reversed_us"]):
            return None
    else:
        charged = _charge_of(db, row)
        if charged is not None and _same_day(charged["at_us"], at_us):
            return None
        # The channel's own wish: nobody here gave it a number.
        refund, number, original = not refund, row["serial"], row["order_id"]
    paid = _paid(db, original) if refund and original is not None else ("", "", 0)
    return BillLine(
        f"{network}/bill/{row['serial']}",
        refund,
        number,
        row["serial"],
        row["amount"],
        row["fee"],
        at_us,
        row["merchant"],
        row["party_id"],
        row["subject"],
        *paid,
        detail=row["detail"],
    )


def _charge_of(db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row | None:
    """What a reversal took back."""
    found: sqlite3.Row | None = db.execute(
        "SELECT at_us FROM movements WHERE order_id = ? AND kind = 'charge' AND amount = ? "
        "AND reversed_us = ? ORDER BY id LIMIT 1",
        (row["order_id"], row["amount"], row["at_us"]),
    ).fetchone()
    return found


def _same_day(one_us: int, other_us: int) -> bool:
    day = 24 * HOUR
    return (one_us + 8 * HOUR) // day == (other_us + 8 * HOUR) // day


def _paid(db: sqlite3.Connection, order_id: int) -> tuple[str, str, int]:
    """Number, serial and time of the payment that a refund is of."""
    row = db.execute(
        "SELECT o.number, m.serial, m.at_us FROM orders o JOIN movements m ON m.order_id = o.id "
        "WHERE o.id = ? AND m.kind = 'charge' ORDER BY m.id LIMIT 1",
        (order_id,),
    ).fetchone()
    return (row["number"], row["serial"], row["at_us"]) if row else ("", "", 0)


def _accepted(db: sqlite3.Connection, start: int, end: int) -> Iterator[BillLine]:
    """WeChat Pay's refunds, as they stood at the end of their day."""
    for row in db.execute(_ACCEPTED, (start, end)):
        detail, ends = json.loads(row["detail"]), _day_end(row["created_us"])
        ended = row["ended_us"] if row["ended_us"] is not None else ends
        state = STATES[row["state"]] if ended < ends else "PROCESSING"
        number, serial = detail["out_trade_no"], detail["transaction_id"]
        charged = db.execute("SELECT at_us FROM movements WHERE serial = ?", (serial,)).fetchone()
        paid = db.execute(
            "SELECT subject, detail FROM orders WHERE id = ?", (row["original_id"],)
        ).fetchone()
        yield BillLine(
            f"{WECHAT}/bill/{detail['refund_id']}",
            True,
            row["number"],
            detail["refund_id"],
            row["amount"],
            0 if state == "FAIL" else -fee_fen(WECHAT, row["amount"]),
            row["created_us"],
            row["merchant"],
            row["party_id"],
            paid["subject"],
            number,
            serial,
            charged["at_us"] if charged else row["created_us"],
            state,
            ended if state == "SUCCESS" else None,
            paid["detail"],
        )


STATES = {"PROCESSING": "PROCESSING", "SUCCESS": "SUCCESS", "CLOSED": "FAIL", "ABNORMAL": "CHANGE"}


def _day_end(at_us: int) -> int:
    day = 24 * HOUR
    return ((at_us + 8 * HOUR) // day + 1) * day - 8 * HOUR


def misread(
    chance: Chance, day: date, lines: Iterable[BillLine], version: int, first_is_lost: bool
) -> Iterator[BillLine]:
    """The lines as a file of a version has them: the first version's faults, by seed."""
    for line in lines:
        if first_is_lost:
            first_is_lost = False
            continue
        if version > 1:
            yield line
            continue
        if chance.strikes(day, "bill_missing_line", line.key):
            continue
        if chance.strikes(day, "bill_wrong_amount", line.key):
            line = replace(line, amount=line.amount + line.amount * 3 // 100 + (line.amount < 34))
        if chance.strikes(day, "bill_wrong_fee", line.key):
            more = max(1, abs(line.fee) // 10)
            line = replace(line, fee=line.fee + (-more if line.refund else more))
        yield line
        if chance.strikes(day, "bill_double_line", line.key):
            yield line
