"""How the outside misbehaves: each fault is drawn from hash(seed, what, whose number, attempt).

A draw depends on nothing else, so a seed means the same whatever runs when, and after a restart.
Only an outage belongs to a time: its windows are counted from the epoch. A fault that was drawn is
in the book, once, so that a drill can count them.
"""

import hashlib
import sqlite3
from collections.abc import Mapping

from simulator.clock import MINUTE
from simulator.problems import invalid

# Permille of `--faults all`. On the wire, drawn for each attempt:
WIRE = {
    "lost_request": 20,  # The connection drops before anything is carried out.
    "error_before": 20,  # 5xx, nothing carried out.
    "lost_answer": 30,  # Carried out; the connection drops instead of an answer.
    "error_after": 20,  # Carried out; 5xx.
    "delay": 40,  # The answer is late.
    "signtest": 20,  # WeChat Pay: an answer or callback whose signature must be refused.
    "outage": 20,  # Per network and window of ten minutes: 503.
}
# Of an order, drawn once:
ORDER = {
    "decline_payer": 40,  # Declined for the payer's reasons; WeChat Pay: a failed try.
    "decline_channel": 30,  # Declined for the channel's own reasons.
    "wrong_more": 10,  # 103 taken instead of 100.
    "wrong_less": 10,  # 90 taken instead of 100.
    "second_charge": 15,  # A second serial on the same number.
    "decline_after_success": 5,  # Declined though it had succeeded; signed JSON only.
    "late_success": 250,  # Of closed ones: the payer paid after all.
    "refund_declined": 30,  # Signed JSON: DECLINED; WeChat Pay: CLOSED.
    "refund_abnormal": 30,  # WeChat Pay: ABNORMAL, not final.
    "payee_closed": 20,  # A payout to an account that was closed.
    "payee_name_wrong": 15,  # A payout to another name.
    "payout_returned": 40,  # Succeeded, and back after one to four days.
    "late_end": 150,  # Of declined refunds and payouts: it succeeds after all.
}
CALLBACK = {
    "callback_never": 40,
    "callback_duplicate": 60,  # The same event twice.
    "callback_late": 80,  # So late that others overtake it.
}
# Of bills and sessions; `bills` asks for them, `all` does not.
BILL = {
    "bill_late": 100,  # Not ready for hours after the others.
    "bill_reissue": 60,  # A line is missing; later there is a version that has it.
    "bill_wrong_total": 40,  # Its total is not that of its lines; a right one comes later.
    "bill_missing_line": 10,  # A line that is in no bill.
    "bill_double_line": 10,  # A line that stands there twice.
    "bill_wrong_amount": 10,  # 103 instead of 100.
    "bill_wrong_fee": 10,
    "bill_cut_off": 300,  # Of the day's last hour: it stands in the next day's bill.
    "session_short": 40,  # Less arrives than the bills say.
    "session_over": 40,
}
KINDS = {**WIRE, **ORDER, **CALLBACK, **BILL}
OUTAGE_WINDOW = 10 * MINUTE


def profile(text: str) -> dict[str, int]:
    """`none`, `all`, `bills`, or `kind=permille,…`, also `all,kind=permille`. Raises Problem."""
    wanted: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        kind, equals, permille = part.partition("=")
        if part == "all":
            wanted = {**WIRE, **ORDER, **CALLBACK}
        elif part == "bills":
            wanted |= BILL
        elif part == "none":
            wanted = {}
        elif kind not in KINDS:
            raise invalid(
                "faults", f"{part[:40]!r} is not none, all, bills or one of {', '.join(KINDS)}"
            )
        elif not equals or not permille.isascii() or not permille.isdigit() or len(permille) > 4:
            raise invalid("faults", f"{kind} needs a permille: {kind}=0 to {kind}=1000")
        elif int(permille) > 1_000:
            raise invalid("faults", f"{kind} is at most 1000 permille")
        else:
            wanted[kind] = int(permille)
    return {kind: permille for kind, permille in wanted.items() if permille}


class Draws:
    """Chance, by seed."""

    def __init__(self, seed: int, permilles: Mapping[str, int]) -> None:
        self.seed, self.permilles = seed, dict(permilles)

    def number(self, kind: str, key: str, attempt: int = 0) -> int:
        """64 bits that are always the same for the same words."""
        text = f"{self.seed}\n{kind}\n{key}\n{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def between(self, least: int, most: int, kind: str, key: str, attempt: int = 0) -> int:
        """A whole number from `least` to `most`, both included."""
        return least + self.number(kind, key, attempt) % (most - least + 1)

    def chance(self, permille: int, kind: str, key: str, attempt: int = 0) -> bool:
        return self.number(kind, key, attempt) % 1_000 < permille

    def hits(self, fault: str, key: str, attempt: int = 0) -> bool:
        """Whether a fault of the profile strikes."""
        permille = self.permilles.get(fault, 0)
        return permille > 0 and self.chance(permille, fault, key, attempt)

    def digits(self, count: int, kind: str, key: str, attempt: int = 0) -> str:
        """Decimal digits for serials."""
        text = f"{self.seed}\n{kind}\n{key}\n{attempt}"
        whole = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
        return f"{whole % 10**count:0{count}d}"


def record(db: sqlite3.Connection, fault: str, key: str, attempt: int, now_us: int) -> None:
    """Puts a fault on record; once for the same words."""
    db.execute(
        "INSERT OR IGNORE INTO faults (fault, key, attempt, at_us) VALUES (?, ?, ?, ?)",
        (fault, key, attempt, now_us),
    )


def counted(db: sqlite3.Connection) -> dict[str, int]:
    """How many of each kind are on record."""
    rows = db.execute("SELECT fault, count(*) FROM faults GROUP BY fault ORDER BY fault")
    return {row[0]: row[1] for row in rows}


def next_attempt(db: sqlite3.Connection, key: str) -> int:
    """Counts how often something was asked: 1, 2, 3, …"""
    row = db.execute(
        "INSERT INTO attempts (key, count) VALUES (?, 1) "
        "ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count",
        (key,),
    ).fetchone()
    return int(row[0])
