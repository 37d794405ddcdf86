"""Quotas (映射额度) of clearing networks on the reserve account, one row each, and what of them is
available: what is mapped, and what came in through the network since, less what went out."""

from datetime import date

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Table, func, select

from domain.kernel import Recorded, key
from domain.reconciliation import quota as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.models import clearing_positions
from projections.tables.bulk import upsert_rows

TABLE = Table(
    "quotas",
    METADATA,
    Column("clearing", TEXT, primary_key=True),
    Column("mapped_fen", BigInteger, nullable=False),
    Column("on_date", Date, nullable=False),
    Column("mapped_by", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
)


class Row(Struct, frozen=True, gc=False):
    """What was mapped last. Fen, UTC µs."""

    clearing: str
    mapped_fen: int
    on_date: date
    mapped_by: str
    reason: str
    at_us: int
    last_position: int


class Quota(Struct, frozen=True, gc=False):
    """`came_fen` and `went_fen` through the network from `on` on; fen."""

    clearing: str
    mapped_fen: int
    on: date
    came_fen: int
    went_fen: int
    mapped_by: str
    reason: str

    @property
    def available_fen(self) -> int:
        return self.mapped_fen + self.came_fen - self.went_fen


def _mapped(delta: dict[str, Row], recorded: Recorded) -> None:
    fact: facts.Mapped = recorded.fact
    clearing = key(recorded.stream)
    delta[clearing] = Row(
        clearing,
        fact.amount_fen,
        fact.on,
        fact.by,
        fact.reason,
        recorded.at_us,
        recorded.position,
    )


def _write(connection: Connection, tables: Tables, delta: dict[str, Row]) -> None:
    names = [column.name for column in TABLE.columns]
    rows = [astuple(row) for row in delta.values()]
    upsert_rows(connection, tables[TABLE.name], rows, names[:1], names[1:])


MODEL = ReadModel(
    name="quotas",
    tables=(TABLE,),
    folds={facts.Mapped: _mapped},
    new_delta=dict,
    write=_write,
)


def quotas(connection: Connection) -> list[Quota]:
    """By network."""
    moved = clearing_positions.TABLE
    found = []
    rows = connection.execute(select(*TABLE.columns).order_by(TABLE.c.clearing)).all()
    for row in (Row(*one) for one in rows):
        came, went = (
            func.sum(moved.c.received_fen),
            func.sum(moved.c.refunded_fen + moved.c.paid_out_fen),
        )
        wanted = (moved.c.network == row.clearing, moved.c.accounting_date >= row.on_date)
        came_fen, went_fen = connection.execute(select(came, went).where(*wanted)).one()
        found.append(
            Quota(
                row.clearing,
                row.mapped_fen,
                row.on_date,
                int(came_fen or 0),
                int(went_fen or 0),
                row.mapped_by,
                row.reason,
            )
        )
    return found
