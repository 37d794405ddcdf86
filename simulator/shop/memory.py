"""What the shop keeps: its orders, the events it heard, secrets of its endpoints. One SQLite file.

An order is kept before anybody is asked for it, under the number by which it is asked for again. An
event is kept once, whatever its tries; it is kept before its sender hears that it was received.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from simulator.shop.shelf import Line

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS orders (
  no TEXT PRIMARY KEY, lines TEXT NOT NULL, session INTEGER NOT NULL DEFAULT 1,
  back TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE IF NOT EXISTS secrets (
  merchant TEXT NOT NULL, number INTEGER NOT NULL, secret TEXT NOT NULL,
  PRIMARY KEY (merchant, number)) STRICT;
CREATE TABLE IF NOT EXISTS events (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL, type TEXT NOT NULL, at TEXT NOT NULL,
  position INTEGER NOT NULL, order_no TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS events_order ON events (order_no);
"""


class Placed(NamedTuple):
    """`session`: which session of it is the newest; `back`: with which state a payer came back by
    an address that the cashier had signed, "" for nobody."""

    no: str
    lines: tuple[Line, ...]
    session: int
    back: str

    @property
    def total_fen(self) -> int:
        return sum(one.amount_fen for one in self.lines)

    @property
    def session_no(self) -> str:
        return f"{self.no}-{self.session}"


class Heard(NamedTuple):
    id: str
    merchant: str
    type: str
    at: str
    position: int
    order_no: str


class Memory:
    """Every function is one commit."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / "shop.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # There are secrets in it.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self._db.execute(sql, values)) as found:
            return found.fetchall()

    def port(self) -> int:
        """The port of the start before this one, 0 if there was none."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'port'")
        return int(rows[0][0]) if rows else 0

    def keep_port(self, port: int) -> None:
        self._rows("INSERT OR REPLACE INTO meta VALUES ('port', ?)", str(port))

    def place(self, no: str, lines: Sequence[Line]) -> None:
        self._rows("INSERT INTO orders (no, lines) VALUES (?, ?)", no, json.dumps(lines))

    def order(self, no: str) -> Placed | None:
        found = self._rows("SELECT no, lines, session, back FROM orders WHERE no = ?", no)
        return _placed(found[0]) if found else None

    def orders(self, most: int) -> list[Placed]:
        """The newest first."""
        sql = "SELECT no, lines, session, back FROM orders ORDER BY rowid DESC LIMIT ?"
        return [_placed(row) for row in self._rows(sql, most)]

    def came_back(self, no: str, state: str) -> None:
        self._rows("UPDATE orders SET back = ? WHERE no = ?", state, no)

    def next_session(self, no: str, after: int) -> None:
        """The session after one that is over; asked for twice it is the same one."""
        sql = "UPDATE orders SET session = ? WHERE no = ? AND session = ?"
        self._rows(sql, after + 1, no, after)

    def secrets(self, merchant: str) -> dict[int, str]:
        sql = "SELECT number, secret FROM secrets WHERE merchant = ? ORDER BY number DESC"
        return dict(self._rows(sql, merchant))

    def keep_secret(self, merchant: str, number: int, secret: str) -> None:
        sql = "INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)"
        self._rows(sql, merchant, number, secret)

    def forget_secrets(self, merchant: str) -> None:
        self._rows("DELETE FROM secrets WHERE merchant = ?", merchant)

    def hear(self, heard: Heard, body: str) -> None:
        """Once; again it changes nothing."""
        self._rows("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", *heard, body)

    def heard(self, most: int, order_no: str = "") -> list[Heard]:
        """The newest first; of one order if it is named."""
        sql = (
            "SELECT id, merchant, type, at, position, order_no FROM events "
            "WHERE ? IN ('', order_no) ORDER BY position DESC, id LIMIT ?"
        )
        return [Heard(*row) for row in self._rows(sql, order_no, most)]


def _placed(row: tuple[Any, ...]) -> Placed:
    no, lines, session, back = row
    return Placed(no, tuple(Line(*one) for one in json.loads(lines)), session, back)
