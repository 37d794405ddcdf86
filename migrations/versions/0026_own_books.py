"""The institution's own books: what waits as an open item; and an older ledger's opening set.

An older ledger has fees on 2202.09 without their mirror 1122.05. As in 0006 the migration notes it,
and `zhangfang init` opens the accounts and posts the set, by an ordinary command.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tables import create_index, create_table

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **({"nullable": False} | options))


def upgrade() -> None:
    """A read model, which is filled from the log; and the note of an older ledger."""
    create_table(
        "open_items",
        _number("position", primary_key=True),
        _number("place", primary_key=True),
        *(_text(name) for name in ("item", "account", "code", "owner", "stream", "system")),
        _number("amount_fen"),
        _number("since_us"),
        sa.Column("opened_on", sa.Date, nullable=False),
        sa.Column("closed_on", sa.Date),
    )
    create_index("open_items_item", "open_items", ["item", "position", "place"])
    create_index("open_items_closed", "open_items", ["closed_on", "position", "place"])
    for name, first in (("since", []), ("code", ["code"]), ("owner", ["owner"])):
        columns = [*first, "since_us", "position", "place"]
        create_index(f"open_items_{name}", "open_items", columns, where="closed_on IS NULL")
    create_table(
        "open_items_day",
        _text("name", primary_key=True),
        sa.Column("open_on", sa.Date, nullable=False),
    )
    create_table(
        "reserve_certificates",
        sa.Column("accounting_date", sa.Date, primary_key=True),
        _number("position"),
        *(_text(name) for name in ("head_hash", "totals", "sections")),
        _number("certified_at_us"),
        _number("last_position"),
    )
    _note_older()


def _note_older() -> None:
    upgrades = sa.table(
        "upgrades", sa.column("name"), sa.column("until_position"), sa.column("finished")
    )
    connection = op.get_bind()
    last = connection.exec_driver_sql("SELECT max(notification_id) FROM events").scalar()
    if last:
        row = {"name": "own_books", "until_position": last, "finished": False}
        connection.execute(upgrades.insert().values(row))


def downgrade() -> None:
    """Refused: a ledger goes forward only, as in 0001."""
    raise NotImplementedError("a ledger's tables are never taken back by a migration")
