"""Payment instructions (支付指令): what was asked of the channels, and what they answered.

The worker's to-do: those issued are to be carried out, those unknown are to be asked about.
"""

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Table,
    func,
    select,
    text,
)

from domain.kernel import Recorded, key
from domain.payment import instruction as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows, update_rows
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_text,
)

InstructionState = Literal["issued", "unknown", "succeeded", "declined"]

_OPEN = text("state IN ('issued', 'unknown')")

TABLE = Table(
    "instructions",
    METADATA,
    Column("instruction_id", TEXT, primary_key=True),
    Column("purpose", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("party", TEXT, nullable=False),
    Column("issued_at_us", BigInteger, nullable=False),
    Column("issued_position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("answer", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("instructions_issued", "issued_position"),
    Index("instructions_state", "state", "issued_position"),
    Index("instructions_reference", "reference", "issued_position"),
    Index("instructions_open", "issued_position", sqlite_where=_OPEN, postgresql_where=_OPEN),
)


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    instruction_id: str
    purpose: str
    reference: str
    channel: str
    amount_fen: int
    party: str
    issued_at_us: int
    issued_position: int
    state: str
    answer: str
    last_position: int


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Instruction(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One instruction. `answer` is the channel's serial or the reason it gave; `reference` is the
    stream that asked for it, to which the outcome goes back. Fen, UTC µs."""


class Delta(Struct):
    """Instructions issued in the batch, as they are at its end; answers to earlier ones."""

    issued: dict[str, Draft]
    answered: dict[str, tuple[str, str, str, int]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _issued(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Issued = recorded.fact
    delta.issued[recorded.stream] = Draft(
        key(recorded.stream),
        fact.purpose,
        fact.reference,
        fact.channel,
        fact.amount_fen,
        fact.party,
        recorded.at_us,
        recorded.position,
        "issued",
        "",
        recorded.position,
    )


def _answered(delta: Delta, recorded: Recorded, state: str, answer: str) -> None:
    row = delta.issued.get(recorded.stream)
    if row is None:
        change = (key(recorded.stream), state, answer, recorded.position)
        delta.answered[recorded.stream] = change
    else:
        row.state, row.answer, row.last_position = state, answer, recorded.position


def _succeeded(delta: Delta, recorded: Recorded) -> None:
    _answered(delta, recorded, "succeeded", recorded.fact.serial)


def _declined(delta: Delta, recorded: Recorded) -> None:
    _answered(delta, recorded, "declined", recorded.fact.reason)


def _unknown(delta: Delta, recorded: Recorded) -> None:
    _answered(delta, recorded, "unknown", recorded.fact.reason)


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    table = tables[TABLE.name]
    rows: list[tuple[Any, ...]] = [astuple(row) for row in delta.issued.values()]
    insert_rows(connection, table, rows)
    changed = ("state", "answer", "last_position")
    answers = list(delta.answered.values())
    update_rows(connection, table, answers, ("instruction_id",), changed)


MODEL = ReadModel(
    name="instructions",
    tables=(TABLE,),
    folds={
        facts.Issued: _issued,
        facts.Succeeded: _succeeded,
        facts.Declined: _declined,
        facts.Unknown: _unknown,
    },
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Instruction)


def instruction(connection: Connection, instruction_id: str) -> Instruction | None:
    """One instruction by its id, such as `pay-P1`."""
    wanted = TABLE.c.instruction_id == sought_text(instruction_id, "instruction_id")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Instruction(*row) if row else None


class Wanted(Struct, frozen=True):
    """Which instructions: in a state, asked for by a stream such as `payment-P1`."""

    state: str | None = None
    reference: str | None = None


def instructions(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Instruction]:
    """Instructions in the order they were issued."""
    values = values_of(wanted, instants=True)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
        newest_first=newest_first,
    )


def count_instructions(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def _narrowed(names: Names) -> Narrowed:
    sought = [name for name in ("reference", "state") if name in names]
    conditions = [TABLE.c[name] == given(name, TABLE.c[name]) for name in sought]
    return Narrowed((TABLE.c.issued_position,), conditions)


LISTING = Listing("instructions", (Int,), _narrowed, _COLUMNS, Instruction)


def open_instructions(
    connection: Connection, limit: int = 1_000, after: int = 0
) -> list[Instruction]:
    """Instructions without a final outcome, in the order they were issued, from the first whose
    `issued_position` is above `after`."""
    query = (
        select(*_COLUMNS)
        .where(_OPEN, TABLE.c.issued_position > after)
        .order_by(TABLE.c.issued_position)
        .limit(limit)
    )
    return [Instruction(*row) for row in connection.execute(query)]


def count_open(connection: Connection) -> dict[str, int]:
    """How many instructions have no final outcome, by state; both states are there."""
    query = select(TABLE.c.state, func.count()).where(_OPEN).group_by(TABLE.c.state)
    found = {"issued": 0, "unknown": 0}
    for state, count in connection.execute(query):
        found[state] = count
    return found
