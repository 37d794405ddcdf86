"""Deposits (保证金) of merchants, one row each: taken, and given back."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select

from domain.accounting import deposit as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of, sought_text

DepositState = Literal["held", "returned"]

TABLE = Table(
    "deposits",
    METADATA,
    Column("deposit_no", TEXT, primary_key=True),
    Column("member_id", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("taken_by", TEXT, nullable=False),
    Column("taken_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("recovered_fen", BigInteger, nullable=False),
    Column("return_reason", TEXT, nullable=False),
    Column("returned_by", TEXT, nullable=False),
    Column("returned_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("deposits_order", "position"),
    Index("deposits_member", "member_id", "position"),
    Index("deposits_state", "state", "position"),
)
FIXED = 8  # So many columns of a deposit never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    deposit_no: str
    member_id: str
    amount_fen: int
    source: str
    reason: str
    taken_by: str
    taken_at_us: int
    position: int
    state: str = "held"
    recovered_fen: int = 0
    return_reason: str = ""
    returned_by: str = ""
    returned_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Deposit(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """Of what was given back `recovered_fen` covered a debt. Fen, UTC µs."""


def _taken(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Taken = recorded.fact
    number, at = facts.number_of(recorded.stream), recorded.position
    delta.created[number] = Draft(
        number,
        fact.member_id,
        fact.amount_fen,
        fact.source,
        fact.reason,
        fact.by,
        recorded.at_us,
        at,
        last_position=at,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(facts.number_of(recorded.stream), recorded)


def _returned(row: Draft, recorded: Recorded) -> None:
    fact: facts.Returned = recorded.fact
    row.state, row.recovered_fen = "returned", fact.recovered_fen
    row.return_reason, row.returned_by = fact.reason, fact.by
    row.returned_at_us = recorded.at_us


_CHANGES: dict[type, Change] = {facts.Returned: _returned}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="deposits",
    tables=(TABLE,),
    folds={facts.Taken: _taken, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Deposit)


class Wanted(Struct, frozen=True):
    """Which deposits: of one merchant, in one state."""

    member_id: str | None = None
    state: str | None = None


def deposits(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[Deposit]:
    """Deposits in the order they were taken."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_deposits(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def deposit(connection: Connection, deposit_no: str) -> Deposit | None:
    """One deposit by its number."""
    wanted = TABLE.c.deposit_no == sought_text(deposit_no, "deposit_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Deposit(*row) if row else None


def _narrowed(names: Names) -> Narrowed:
    conditions = [
        TABLE.c[name] == given(name, TABLE.c[name])
        for name in ("member_id", "state")
        if name in names
    ]
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("deposits", (Int,), _narrowed, _COLUMNS, Deposit, dated=False)
