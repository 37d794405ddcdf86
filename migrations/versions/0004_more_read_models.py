"""More read models, and an index for every filter of the lists.

The new tables are filled from the first fact on by whoever keeps the read models up; the new
indexes of older tables are there at once.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def _date(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, **({"nullable": False} | options))


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    create_index(name, table, columns, where)


def upgrade() -> None:
    """Create tables and indexes, the same on either database."""
    _account_days()
    _business_days()
    _orders()
    _payments()
    _refunds()
    _settlement_items()
    _indexes()


def _account_days() -> None:
    for table, dated in (("account_days", True), ("account_ends", False)):
        create_table(
            table,
            _text("account", primary_key=True),
            *([_date("accounting_date", primary_key=True)] if dated else []),
            _text("currency"),
            _number("debit_fen"),
            _number("credit_fen"),
            _number("held_fen"),
            _text("status"),
            _text("frozen"),
            _number("postings"),
            _number("last_position"),
        )
    create_table("account_open_day", _text("name", primary_key=True), _date("accounting_date"))


def _business_days() -> None:
    create_table(
        "business_days",
        _date("accounting_date", primary_key=True),
        _number("opened_at_us"),
        _number("opened_position"),
        _number("cut_off_at_us", nullable=True),
        _number("cut_off_position", nullable=True),
        _number("closed_at_us", nullable=True),
        _number("closed_position", nullable=True),
    )


def _orders() -> None:
    create_table(
        "orders",
        _text("order_no", primary_key=True),
        _text("buyer"),
        _text("mode"),
        _number("total_fen"),
        _number("placed_at_us"),
        _text("state"),
        _text("payment_no"),
        _number("paid_at_us", nullable=True),
        _text("reason"),
        _number("last_position"),
    )
    _index("orders_placed", "orders", "placed_at_us", "order_no")
    create_table(
        "order_lines",
        _text("order_no", primary_key=True),
        sa.Column("line_no", sa.SmallInteger, primary_key=True),
        _text("merchant"),
        _number("amount_fen"),
        _text("subject"),
        _number("items"),
        _number("placed_at_us"),
    )
    _index("order_lines_merchant", "order_lines", "merchant", "placed_at_us", "order_no")


def _payments() -> None:
    create_table(
        "payments",
        _text("payment_no", primary_key=True),
        _text("purpose"),
        _text("reference"),
        _text("payer"),
        _text("channel"),
        _number("amount_fen"),
        _number("started_at_us"),
        _text("state"),
        _text("reason"),
        _number("ended_at_us", nullable=True),
        _number("last_position"),
    )
    started = ("started_at_us", "payment_no")
    _index("payments_started", "payments", *started)
    _index("payments_reference", "payments", "reference", *started)
    create_table(
        "payment_lines",
        _text("payment_no", primary_key=True),
        _text("merchant", primary_key=True),
        _text("order_no"),
        _number("amount_fen"),
        _number("started_at_us"),
    )
    _index("payment_lines_merchant", "payment_lines", "merchant", *started)


def _refunds() -> None:
    create_table(
        "refunds",
        _text("refund_no", primary_key=True),
        _text("transaction_id"),
        _text("merchant"),
        _text("buyer"),
        _text("channel"),
        _number("amount_fen"),
        _number("requested_at_us"),
        _text("state"),
        _text("reason"),
        _number("ended_at_us", nullable=True),
        _text("stage"),
        _number("fee_returned_fen"),
        _number("from_pending_fen"),
        _number("from_available_fen"),
        _number("advanced_fen"),
        _number("last_position"),
    )
    requested = ("requested_at_us", "refund_no")
    _index("refunds_requested", "refunds", *requested)
    _index("refunds_merchant", "refunds", "merchant", *requested)
    _index("refunds_transaction", "refunds", "transaction_id", *requested)


def _settlement_items() -> None:
    create_table(
        "settlement_items",
        _text("batch_id", primary_key=True),
        _number("position", primary_key=True),
        _text("kind"),
        _text("transaction_id"),
        _text("refund_no"),
        _date("clearing_date"),
        _number("gross_fen"),
        _number("fee_fen"),
        _number("refund_fen"),
        _number("net_fen"),
        _text("reference"),
        _number("at_us"),
    )


def _indexes() -> None:
    created = ("created_at_us", "transaction_id")
    _index("transactions_order", "transactions", "order_no", *created)
    _index("transactions_buyer", "transactions", "buyer", *created)
    _index("transactions_state", "transactions", "state", *created)
    _index("transactions_merchant_state", "transactions", "merchant", "state", *created)
    _index("instructions_issued", "instructions", "issued_position")
    _index("instructions_state", "instructions", "state", "issued_position")
    _index("instructions_reference", "instructions", "reference", "issued_position")
    by_state = ("state", "clearing_date", "batch_id")
    _index("settlement_batches_state", "settlement_batches", *by_state)
    came_back = "status IN ('failed', 'returned')"
    _index("settlement_payouts_came_back", "settlement_payouts", "payout_no", where=came_back)


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
