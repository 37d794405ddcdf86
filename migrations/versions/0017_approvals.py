"""Approvals, the institution's staff, the API commands of merchants; and whose key one is."""

import sqlalchemy as sa

from migrations.tables import add_column, create_index, create_table

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Two read models, which have no rows before their first facts, and a column of the keys."""
    add_column("api_keys", sa.Column("operator", sa.Text()))
    _approvals()
    create_table(
        "staff",
        sa.Column("operator_id", TEXT, primary_key=True),
        sa.Column("office", TEXT, nullable=False),
        sa.Column("since_position", sa.BigInteger, nullable=False),
    )
    create_table(
        "api_commands",
        sa.Column("member", TEXT, primary_key=True),
        sa.Column("effective_from", sa.Date, primary_key=True),
        sa.Column("commands", TEXT),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def _approvals() -> None:
    create_table(
        "approvals",
        sa.Column("approval_id", TEXT, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("kind", "subject", "body")),
        sa.Column("amount_fen", sa.BigInteger),
        *(sa.Column(name, TEXT, nullable=False) for name in ("maker", "member")),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("proposed_at_us", "expires_us", "position")
        ),
        *(sa.Column(name, TEXT, nullable=False) for name in ("state", "checker", "reason")),
        sa.Column("ended_at_us", sa.BigInteger),
        sa.Column("last_position", sa.BigInteger, nullable=False),
    )
    create_index("approvals_order", "approvals", ["position"])
    create_index("approvals_state", "approvals", ["state", "position"])
    create_index("approvals_member", "approvals", ["member", "position"])
    create_index("approvals_expire", "approvals", ["expires_us"], where="state = 'proposed'")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
