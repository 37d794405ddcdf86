"""Merchant agreements: what each merchant may use, by date."""

import sqlalchemy as sa

from migrations.tables import create_table

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """A read model, which has no rows before its first facts. Nothing is recorded for merchants of
    older ledgers: that they registered without agreements says what they may use."""
    create_table(
        "merchant_agreements",
        sa.Column("member_id", TEXT, primary_key=True),
        sa.Column("effective_from", sa.Date, primary_key=True),
        sa.Column("in_force", sa.Boolean, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("products", "methods", "sub_mchids")),
        sa.Column("refund_days", sa.Integer),
        sa.Column("debt_limit_fen", sa.BigInteger),
        sa.Column("cut_off", TEXT, nullable=False),
        sa.Column("signed_at_us", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
