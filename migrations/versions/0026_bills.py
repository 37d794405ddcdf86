"""Bills: the pieces of large blobs.

A bill is bytes that a fact names by their SHA-256. A long one lies in pieces, in a table that is
only ever added to, like the one for what fits into a row.
"""

from alembic import op

revision = "0026"
down_revision = "0023"
branch_labels = None
depends_on = None

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


def upgrade() -> None:
    """One table, with its guards."""
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
