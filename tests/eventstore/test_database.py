"""The setting that names the database, the engine made from it, and its migrations."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from domain.eventstore.database import (
    IMMEDIATE,
    one_view,
    parse_database_url,
    sqlalchemy_engine,
)
from domain.eventstore.opening import NoLedger, open_recorder
from domain.refusals import Code, Refused
from migrations.run import migrate
from projections.tables.bulk import driver_of

TABLES = {"events", "commit_log", "receipts", "snapshots", "api_keys", "alembic_version"}


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///books.db", "books.db"), ("sqlite:////var/lib/a b.db", "/var/lib/a b.db")],
)
def test_a_file_is_named_by_its_path(url: str, path: str) -> None:
    database = parse_database_url(url)
    assert (database.dialect, database.path, database.schema) == ("sqlite", path, "")


def test_a_server_is_named_with_all_its_parts() -> None:
    url = "postgresql://ann:p%40ss@db.example:6543/books?schema=cell_0&sslmode=require"
    database = parse_database_url(url)
    arguments = database.connection_arguments
    assert database.schema == "cell_0"
    assert [arguments[k] for k in ("host", "port", "user", "password", "dbname", "sslmode")] == [
        *("db.example", 6543, "ann", "p@ss", "books", "require")
    ]
    assert "p@ss" not in repr(database)
    assert "p%40ss" not in repr(database)


def test_what_is_left_out_of_a_server_has_defaults() -> None:
    database = parse_database_url("postgresql://ann@/books?host=/run/pg")
    assert (database.host, database.port, database.schema) == ("/run/pg", 5432, "public")


@pytest.mark.parametrize(
    "url",
    [
        *("", "books.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/x.db"),
        *("sqlite:///x.db?mode=ro", "sqlite:///file:x.db", "mysql://h/db", "postgresql://h"),
        *("postgresql://h/", "postgresql://h:0/d", "postgresql://h:99999/d", "postgresql://h:x/d"),
        *("postgresql://h/d?schema=", "postgresql://h/d?schema=Cell", "postgresql://h/d?port=x"),
        *("postgresql://h/d?schema=a-b", "postgresql://h/d?schema=1a", "postgresql://h/d?x=1"),
        *("postgresql://h/d?schema=pg_temp", "postgresql://h/d?schema=a&schema=b"),
        'postgresql://h/d?schema=a";drop',
        f"postgresql://h/d?schema={'a' * 64}",
        "sqlite:///x\0.db",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_database_url(url)
    assert (refusal.value.code, refusal.value.field) == (Code.REQUEST_INVALID, "database")


def test_migrating_creates_the_tables_and_again_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    database = parse_database_url(database_url)
    engine = sqlalchemy_engine(database)
    before = set(inspect(engine).get_table_names())
    assert before >= TABLES
    migrate(database_url)
    assert set(inspect(engine).get_table_names()) == before
    engine.dispose()


def test_two_processes_may_migrate_at_once(database_url: str) -> None:
    program = "import sys; from migrations.run import migrate; migrate(sys.argv[1])"
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url], cwd=root, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    results = [(p.communicate(timeout=60)[1].decode(), p.returncode) for p in processes]
    assert [code for _, code in results] == [0, 0], results


def test_a_database_without_a_ledger_is_refused(database_url: str) -> None:
    with pytest.raises(NoLedger) as refusal:
        open_recorder(parse_database_url(database_url))
    assert (refusal.value.code, refusal.value.field) == (Code.REQUEST_INVALID, "database")


def test_a_server_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        open_recorder(parse_database_url("postgresql://ann@/books?host=/nowhere"))
    assert refusal.value.code is Code.REQUEST_INVALID
    assert not isinstance(refusal.value, NoLedger), "nobody knows what it holds"


def test_ddl_is_rolled_back_with_its_transaction(migrated_url: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE scratch (a integer)"))
        connection.rollback()
    assert "scratch" not in inspect(engine).get_table_names()
    engine.dispose()


def test_a_read_only_engine_cannot_write(migrated_url: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url), read_only=True)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar_one() == 0
    statement = text("INSERT INTO snapshots VALUES ('a', 1, '')")
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_connection_that_the_server_has_ended_is_replaced(
    migrated_url: str, read_only: bool
) -> None:
    database = parse_database_url(migrated_url)
    engine = sqlalchemy_engine(database, read_only=read_only)
    backend = text("SELECT pg_backend_pid()")
    with engine.connect() as connection:
        first = connection.execute(backend).scalar_one()
    with engine.connect() as connection:
        assert connection.execute(backend).scalar_one() == first
    with psycopg.connect(**database.connection_arguments, autocommit=True) as admin:
        ended = admin.execute("SELECT pg_terminate_backend(%s, 10000)", (first,)).fetchone()
        assert ended == (True,)
    with engine.connect() as connection:
        assert connection.execute(backend).scalar_one() != first
    engine.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_reads_leave_no_transaction_open_but_for_one_view(migrated_url: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url), read_only=True)
    states = []
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        states.append(driver_of(connection).info.transaction_status)
    with one_view(engine) as connection:
        connection.execute(text("SELECT 1"))
        states.append(driver_of(connection).info.transaction_status)
        level = connection.execute(text("SHOW transaction_isolation")).scalar_one()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        states.append(driver_of(connection).info.transaction_status)
    engine.dispose()
    idle, open_ = TransactionStatus.IDLE, TransactionStatus.INTRANS
    assert (states, level) == ([idle, open_, idle], "repeatable read")


def test_an_immediate_transaction_has_the_write_lock_before_it_writes(tmp_path: Path) -> None:
    database = parse_database_url(f"sqlite:///{tmp_path / 'ledger.db'}")
    engine = sqlalchemy_engine(database)
    with engine.connect() as first, engine.connect() as second:
        first = first.execution_options(**{IMMEDIATE: True})
        first.execute(text("SELECT 1"))
        second.exec_driver_sql("PRAGMA busy_timeout = 50")
        with pytest.raises(OperationalError, match="locked"):
            second.execute(text("CREATE TABLE scratch (a integer)"))
        second.rollback()
        first.commit()
        second.execute(text("CREATE TABLE scratch (a integer)"))
    engine.dispose()


def test_sqlite_connections_sync_every_commit(tmp_path: Path) -> None:
    engine = sqlalchemy_engine(parse_database_url(f"sqlite:///{tmp_path / 'ledger.db'}"))
    with engine.connect() as connection:
        pragma = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()
    assert pragma == ["wal", 2, 1, 30_000]
