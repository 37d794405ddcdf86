"""Registered documents: GraphQL texts that clients ask for by their digest.

They are no history: they hold no money and no right, and a text that was changed no longer has the
digest it is asked for by. So they stand outside of the facts and of both chains.
"""

import sqlalchemy as sa

from migrations.tables import create_table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table, the same on either database."""
    create_table(
        "registered_documents",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
    )


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
