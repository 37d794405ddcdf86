"""The fund side: what banks were asked to pay, and what the lines of statements are.

`outgoings` is a read model, filled from the log. `bank_lines` is what a comparison found, kept
beside the books: lost with a restore, it is made again by the next comparison of those days.
"""

from typing import Any

import sqlalchemy as sa

from migrations.tables import create_index, create_table

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def _day(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, **({"nullable": False} | options))


def upgrade() -> None:
    """Read models, which are filled from the log, and lines of statements beside them."""
    _outgoings()
    _sessions()
    _own()
    _lines()


def _outgoings() -> None:
    create_table(
        "outgoings",
        _text("instruction_id", primary_key=True),
        _text("number"),
        _text("kind"),
        _text("reference"),
        _text("channel"),
        _number("amount_fen"),
        _day("asked_on"),
        _number("position"),
        _text("state"),
        _day("paid_on", nullable=True),
        _number("owed_fen"),
        _number("back_fen"),
        _number("came_fen"),
        _number("last_position"),
    )
    create_index("outgoings_number", "outgoings", ["number"])
    create_index("outgoings_paid_on", "outgoings", ["paid_on", "position"])
    create_index("outgoings_reference", "outgoings", ["reference", "position"])


def _sessions() -> None:
    create_table(
        "clearing_sessions",
        _text("clearing", primary_key=True),
        _day("bill_date", primary_key=True),
        *(_number(name) for name in ("due_fen", "arrived_fen")),
        *(_text(name) for name in ("status", "awaits", "lead")),
        *(_number(name) for name in ("fees_fen", "own_fen")),
        _day("arrived_on", nullable=True),
        _number("last_position"),
    )
    create_index("clearing_sessions_date", "clearing_sessions", ["bill_date", "clearing"])


def _own() -> None:
    create_table(
        "quotas",
        _text("clearing", primary_key=True),
        _number("mapped_fen"),
        _day("on_date"),
        _text("mapped_by"),
        _text("reason"),
        _number("at_us"),
        _number("last_position"),
    )
    create_table(
        "top_ups",
        _text("reference", primary_key=True),
        _text("direction"),
        _number("amount_fen"),
        _number("position"),
        _text("statement"),
        _number("last_position"),
    )
    create_index("top_ups_underway", "top_ups", ["position"], "statement = ''")
    create_index("top_ups_statement", "top_ups", ["statement"])


def _lines() -> None:
    create_table(
        "bank_lines",
        _text("channel", primary_key=True),
        _day("bill_date", primary_key=True),
        _number("version", primary_key=True),
        _number("line", primary_key=True),
        _number("part", primary_key=True),
        _text("kind"),
        _text("number"),
        _text("serial"),
        _number("at_us", nullable=True),
        _number("amount_fen"),
        _text("what"),
        _text("about"),
        _text("of_channel"),
    )
    create_index("bank_lines_about", "bank_lines", ["about"])
    create_index("bank_lines_serial", "bank_lines", ["serial"])


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
