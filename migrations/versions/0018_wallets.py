"""Wallets: whose count their payments are in, and what it has used of caps; a payment's factors."""

import sqlalchemy as sa

from migrations.tables import add_column, create_table

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FEN = ("opening_fen", "year_fen", "signed_fen", "two_fen", "few_fen", "static_fen")


def upgrade() -> None:
    """A read model, which begins at the log's beginning, and a column that no older payment has."""
    add_column("payments", sa.Column("factors", TEXT))
    create_table(
        "wallet_owners",
        sa.Column("member_id", TEXT, primary_key=True),
        sa.Column("customer", TEXT, nullable=False),
    )
    create_table(
        "wallet_spending",
        sa.Column("customer", TEXT, primary_key=True),
        sa.Column("day", sa.Date),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in FEN),
        sa.Column("last_position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
