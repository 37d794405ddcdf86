"""A ledger that a test gets is a migrated one: all that the database says of either is compared."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, TableClause, select, text

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from migrations.run import migrate
from tests.api.graphql.conftest import Books, write_books
from tests.fresh import PostgresLedgers
from tests.servers import with_query

POSTGRESQL = {
    "relations": """
        SELECT relname, relkind, relpersistence, reloptions, relacl::text, relreplident,
               relrowsecurity, pg_get_userbyid(relowner)
        FROM pg_class WHERE relnamespace = current_schema::regnamespace ORDER BY relname""",
    "columns": """
        SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attnotnull, col.collname,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_collation col ON col.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = current_schema::regnamespace AND NOT a.attisdropped ORDER BY 1, 2""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema ORDER BY 1",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = current_schema::regnamespace ORDER BY 1, 2""",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema::regnamespace ORDER BY 1""",
    "functions": """
        SELECT pg_get_functiondef(oid), proacl::text, pg_get_userbyid(proowner) FROM pg_proc
        WHERE pronamespace = current_schema::regnamespace ORDER BY 1""",
    "types": """
        SELECT typname, typtype, typacl::text FROM pg_type
        WHERE typnamespace = current_schema::regnamespace ORDER BY 1""",
    "schema": """
        SELECT nspname, nspacl::text, pg_get_userbyid(nspowner) FROM pg_namespace
        WHERE nspname = current_schema""",
    "settings": """
        SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, datconnlimit,
               datallowconn
        FROM pg_database WHERE datname = current_database()""",
}
SQLITE = {
    "schema": "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2",
    **{
        name: f"PRAGMA {name}"
        for name in ("journal_mode", "user_version", "application_id", "page_size", "encoding")
    },
}


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a ledger is made of, and every row in it."""
    engine = sqlalchemy_engine(parse_database_url(url))
    try:
        return _said(engine) | {f"rows of {name}": _rows(engine, name) for name in _tables(engine)}
    finally:
        engine.dispose()


def _said(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    asked = POSTGRESQL if engine.dialect.name == "postgresql" else SQLITE
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(text(statement))]
            for name, statement in asked.items()
        }


def _tables(engine: Engine) -> list[str]:
    if engine.dialect.name == "postgresql":
        statement = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema ORDER BY 1"
    else:
        statement = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def _rows(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.execute(select(text("*")).select_from(TableClause(table)))
        return sorted(tuple(row) for row in found)


def test_a_ledger_that_a_test_gets_is_a_migrated_one(migrated_url: str, tmp_path: Path) -> None:
    given = everything(migrated_url)
    assert given == _migrated(migrated_url, tmp_path)
    assert len(given["rows of alembic_version"]) == len(given["rows of sealed_changes"]) == 1
    assert len(given) > 40, "every table of the ledger was looked at"


def test_a_difference_would_be_seen(migrated_url: str) -> None:
    before = everything(migrated_url)
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX balances_owner"))
        connection.execute(text("INSERT INTO upgrades VALUES ('x', 1, true)"))
    engine.dispose()
    after = everything(migrated_url)
    differ = {name for name in before if before[name] != after[name]}
    schema = {"schema"} if migrated_url.startswith("sqlite") else {"relations", "indexes"}
    assert differ >= schema | {"rows of upgrades"}


@pytest.fixture
def ledgers(postgres_url: str) -> Iterator[PostgresLedgers]:
    made = PostgresLedgers(postgres_url, f"kept_again_{os.getpid()}")
    yield made
    made.close()


@pytest.mark.postgresql
def test_a_ledger_with_money_in_it_is_empty_when_it_comes_back(
    ledgers: PostgresLedgers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "_analysed", lambda name: False)  # The server may, at any moment.
    url = ledgers.make("t_again")
    expected = everything(url)
    with closing(Books(url)) as books:
        write_books(books)
        books.catch_up()
    engine = sqlalchemy_engine(parse_database_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'x'"))
        connection.execute(text("INSERT INTO blobs VALUES ('a', 'b')"))
    engine.dispose()
    written = everything(url)
    assert sum(written[name] != expected[name] for name in written) > 25
    assert ledgers.end("t_again"), "rows alone do not spoil it"
    url = ledgers.make("t_again")
    assert everything(url) == expected == _migrated(url, tmp_path)
    assert ledgers.end("t_again")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (x bigint)",
        "CREATE INDEX more ON upgrades (name)",
        "DROP INDEX balances_owner",
        "ALTER TABLE upgrades ADD COLUMN x bigint",
        "ALTER TABLE upgrades ALTER COLUMN finished SET DEFAULT true",
        "ALTER TABLE upgrades DROP COLUMN finished",
        "ALTER TABLE upgrades RENAME TO more",
        "ALTER TABLE upgrades SET (fillfactor = 50)",
        "ALTER TABLE upgrades ADD CONSTRAINT more CHECK (name <> '')",
        "ALTER TABLE upgrades ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "ALTER TABLE events ENABLE TRIGGER events_append_only",
        "DROP TRIGGER events_append_only ON events",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        "CREATE VIEW more AS SELECT 1 AS x",
        "CREATE TYPE more AS (x bigint)",
        "CREATE SEQUENCE more",
        "GRANT SELECT ON events TO PUBLIC",
        "GRANT SELECT (name) ON upgrades TO PUBLIC",
        "GRANT USAGE ON SCHEMA its_own TO PUBLIC",
        "GRANT EXECUTE ON FUNCTION refuse_change() TO pg_monitor",
        "ANALYZE alembic_version",
    ],
)
def test_a_ledger_that_is_no_longer_as_migrated_is_not_used_again(
    ledgers: PostgresLedgers, change: str
) -> None:
    name = f"t_changed_{os.getpid()}"
    engine = sqlalchemy_engine(parse_database_url(ledgers.make(name)))
    with engine.begin() as connection:
        connection.execute(text(change.replace("SCHEMA its_own", f"SCHEMA {name}")))
    engine.dispose()
    assert not ledgers.end(name)


@pytest.mark.postgresql
def test_a_commit_that_a_test_leaves_open_fails_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fresh.LOCK_SECONDS", 0.1)
    with closing(PostgresLedgers(postgres_url, f"kept_leaking_{os.getpid()}")) as ledgers:
        ledgers.make("t_leak")
        with psycopg.connect(postgres_url) as leaking:
            leaking.execute("INSERT INTO t_leak.upgrades VALUES ('x', 1, true)")
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("INSERT INTO t_leak.upgrades VALUES ('y', 1, true)")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                ledgers.end("t_leak")
        assert ledgers.end("t_leak")


def _migrated(url: str, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """A ledger of the same name that is migrated now; on PostgreSQL the other one steps aside."""
    if url.startswith("sqlite"):
        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
        migrate(fresh)
        return everything(fresh)
    schema = parse_database_url(url).schema
    aside = sql.Identifier(f"{schema}_aside")
    server = with_query(url, schema=None)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(schema), aside))
        try:
            migrate(url)
            return everything(url)
        finally:
            admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            admin.execute(
                sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(aside, sql.Identifier(schema))
            )
