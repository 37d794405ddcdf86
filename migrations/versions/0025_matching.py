"""What matching needs: lines of bills, when instructions ended, parts of combined orders; and what
it finds: verdicts and differences.

When instructions of an older ledger ended is filled in from their facts, as a rebuild makes it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import add_column, create_index, create_table

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

ENDED = """
UPDATE instructions SET ended_at_us = (
    SELECT {at} FROM events e WHERE e.originator_id = 'instruction-' || instruction_id
    AND e.topic IN ('instruction.succeeded.1', 'instruction.differed.1', 'instruction.declined.1')
    ORDER BY e.originator_version LIMIT 1
) WHERE ended_at_us IS NULL AND state IN ('succeeded', 'differs', 'declined')
"""
AT = {
    "sqlite": "CAST(json_extract(CAST(e.state AS TEXT), '$.at') AS INTEGER)",
    "postgresql": "CAST(convert_from(e.state, 'UTF8')::json ->> 'at' AS bigint)",
}
PARTS = {
    "sqlite": """
INSERT INTO instruction_parts (number, instruction_id, part, amount_fen)
SELECT json_extract(p.value, '$.number'), substr(e.originator_id, 13),
    json_extract(p.value, '$.transaction'), json_extract(p.value, '$.amount_fen')
FROM events e, json_each(CAST(e.state AS TEXT), '$.fact.parts') p
WHERE e.topic = 'instruction.issued.1' AND json_extract(p.value, '$.number') IS NOT NULL
""",
    "postgresql": """
INSERT INTO instruction_parts (number, instruction_id, part, amount_fen)
SELECT p ->> 'number', substr(e.originator_id, 13), p ->> 'transaction',
    CAST(p ->> 'amount_fen' AS bigint)
FROM events e, json_array_elements(
    COALESCE(convert_from(e.state, 'UTF8')::json -> 'fact' -> 'parts', '[]'::json)) p
WHERE e.topic = 'instruction.issued.1'
""",
}


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def _day(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, **({"nullable": False} | options))


def upgrade() -> None:
    """Tables, columns and indexes, the same on either database."""
    _lines()
    _instructions(op.get_bind())
    _verdicts()
    _differences()


def _lines() -> None:
    """No read model: they are filled from the blobs that facts name, and may be dropped."""
    create_table(
        "bill_fills",
        _text("bill_id", primary_key=True),
        _text("channel"),
        _text("kind"),
        _day("bill_date"),
        _number("version"),
        _text("digest"),
        _number("written"),
        _number("whole"),
        _number("live"),
    )
    create_index("bill_fills_day", "bill_fills", ["channel", "kind", "bill_date"])
    create_table(
        "bill_lines",
        _text("bill_id", primary_key=True),
        _number("line", primary_key=True),
        _text("kind"),
        _text("number"),
        _text("sought"),
        _text("serial"),
        _number("amount_fen"),
        _number("fee_milli_fen"),
        _text("state"),
        _text("currency"),
        _number("at_us", nullable=True),
        _text("original"),
        _number("reversal"),
    )
    create_index("bill_lines_sought", "bill_lines", ["sought"])
    create_index("bill_lines_serial", "bill_lines", ["serial"])


def _instructions(connection: sa.Connection) -> None:
    add_column("instructions", _number("ended_at_us", nullable=True))
    ended = "ended_at_us IS NOT NULL"
    create_index("instructions_ended", "instructions", ["channel", "ended_at_us"], ended)
    made = create_table(
        "instruction_parts",
        _text("number", primary_key=True),
        _text("instruction_id"),
        _text("part"),
        _number("amount_fen"),
    )
    create_index("instruction_parts_of", "instruction_parts", ["instruction_id"])
    dialect = connection.dialect.name
    connection.execute(sa.text(ENDED.format(at=AT[dialect])))
    if made:
        connection.exec_driver_sql(PARTS[dialect])


def _verdicts() -> None:
    create_table(
        "verdicts",
        _text("channel", primary_key=True),
        _day("bill_date", primary_key=True),
        _number("revision", primary_key=True),
        *(_number(name) for name in ("bill_version", "as_of", "lines", "matched")),
        *(_number(name) for name in ("paid_fen", "refunded_fen", "fee_milli_fen")),
        _text("digest"),
        _number("at_us"),
        _text("by"),
        _number("position"),
    )
    create_index("verdicts_date", "verdicts", ["bill_date", "position"])


def _differences() -> None:
    create_table(
        "differences",
        _text("difference_id", primary_key=True),
        _text("kind"),
        _text("channel"),
        _text("number"),
        _day("on_date"),
        *(_text(name) for name in ("state", "cause")),
        *(_number(name) for name in ("ours_fen", "bill_fen", "amount_fen")),
        *(_text(name) for name in ("account", "serial", "bill")),
        _number("line"),
        *(_text(name) for name in ("instruction_id", "linked")),
        *(_number(name) for name in ("since_us", "changed_us", "position", "last_position")),
        *(_text(name) for name in ("resolution", "proposed_by", "approved_by", "reason")),
        *(_text(name) for name in ("to_whom", "awaits")),
    )
    create_index("differences_found", "differences", ["position"])
    create_index("differences_day", "differences", ["channel", "on_date", "position"])
    create_index("differences_number", "differences", ["channel", "number"])
    create_index("differences_state", "differences", ["state", "position"])
    create_index("differences_kind", "differences", ["kind", "position"])
    opened = "state IN ('suspected', 'confirmed', 'proposed', 'approved')"
    create_index("differences_open", "differences", ["on_date", "position"], opened)


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001; rows are rebuilt from the facts."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
