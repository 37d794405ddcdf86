"""Bills, and the pieces of large blobs.

A bill is bytes that a fact names by their SHA-256. A long one lies in pieces, in a table that is
only ever added to, like the one for what fits into a row.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import create_index, create_table

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SQLITE = (
    "CREATE TABLE blob_pieces (sha256 BLOB NOT NULL, number INTEGER NOT NULL, "
    "bytes BLOB NOT NULL, PRIMARY KEY (sha256, number))",
    "CREATE TRIGGER blob_pieces_refuse_UPDATE BEFORE UPDATE ON blob_pieces BEGIN SELECT "
    "RAISE(ABORT, 'blob_pieces is append-only: UPDATE is refused'); END",
    "CREATE TRIGGER blob_pieces_refuse_DELETE BEFORE DELETE ON blob_pieces BEGIN SELECT "
    "RAISE(ABORT, 'blob_pieces is append-only: DELETE is refused'); END",
    "CREATE TRIGGER blob_pieces_refuse_replace BEFORE INSERT ON blob_pieces "
    "WHEN EXISTS (SELECT 1 FROM blob_pieces WHERE sha256 = NEW.sha256 AND number = NEW.number) "
    "BEGIN SELECT RAISE(ABORT, 'blob_pieces is append-only: a row with this key is there'); END",
)
POSTGRESQL = (
    "CREATE TABLE blob_pieces (sha256 bytea NOT NULL, number integer NOT NULL, "
    "bytes bytea NOT NULL, PRIMARY KEY (sha256, number))",
    "CREATE TRIGGER blob_pieces_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON blob_pieces "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "ALTER TABLE blob_pieces ENABLE ALWAYS TRIGGER blob_pieces_append_only",
)


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """A table of the store with its guards, and a read model, which is filled from the log."""
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.get_bind().exec_driver_sql(statement)
    create_table(
        "bills",
        _text("bill_id", primary_key=True),
        _text("channel"),
        _text("kind"),
        sa.Column("bill_date", sa.Date, nullable=False),
        _number("version"),
        _number("position"),
        _text("sha256"),
        _text("format"),
        _number("format_version"),
        _text("mapping"),
        _number("lines"),
        _number("paid"),
        _number("paid_fen"),
        _number("refunded"),
        _number("refunded_fen"),
        _number("fee_milli_fen"),
        _number("opening_fen", nullable=True),
        _number("closing_fen", nullable=True),
        _text("reason"),
        _text("taken_by"),
        _number("taken_at_us"),
    )
    create_index("bills_date", "bills", ["bill_date", "position"])
    create_index("bills_channel", "bills", ["channel", "bill_date", "position"])
    create_index("bills_kind", "bills", ["kind", "bill_date", "position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
