"""Movements of own funds, as a list; and top-ups in their order."""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """A read model, which is filled from the log; and the order of one that is there."""
    create_table(
        "own_movements",
        _text("movement_no", primary_key=True),
        _text("kind"),
        _number("amount_fen"),
        _text("reason"),
        _text("asked_by"),
        _number("asked_at_us"),
        _number("position"),
        _text("state"),
        _text("statement"),
        _text("ended_by"),
        _number("ended_at_us", nullable=True),
        _text("end_reason"),
        _number("last_position"),
    )
    create_index("own_movements_order", "own_movements", ["position"])
    create_index("own_movements_kind", "own_movements", ["kind", "position"])
    create_index("own_movements_state", "own_movements", ["state", "position"])
    create_index("top_ups_order", "top_ups", ["position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
