"""Rolling reserves (滚动准备金), one row for each merchant and release date: what was withheld,
taken out by refunds, released, and is held. For the end of the day: those whose date has come.
"""

from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, select, text

from domain.accounting import reserve as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import Page, columns_of

ReserveState = Literal["held", "released"]
_HELD = text("held_fen > 0")

TABLE = Table(
    "reserves",
    METADATA,
    Column("reserve_id", TEXT, primary_key=True),
    Column("member_id", TEXT, nullable=False),
    Column("release_on", Date, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("held_fen", BigInteger, nullable=False),
    Column("withheld_fen", BigInteger, nullable=False),
    Column("returned_fen", BigInteger, nullable=False),
    Column("released_fen", BigInteger, nullable=False),
    Column("recovered_fen", BigInteger, nullable=False),
    Column("released_by", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("released_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("reserves_order", "release_on", "reserve_id"),
    Index("reserves_member", "member_id", "release_on", "reserve_id"),
    Index("reserves_state", "state", "release_on", "reserve_id"),
    Index(
        "reserves_due",
        "release_on",
        "reserve_id",
        sqlite_where=_HELD,
        postgresql_where=_HELD,
    ),
)
FIXED = 4  # So many columns of a reserve never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    reserve_id: str
    member_id: str
    release_on: date
    position: int
    state: str = "held"
    held_fen: int = 0
    withheld_fen: int = 0
    returned_fen: int = 0
    released_fen: int = 0
    recovered_fen: int = 0
    released_by: str = ""
    reason: str = ""
    released_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Reserve(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """Sums of all time, of which `held_fen` is left. Of what was released `recovered_fen` covered a
    debt; `released_by` and `reason` are of a release before its date. Fen, UTC µs."""


def _opened(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Opened = recorded.fact
    bucket = facts.id_of(recorded.stream)
    at = recorded.position
    row = Draft(bucket, fact.merchant, fact.release_on, at, last_position=at)
    delta.created[bucket] = row


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(facts.id_of(recorded.stream), recorded)


def _collected(row: Draft, recorded: Recorded) -> None:
    fact: facts.Collected = recorded.fact
    row.withheld_fen += fact.withheld_fen
    row.returned_fen += fact.returned_fen
    row.held_fen += fact.withheld_fen - fact.returned_fen
    row.state = "held"


def _released(row: Draft, recorded: Recorded) -> None:
    fact: facts.Released = recorded.fact
    row.state, row.held_fen, row.released_at_us = "released", 0, recorded.at_us
    row.released_fen += fact.amount_fen
    row.recovered_fen += fact.recovered_fen
    row.released_by, row.reason = fact.by, fact.reason


_CHANGES: dict[type, Change] = {facts.Collected: _collected, facts.Released: _released}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="reserves",
    tables=(TABLE,),
    folds={facts.Opened: _opened, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Reserve)


class Wanted(Struct, frozen=True):
    """Which reserves: of one merchant, in one state, released on the dates from_ <= date < to."""

    member_id: str | None = None
    state: str | None = None
    from_: date | None = None
    to: date | None = None


def reserves(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[Reserve]:
    """Reserves by the date on which they are released."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_reserves(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def due(
    connection: Connection, on: date, limit: int, after: Reserve | None = None
) -> list[Reserve]:
    """Those that hold something and whose date has come on an accounting date, in their order."""
    ready = select(*_COLUMNS).where(_HELD, TABLE.c.release_on <= on)
    if after is not None:
        at = TABLE.c.release_on
        later = (at == after.release_on) & (TABLE.c.reserve_id > after.reserve_id)
        ready = ready.where((at > after.release_on) | later)
    rows = connection.execute(ready.order_by(TABLE.c.release_on, TABLE.c.reserve_id).limit(limit))
    return [Reserve(*row) for row in rows]


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.release_on, names)
    for name in ("member_id", "state"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.release_on, TABLE.c.reserve_id), conditions)


LISTING = Listing("reserves", (date, str), _narrowed, _COLUMNS, Reserve)
