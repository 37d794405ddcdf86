"""Movements of own funds (自有资金), one row each: capital, a buffer, interest, sweeps; who asked
for it, and which line of a statement has shown it."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select

from domain.accounting import own_funds as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of

State = Literal["instructed", "posted", "called_off"]

TABLE = Table(
    "own_movements",
    METADATA,
    Column("movement_no", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("asked_by", TEXT, nullable=False),
    Column("asked_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("ended_by", TEXT, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("end_reason", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("own_movements_order", "position"),
    Index("own_movements_kind", "kind", "position"),
    Index("own_movements_state", "state", "position"),
)
FIXED = 7  # So many columns of a movement never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    movement_no: str
    kind: str
    amount_fen: int
    reason: str
    asked_by: str
    asked_at_us: int
    position: int
    state: str = "instructed"
    statement: str = ""
    ended_by: str = ""
    ended_at_us: int | None = None
    end_reason: str = ""
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Movement(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`statement`: the line that has shown it. What a statement shows that nobody asked for was
    asked for when it was shown. `end_reason` is of a sweep that was called off. Fen, UTC µs."""


_KINDS: dict[type, str] = {
    facts.CapitalPaidIn: "capital",
    facts.BufferPutIn: "buffer",
    facts.InterestCredited: "interest",
    facts.SweepInstructed: "sweep",
    facts.Swept: "sweep",
}


def _begun(delta: Drafts, recorded: Recorded) -> None:
    fact, number = recorded.fact, facts.number_of(recorded.stream)
    row = Draft(
        number,
        _KINDS[type(fact)],
        fact.amount_fen,
        fact.reason if isinstance(fact, facts.SweepInstructed) else "",
        fact.by,
        recorded.at_us,
        recorded.position,
        last_position=recorded.position,
    )
    if not isinstance(fact, facts.SweepInstructed):
        _shown(row, recorded)
    delta.created[number] = row


def _ended(delta: Drafts, recorded: Recorded) -> None:
    """A sweep that nobody instructed begins with the line that shows it."""
    if recorded.version == 1:
        _begun(delta, recorded)
    else:
        delta.happened(facts.number_of(recorded.stream), recorded)


def _shown(row: Draft, recorded: Recorded) -> None:
    row.state, row.statement = "posted", recorded.fact.statement
    row.ended_by, row.ended_at_us = recorded.fact.by, recorded.at_us


def _called_off(row: Draft, recorded: Recorded) -> None:
    row.state, row.end_reason = "called_off", recorded.fact.reason
    row.ended_by, row.ended_at_us = recorded.fact.by, recorded.at_us


_CHANGES: dict[type, Change] = {facts.Swept: _shown, facts.SweepCalledOff: _called_off}


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="own_movements",
    tables=(TABLE,),
    folds={**dict.fromkeys(_KINDS, _begun), **dict.fromkeys(_CHANGES, _ended)},
    new_delta=lambda: Drafts({}, {}, _CHANGES),
    write=_write,
)

_COLUMNS = columns_of(TABLE, Movement)


def shown_by(connection: Connection, references: Sequence[str]) -> list[Movement]:
    """Those that were posted with some references of statements (a few hundred), in order."""
    wanted = TABLE.c.statement.in_(references)
    query = select(*_COLUMNS).where(wanted, TABLE.c.state == "posted").order_by(TABLE.c.position)
    return [Movement(*row) for row in connection.execute(query)]


class Wanted(Struct, frozen=True):
    """Which movements: of one kind, in one state."""

    kind: str | None = None
    state: str | None = None


def movements(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[Movement]:
    """Movements in the order they began."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_movements(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def _narrowed(names: Names) -> Narrowed:
    conditions = [
        TABLE.c[name] == given(name, TABLE.c[name]) for name in ("kind", "state") if name in names
    ]
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("own_movements", (Int,), _narrowed, _COLUMNS, Movement, dated=False)
