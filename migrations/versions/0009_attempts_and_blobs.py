"""Attempts over a network, contradictions, and the blob store.

Blobs are raw requests and answers under their SHA-256. A fact that names one makes it part of
history, so the table is only ever added to.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import add_column, create_index, create_table, drop_index

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = "state IN ('issued', 'sent', 'awaiting_payer', 'processing', 'unknown')"

SQLITE = (
    "CREATE TABLE blobs (sha256 BLOB NOT NULL PRIMARY KEY, bytes BLOB NOT NULL)",
    "CREATE TRIGGER blobs_refuse_UPDATE BEFORE UPDATE ON blobs BEGIN SELECT "
    "RAISE(ABORT, 'blobs is append-only: UPDATE is refused'); END",
    "CREATE TRIGGER blobs_refuse_DELETE BEFORE DELETE ON blobs BEGIN SELECT "
    "RAISE(ABORT, 'blobs is append-only: DELETE is refused'); END",
    "CREATE TRIGGER blobs_refuse_replace BEFORE INSERT ON blobs "
    "WHEN EXISTS (SELECT 1 FROM blobs WHERE sha256 = NEW.sha256) "
    "BEGIN SELECT RAISE(ABORT, 'blobs is append-only: a row with this key is there'); END",
)
POSTGRESQL = (
    "CREATE TABLE blobs (sha256 bytea NOT NULL PRIMARY KEY, bytes bytea NOT NULL)",
    "CREATE TRIGGER blobs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON blobs "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "ALTER TABLE blobs ENABLE ALWAYS TRIGGER blobs_append_only",
)


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **options)


def upgrade() -> None:
    """Create tables, columns and indexes, the same on either database."""
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.get_bind().exec_driver_sql(statement)
    create_table(
        "instruction_attempts",
        sa.Column("instruction_id", TEXT, primary_key=True),
        _number("attempt", primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        _number("at_us", nullable=False),
        _number("position", nullable=False),
        sa.Column("outcome", TEXT),
        sa.Column("detail", TEXT),
        _number("answered_at_us"),
        sa.Column("exchange", TEXT),
    )
    create_table(
        "instruction_numbers",
        sa.Column("number", TEXT, primary_key=True),
        sa.Column("instruction_id", TEXT, primary_key=True),
    )
    create_table(
        "contradictions",
        sa.Column("instruction_id", TEXT, primary_key=True),
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("serial", TEXT, primary_key=True),
        sa.Column("stage", TEXT, nullable=False),
        _number("amount_fen"),
        sa.Column("detail", TEXT, nullable=False),
        _number("at_us", nullable=False),
        _number("position", nullable=False),
        sa.Column("exchange", TEXT),
        _number("last_position", nullable=False),
    )
    create_index("contradictions_listed", "contradictions", ("position",), "stage <> 'ended'")
    _instructions()


def _instructions() -> None:
    add_column("instructions", sa.Column("number", TEXT))
    add_column("instructions", _number("attempts"))
    add_column("instructions", _number("due_us"))
    add_column("instructions", sa.Column("url", TEXT))
    add_column("instructions", sa.Column("withheld", TEXT))
    # What the fold gives for those that older facts left open.
    op.execute("UPDATE instructions SET due_us = issued_at_us WHERE state = 'issued'")
    op.execute("UPDATE instructions SET due_us = 0 WHERE state = 'unknown'")
    drop_index("instructions_open", "instructions")
    # Another name: a rebuild may have left an index of the old one beside the live tables.
    create_index("instructions_going_on", "instructions", ("issued_position",), OPEN)
    create_index("instructions_due", "instructions", ("channel", "due_us"), "due_us IS NOT NULL")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
