"""The read models: every table of `projections/`, as it was when this migration was written.

Frozen: no table here is taken from the projections. A later change of a table is a later migration;
a test compares what the migrations make with what the projections say.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0002"
down_revision = "0001"
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
    """Create the tables and indexes, the same on either database."""
    _accounts()
    _transactions()
    _clearing()
    _statements()
    _batches()
    _instructions()
    _members()
    _checkpoints()


def _accounts() -> None:
    create_table(
        "balances",
        _text("account", primary_key=True),
        _text("code"),
        _text("owner"),
        _text("type"),
        _text("currency"),
        _number("debit_fen"),
        _number("credit_fen"),
        _number("balance_fen"),
        _number("held_fen"),
        _text("status"),
        _text("frozen"),
        _number("postings"),
        _number("last_position"),
    )
    _index("balances_owner", "balances", "owner", "account")
    create_table(
        "trial_movements",
        _date("accounting_date", primary_key=True),
        _text("code", primary_key=True),
        _number("debit_fen"),
        _number("credit_fen"),
    )
    create_table(
        "journal",
        _number("position", primary_key=True),
        sa.Column("line_no", sa.SmallInteger, primary_key=True),
        _text("account"),
        _date("accounting_date"),
        _number("debit_fen"),
        _number("credit_fen"),
        _text("currency"),
        _text("rule"),
        _text("reference"),
        _text("stream"),
        _text("fact"),
        _number("at_us"),
        _text("actor"),
        _text("command"),
    )
    _index("journal_account", "journal", "account", "accounting_date", "position", "line_no")
    _index("journal_stream", "journal", "stream")


def _transactions() -> None:
    create_table(
        "transactions",
        _text("transaction_id", primary_key=True),
        _text("order_no"),
        _text("merchant"),
        _text("buyer"),
        _text("subject"),
        _number("items"),
        _text("mode"),
        _number("amount_fen"),
        sa.Column("fee_rate_bps", sa.Integer, nullable=False),
        _number("created_at_us"),
        _text("state"),
        _number("refunded_fen"),
        _number("released_fen"),
        _number("fee_fen"),
        _text("channel", nullable=True),
        _text("payment_no", nullable=True),
        _number("paid_at_us", nullable=True),
        _number("completed_at_us", nullable=True),
        _number("confirm_by_us", nullable=True),
        _date("clearing_date", nullable=True),
        _text("batch", nullable=True),
        _number("last_position"),
    )
    created = ("created_at_us", "transaction_id")
    _index("transactions_merchant", "transactions", "merchant", *created)
    _index("transactions_created", "transactions", *created)
    awaiting = ("confirm_by_us", "transaction_id")
    _index("transactions_awaiting", "transactions", *awaiting, where="state = 'paid'")


def _clearing() -> None:
    create_table(
        "clearing_positions",
        _date("accounting_date", primary_key=True),
        _text("channel", primary_key=True),
        _text("network"),
        _number("received_fen"),
        _number("received_count"),
        _number("refunded_fen"),
        _number("refunded_count"),
        _number("paid_out_fen"),
        _number("paid_out_count"),
        _number("net_fen"),
        _number("sealed_received_fen", nullable=True),
        _number("sealed_paid_fen", nullable=True),
        _number("sealed_net_fen", nullable=True),
    )


def _statements() -> None:
    create_table(
        "statement_lines",
        _text("merchant", primary_key=True),
        _number("seq", primary_key=True),
        _number("position"),
        sa.Column("line_no", sa.SmallInteger, nullable=False),
        _number("at_us"),
        _date("accounting_date"),
        _text("kind"),
        _text("reference"),
        _number("amount_fen"),
        _number("balance_fen"),
    )
    _index("statement_lines_date", "statement_lines", "merchant", "accounting_date", "seq")
    create_table(
        "statement_escrow",
        _text("merchant", primary_key=True),
        _date("accounting_date", primary_key=True),
        _number("in_fen"),
        _number("out_fen"),
    )
    create_table(
        "merchant_positions",
        _text("merchant", primary_key=True),
        _number("balance_fen"),
        _number("seq"),
        _number("in_escrow_fen"),
    )


def _batches() -> None:
    create_table(
        "settlement_batches",
        _text("batch_id", primary_key=True),
        _text("merchant"),
        _date("clearing_date"),
        _text("cycle"),
        _number("max_transfer_fen", nullable=True),
        _text("state"),
        _date("due_date", nullable=True),
        _number("count"),
        _number("gross_fen"),
        _number("fee_fen"),
        _number("refund_fen"),
        _number("net_fen"),
        _number("carry_in_fen"),
        _number("due_fen"),
        _number("recovered_fen"),
        _number("carry_out_fen"),
        _number("payout_fen"),
        _number("paid_fen"),
        _text("digest"),
        _text("sealed_by"),
        _text("reviewed_by"),
        _number("last_position"),
    )
    table = "settlement_batches"
    _index("settlement_batches_merchant", table, "merchant", "clearing_date", "batch_id")
    _index("settlement_batches_date", table, "clearing_date", "batch_id")
    collecting, sealed = "state = 'collecting'", "state IN ('closed', 'reviewed')"
    _index("settlement_batches_to_seal", table, "clearing_date", "batch_id", where=collecting)
    _index("settlement_batches_to_settle", table, "due_date", "batch_id", where=sealed)
    create_table(
        "settlement_payouts",
        _text("payout_no", primary_key=True),
        _text("batch_id"),
        sa.Column("number", sa.SmallInteger, nullable=False),
        _number("amount_fen"),
        _text("status"),
        _text("reason"),
    )
    _index("settlement_payouts_batch", "settlement_payouts", "batch_id", "number")


def _instructions() -> None:
    create_table(
        "instructions",
        _text("instruction_id", primary_key=True),
        _text("purpose"),
        _text("reference"),
        _text("channel"),
        _number("amount_fen"),
        _text("party"),
        _number("issued_at_us"),
        _number("issued_position"),
        _text("state"),
        _text("answer"),
        _number("last_position"),
    )
    unfinished = "state IN ('issued', 'unknown')"
    _index("instructions_open", "instructions", "issued_position", where=unfinished)


def _members() -> None:
    create_table(
        "members",
        _text("member_id", primary_key=True),
        _text("kind"),
        _text("name"),
        _number("registered_at_us"),
    )
    _index("members_kind", "members", "kind", "member_id")
    create_table(
        "member_terms",
        _text("member_id", primary_key=True),
        _text("kind", primary_key=True),
        _date("effective_from", primary_key=True),
        sa.Column("rate_bps", sa.Integer),
        _number("fixed_fen", nullable=True),
        _number("min_fen", nullable=True),
        _number("cap_fen", nullable=True),
        _text("cycle", nullable=True),
        _number("max_transfer_fen", nullable=True),
    )
    create_table(
        "member_operators",
        _text("member_id", primary_key=True),
        _text("operator_id", primary_key=True),
        _text("role"),
    )


def _checkpoints() -> None:
    create_table(
        "projection_checkpoints",
        sa.Column("name", sa.Text, primary_key=True),
        _number("position"),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        _number("reason_position", nullable=True),
        sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
