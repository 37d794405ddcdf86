"""Bills (渠道账单), one row for each version: what a channel or a bank said moved on a day."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, func, select

from domain.kernel import Recorded
from domain.reconciliation import bill as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import Int, Page, columns_of

TABLE = Table(
    "bills",
    METADATA,
    Column("bill_id", TEXT, primary_key=True),
    Column("channel", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("bill_date", Date, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("format", TEXT, nullable=False),
    Column("format_version", BigInteger, nullable=False),
    Column("mapping", TEXT, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("fee_milli_fen", BigInteger, nullable=False),
    Column("opening_fen", BigInteger),
    Column("closing_fen", BigInteger),
    Column("reason", TEXT, nullable=False),
    Column("taken_by", TEXT, nullable=False),
    Column("taken_at_us", BigInteger, nullable=False),
    Index("bills_date", "bill_date", "position"),
    Index("bills_channel", "channel", "bill_date", "position"),
    Index("bills_kind", "kind", "bill_date", "position"),
)


class Bill(Struct, frozen=True, gc=False):
    """A version. `sha256` "": the channel said that there was no trade, and `reason` how that is
    known. `mapping` "": the format ships. Fen, milli-fen, UTC µs."""

    bill_id: str
    channel: str
    kind: str
    bill_date: date
    version: int
    position: int
    sha256: str
    format: str
    format_version: int
    mapping: str
    lines: int
    paid: int
    paid_fen: int
    refunded: int
    refunded_fen: int
    fee_milli_fen: int
    opening_fen: int | None
    closing_fen: int | None
    reason: str
    taken_by: str
    taken_at_us: int


NOTHING = facts.Read("", "", 0, "", 0, 0, 0, 0, 0, 0, "")


def _row(recorded: Recorded, version: int, read: facts.Read, reason: str) -> Bill:
    channel, kind, day = facts.of_stream(recorded.stream)
    return Bill(
        f"{channel}.{kind}.{day}.{version}",
        channel,
        kind,
        day,
        version,
        recorded.position,
        read.blob,
        read.format,
        read.format_version,
        read.mapping,
        read.lines,
        read.paid,
        read.paid_fen,
        read.refunded,
        read.refunded_fen,
        read.fee_milli_fen,
        read.opening_fen,
        read.closing_fen,
        reason,
        recorded.actor,
        recorded.at_us,
    )


def _imported(delta: list[Bill], recorded: Recorded) -> None:
    fact: facts.Imported = recorded.fact
    delta.append(_row(recorded, fact.version, fact.read, ""))


def _no_trade(delta: list[Bill], recorded: Recorded) -> None:
    fact: facts.NoTradeTold = recorded.fact
    delta.append(_row(recorded, fact.version, NOTHING, fact.reason))


def _write(connection: Connection, tables: Tables, delta: list[Bill]) -> None:
    insert_rows(connection, tables[TABLE.name], [astuple(row) for row in delta])


MODEL = ReadModel(
    name="bills",
    tables=(TABLE,),
    folds={facts.Imported: _imported, facts.NoTradeTold: _no_trade},
    new_delta=list,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Bill)


class Wanted(Struct, frozen=True):
    """Which bills: of one channel, of one kind, of the days `from_` up to, not including, `to`."""

    channel: str | None = None
    kind: str | None = None
    from_: date | None = None
    to: date | None = None


def bills(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Bill]:
    """Versions of bills by day, those of one day in the order they came."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first, newest_first=newest_first)


def count_bills(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.bill_date, names)
    for name in ("channel", "kind"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.bill_date, TABLE.c.position), conditions)


LISTING = Listing("bills", (date, Int), _narrowed, _COLUMNS, Bill)


def newest_version(connection: Connection, channel: str, kind: str, day: date) -> int:
    """The number of the newest version of a bill; 0 if there is none."""
    wanted = (TABLE.c.channel == channel, TABLE.c.kind == kind, TABLE.c.bill_date == day)
    found = connection.execute(select(func.max(TABLE.c.version)).where(*wanted)).scalar()
    return int(found or 0)


class Awaited(Struct, frozen=True, gc=False):
    """A bill that is not there, of a channel that has sent such bills before."""

    channel: str
    kind: str
    bill_date: date


def awaited(connection: Connection, days: Sequence[date], limit: int) -> list[Awaited]:
    """Bills of some days (at most a few) that are not there, the oldest first."""
    named = (TABLE.c.channel, TABLE.c.kind)
    query = select(*named, func.min(TABLE.c.bill_date)).group_by(*named).order_by(*named)
    known = connection.execute(query).all()
    recent = select(*named, TABLE.c.bill_date).where(TABLE.c.bill_date.in_(list(days)))
    there = {tuple(row) for row in connection.execute(recent)}
    lacking = [
        Awaited(channel, kind, day)
        for day in sorted(days)
        for channel, kind, first in known
        if day >= first and (channel, kind, day) not in there
    ]
    return lacking[:limit]
