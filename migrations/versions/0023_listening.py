"""What listeners of a merchant's transactions look for: those that changed after a position."""

from migrations.tables import create_index

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One index; the rows are as they were."""
    create_index("transactions_changed", "transactions", ["merchant", "last_position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
