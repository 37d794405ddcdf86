"""Rolling reserves, deposits, and the terms of settlement that brought them.

No older ledger has such facts: its rows have the new columns empty, as a rebuild makes them.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import add_column, create_index, create_table

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, kind: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **({"nullable": False} | options))


def upgrade() -> None:
    """Create tables, columns and indexes, the same on either database."""
    _reserves()
    _deposits()
    add_column("member_terms", _number("min_payout_fen", nullable=True))
    for name in ("reserve_bps", "reserve_days"):
        add_column("member_terms", _number(name, sa.Integer, nullable=True))
    for name in ("min_payout_fen", "withheld_fen", "released_fen"):
        add_column("settlement_batches", _number(name, nullable=True))
    add_column("refunds", _number("reserve_returned_fen", nullable=True))
    add_column("settlement_items", _number("withheld_fen", nullable=True))
    for table in ("statement_days", "statement_ends"):
        for name in ("withheld_fen", "released_fen", "deposited_fen", "paid_in_fen"):
            add_column(table, _number(name, nullable=True))


def _reserves() -> None:
    create_table(
        "reserves",
        _text("reserve_id", primary_key=True),
        _text("member_id"),
        sa.Column("release_on", sa.Date, nullable=False),
        _number("position"),
        _text("state"),
        *(_number(f"{name}_fen") for name in ("held", "withheld", "returned")),
        *(_number(f"{name}_fen") for name in ("released", "recovered")),
        *(_text(name) for name in ("released_by", "reason")),
        _number("released_at_us", nullable=True),
        _number("last_position"),
    )
    in_order = ["release_on", "reserve_id"]
    create_index("reserves_order", "reserves", in_order)
    create_index("reserves_member", "reserves", ["member_id", *in_order])
    create_index("reserves_state", "reserves", ["state", *in_order])
    create_index("reserves_due", "reserves", in_order, "held_fen > 0")


def _deposits() -> None:
    create_table(
        "deposits",
        _text("deposit_no", primary_key=True),
        _text("member_id"),
        _number("amount_fen"),
        *(_text(name) for name in ("source", "reason", "taken_by")),
        *(_number(name) for name in ("taken_at_us", "position")),
        _text("state"),
        _number("recovered_fen"),
        *(_text(name) for name in ("return_reason", "returned_by")),
        _number("returned_at_us", nullable=True),
        _number("last_position"),
    )
    create_index("deposits_order", "deposits", ["position"])
    create_index("deposits_member", "deposits", ["member_id", "position"])
    create_index("deposits_state", "deposits", ["state", "position"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
