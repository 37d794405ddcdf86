"""Top-ups (自有资金补足) of the reserve, one row each: own funds on their way in or out, and which
line of a statement has shown them."""

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Table,
    case,
    literal_column,
    select,
    text,
)

from domain.accounting import topup as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of

_UNDERWAY = text("statement = ''")

TABLE = Table(
    "top_ups",
    METADATA,
    Column("reference", TEXT, primary_key=True),
    Column("direction", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("top_ups_order", "position"),
    Index("top_ups_underway", "position", sqlite_where=_UNDERWAY, postgresql_where=_UNDERWAY),
    Index("top_ups_statement", "statement"),
)
FIXED = 4


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    reference: str
    direction: str
    amount_fen: int
    position: int
    statement: str = ""
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class TopUp(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`reference`: of the fact that needed it; `direction` in or out of the reserve; `statement`:
    the line that has shown it, "" while it is under way. Fen."""


def _decided(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Decided = recorded.fact
    reference = facts.reference_of(recorded.stream)
    delta.created[reference] = Draft(
        reference,
        fact.direction,
        fact.amount_fen,
        recorded.position,
        last_position=recorded.position,
    )


def _arrived(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(facts.reference_of(recorded.stream), recorded)


def _show_row(row: Draft, recorded: Recorded) -> None:
    row.statement = recorded.fact.statement


_CHANGES: dict[type, Change] = {facts.Arrived: _show_row}


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="top_ups",
    tables=(TABLE,),
    folds={facts.Decided: _decided, facts.Arrived: _arrived},
    new_delta=lambda: Drafts({}, {}, _CHANGES),
    write=_write,
)


def underway(connection: Connection, direction: str) -> list[TopUp]:
    """Those that no statement has shown, the oldest first."""
    query = select(*TABLE.columns).where(_UNDERWAY, TABLE.c.direction == direction)
    return [TopUp(*row) for row in connection.execute(query.order_by(TABLE.c.position))]


def shown_by(connection: Connection, statement: str) -> list[TopUp]:
    """Those that a line has shown."""
    query = select(*TABLE.columns).where(TABLE.c.statement == statement)
    return [TopUp(*row) for row in connection.execute(query.order_by(TABLE.c.position))]


STATES = ("underway", "arrived")
_COLUMNS = columns_of(TABLE, TopUp)
_STATE = case((_UNDERWAY, literal_column("'underway'", TEXT)), else_=literal_column("'arrived'"))


class Wanted(Struct, frozen=True):
    """Which top-ups: into the reserve or out of it, in one state."""

    direction: str | None = None
    state: str | None = None


def listed(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[TopUp]:
    """Top-ups in the order they were decided."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_listed(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def _narrowed(names: Names) -> Narrowed:
    columns = {"direction": TABLE.c.direction, "state": _STATE}
    conditions = [columns[name] == given(name, columns[name]) for name in columns if name in names]
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("top_ups", (Int,), _narrowed, _COLUMNS, TopUp, dated=False)
