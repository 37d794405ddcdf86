"""Contradictions (矛盾应答): what channels said against what was asked, or against their own word.

For operators: those whose money has no place yet, and those that wait for a bill.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select, text

from domain.kernel import Recorded, key
from domain.payment import contradiction as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, insert_rows, update_rows
from projections.tables.paging import sought_texts

_LISTED = text("stage <> 'ended'")

TABLE = Table(
    "contradictions",
    METADATA,
    Column("instruction_id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("serial", TEXT, primary_key=True),
    Column("stage", TEXT, nullable=False),
    Column("amount_fen", BigInteger),
    Column("detail", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("exchange", TEXT),
    Column("last_position", BigInteger, nullable=False),
    Index("contradictions_listed", "position", sqlite_where=_LISTED, postgresql_where=_LISTED),
)
FIXED = ("instruction_id", "kind", "serial")


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    instruction_id: str
    kind: str
    serial: str
    stage: str
    amount_fen: int | None
    detail: str
    at_us: int
    position: int
    exchange: str | None
    last_position: int


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Contradiction(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One contradiction: `stage` suspected, waiting (for a bill), certain or ended; `detail` the
    channel's reason, or how it ended. `position` is where it was told first. Fen, UTC µs."""


Key = tuple[str, str, str]


class Delta(Struct):
    """What happened to the contradictions of each instruction, in order."""

    happened: dict[str, list[Recorded]]


def _new_delta() -> Delta:
    return Delta({})


def _happened(delta: Delta, recorded: Recorded) -> None:
    delta.happened.setdefault(key(recorded.stream), []).append(recorded)


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    table = tables[TABLE.name]
    ids = [(one,) for one in delta.happened]
    (there,) = yield [Lookup(table, FIXED[:1], ids)]
    rows = [Draft(*row) for row in there]
    found: dict[Key, Draft] = {(one.instruction_id, one.kind, one.serial): one for one in rows}
    before = set(found)
    for instruction_id, history in delta.happened.items():
        for recorded in history:
            _apply(found, instruction_id, recorded)
    insert_rows(connection, table, [astuple(one) for at, one in found.items() if at not in before])
    changed = [astuple(found[at]) for at in before]
    names = [column.name for column in table.columns]
    update_rows(connection, table, changed, FIXED, names[len(FIXED) :])


def _apply(found: dict[Key, Draft], instruction_id: str, recorded: Recorded) -> None:
    fact: Any = recorded.fact
    if isinstance(fact, facts.Waits):
        for row in found.values():
            if row.instruction_id == instruction_id and row.stage == "suspected":
                row.stage, row.last_position = "waiting", recorded.position
        return
    at = (instruction_id, fact.kind, fact.serial)
    if isinstance(fact, facts.Ended):
        row = found[at]
        row.stage, row.detail, row.last_position = "ended", fact.how, recorded.position
        return
    stage = "suspected" if isinstance(fact, facts.Suspected) else "certain"
    told = found.get(at)
    if told is None:
        found[at] = Draft(
            *at,
            stage,
            fact.amount_fen,
            fact.reason,
            recorded.at_us,
            recorded.position,
            fact.exchange or None,
            recorded.position,
        )
    else:
        told.stage, told.amount_fen, told.last_position = stage, fact.amount_fen, recorded.position
        told.detail, told.exchange = fact.reason or told.detail, fact.exchange or told.exchange


MODEL = ReadModel(
    name="contradictions",
    tables=(TABLE,),
    folds={
        facts.Suspected: _happened,
        facts.Waits: _happened,
        facts.Established: _happened,
        facts.Ended: _happened,
    },
    new_delta=_new_delta,
    write=_write,
)


def listed(connection: Connection, limit: int) -> list[Contradiction]:
    """Those that have not ended, the oldest first."""
    query = select(*TABLE.columns).where(_LISTED).order_by(TABLE.c.position).limit(limit)
    return [Contradiction(*row) for row in connection.execute(query)]


def contradictions_of(
    connection: Connection, instruction_ids: Sequence[str]
) -> dict[str, list[Contradiction]]:
    """Those of some instructions (at most a few hundred), by instruction, as they were told."""
    wanted = TABLE.c.instruction_id.in_(sought_texts(instruction_ids, "instruction_id"))
    order = (TABLE.c.instruction_id, TABLE.c.position, TABLE.c.kind, TABLE.c.serial)
    found: dict[str, list[Contradiction]] = {}
    for row in connection.execute(select(*TABLE.columns).where(wanted).order_by(*order)):
        found.setdefault(row[0], []).append(Contradiction(*row))
    return found


def of(connection: Connection, instruction_id: str) -> list[Contradiction]:
    """Those of one instruction, in the order they were told."""
    wanted = TABLE.c.instruction_id == instruction_id
    query = select(*TABLE.columns).where(wanted).order_by(TABLE.c.position)
    return [Contradiction(*row) for row in connection.execute(query)]
