"""Verdicts (对账结论), one row each: how much of a channel's bill of a day the books have too."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Select,
    Table,
    cast,
    func,
    select,
)

from domain.kernel import Recorded
from domain.reconciliation import verdict as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.models import differences
from projections.tables.bulk import insert_rows
from projections.tables.listing import Names, given

TABLE = Table(
    "verdicts",
    METADATA,
    Column("channel", TEXT, primary_key=True),
    Column("bill_date", Date, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("bill_version", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("matched", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("fee_milli_fen", BigInteger, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("verdicts_date", "bill_date", "position"),
)


class Verdict(Struct, frozen=True, gc=False):
    """One verdict, as `domain/reconciliation/verdict.py` has it: `as_of` is the position of the
    facts it was found in. Fen, milli-fen, UTC µs."""

    channel: str
    bill_date: date
    revision: int
    bill_version: int
    as_of: int
    lines: int
    matched: int
    paid_fen: int
    refunded_fen: int
    fee_milli_fen: int
    digest: str
    at_us: int
    by: str
    position: int


def _reached(delta: list[Verdict], recorded: Recorded) -> None:
    fact: facts.Reached = recorded.fact
    found = fact.found
    delta.append(
        Verdict(
            *facts.of_stream(recorded.stream),
            recorded.version,
            found.bill,
            fact.position,
            found.lines,
            found.matched,
            found.paid_fen,
            found.refunded_fen,
            found.fee_milli_fen,
            found.digest,
            recorded.at_us,
            recorded.actor,
            recorded.position,
        )
    )


def _write(connection: Connection, tables: Tables, delta: list[Verdict]) -> None:
    insert_rows(connection, tables[TABLE.name], [astuple(row) for row in delta])


MODEL = ReadModel(
    name="verdicts",
    tables=(TABLE,),
    folds={facts.Reached: _reached},
    new_delta=list,
    write=_write,
)


def newest(connection: Connection, day: date, channels: Sequence[str]) -> list[Verdict]:
    """The newest verdict on each channel's bill of a day, by channel."""
    wanted = (TABLE.c.bill_date == day, TABLE.c.channel.in_(list(channels)))
    query = select(*TABLE.columns).where(*wanted).order_by(TABLE.c.channel, TABLE.c.revision)
    by_channel = {row.channel: Verdict(*row) for row in connection.execute(query)}
    return list(by_channel.values())


class Reconciliation(Verdict, frozen=True, gc=False):
    """The newest verdict on a bill, and what of its day is not settled: differences in the pool,
    open ones that are certain, and the money that waits for both, in fen."""

    pool: int
    open: int
    at_risk_fen: int

    @property
    def match_rate_bps(self) -> int:
        """Of 10,000 lines so many matched, rounded down; all of an empty bill's."""
        return self.matched * 10_000 // self.lines if self.lines else 10_000


CERTAIN = ("confirmed", "proposed", "approved")


def reconciliation_query(_names: Names) -> Select[Any]:
    """Of the parameters `channel` and `day`."""
    of = differences.TABLE.c
    day, channel = given("day", TABLE.c.bill_date), given("channel", TABLE.c.channel)

    def counted(what: Any, states: Sequence[str]) -> Any:
        mine = (of.channel == channel, of.on_date == day, of.state.in_(states))
        return select(what).where(*mine).scalar_subquery()

    return (
        select(
            *TABLE.columns,
            counted(func.count(), ("suspected",)).label("pool"),
            counted(func.count(), CERTAIN).label("open"),
            counted(
                cast(func.coalesce(func.sum(of.amount_fen), 0), BigInteger),
                ("suspected", *CERTAIN),
            ).label("at_risk_fen"),
        )
        .where(TABLE.c.channel == channel, TABLE.c.bill_date == day)
        .order_by(TABLE.c.revision.desc())
        .limit(1)
    )


def reconciliation_of(row: Sequence[Any]) -> Reconciliation:
    return Reconciliation(*row)


def reconciliation(connection: Connection, channel: str, day: date) -> Reconciliation | None:
    """What came of a channel's bill of a day; None where there is no verdict on it."""
    values: Mapping[str, Any] = {"channel": channel, "day": day}
    row = connection.execute(reconciliation_query(frozenset(values)), values).first()
    return reconciliation_of(row) if row is not None else None
