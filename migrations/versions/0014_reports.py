"""What channels report of numbers that nobody here knows; suspense items by what they are of.

A refund that has succeeded keeps no old error as its reason: the rows that are there say it as a
rebuild makes them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import create_index, create_table

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """Create the table and the index, the same on either database."""
    create_table(
        "unknown_numbers",
        _text("channel", primary_key=True),
        _number("report", primary_key=True),
        *(_text(name) for name in ("number", "purpose", "said", "serial")),
        _number("amount_fen", nullable=True),
        _text("reason"),
        _text("exchange", nullable=True),
        _number("at_us"),
        _number("position"),
        _text("settled", nullable=True),
    )
    create_index("unknown_numbers_open", "unknown_numbers", ["position"], "settled IS NULL")
    create_index("suspense_items_reference", "suspense_items", ["reference", "position"])
    op.execute("UPDATE refunds SET reason = '' WHERE state = 'succeeded' AND reason <> ''")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
