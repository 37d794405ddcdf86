"""Where a vault is kept: a database of its own, never the ledger's tables.

Beside a SQLite ledger it is a file (`zhangfang.db-vault`); beside a schema of PostgreSQL another
schema (`cell_0_vault`), which may as well be on another server. So each is backed up alone.
"""

import os
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine, event, text

from domain.eventstore.database import (
    SCHEMA,
    Database,
    parse_database_url,
    sqlalchemy_engine,
    to_write,
)
from domain.refusals import Code, Refused

FIELD = "ZHANGFANG_VAULT"
SUFFIX = "_vault"

# Form 1. What is personal stands in `ciphertext` alone; `found_by` is a keyed digest.
TABLES = (
    "CREATE TABLE IF NOT EXISTS vault_meta (name TEXT NOT NULL PRIMARY KEY, key_version INTEGER "
    "NOT NULL, content {bytes} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS member_keys (member_id TEXT NOT NULL PRIMARY KEY, key_version "
    "INTEGER NOT NULL, wrapped {bytes} NOT NULL)",
    "CREATE INDEX IF NOT EXISTS member_keys_version ON member_keys (key_version, member_id)",
    "CREATE TABLE IF NOT EXISTS items (member_id TEXT NOT NULL, kind TEXT NOT NULL, item TEXT NOT "
    "NULL, field TEXT NOT NULL, ciphertext {bytes} NOT NULL, found_by TEXT, "
    "PRIMARY KEY (member_id, kind, item, field))",
    "CREATE INDEX IF NOT EXISTS items_found ON items (found_by) WHERE found_by IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS forgotten (member_id TEXT NOT NULL PRIMARY KEY, at_us BIGINT "
    "NOT NULL)",
    # What a payer proves himself by; without a ciphertext: only the tries are remembered.
    "CREATE TABLE IF NOT EXISTS factors (member_id TEXT NOT NULL, kind TEXT NOT NULL, ciphertext "
    "{bytes}, wrong INTEGER NOT NULL, locked_until_us BIGINT NOT NULL, "
    "PRIMARY KEY (member_id, kind))",
)
LAST_TABLE = "factors"


def vault_database(ledger: Database, setting: str = "") -> Database:
    """The vault's database: what the setting names, else one of its own beside the ledger.

    Raises Refused(REQUEST_INVALID, "ZHANGFANG_VAULT"), also for the ledger's own.
    """
    if not setting:
        if ledger.dialect == "sqlite":
            return replace(ledger, url=f"{ledger.url}-vault", path=f"{ledger.path}-vault")
        schema = f"{ledger.schema}{SUFFIX}"
        if not SCHEMA.fullmatch(schema):
            raise Refused(Code.REQUEST_INVALID, FIELD, f"{schema!r} is too long: name another one")
        return replace(ledger, schema=schema)
    try:
        given = parse_database_url(setting)
    except Refused as no:
        raise Refused(Code.REQUEST_INVALID, FIELD, no.detail) from None
    same = (given.path, given.host, given.port, given.name, given.schema)
    if same == (ledger.path, ledger.host, ledger.port, ledger.name, ledger.schema):
        raise Refused(Code.REQUEST_INVALID, FIELD, "it is the ledger's own database")
    return given


def vault_engine(database: Database) -> Engine:
    """An engine on a vault; what is deleted through it is overwritten in a SQLite file."""
    engine = sqlalchemy_engine(database)
    if database.dialect == "sqlite":

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA secure_delete = ON")

    return engine


def create_tables(engine: Engine, database: Database) -> None:
    """What is not there yet, on either database."""
    server = database.dialect == "postgresql"
    if not server:  # Its owner's alone, as the files that SQLite puts beside it then are, too.
        os.close(os.open(database.path, os.O_RDWR | os.O_CREAT, 0o600))
    with to_write(engine) as connection:
        if server:  # Two that create at once meet here; whoever may not create finds them made.
            if connection.execute(text(f"SELECT to_regclass('{LAST_TABLE}')")).scalar() is not None:
                return
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('zhangfang vault'))"))
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"'))
        for statement in TABLES:
            kind = "bytea" if server else "BLOB"
            connection.execute(text(statement.format(bytes=kind)))


def overwrite_gone(engine: Engine) -> None:
    """What was deleted leaves the files: the log of SQLite, dead rows of PostgreSQL."""
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM member_keys, items, factors")
