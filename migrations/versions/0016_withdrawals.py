"""Withdrawals: from a person's wallet to a bank card."""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """Create the table, the same on either database. No older ledger has such facts."""
    create_table(
        "withdrawals",
        _text("withdrawal_no", primary_key=True),
        *(_text(name) for name in ("member_id", "card", "tail")),
        *(_number(name) for name in ("amount_fen", "fee_fen")),
        _text("speed"),
        sa.Column("due", sa.Date, nullable=False),
        _text("maker"),
        *(_number(name) for name in ("requested_at_us", "position")),
        *(_text(name) for name in ("state", "checker", "instruction_id", "reason")),
        _number("earned_fen"),
        sa.Column("late", sa.Boolean, nullable=False),
        _text("suspense"),
        *(_number(name, nullable=True) for name in ("approved_at_us", "instructed_at_us")),
        *(_number(name, nullable=True) for name in ("ended_at_us", "returned_at_us")),
        _number("last_position"),
    )
    by_time = ["requested_at_us", "withdrawal_no"]
    create_index("withdrawals_time", "withdrawals", by_time)
    create_index("withdrawals_member", "withdrawals", ["member_id", *by_time])
    create_index("withdrawals_state", "withdrawals", ["state", *by_time])
    create_index("withdrawals_due", "withdrawals", ["due", "position"], "state = 'waiting'")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
