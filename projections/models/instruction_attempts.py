"""Attempts (请求次): each request to a channel over a network, what came of it, and the numbers by
which channels know instructions.

A channel in this process is asked without attempts: its instructions have no rows here.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    CompoundSelect,
    Connection,
    Index,
    Select,
    SmallInteger,
    Table,
    bindparam,
    select,
    union_all,
)

from domain.channel.channels import CHANNELS
from domain.channel.health import MOST
from domain.kernel import Recorded, key
from domain.payment import instruction as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows, update_rows, upsert_rows
from projections.tables.listing import Names
from projections.tables.paging import sought_text

TABLE = Table(
    "instruction_attempts",
    METADATA,
    Column("instruction_id", TEXT, primary_key=True),
    Column("attempt", BigInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("outcome", TEXT),
    Column("detail", TEXT),
    Column("answered_at_us", BigInteger),
    Column("exchange", TEXT),
    Column("channel", TEXT),
    Column("well", SmallInteger),
    Index("instruction_attempts_lately", "channel", "at_us"),
)

NUMBERS = Table(
    "instruction_numbers",
    METADATA,
    Column("number", TEXT, primary_key=True),
    Column("instruction_id", TEXT, primary_key=True),
)

ANSWER = ("outcome", "detail", "answered_at_us", "exchange", "well")


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    instruction_id: str
    attempt: int
    kind: str
    at_us: int
    position: int
    outcome: str | None = None
    detail: str | None = None
    answered_at_us: int | None = None
    exchange: str | None = None
    channel: str | None = None
    well: int | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Attempt(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One request, `kind` send, query or close, and its answer: `outcome` in a word (None: none was
    recorded), `detail` what was given with it, `exchange` the SHA-256 (hex) of what went over the
    wire; `well` 1, or 0 when the answer speaks against the channel itself. UTC µs."""


class Delta(Struct):
    """Attempts of the batch, as they are at its end; answers to earlier ones; numbers."""

    made: dict[tuple[str, int], Draft]
    answers: dict[tuple[str, int], tuple[str, str | None, int, str | None, int]]
    numbers: dict[tuple[str, str], None]


def _new_delta() -> Delta:
    return Delta({}, {}, {})


def _attempted(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Attempted = recorded.fact
    one = Draft(
        key(recorded.stream),
        fact.attempt,
        fact.kind,
        recorded.at_us,
        recorded.position,
        channel=fact.channel or None,
    )
    delta.made[one.instruction_id, one.attempt] = one
    if fact.number:
        delta.numbers[fact.number, one.instruction_id] = None


def _answered(delta: Delta, recorded: Recorded) -> None:
    fact = recorded.fact
    if not fact.attempt:
        return
    outcome, detail = outcome_of(fact)
    exchange, well = fact.exchange or None, int(not _is_bad(fact))
    at = (key(recorded.stream), fact.attempt)
    made = delta.made.get(at)
    if made is None:
        delta.answers[at] = (outcome, detail or None, recorded.at_us, exchange, well)
    else:
        made.outcome, made.detail = outcome, detail or None
        made.answered_at_us, made.exchange, made.well = recorded.at_us, exchange, well


def _is_bad(fact: Any) -> bool:
    """Whether an answer speaks against the channel: nobody can say, or it declined for reasons of
    its own. What it says of a payer does not."""
    return isinstance(fact, facts.Unknown) or getattr(fact, "by_channel", False)


def outcome_of(fact: Any) -> tuple[str, str]:
    """An answer in a word, and what was given with it."""
    match fact:
        case facts.Succeeded(serial=serial):
            return "succeeded", serial
        case facts.Differed(serial=serial):
            return "differs", serial
        case facts.Declined(reason=reason):
            return "declined", reason
        case facts.Unknown(reason=reason):
            return "unknown", reason
        case facts.Answered(said=said, text=told):
            return said, told
        case facts.Confirmed(said=said, detail=told):
            return said or "confirmed", told
        case _:
            raise LookupError(f"{type(fact).__name__} is no answer")


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    table = tables[TABLE.name]
    insert_rows(connection, table, [astuple(one) for one in delta.made.values()])
    answers = [(*at, *answer) for at, answer in delta.answers.items()]
    update_rows(connection, table, answers, ("instruction_id", "attempt"), ANSWER)
    numbers = tables[NUMBERS.name]
    upsert_rows(connection, numbers, list(delta.numbers), ("number", "instruction_id"), ())


MODEL = ReadModel(
    name="instruction_attempts",
    tables=(TABLE, NUMBERS),
    folds={
        facts.Attempted: _attempted,
        facts.Answered: _answered,
        facts.Unknown: _answered,
        facts.Succeeded: _answered,
        facts.Differed: _answered,
        facts.Declined: _answered,
        facts.Confirmed: _answered,
    },
    new_delta=_new_delta,
    write=_write,
)


def known_by(connection: Connection, number: str) -> list[str]:
    """The instructions that channels know by a number: one for each channel at most."""
    query = select(NUMBERS.c.instruction_id).where(NUMBERS.c.number == number)
    return list(connection.execute(query.order_by(NUMBERS.c.instruction_id)).scalars())


def attempts(connection: Connection, instruction_id: str, first: int = 100) -> list[Attempt]:
    """The newest attempts of an instruction, the newest first."""
    query = (
        select(*TABLE.columns)
        .where(TABLE.c.instruction_id == sought_text(instruction_id, "instruction_id"))
        .order_by(TABLE.c.attempt.desc())
        .limit(first)
    )
    return [Attempt(*row) for row in connection.execute(query)]


def lately_query(_names: Names = frozenset()) -> CompoundSelect[Any]:
    """Channel, time, time of the answer and `well` of the newest requests to each channel, made
    after `since_us` (a bind parameter)."""
    columns = (TABLE.c.channel, TABLE.c.at_us, TABLE.c.answered_at_us, TABLE.c.well)
    after = TABLE.c.at_us > bindparam("since_us", type_=BigInteger())
    each: list[Select[Any]] = []
    for name in CHANNELS:
        mine = select(*columns).where(TABLE.c.channel == name, after)
        each.append(select(mine.order_by(TABLE.c.at_us.desc()).limit(MOST).subquery()))
    return union_all(*each)
