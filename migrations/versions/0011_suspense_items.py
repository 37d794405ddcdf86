"""Suspense items: money that channels moved otherwise than they were asked."""

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TEXTS = ("kind", "instruction_id", "reference", "serial", "channel", "party")


def upgrade() -> None:
    """One table; it has no rows before its first fact."""
    create_table(
        "suspense_items",
        sa.Column("item", TEXT, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in TEXTS),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("amount_fen", "waits_fen", "opened_at_us", "position")
        ),
        *(sa.Column(name, TEXT, nullable=False) for name in ("account", "state", "reason")),
        sa.Column("last_position", sa.BigInteger, nullable=False),
    )
    create_index(
        "suspense_items_waiting", "suspense_items", ["position"], where="state = 'waiting'"
    )


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
