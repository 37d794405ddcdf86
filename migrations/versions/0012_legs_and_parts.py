"""Legs of payments and parts of refunds, and what happened to a payment, step by step.

Plans of several legs have rows of their own; a payment of one leg says it in its own row. What a
ledger from before there were plans has is filled in here, from its rows and its facts, so that it
answers at once; a rebuild makes the same.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import add_column, begin_anew, create_table

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

PAYMENTS = """
UPDATE payments SET code = channel,
    started_position = (
        SELECT e.notification_id FROM events e
        WHERE e.originator_id = 'payment-' || payment_no AND e.originator_version = 1
    ),
    succeeded_position = (
        SELECT e.notification_id FROM events e
        WHERE e.originator_id = 'payment-' || payment_no AND e.topic = 'payment.succeeded.1'
    )
"""
# A payment that was started and succeeded, and nothing else, has no other step.
STEPS = """
INSERT INTO payment_steps
SELECT p.payment_no, e.notification_id, {at},
    CASE e.topic WHEN 'payment.send_back_started.1' THEN 'sending_back'
        WHEN 'payment.sent_back.1' THEN 'sent_back'
        WHEN 'payment.send_back_failed.1' THEN 'kept'
        WHEN 'payment.declined.1' THEN 'declined' ELSE 'unknown' END,
    CASE WHEN e.topic IN ('payment.declined.1', 'payment.unknown.1') THEN NULL ELSE 0 END
FROM payments p JOIN events e ON e.originator_id = 'payment-' || p.payment_no
WHERE e.notification_id <= p.last_position AND e.topic IN (
    'payment.send_back_started.1', 'payment.sent_back.1', 'payment.send_back_failed.1',
    'payment.declined.1', 'payment.unknown.1'
)
"""
AT = {
    "sqlite": "CAST(json_extract(CAST(e.state AS TEXT), '$.at') AS INTEGER)",
    "postgresql": "CAST(convert_from(e.state, 'UTF8')::jsonb ->> 'at' AS bigint)",
}
PLANS = "SELECT 1 FROM events WHERE topic IN ('payment.started.2', 'refund.requested.2') LIMIT 1"


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, kind: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **options)


def upgrade() -> None:
    """Create tables and columns, the same on either database, and fill them."""
    made = _tables()
    add_column("payments", _text("code", nullable=True))
    add_column("payments", _number("started_position"))
    add_column("payments", _number("succeeded_position"))
    add_column("refunds", _number("leg", sa.SmallInteger))
    if not made:  # A rebuild had made them.
        return
    connection = op.get_bind()
    if connection.exec_driver_sql(PLANS).first():  # Written by a draft of this version.
        begin_anew(connection, "payments")
        begin_anew(connection, "refunds")
        return
    op.execute(PAYMENTS)
    connection.exec_driver_sql(STEPS.format(at=AT[connection.dialect.name]))
    op.execute("UPDATE refunds SET leg = 0 WHERE state NOT IN ('requested', 'rejected')")


def _tables() -> bool:
    """True when none of them was there."""
    made = [
        create_table(
            "payment_legs",
            _text("payment_no", primary_key=True),
            _number("leg", sa.SmallInteger, primary_key=True),
            *(_text(name) for name in ("kind", "code", "channel")),
            _number("amount_fen", nullable=False),
            *(_text(name) for name in ("state", "reason", "instruction_id")),
        ),
        create_table(
            "payment_steps",
            _text("payment_no", primary_key=True),
            _number("position", primary_key=True),
            _number("at_us", nullable=False),
            _text("what"),
            _number("leg", sa.SmallInteger),
        ),
        create_table(
            "refund_parts",
            _text("refund_no", primary_key=True),
            _number("part", sa.SmallInteger, primary_key=True),
            _number("leg", sa.SmallInteger, nullable=False),
            *(_text(name) for name in ("kind", "channel")),
            _number("amount_fen", nullable=False),
            *(_text(name) for name in ("state", "reason", "instruction_id")),
        ),
    ]
    return all(made)


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
