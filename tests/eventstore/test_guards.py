"""What the schema refuses is looked at, and each way of taking it away is seen."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.guards import TABLES, broken_guards


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    yield engine
    engine.dispose()


def after(engine: Engine, *statements: str) -> list[str]:
    """Where guards are broken once these statements were run."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return [where for where, _ in broken_guards(engine)]


def test_a_new_ledger_has_every_guard(engine: Engine) -> None:
    assert broken_guards(engine) == []


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_gone_or_is_a_view_is_found(engine: Engine, table: str) -> None:
    renamed = f"ALTER TABLE {table} RENAME TO {table}_elsewhere"
    assert table in after(engine, renamed)
    after(engine, f"CREATE VIEW {table} AS SELECT * FROM {table}_elsewhere")  # noqa: S608
    assert (table, "is no table") in broken_guards(engine)


@pytest.mark.parametrize("table", TABLES)
def test_a_column_more_is_found(engine: Engine, table: str) -> None:
    assert after(engine, f"ALTER TABLE {table} ADD COLUMN more text") == [table]


HARMLESS = "BEGIN SELECT 1; END"
REFUSES = "BEGIN SELECT RAISE(ABORT, 'events is append-only: UPDATE is refused'); END"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statements", "where"),
    [
        (["DROP TRIGGER events_refuse_UPDATE"], "trigger events_refuse_UPDATE"),
        (["DROP TRIGGER receipts_refuse_replace"], "trigger receipts_refuse_replace"),
        (["DROP TRIGGER commit_log_refuse_unsealed"], "trigger commit_log_refuse_unsealed"),
        (
            [
                "DROP TRIGGER events_refuse_UPDATE",
                f"CREATE TRIGGER events_refuse_UPDATE BEFORE UPDATE ON events {HARMLESS}",
            ],
            "trigger events_refuse_UPDATE",
        ),
        (
            [
                "DROP TRIGGER events_refuse_UPDATE",
                "CREATE TRIGGER events_refuse_UPDATE BEFORE UPDATE ON events WHEN NEW.state = 1 "
                + REFUSES,
            ],
            "trigger events_refuse_UPDATE",
        ),
        (
            [
                "DROP TRIGGER events_refuse_UPDATE",
                f"CREATE TRIGGER events_refuse_UPDATE BEFORE UPDATE OF topic ON events {REFUSES}",
            ],
            "trigger events_refuse_UPDATE",
        ),
        (
            [f"CREATE TRIGGER mine AFTER INSERT ON api_keys {HARMLESS}"],
            "trigger mine",
        ),
        (["CREATE UNIQUE INDEX once ON receipts (commit_number)"], "receipts"),
        (
            [
                "DROP TABLE receipts",
                "CREATE TABLE receipts (number TEXT NOT NULL PRIMARY KEY ON CONFLICT REPLACE,"
                " digest BLOB NOT NULL, outcome BLOB NOT NULL, commit_number INTEGER NOT NULL)",
            ],
            "receipts",
        ),
        (
            [
                "DROP TABLE receipts",
                "CREATE TABLE receipts (number TEXT NOT NULL, digest BLOB NOT NULL,"
                " outcome BLOB NOT NULL, commit_number INTEGER NOT NULL)",
            ],
            "receipts",
        ),
        (
            [
                "DROP TABLE receipts",
                "CREATE TABLE receipts (number TEXT NOT NULL PRIMARY KEY, digest BLOB NOT NULL,"
                " outcome BLOB DEFAULT x'00', commit_number INTEGER NOT NULL)",
            ],
            "receipts",
        ),
    ],
)
def test_what_is_off_in_a_file_is_named(engine: Engine, statements: list[str], where: str) -> None:
    assert where in after(engine, *statements)


DO_NOTHING = "LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statements", "where"),
    [
        (["DROP TRIGGER events_append_only ON events"], "trigger events_append_only"),
        (
            ["ALTER TABLE receipts DISABLE TRIGGER receipts_append_only"],
            "trigger receipts_append_only",
        ),
        (  # As it was made without ALWAYS: a replica's session passes it.
            ["ALTER TABLE receipts ENABLE TRIGGER receipts_append_only"],
            "trigger receipts_append_only",
        ),
        (
            [f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger {DO_NOTHING}"],
            "trigger sealed_changes_append_only",
        ),
        (
            [
                f"CREATE FUNCTION lets_change() RETURNS trigger {DO_NOTHING}",
                "DROP TRIGGER events_append_only ON events",
                "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events"
                " FOR EACH STATEMENT EXECUTE FUNCTION lets_change()",
                "ALTER TABLE events ENABLE ALWAYS TRIGGER events_append_only",
            ],
            "trigger events_append_only",
        ),
        (
            [
                "DROP TRIGGER events_append_only ON events",
                "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
                "ALTER TABLE events ENABLE ALWAYS TRIGGER events_append_only",
            ],
            "trigger events_append_only",
        ),
        (
            [
                f"CREATE FUNCTION another() RETURNS trigger {DO_NOTHING}",
                "CREATE TRIGGER mine BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION"
                " another()",
            ],
            "trigger mine",
        ),
        (["CREATE RULE mine AS ON DELETE TO events DO INSTEAD NOTHING"], "events"),
        (["ALTER TABLE events DROP CONSTRAINT events_stream_version"], "events"),
        (["ALTER TABLE receipts DROP CONSTRAINT receipts_pkey"], "receipts"),
        (["ALTER TABLE commit_log ALTER COLUMN hash DROP NOT NULL"], "commit_log"),
        (["ALTER TABLE commit_log ALTER COLUMN seal SET DEFAULT ''"], "commit_log"),
        (["ALTER TABLE receipts ALTER COLUMN commit_number TYPE integer"], "receipts"),
        (["ALTER TABLE events SET UNLOGGED"], "events"),
        (["ALTER TABLE receipts ENABLE ROW LEVEL SECURITY"], "receipts"),
        (["CREATE TABLE more () INHERITS (events)"], "events"),
        (
            [
                "ALTER TABLE receipts DROP CONSTRAINT receipts_pkey",
                "ALTER TABLE receipts ADD PRIMARY KEY (number) DEFERRABLE INITIALLY DEFERRED",
            ],
            "receipts",
        ),
        (["GRANT UPDATE ON events TO PUBLIC"], "role PUBLIC"),
        (["GRANT UPDATE (recorded_at_us) ON commit_log TO pg_monitor"], "role pg_monitor"),
        (["GRANT TRUNCATE, TRIGGER ON receipts TO pg_monitor"], "role pg_monitor"),
        (["GRANT ALL ON sealed_changes TO pg_monitor"], "role pg_monitor"),
    ],
)
def test_what_is_off_on_a_server_is_named(
    engine: Engine, statements: list[str], where: str
) -> None:
    assert where in after(engine, *statements)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_reading_and_adding_are_rights_that_anybody_may_have(engine: Engine) -> None:
    tables = ", ".join(TABLES)
    assert after(engine, f"GRANT SELECT, INSERT ON {tables} TO pg_monitor") == []
    assert after(engine, "GRANT UPDATE ON api_keys, snapshots TO pg_monitor") == []
