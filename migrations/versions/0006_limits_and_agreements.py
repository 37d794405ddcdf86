"""Debt limits, refunds that wait for an approval, and agreements for products.

In a ledger from before there were agreements every merchant could sell in mode instant, and is to
go on so. A migration writes no facts: it notes up to which position the ledger is an older one, and
`zhangfang init` then signs for the merchants registered until there, by ordinary commands. Until it
has finished, the ledger is not opened. A new ledger has no such note.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import add_column, create_index, create_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **options)


def upgrade() -> None:
    """Create tables, columns and an index, the same on either database; note an older ledger."""
    _upgrades()
    create_table(
        "member_agreements",
        sa.Column("member_id", TEXT, primary_key=True),
        sa.Column("product", TEXT, primary_key=True),
        sa.Column("effective_from", sa.Date, primary_key=True),
        sa.Column("in_force", sa.Boolean, nullable=False),
    )
    add_column("member_terms", _number("limit_fen"))
    add_column("refunds", _number("debt_fen"))
    add_column("refunds", _number("limit_fen"))
    add_column("refunds", sa.Column("maker", TEXT))
    by_time = ("requested_at_us", "refund_no")
    create_index("refunds_awaiting", "refunds", by_time, "state = 'requested'")


def _upgrades() -> None:
    create_table(
        "upgrades",
        sa.Column("name", TEXT, primary_key=True),
        _number("until_position", nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
    )
    upgrades = sa.table(
        "upgrades", sa.column("name"), sa.column("until_position"), sa.column("finished")
    )
    connection = op.get_bind()
    last = connection.exec_driver_sql("SELECT max(notification_id) FROM events").scalar()
    if last:
        row = {"name": "instant_agreements", "until_position": last, "finished": False}
        connection.execute(upgrades.insert().values(row))


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
