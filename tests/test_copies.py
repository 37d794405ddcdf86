"""A copied ledger is a migrated one: everything the database says of either is compared."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, TableClause, select, text

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from migrations.run import migrate
from tests.copies import PostgresCopies, may_copy

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


def test_a_copied_ledger_is_a_migrated_one(
    migrated_url: str, database_url: str, tmp_path: Path
) -> None:
    if database_url.startswith("sqlite"):
        database_url = f"sqlite:///{tmp_path / 'fresh.db'}"
    migrate(database_url)  # On PostgreSQL in the run's database; the copy stands in one of its own.
    copied, migrated = everything(migrated_url), everything(database_url)
    assert copied == migrated
    assert len(copied["rows of alembic_version"]) == len(copied["rows of sealed_changes"]) == 1
    assert len(copied) > 40, "every table of the ledger was looked at"


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


@pytest.mark.postgresql
def test_a_commit_that_a_test_leaves_open_fails_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not may_copy(postgres_url):
        pytest.skip("this server lets us create schemas only")
    monkeypatch.setattr("tests.copies.LEAK_SECONDS", 0.1)
    with closing(PostgresCopies(postgres_url, "leaks")) as copies:
        url = copies.make("t_leak")
        plain = url.partition("&schema")[0]
        with psycopg.connect(plain) as leaking:
            leaking.execute("SELECT 1 FROM t_leak.events")
            with pytest.raises(AssertionError, match="left a commit open"):
                copies.end("t_leak")
            with pytest.raises(psycopg.OperationalError):
                leaking.execute("SELECT 1")
            leaking.close()
        copies.make("t_leak")
        copies.end("t_leak")
