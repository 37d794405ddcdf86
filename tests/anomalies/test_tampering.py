"""Whoever owns the database can take the triggers away and change history. `verify` finds it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from domain.clearing import day
from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.ledger.codec import encode, encode_snapshot
from domain.ledger.proof import Finding, verify_log
from domain.payment.transfer import Transferred
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS
from tests.anomalies.market import buyer, open_market, opened, purchase, transfer
from tests.examples import MERCHANT, PAID_AT
from tests.stories.books import open_books

pytestmark = pytest.mark.timeout(60)

Run = Callable[..., Sequence[tuple[Any, ...]]]  # A statement and its parameters; the rows.


class Place(NamedTuple):
    """Where a purchase stands in the books, and the last commit of them."""

    transfer: int  # Position of the transfer before the last.
    commit: int  # Number of its commit.
    first: int  # First position of that commit.
    last: int  # Number of the last commit.
    head: int  # Position of the last fact.


def sell(url: str) -> None:
    """Some trade, one commit each."""
    open_market(url)
    with opened(url) as ledger:
        for one in (*purchase("s", 1), transfer("t", 1), transfer("t", 2)):
            ledger.submit(one).unwrap()


def place(url: str) -> Place:
    with opened(url) as ledger:
        found = [row for row in ledger.recorder.read_log(0, 5_000) if row.name == "transfer.done.1"]
        commits = ledger.recorder.read_commits(0, 1_000)
        own = next(c for c in commits if c.first_position <= found[0].position <= c.last_position)
        head = ledger.head()
    return Place(found[0].position, own.number, own.first_position, head.number, head.position)


def findings(url: str) -> list[Finding]:
    with closing(open_recorder(parse_database_url(url))) as recorder:
        return verify_log(recorder)


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sold") / "books.db"
    sell(f"sqlite:///{path}")
    return path


@contextmanager
def tampering(path: Path) -> Iterator[Run]:
    """The file's owner at work: no trigger is in the way."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        yield lambda sql, *values: connection.execute(sql, values).fetchall()
        connection.commit()


def one_byte(run: Run, at: Place) -> None:
    ((state,),) = run("SELECT state FROM events WHERE notification_id = ?", at.transfer)
    changed = bytes(state).replace(b'"amount_fen":2', b'"amount_fen":3')
    assert changed != state and len(changed) == len(state)
    run("UPDATE events SET state = ? WHERE notification_id = ?", changed, at.transfer)


def another_type(run: Run, at: Place) -> None:
    run("UPDATE events SET state = CAST(state AS TEXT) WHERE notification_id = ?", at.transfer)


def a_number_for_a_stream(run: Run, at: Place) -> None:
    run("UPDATE events SET originator_id = x'00' WHERE notification_id = ?", at.transfer)


def deleted_fact(run: Run, at: Place) -> None:
    run("DELETE FROM events WHERE notification_id = ?", at.transfer)


def swapped_facts(run: Run, at: Place) -> None:
    (one,), (two,) = run("SELECT state FROM events WHERE topic = 'transfer.done.1' ORDER BY 1")
    run("UPDATE events SET state = ? WHERE state = ? AND topic = 'transfer.done.1'", b"", one)
    run("UPDATE events SET state = ? WHERE state = ?", one, two)
    run("UPDATE events SET state = ? WHERE state = ?", two, b"")


def deleted_receipt(run: Run, at: Place) -> None:
    run("DELETE FROM receipts WHERE number = ?", "transfer:tx1")


def changed_receipt(run: Run, at: Place) -> None:
    refused = b'{"refused":{"code":"busy","field":"","detail":""}}'
    run("UPDATE receipts SET outcome = ? WHERE number = ?", refused, "transfer:tx1")


def invented_receipt(run: Run, at: Place) -> None:
    run("INSERT INTO receipts VALUES ('mine', x'00', x'00', ?)", at.commit)


def stray_receipt(run: Run, at: Place) -> None:
    """It would answer its number for ever, and no commit's hash covers it."""
    run("INSERT INTO receipts VALUES ('mine', x'00', x'00', 1000000)")


def forged_snapshot(run: Run, at: Place) -> None:
    """A day that is not open: every posting would be refused."""
    row = encode_snapshot(day.STREAM, 1, day.State())
    run("INSERT INTO snapshots (stream, version, state) VALUES (?, ?, ?)", *row)


def emptied_last_commit(run: Run, at: Place) -> None:
    run("DELETE FROM events WHERE notification_id >= (SELECT max(first_position) FROM commit_log)")


def deleted_log_row(run: Run, at: Place) -> None:
    run("DELETE FROM commit_log WHERE number = ?", at.commit)


def changed_log_row(run: Run, at: Place) -> None:
    run("UPDATE commit_log SET last_position = 'x' WHERE number = ?", at.commit)


def forged(position: int) -> tuple[str, int, str, bytes, int]:
    fact = Transferred(buyer(1), buyer(2), 1, None)  # type: ignore[arg-type]
    return "transfer-forged", 1, "transfer.done.1", encode(fact, PAID_AT, "me"), position


