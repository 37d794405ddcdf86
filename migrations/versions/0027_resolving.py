"""What waits and for how long, chargebacks, and who wants a resolution undone.

All are read models, filled from the log.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import add_column, create_index, create_table

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """Tables, a column and indexes, the same on either database."""
    add_column("differences", _text("undo_by", nullable=True))
    create_index("differences_since", "differences", ["since_us", "position"])
    for name in ("state", "kind", "channel"):
        create_index(f"differences_{name}_since", "differences", [name, "since_us", "position"])
    create_table(
        "chargebacks",
        _text("chargeback_id", primary_key=True),
        *(_text(name) for name in ("kind", "channel", "number", "serial")),
        *(_text(name) for name in ("transaction_id", "merchant")),
        _number("amount_fen"),
        _text("reason_code"),
        sa.Column("due", sa.Date, nullable=False),
        *(_number(name) for name in ("received_at_us", "position")),
        *(_text(name) for name in ("state", "evidence", "reason", "changed_by")),
        *(_number(name) for name in ("changed_at_us", "last_position")),
    )
    create_index("chargebacks_due", "chargebacks", ["due", "position"])
    for name in ("merchant", "state", "channel"):
        create_index(f"chargebacks_{name}", "chargebacks", [name, "due", "position"])
    create_index("chargebacks_transaction", "chargebacks", ["transaction_id", "position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
