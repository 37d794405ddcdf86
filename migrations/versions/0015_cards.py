"""Cards of members, to what their identity is certified, and who is forgotten."""

from typing import Any

import sqlalchemy as sa

from migrations.tables import add_column, create_index, create_table

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, kind: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **({"nullable": False} | options))


def upgrade() -> None:
    """Create tables and columns, the same on either database. No older ledger has such facts."""
    create_table(
        "card_bindings",
        _text("binding_id", primary_key=True),
        _text("member_id"),
        _number("binding"),
        *(_text(name) for name in ("owner", "card", "particulars", "tail")),
        *(_text(name) for name in ("relation", "document")),
        _number("requested_at_us"),
        _number("position"),
        *(_text(name) for name in ("state", "bank", "card_kind", "agreement", "code")),
        _number("codes"),
        _number("attempts"),
        _number("tries_left", sa.Integer, nullable=True),
        *(_number(name, nullable=True) for name in ("expires_us", "due_us")),
        *(_number(name, nullable=True) for name in ("bound_at_us", "ended_at_us")),
        _text("reason"),
        _number("last_position"),
    )
    create_index("card_bindings_member", "card_bindings", ["member_id", "binding"])
    create_index("card_bindings_due", "card_bindings", ["due_us"], "due_us IS NOT NULL")
    create_table("card_defaults", _text("member_id", primary_key=True), _text("card"))
    create_table(
        "member_certified",
        _text("member_id", primary_key=True),
        sa.Column("effective_from", sa.Date, primary_key=True),
        _number("level", sa.Integer),
        _text("sources"),
        _text("particulars"),
        _number("certified_at_us"),
    )
    add_column("members", _number("forgotten_at_us", nullable=True))
    create_index("members_forgotten", "members", ["member_id"], "forgotten_at_us IS NOT NULL")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
