"""Seals: a second chain over the times of commits, and over API keys.

Commits from before are sealed together, as they stand now, and so are the keys there are: the first
row of `sealed_changes` says up to where. From here on a commit without a seal is refused, so that
an older version cannot go on writing beside this one.
"""

from collections.abc import Iterator
from typing import Any

from alembic import op
from sqlalchemy import Connection

from domain.eventstore.seals import (
    NO_SEAL,
    TimesDigest,
    beginning_entry,
    key_made_entry,
    key_revoked_entry,
    seal_of_change,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PAGE = 10_000

# A default for the rows there are, and none for those to come: no row is touched.
POSTGRESQL = (
    """CREATE TABLE sealed_changes (
        seal_number bigint NOT NULL PRIMARY KEY,
        commit_number bigint NOT NULL,
        entry bytea NOT NULL,
        seal bytea NOT NULL
    )""",
    """CREATE TRIGGER sealed_changes_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON sealed_changes
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    "ALTER TABLE sealed_changes ENABLE ALWAYS TRIGGER sealed_changes_append_only",
    "ALTER TABLE commit_log ADD COLUMN seal_number bigint NOT NULL DEFAULT 0",
    "ALTER TABLE commit_log ADD COLUMN seal bytea NOT NULL DEFAULT ''",
    "ALTER TABLE commit_log ALTER COLUMN seal_number DROP DEFAULT",
    "ALTER TABLE commit_log ALTER COLUMN seal DROP DEFAULT",
)

# SQLite cannot drop a default: a trigger refuses it.
SQLITE = (
    """CREATE TABLE sealed_changes (
        seal_number INTEGER NOT NULL PRIMARY KEY,
        commit_number INTEGER NOT NULL,
        entry BLOB NOT NULL,
        seal BLOB NOT NULL
    )""",
    """CREATE TRIGGER sealed_changes_refuse_UPDATE BEFORE UPDATE ON sealed_changes
        BEGIN SELECT RAISE(ABORT, 'sealed_changes is append-only: UPDATE is refused'); END""",
    """CREATE TRIGGER sealed_changes_refuse_DELETE BEFORE DELETE ON sealed_changes
        BEGIN SELECT RAISE(ABORT, 'sealed_changes is append-only: DELETE is refused'); END""",
    """CREATE TRIGGER sealed_changes_refuse_replace BEFORE INSERT ON sealed_changes
        WHEN EXISTS (SELECT 1 FROM sealed_changes WHERE seal_number = NEW.seal_number)
        BEGIN SELECT RAISE(ABORT, 'sealed_changes is append-only: a row with this key is there');
        END""",
    "ALTER TABLE commit_log ADD COLUMN seal_number INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE commit_log ADD COLUMN seal BLOB NOT NULL DEFAULT x''",
    """CREATE TRIGGER commit_log_refuse_unsealed BEFORE INSERT ON commit_log
        WHEN length(NEW.seal) <> 32
        BEGIN SELECT RAISE(ABORT, 'commit_log: a commit without a seal is refused'); END""",
)


def upgrade() -> None:
    """Create the table and the columns, and begin the chain with what there is."""
    connection = op.get_bind()
    statements = POSTGRESQL if connection.dialect.name == "postgresql" else SQLITE
    for statement in statements:
        connection.exec_driver_sql(statement)
    head = connection.exec_driver_sql(
        "SELECT number, last_position, hash FROM commit_log ORDER BY number DESC LIMIT 1"
    ).first()
    number, position, hashed = head or (0, 0, bytes(32))
    beginning = beginning_entry(number, position, bytes(hashed), _times(connection))
    seal = NO_SEAL
    for entry in (beginning, *_keys(connection)):
        seal = seal_of_change(seal, number, entry)
        row = (seal.number, number, entry, seal.seal)
        marks = "%s, %s, %s, %s" if connection.dialect.name == "postgresql" else "?, ?, ?, ?"
        connection.exec_driver_sql(f"INSERT INTO sealed_changes VALUES ({marks})", row)  # noqa: S608


def _times(connection: Connection) -> bytes:
    digest, last = TimesDigest(), 0
    while True:
        rows = connection.exec_driver_sql(
            f"SELECT number, recorded_at_us FROM commit_log WHERE number > {last}"  # noqa: S608
            f" ORDER BY number LIMIT {PAGE}"
        ).all()
        if not rows:
            return digest.digest()
        for last, recorded_at_us in rows:
            digest.add(last, recorded_at_us)


def _keys(connection: Connection) -> Iterator[bytes]:
    rows: Any = connection.exec_driver_sql(
        "SELECT id, digest, role, member, note, created_at_us, revoked_at_us FROM api_keys"
        " ORDER BY created_at_us, id"
    )
    for key_id, digest, role, member, note, created_at_us, revoked_at_us in rows.all():
        yield key_made_entry(key_id, bytes(digest), role, member, note, created_at_us)
        if revoked_at_us is not None:
            yield key_revoked_entry(key_id, revoked_at_us)


def downgrade() -> None:
    """Refused: going back would delete history."""
    raise NotImplementedError("seals are never removed by a migration")
