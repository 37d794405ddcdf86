"""What members hear, where they hear it, and how far the sender has come."""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """Two read models, which are filled from the log, and the sender's own tables."""
    _events()
    _endpoints()
    _sending()


def _events() -> None:
    create_table(
        "merchant_events",
        _text("member", primary_key=True),
        _number("position", primary_key=True),
        _number("sequence"),
        _text("kind"),
        _text("object"),
        _number("occurred_at_us"),
        _text("body"),
    )
    create_table(
        "merchant_event_ends",
        _text("member", primary_key=True),
        _number("sequence"),
        _number("position"),
    )
    create_table("merchant_event_notes", _text("stream", primary_key=True), _text("noted"))
    create_table(
        "merchant_event_days",
        sa.Column("accounting_date", sa.Date, primary_key=True),
        _text("member", primary_key=True),
    )


def _endpoints() -> None:
    create_table(
        "webhook_endpoints",
        _text("member", primary_key=True),
        _text("endpoint_id", primary_key=True),
        _text("url"),
        _text("kinds"),
        _number("secret"),
        _number("older"),
        _number("older_until_us"),
        sa.Column("paused", sa.Boolean, nullable=False),
        _text("why"),
        _number("paused_at_us", nullable=True),
        _number("stopped_by"),
        _number("round"),
        _number("since_position"),
        _number("added_at_us"),
    )
    create_table(
        "webhook_redeliveries",
        _text("member", primary_key=True),
        _text("endpoint_id", primary_key=True),
        _number("position", primary_key=True),
        _number("after_position"),
        _number("until_position"),
    )


def _sending() -> None:
    """No read models: how far each endpoint is, what it has not taken yet, every attempt."""
    create_table(
        "webhook_cursors",
        _text("member", primary_key=True),
        _text("endpoint_id", primary_key=True),
        _number("since_position"),
        _number("round"),
        _number("position"),
        _number("again"),
        _number("again_after"),
    )
    create_table(
        "webhook_deliveries",
        _text("member", primary_key=True),
        _text("endpoint_id", primary_key=True),
        _number("position", primary_key=True),
        _text("object"),
        _number("tries"),
        _number("due_us"),
    )
    whose = ["member", "endpoint_id"]
    create_index("webhook_deliveries_due", "webhook_deliveries", [*whose, "due_us"])
    create_index("webhook_deliveries_object", "webhook_deliveries", [*whose, "object", "position"])
    create_table(
        "webhook_attempts",
        _text("member", primary_key=True),
        _text("endpoint_id", primary_key=True),
        _number("at_us", primary_key=True),
        _number("position", primary_key=True),
        _text("kind"),
        _number("attempt", primary_key=True),
        _number("took_ms"),
        _number("status"),
        _text("result"),
    )
    create_index("webhook_attempts_at", "webhook_attempts", ["at_us"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
