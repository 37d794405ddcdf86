"""Bring a database to the newest schema: the only way tables come into being."""

from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from domain.eventstore.database import IMMEDIATE, Database, parse_database_url, sqlalchemy_engine

# Any fixed number will do: it keeps two migrating processes of one PostgreSQL database apart.
MIGRATION_LOCK_KEY = 0x7A68616E67


def migrate(database_url: str, more: Sequence[Path] = ()) -> None:
    """Create or upgrade every table of the ledger; nothing happens when all are there.

    `more` are folders with migrations of an installation's own read models, beside ours.

    Everything is one transaction, alone in the database (advisory lock on PostgreSQL, write lock on
    SQLite), so a failure leaves nothing half-made and two processes may call at once. On PostgreSQL
    the schema is created when it is missing. Raises Refused(REQUEST_INVALID) for a bad URL.
    """
    database = parse_database_url(database_url)
    engine = sqlalchemy_engine(database)
    try:
        with (
            engine.connect().execution_options(**{IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            if database.dialect == "postgresql":
                _prepare_schema(connection, database)
            command.upgrade(_config(connection, database, more), "heads")
    finally:
        engine.dispose()


def _prepare_schema(connection: Connection, database: Database) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK_KEY})
    known = connection.execute(
        text("SELECT 1 FROM pg_namespace WHERE nspname = :schema"), {"schema": database.schema}
    ).first()
    if known is None:  # CREATE … IF NOT EXISTS would need the right to create even where it exists.
        connection.execute(text(f'CREATE SCHEMA "{database.schema}"'))


def _config(connection: Connection, database: Database, more: Sequence[Path]) -> Config:
    # Built in code, so that an installed package needs no alembic.ini.
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    folders = [Path(__file__).with_name("versions"), *more]
    config.set_main_option("version_locations", "\n".join(map(str, folders)).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = database.schema or None
    return config
