"""Payouts (出款) of settlement batches: table and queries. `settlement_batches.py` folds them with
the batches whose state they make."""

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, SmallInteger, Table, select, text

from projections.engine.model import METADATA, TEXT
from projections.tables.paging import columns_of, sought_texts

_CAME_BACK = text("status IN ('failed', 'returned')")

PAYOUTS = Table(
    "settlement_payouts",
    METADATA,
    Column("payout_no", TEXT, primary_key=True),
    Column("batch_id", TEXT, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Index("settlement_payouts_batch", "batch_id", "number"),
    Index(
        "settlement_payouts_came_back",
        "payout_no",
        sqlite_where=_CAME_BACK,
        postgresql_where=_CAME_BACK,
    ),
)


class PayoutDraft(Struct):
    """A row being changed, in the order of the table's columns."""

    payout_no: str
    batch_id: str
    number: int
    amount_fen: int
    status: str
    reason: str = ""


class Payout(PayoutDraft, frozen=True):  # type: ignore[misc]
    """One transfer of a batch, numbered from 1; `reason` says why it failed or came back. One that
    was retried stays in the list, as the aggregate's state does not keep it."""


def payouts(connection: Connection, batch_ids: list[str]) -> dict[str, list[Payout]]:
    """The payouts of some batches (at most a few hundred), by batch, in their order."""
    wanted = PAYOUTS.c.batch_id.in_(sought_texts(batch_ids, "batch_id"))
    query = select(*columns_of(PAYOUTS, Payout)).where(wanted)
    found: dict[str, list[Payout]] = {}
    for row in connection.execute(query.order_by(PAYOUTS.c.batch_id, PAYOUTS.c.number)):
        payout = Payout(*row)
        found.setdefault(payout.batch_id, []).append(payout)
    return found


def came_back(connection: Connection, limit: int) -> list[Payout]:
    """Payouts that failed or were returned, and were not retried since, by number."""
    query = select(*columns_of(PAYOUTS, Payout)).where(_CAME_BACK).order_by(PAYOUTS.c.payout_no)
    return [Payout(*row) for row in connection.execute(query.limit(limit))]
