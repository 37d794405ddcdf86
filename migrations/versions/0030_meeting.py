"""By which difference a chargeback's money is met: a read model, which is filled from the log."""

import sqlalchemy as sa

from migrations.tables import add_column

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Two columns, the same on either database; no fact from before says anything of them."""
    for name in ("met_by", "returned_by"):
        add_column("chargebacks", sa.Column(name, TEXT, nullable=True))


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