def outside_the_log(run: Run, at: Place) -> None:
    run("INSERT INTO events VALUES (?, ?, ?, ?, ?)", *forged(at.head + 1))


def before_the_log(run: Run, at: Place) -> None:
    """A stream sees it, the log does not."""
    run("INSERT INTO events VALUES (?, ?, ?, ?, ?)", *forged(-5))


def commit_before_the_log(run: Run, at: Place) -> None:
    run("INSERT INTO commit_log VALUES (0, 1, 0, 0, 0, ?, ?, 0, ?)", *[bytes(32)] * 3)


def version_out_of_turn(run: Run, at: Place) -> None:
    run("UPDATE events SET originator_version = 9 WHERE notification_id = ?", at.transfer)


@pytest.mark.parametrize(
    ("tamper", "kind", "where"),
    [
        (one_byte, "hash", "commit {at.commit}"),
        (another_type, "hash", "commit {at.commit}"),
        (a_number_for_a_stream, "hash", "commit {at.commit}"),
        (deleted_fact, "gaps", "commit {at.commit}"),
        (swapped_facts, "hash", "commit {at.commit}"),
        (deleted_receipt, "receipts", "commit {at.commit}"),
        (changed_receipt, "hash", "commit {at.commit}"),
        (invented_receipt, "receipts", "commit {at.commit}"),
        (stray_receipt, "receipts", "mine"),
        (forged_snapshot, "snapshot", "day-books#1"),
        (emptied_last_commit, "gaps", "commit {at.last}"),
        (deleted_log_row, "gaps", "commit {at.last}"),
        (changed_log_row, "gaps", "commit {at.commit}"),
        (outside_the_log, "gaps", "position {outside}"),
        (before_the_log, "gaps", "position -5"),
        (commit_before_the_log, "gaps", "commit 0"),
        (version_out_of_turn, "hash", "commit {at.commit}"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_first_finding_names_the_place(
    sold: Path, tmp_path: Path, tamper: Callable[[Run, Place], None], kind: str, where: str
) -> None:
    path = tmp_path / "copy.db"
    with closing(sqlite3.connect(sold)) as here, closing(sqlite3.connect(path)) as there:
        here.backup(there)
    url = f"sqlite:///{path}"
    assert findings(url) == []
    at = place(url)
    with tampering(path) as run:
        tamper(run, at)
    first = findings(url)[0]
    assert (first.check, first.where) == (kind, where.format(at=at, outside=at.head + 1))


@pytest.mark.parametrize("table", ["balances", "statement_ends"])
def test_a_changed_row_of_a_read_model_is_found(market: str, table: str) -> None:
    with opened(market) as ledger:
        for one in purchase("s", 1):
            ledger.submit(one).unwrap()
    with open_books(market) as desk:
        desk.catch_up()
        models = list(READ_MODELS.values())
        assert check(desk.ledger.recorder, desk.engine, models) == []
        by_table = {t.name: model.name for model in models for t in model.tables}
        with desk.engine.begin() as connection:
            column = "owner" if table == "balances" else "merchant"
            changed = connection.exec_driver_sql(
                f"UPDATE {table} SET balance_fen = 7 WHERE {column} = '{MERCHANT}'"  # noqa: S608
            )
            assert changed.rowcount >= 1
        (found,) = check(desk.ledger.recorder, desk.engine, models)
        assert (found.projection, found.table) == (by_table[table], table)
        assert MERCHANT in found.detail


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("tamper", "kind"), [(one_byte, "hash"), (deleted_fact, "gaps"), (deleted_receipt, "receipts")]
)
def test_the_owner_of_a_postgresql_ledger_is_found_out_too(
    database_url: str, tamper: Callable[[Run, Place], None], kind: str
) -> None:
    sell(database_url)
    assert findings(database_url) == []
    at, database = place(database_url), parse_database_url(database_url)
    options = f"-c search_path={database.schema}"
    with psycopg.connect(**database.connection_arguments, options=options) as connection:
        for table in ("events", "receipts"):
            connection.execute(f"DROP TRIGGER {table}_append_only ON {table}")

        def run(statement: str, *values: Any) -> Sequence[tuple[Any, ...]]:
            cursor = connection.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

        tamper(run, at)
    first = findings(database_url)[0]
    assert (first.check, first.where) == (kind, f"commit {at.commit}")


def test_a_ledger_is_verified_while_others_write(market: str) -> None:
    """It comes to an end, at the head it began with, and what came in meanwhile is no finding."""
    told: list[tuple[int, int]] = []
    with opened(market) as ledger, opened(market) as other:
        other.submit_all([transfer("first", 1)])
        for _ in range(3):

            def meanwhile(done: int, total: int) -> None:
                told.append((done, total))
                other.submit(transfer("m", len(told))).unwrap()

            begun_at = ledger.head()
            assert verify_log(ledger.recorder, meanwhile) == []
            assert told[-1] == (begun_at.position, begun_at.position)
            assert ledger.head().position > begun_at.position
        assert findings(market) == []
