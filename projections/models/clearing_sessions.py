"""Clearing sessions (清算场次), one row each: what a clearing network is to pay for a day, over its
channels, and what has arrived of it."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, select

from domain.kernel import Recorded
from domain.reconciliation import session as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import upsert_rows

TABLE = Table(
    "clearing_sessions",
    METADATA,
    Column("clearing", TEXT, primary_key=True),
    Column("bill_date", Date, primary_key=True),
    Column("due_fen", BigInteger, nullable=False),
    Column("arrived_fen", BigInteger, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("awaits", TEXT, nullable=False),
    Column("lead", TEXT, nullable=False),
    Column("fees_fen", BigInteger, nullable=False),
    Column("own_fen", BigInteger, nullable=False),
    Column("arrived_on", Date),
    Column("last_position", BigInteger, nullable=False),
    Index("clearing_sessions_date", "bill_date", "clearing"),
)


class ClearingSession(Struct, frozen=True, gc=False):
    """A session. `awaits`: channels whose bill is not there yet, with commas between; `fees_fen`:
    what the channels took out of it, `own_fen` of that came out of own funds; `arrived_on`: the day
    of the last statement that shows some of it. Fen; below zero we pay."""

    clearing: str
    bill_date: date
    due_fen: int
    arrived_fen: int
    status: str
    awaits: str
    lead: str
    fees_fen: int
    own_fen: int
    arrived_on: date | None
    last_position: int


Rows = dict[tuple[str, date], ClearingSession]


def _settled(delta: Rows, recorded: Recorded) -> None:
    fact: facts.Settled = recorded.fact
    clearing, day = facts.of_stream(recorded.stream)
    delta[clearing, day] = ClearingSession(
        clearing,
        day,
        sum(one.due_fen for one in fact.shares),
        sum(one.amount_fen for one in fact.arrived),
        facts.status_of(fact),
        ",".join(one.channel for one in fact.shares if not one.version),
        fact.lead,
        fact.there_fen + fact.own_fen,
        fact.own_fen,
        max((one.day for one in fact.arrived), default=None),
        recorded.position,
    )


def _write(connection: Connection, tables: Tables, delta: Rows) -> None:
    names = [column.name for column in TABLE.columns]
    rows = [astuple(row) for row in delta.values()]
    upsert_rows(connection, tables[TABLE.name], rows, names[:2], names[2:])


MODEL = ReadModel(
    name="clearing_sessions",
    tables=(TABLE,),
    folds={facts.Settled: _settled},
    new_delta=dict,
    write=_write,
)


def session(connection: Connection, clearing: str, day: date) -> ClearingSession | None:
    """The session that pays for a day."""
    wanted = (TABLE.c.clearing == clearing, TABLE.c.bill_date == day)
    row = connection.execute(select(*TABLE.columns).where(*wanted)).first()
    return ClearingSession(*row) if row else None


def sessions(connection: Connection, first: date, last: date) -> Sequence[ClearingSession]:
    """Those that pay for the days from `first` to `last`, by day."""
    query = select(*TABLE.columns).where(TABLE.c.bill_date.between(first, last))
    rows = connection.execute(query.order_by(TABLE.c.bill_date, TABLE.c.clearing))
    return [ClearingSession(*row) for row in rows]
