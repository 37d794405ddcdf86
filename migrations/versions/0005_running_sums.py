"""Running sums: what a merchant, and a chart code, had come to when an accounting date ended.

They are made here from the rows that are there, so that a ledger answers at once; a rebuild makes
the same from the facts. The tables of movements that they replace are dropped.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import begin_anew, create_table, drop_index, drop_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

STATEMENT_DAYS = """
INSERT INTO statement_days
WITH moved AS (
    SELECT merchant, accounting_date, max(seq) AS seq,
        sum(CASE WHEN kind = 'sales' THEN amount_fen ELSE 0 END) AS sales,
        sum(CASE WHEN kind = 'refunds' THEN amount_fen ELSE 0 END) AS refunds,
        sum(CASE WHEN kind = 'fees' THEN amount_fen ELSE 0 END) AS fees,
        sum(CASE WHEN kind = 'settled' THEN amount_fen ELSE 0 END) AS settled,
        sum(CASE WHEN kind = 'recovered' THEN amount_fen ELSE 0 END) AS recovered,
        0 AS escrow
    FROM statement_lines GROUP BY merchant, accounting_date
    UNION ALL
    SELECT merchant, accounting_date, 0, 0, 0, 0, 0, 0, in_fen - out_fen FROM statement_escrow
), daily AS (
    SELECT merchant, accounting_date, max(seq) AS seq, sum(sales) AS sales,
        sum(refunds) AS refunds, sum(fees) AS fees, sum(settled) AS settled,
        sum(recovered) AS recovered, sum(escrow) AS escrow
    FROM moved GROUP BY merchant, accounting_date
)
SELECT merchant, accounting_date, max(seq) OVER past,
    sum(sales - refunds - fees - settled) OVER past, sum(sales) OVER past,
    sum(refunds) OVER past, sum(fees) OVER past, sum(settled) OVER past,
    sum(recovered) OVER past, sum(escrow) OVER past
FROM daily
WINDOW past AS (PARTITION BY merchant ORDER BY accounting_date)
"""
STATEMENT_ENDS = """
INSERT INTO statement_ends
SELECT p.merchant, coalesce(d.accounting_date, :before_any), coalesce(d.seq, 0),
    coalesce(d.balance_fen, 0), coalesce(d.sales_fen, 0), coalesce(d.refunds_fen, 0),
    coalesce(d.fees_fen, 0), coalesce(d.settled_fen, 0), coalesce(d.recovered_fen, 0),
    coalesce(d.in_escrow_fen, 0)
FROM merchant_positions p LEFT JOIN statement_days d ON d.merchant = p.merchant
    AND d.accounting_date = (
        SELECT max(x.accounting_date) FROM statement_days x WHERE x.merchant = p.merchant
    )
"""
TRIAL_DAYS = """
INSERT INTO trial_days
WITH codes AS (SELECT code, min(accounting_date) AS first FROM trial_movements GROUP BY code),
dates AS (SELECT DISTINCT accounting_date FROM trial_movements)
SELECT d.accounting_date, c.code, sum(coalesce(m.debit_fen, 0)) OVER past,
    sum(coalesce(m.credit_fen, 0)) OVER past
FROM codes c JOIN dates d ON d.accounting_date >= c.first
LEFT JOIN trial_movements m ON m.code = c.code AND m.accounting_date = d.accounting_date
WINDOW past AS (PARTITION BY c.code ORDER BY d.accounting_date)
"""


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _date(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, **({"nullable": False} | options))


def upgrade() -> None:
    """Create and fill the tables, the same on either database; drop what they replace."""
    _statements()
    _trial_balance()


def _statements() -> None:
    sums = ("sales", "refunds", "fees", "settled", "recovered", "in_escrow")
    totals = ("seq", "balance_fen", *(f"{name}_fen" for name in sums))
    made = [
        create_table(
            table,
            _text("merchant", primary_key=True),
            _date("accounting_date", primary_key=table == "statement_days"),
            *(_number(name) for name in totals),
        )
        for table in ("statement_days", "statement_ends")
    ]
    if all(made):
        op.execute(STATEMENT_DAYS)
        ends = sa.text(STATEMENT_ENDS)
        op.execute(ends.bindparams(sa.bindparam("before_any", date(1, 1, 1), sa.Date)))
    elif any(made):  # One was there without the other: its rows are not the model's.
        begin_anew(op.get_bind(), "statement_days")
    drop_table("statement_escrow")
    drop_table("merchant_positions")
    drop_index("statement_lines_date", "statement_lines")  # Lines are found by their numbers.


def _trial_balance() -> None:
    made = create_table(
        "trial_days",
        _date("accounting_date", primary_key=True),
        _text("code", primary_key=True),
        _number("debit_fen"),
        _number("credit_fen"),
    )
    if made:
        op.execute(TRIAL_DAYS)
    drop_table("trial_movements")


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
