"""Payment instructions (支付指令): what was asked of the channels, and what they answered.

What is to be done is here: the worker's, by state; the outbox's, by the time at which a channel is
to be asked.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
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
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import instruction_attempts, instruction_parts
from projections.models.instruction_attempts import outcome_of
from projections.tables.bulk import insert_rows, update_rows
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_text,
    sought_texts,
)

InstructionState = Literal[
    "issued",
    "sent",
    "awaiting_payer",
    "processing",
    "unknown",
    "succeeded",
    "differs",
    "declined",
]

MOST_ATTEMPTS = 100
_OPEN = text("state IN ('issued', 'sent', 'awaiting_payer', 'processing', 'unknown')")
DUE = text("due_us IS NOT NULL")
_ENDED, _ENDS = text("ended_at_us IS NOT NULL"), ("channel", "ended_at_us")

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
    Column("number", TEXT),
    Column("attempts", BigInteger),
    Column("due_us", BigInteger),
    Column("url", TEXT),
    Column("withheld", TEXT),
    Column("ended_at_us", BigInteger),
    Index("instructions_issued", "issued_position"),
    Index("instructions_state", "state", "issued_position"),
    Index("instructions_reference", "reference", "issued_position"),
    Index("instructions_going_on", "issued_position", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("instructions_due", "channel", "due_us", sqlite_where=DUE, postgresql_where=DUE),
    Index("instructions_ended", *_ENDS, sqlite_where=_ENDED, postgresql_where=_ENDED),
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
    number: str | None = None
    attempts: int | None = None
    due_us: int | None = None
    url: str | None = None
    withheld: str | None = None
    ended_at_us: int | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Instruction(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One instruction. `answer` is the channel's serial or the reason it gave; `reference` is the
    stream that asked for it, to which the outcome goes back. `number` is what the channel knows it
    by, None for the id; `due_us` when it is to be asked; `url` where the payer must act; `withheld`
    why it is not sent; `ended_at_us` when it succeeded, differed or was declined. Fen, UTC µs."""


class Delta(Struct):
    """Instructions issued in the batch, and what happened to earlier ones. Most of those only end:
    they are in `ended` as long as nothing else happened to them, and need not be read."""

    rows: Drafts
    ended: dict[str, Recorded]
    parts: list[instruction_parts.Row]


def _new_delta() -> Delta:
    return Delta(Drafts({}, {}, _CHANGES), {}, [])


