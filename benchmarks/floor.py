"""The floor: the rows of 256 transfers to a commit, inserted raw into the same tables, durably.

The rows are those the ledger itself wrote for transfers over 100 accounts: events, receipts, and a
row of the commit log; one transaction each, written with `executemany` on SQLite and COPY on
PostgreSQL. Nothing is decided, hashed or read; making the rows is not counted.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.books import open_books, open_wallets, request, submit
from benchmarks.figures import Backend, Floor
from benchmarks.transfers import AMOUNT_FEN, WALLETS, pairs
from domain.eventstore.database import Database, configure_sqlite, parse_database_url
from domain.ledger.ledger import Ledger
from domain.payment.commands import TransferMoney

BATCH, KEPT = 256, 20
# Receipts name their commit and nothing else points anywhere: the order is the recorders' own.
COLUMNS = {
    "events": "notification_id, originator_id, originator_version, topic, state",
    "receipts": "number, digest, outcome, commit_number",
    "commit_log": "number, first_position, last_position, receipts, recorded_at_us, digest, hash, "
    "seal_number, seal",
}
Row = tuple[Any, ...]
Commit = dict[str, list[Row]]


def rows_of_transfers(url: str) -> list[Commit]:
    """What the ledger writes for some commits of 256 transfers each."""
    ledger = Ledger.open(url)
    try:
        open_books(ledger)
        members = open_wallets(ledger, WALLETS + 1)
        chosen = iter(pairs(members, "uniform"))
        before = ledger.head().number
        for batch in range(KEPT):
            requests = []
            for index in range(BATCH):
                number = f"{batch}-{index}"
                command = TransferMoney(number, *next(chosen), AMOUNT_FEN)
                requests.append(request(f"transfer:{number}", command))
            submit(ledger, requests)
        recorder = ledger.recorder
        return [
            {
                "events": list(recorder.read_log(row.first_position - 1, 10**6, row.last_position)),
                "receipts": [(*r, row.number) for r in recorder.receipts_of_commit(row.number)],
                "commit_log": [tuple(row)],
            }
            for row in recorder.read_commits(before, KEPT)
        ]
    finally:
        ledger.close()


def _moved(commit: Commit, turn: int, number: int, position: int) -> Commit:
    """The same rows under keys that are free: in turn `turn`, as commit `number`."""
    events = [
        (position + offset, f"{stream}.{turn}", version, name, state)
        for offset, (_, stream, version, name, state) in enumerate(commit["events"], 1)
    ]
    receipts = [
        (f"{key}.{turn}", digest, outcome, number) for key, digest, outcome, _ in commit["receipts"]
    ]
    (_, _, _, *middle, _, seal), *_ = commit["commit_log"]
    row = (number, position + 1, position + len(events), *middle, number, seal)
    return {"events": events, "receipts": receipts, "commit_log": [row]}


class Case:
    """The floor of one backend, on one new ledger that only raw rows go into."""

    def __init__(self, source: list[Commit], url: str, backend: Backend) -> None:
        self._source = source
        self._database = parse_database_url(url)
        self._backend = backend
        self._commits = self._rows = self._position = 0
        self._seconds = 0.0
        self.name = f"{backend} floor"

    def measure(self, seconds: float) -> None:
        """Insert commits until the inserting itself took that long."""
        spent = 0.0
        with _inserting(self._database) as insert:
            while spent < seconds:
                turn, index = divmod(self._commits, len(self._source))
                self._commits += 1
                rows = _moved(self._source[index], turn, self._commits, self._position)
                began = time.perf_counter()
                insert(rows)
                spent += time.perf_counter() - began
                self._position += len(rows["events"])
                self._rows += sum(map(len, rows.values()))
        self._seconds += spent

    def result(self) -> Floor:
        per_second = int(self._rows / self._seconds)
        return Floor(self._backend, per_second, int(self._commits * BATCH / self._seconds))


@contextmanager
def _inserting(database: Database) -> Iterator[Callable[[Commit], None]]:
    """How to insert the rows of one commit."""
    if database.dialect == "sqlite":
        connection = sqlite3.connect(database.path, isolation_level=None)
        try:
            configure_sqlite(connection)
            yield lambda commit: _insert_sqlite(connection, commit)
        finally:
            connection.close()
    else:
        with psycopg.connect(**database.connection_arguments) as server:
            yield lambda commit: _copy_postgresql(server, database.schema, commit)


def _insert_sqlite(connection: sqlite3.Connection, commit: Commit) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table, rows in commit.items():
        marks = ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})"  # noqa: S608
        connection.executemany(statement, rows)
    connection.execute("COMMIT")


TYPES = {
    "events": ("int8", "text", "int8", "text", "bytea"),
    "receipts": ("text", "bytea", "bytea", "int8"),
    "commit_log": ("int8", "int8", "int8", "int4", "int8", "bytea", "bytea", "int8", "bytea"),
}


def _copy_postgresql(server: psycopg.Connection[Any], schema: str, commit: Commit) -> None:
    with server.transaction(), server.cursor() as cursor:
        for table, rows in commit.items():
            into = f'COPY "{schema}".{table} ({COLUMNS[table]}) FROM STDIN (FORMAT BINARY)'
            with cursor.copy(into) as copy:
                copy.set_types(TYPES[table])
                for row in rows:
                    copy.write_row(row)
