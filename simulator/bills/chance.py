"""How the bills of a day misbehave. The faults of a day are those in force when its bills are asked
for first: they stay, so that a line that one day left out stands in the next, and a file is the
same whenever it is written."""

import json
import sqlite3
from collections.abc import Callable
from datetime import date

from simulator.clock import HOUR
from simulator.faults import BILL, Draws, record

# Runs a function of the book and returns what it returned: from another thread.
Write = Callable[[Callable[[sqlite3.Connection], object]], object]
BATCH = 500
Struck = tuple[str, str, int]


def fixed(db: sqlite3.Connection, day: date, now: Draws) -> Draws:
    """The chance of a day's bills: as it was fixed, else as it is now, fixed from here on."""
    found = known(db, day)
    if found is not None:
        return found
    permilles = {kind: one for kind, one in now.permilles.items() if kind in BILL}
    db.execute(
        "INSERT INTO bill_days (day, seed, faults) VALUES (?, ?, ?)",
        (day.isoformat(), str(now.seed), json.dumps(permilles)),
    )
    return Draws(now.seed, permilles)


def known(db: sqlite3.Connection, day: date) -> Draws | None:
    """The chance of a day's bills, if it was fixed."""
    sql = "SELECT seed, faults FROM bill_days WHERE day = ?"
    row = db.execute(sql, (day.isoformat(),)).fetchone()
    return Draws(int(row["seed"]), json.loads(row["faults"])) if row else None


class Chance:
    """For a thread that writes a bill: draws by day, and puts what struck on record in batches."""

    def __init__(self, db: sqlite3.Connection, write: Write, now: Draws, now_us: int) -> None:
        self._db, self._write, self._now, self._now_us = db, write, now, now_us
        self._days: dict[date, Draws] = {}
        self._struck: list[Struck] = []

    def of(self, day: date) -> Draws:
        found = self._days.get(day) or known(self._db, day)
        if found is None:
            made = self._write(lambda db: fixed(db, day, self._now))
            assert isinstance(made, Draws)
            found = made
        self._days[day] = found
        return found

    def strikes(self, day: date, fault: str, key: str, attempt: int = 0) -> bool:
        """Whether a fault strikes; if so it is on record."""
        if not self.of(day).hits(fault, key, attempt):
            return False
        self._struck.append((fault, key, attempt))
        if len(self._struck) >= BATCH:
            self.flush()
        return True

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        self._write(work)

    def flush(self) -> None:
        struck, self._struck = self._struck, []

        def put(db: sqlite3.Connection) -> None:
            for fault, key, attempt in struck:
                record(db, fault, key, attempt, self._now_us)

        if struck:
            self._write(put)


def cut_off(chance: Chance, day: date, key: str, left_us: int) -> bool:
    """Whether a line, so long before its day's end, stands in the next day's bill."""
    return left_us <= HOUR and chance.strikes(day, "bill_cut_off", key)
