"""Orders of authorities, deductions, matches with lists; what of accounts is stopped by them.

No older ledger has such facts: its accounts have nothing attached, and its tables have no rows.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import add_column, create_index, create_table

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """Create tables and columns, the same on either database."""
    for table in ("balances", "account_days", "account_ends"):
        for name in ("attached_fen", "attached_all"):
            add_column(table, _number(name, server_default="0"))
    _orders()
    _deductions()
    _matches()


def _orders() -> None:
    create_table(
        "authority_orders",
        _text("order_no", primary_key=True),
        *(_text(name) for name in ("authority", "document", "account", "member_id")),
        _number("amount_fen", nullable=True),
        sa.Column("begins", sa.Date, nullable=False),
        _number("placed_at_us"),
        _text("placed_by"),
        _number("position"),
        _text("state"),
        sa.Column("ends", sa.Date),
        _number("left_fen", nullable=True),
        *(_number(name) for name in ("on_its_way_fen", "paid_fen")),
        _text("last_document"),
        _number("place"),
        _number("ended_at_us", nullable=True),
        _number("last_position"),
    )
    create_index("authority_orders_position", "authority_orders", ["position"])
    create_index("authority_orders_member", "authority_orders", ["member_id", "position"])
    create_index("authority_orders_state", "authority_orders", ["state", "position"])
    create_index("authority_orders_queue", "authority_orders", ["account", "state", "place"])
    create_index("authority_orders_ends", "authority_orders", ["ends"], "state = 'in_force'")


def _deductions() -> None:
    create_table(
        "deductions",
        _text("deduction_no", primary_key=True),
        *(_text(name) for name in ("order_no", "document", "account", "member_id")),
        _number("amount_fen"),
        _text("tail"),
        _number("asked_at_us"),
        _text("asked_by"),
        _number("position"),
        *(_text(name) for name in ("state", "reason", "suspense")),
        _number("ended_at_us", nullable=True),
        _number("last_position"),
    )
    create_index("deductions_order", "deductions", ["order_no", "position"])
    create_index("deductions_state", "deductions", ["state", "position"])


def _matches() -> None:
    create_table(
        "list_matches",
        _text("match_id", primary_key=True),
        *(_text(name) for name in ("member_id", "list_name", "entry_no")),
        *(_number(name) for name in ("position", "version")),
        *(_text(name) for name in ("matched_by", "action")),
        _number("matched_at_us"),
        *(_text(name) for name in ("state", "person", "reason")),
        _number("decided_at_us", nullable=True),
        _number("last_position"),
    )
    create_index("list_matches_position", "list_matches", ["position"])
    create_index("list_matches_state", "list_matches", ["state", "position"])
    create_index("list_matches_member", "list_matches", ["member_id", "position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
