"""Choices of channels, their maintenance, how their last requests went, and legs that another
channel carries.

What an older ledger's attempts say of their channels' health is filled in from rows and facts, as a
rebuild makes it; which channel they were made to is on the facts from here on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import add_column, create_index, create_table

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

WELL = """
UPDATE instruction_attempts SET well = CASE outcome WHEN 'unknown' THEN 0 ELSE 1 END
WHERE outcome IS NOT NULL AND well IS NULL
"""
OWN_DECLINES = """
UPDATE instruction_attempts SET well = 0 WHERE outcome = 'declined' AND EXISTS (
    SELECT 1 FROM events e WHERE e.originator_id = 'instruction-' || instruction_id
    AND e.topic = 'instruction.declined.1' AND {state} LIKE :own
)
"""
STATE = {
    "sqlite": "CAST(e.state AS TEXT)",
    "postgresql": "convert_from(e.state, 'UTF8')",
}


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, kind: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **({"nullable": False} | options))


def upgrade() -> None:
    """Create tables and columns, the same on either database, and fill what facts say already."""
    create_table(
        "channel_maintenance",
        _text("channel", primary_key=True),
        _number("window_no", primary_key=True),
        _number("from_us"),
        _number("until_us"),
        _text("reason"),
        _text("withdrawn", nullable=True),
        _number("position"),
    )
    create_table(
        "routing_decisions",
        _text("channel", primary_key=True),
        _number("position", primary_key=True),
        _text("instruction_id"),
        _number("at_us"),
        *(_text(name) for name in ("chosen", "reason", "rejected")),
    )
    add_column("payments", _text("instruction_id", nullable=True))
    add_column("instruction_attempts", _text("channel", nullable=True))
    add_column("instruction_attempts", _number("well", sa.SmallInteger, nullable=True))
    create_index("instruction_attempts_lately", "instruction_attempts", ["channel", "at_us"])
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """What the answers on record say of their channels."""
    connection.execute(sa.text(WELL))
    own = OWN_DECLINES.format(state=STATE[connection.dialect.name])
    connection.execute(sa.text(own), {"own": '%"by_channel":true%'})


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