def _issued(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Issued = recorded.fact
    delta.rows.created[key(recorded.stream)] = Draft(
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
        number=fact.number or None,
        due_us=recorded.at_us,
    )
    if fact.parts:
        delta.parts.extend(instruction_parts.rows_of(recorded.stream, fact))


def _happened(delta: Delta, recorded: Recorded) -> None:
    instruction_id = key(recorded.stream)
    before = delta.ended.pop(instruction_id, None)
    if before is not None:
        delta.rows.happened(instruction_id, before)
    delta.rows.happened(instruction_id, recorded)


def _ended(delta: Delta, recorded: Recorded) -> None:
    instruction_id = key(recorded.stream)
    rows = delta.rows
    if instruction_id in rows.created or instruction_id in rows.earlier:
        rows.happened(instruction_id, recorded)
    else:
        delta.ended[instruction_id] = recorded


def _end_row(row: Draft, recorded: Recorded) -> None:
    row.state, row.answer = outcome_of(recorded.fact)
    row.due_us, row.ended_at_us = None, recorded.at_us


def _attempt_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Attempted = recorded.fact
    row.attempts, row.due_us = fact.attempt, fact.due_us
    row.number = fact.number or row.number
    if row.state == "issued":
        row.state = "sent"


def _answer_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Answered = recorded.fact
    row.due_us = fact.due_us
    row.state = "unknown" if fact.said == "not_found" else fact.said
    if fact.said == "not_found":
        row.answer = fact.text
    elif fact.said == "awaiting_payer":
        row.url = fact.text or row.url


def _unknown_row(row: Draft, recorded: Recorded) -> None:
    row.due_us = recorded.fact.due_us
    if row.state in facts.OPEN:
        row.state, row.answer = "unknown", recorded.fact.reason


def _confirm_row(row: Draft, _recorded: Recorded) -> None:
    row.due_us = None


def _want_row(row: Draft, recorded: Recorded) -> None:
    row.due_us = recorded.fact.due_us
    if isinstance(recorded.fact, facts.AskWanted):
        row.withheld = None


def _withhold_row(row: Draft, recorded: Recorded) -> None:
    row.due_us, row.withheld = None, recorded.fact.reason


_CHANGES: dict[type, Change] = {
    facts.Attempted: _attempt_row,
    facts.Answered: _answer_row,
    facts.Unknown: _unknown_row,
    facts.Succeeded: _end_row,
    facts.Differed: _end_row,
    facts.Declined: _end_row,
    facts.Confirmed: _confirm_row,
    facts.AskWanted: _want_row,
    facts.CloseWanted: _want_row,
    facts.Withheld: _withhold_row,
}


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    table = tables[TABLE.name]
    yield from delta.rows.write(connection, table, Draft, FIXED)
    changed = ("state", "answer", "last_position", "due_us", "ended_at_us")
    ended = [
        (one, *outcome_of(at.fact), at.position, None, at.at_us) for one, at in delta.ended.items()
    ]
    insert_rows(connection, tables[instruction_parts.TABLE.name], delta.parts)
    update_rows(connection, table, ended, ("instruction_id",), changed)


FIXED = 8  # Columns that never change.
MODEL = ReadModel(
    name="instructions",
    tables=(TABLE, instruction_parts.TABLE),
    folds={
        facts.Issued: _issued,
        facts.Attempted: _happened,
        facts.Answered: _happened,
        facts.Unknown: _happened,
        facts.Succeeded: _ended,
        facts.Differed: _ended,
        facts.Declined: _ended,
        facts.Confirmed: _happened,
        facts.AskWanted: _happened,
        facts.CloseWanted: _happened,
        facts.Withheld: _happened,
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

# Of each instruction its newest attempts: after a week of asking every hour there are many.
_MADE = instruction_attempts.TABLE
ATTEMPTS = (
    select(*_MADE.columns)
    .join(TABLE, TABLE.c.instruction_id == _MADE.c.instruction_id)
    .where(_MADE.c.attempt > TABLE.c.attempts - MOST_ATTEMPTS)
    .subquery("newest")
)
_ATTEMPT_COLUMNS = columns_of(ATTEMPTS, instruction_attempts.Attempt)


def instructions_of(
    connection: Connection, references: Sequence[str]
) -> dict[str, list[Instruction]]:
    """What some streams have asked for (at most a few hundred), by stream, as it was issued."""
    wanted = TABLE.c.reference.in_(sought_texts(references, "reference"))
    query = select(*_COLUMNS).where(wanted).order_by(TABLE.c.reference, TABLE.c.issued_position)
    found: dict[str, list[Instruction]] = {}
    for row in connection.execute(query):
        one = Instruction(*row)
        found.setdefault(one.reference, []).append(one)
    return found


def attempts_of(
    connection: Connection, instruction_ids: Sequence[str]
) -> dict[str, list[instruction_attempts.Attempt]]:
    """The newest 100 attempts of some instructions (at most a few hundred), by instruction, in
    order."""
    columns = ATTEMPTS.c
    wanted = columns.instruction_id.in_(sought_texts(instruction_ids, "instruction_id"))
    order = (columns.instruction_id, columns.attempt)
    found: dict[str, list[instruction_attempts.Attempt]] = {}
    for row in connection.execute(select(*_ATTEMPT_COLUMNS).where(wanted).order_by(*order)):
        found.setdefault(row[0], []).append(instruction_attempts.Attempt(*row))
    return found


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
    """How many instructions have no final outcome, by state; every such state is there."""
    query = select(TABLE.c.state, func.count()).where(_OPEN).group_by(TABLE.c.state)
    found = dict.fromkeys(facts.OPEN, 0)
    for state, count in connection.execute(query):
        found[state] = count
    return found
