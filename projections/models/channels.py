"""Channels (渠道) for operators: times of maintenance, every choice of a channel (路由), and what
they report of numbers that nobody here knows.

A choice stands under each channel that was looked at, the chosen one and the others, so that the
question "why did this channel get it, or not?" is one page of one index.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    CompoundSelect,
    Connection,
    Index,
    Select,
    Table,
    bindparam,
    select,
    text,
    union_all,
)

from domain.channel import channel as facts
from domain.channel.channels import CHANNELS
from domain.channel.routing import Rejected
from domain.kernel import Recorded, key
from domain.payment.instruction import Issued
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows, update_rows
from projections.tables.listing import Names

MAINTENANCE = Table(
    "channel_maintenance",
    METADATA,
    Column("channel", TEXT, primary_key=True),
    Column("window_no", BigInteger, primary_key=True),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("withdrawn", TEXT),
    Column("position", BigInteger, nullable=False),
)
DECISIONS = Table(
    "routing_decisions",
    METADATA,
    Column("channel", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("instruction_id", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("chosen", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("rejected", TEXT, nullable=False),
)
_OPEN = text("settled IS NULL")
UNKNOWN = Table(
    "unknown_numbers",
    METADATA,
    Column("channel", TEXT, primary_key=True),
    Column("report", BigInteger, primary_key=True),
    Column("number", TEXT, nullable=False),
    Column("purpose", TEXT, nullable=False),
    Column("said", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("amount_fen", BigInteger),
    Column("reason", TEXT, nullable=False),
    Column("exchange", TEXT),
    Column("at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("settled", TEXT),
    Index("unknown_numbers_open", "position", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
MOST_TIMES = 20  # Of a channel, the newest: so many may be planned at once.


class Maintenance(Struct, frozen=True):
    """A time of maintenance by its number on the channel; `withdrawn`: why it was, None if not.
    UTC µs."""

    channel: str
    window_no: int
    from_us: int
    until_us: int
    reason: str
    withdrawn: str | None
    position: int


class Decision(Struct, frozen=True):
    """Which channel was chosen for an instruction, and why; why not the others. UTC µs."""

    channel: str
    position: int
    instruction_id: str
    at_us: int
    chosen: str
    reason: str
    rejected: tuple[Rejected, ...]


class UnknownNumber(Struct, frozen=True):
    """What a channel says of a `number` that no instruction has: `said` in a word, `exchange` the
    SHA-256 (hex) of what came; `settled`: what it was about, None while nobody knows. Fen, UTC µs.
    """

    channel: str
    report: int
    number: str
    purpose: str
    said: str
    serial: str
    amount_fen: int | None
    reason: str
    exchange: str | None
    at_us: int
    position: int
    settled: str | None


class Delta(Struct):
    """Times that were planned and withdrawn, choices, reports and those that were settled."""

    planned: list[tuple[str, int, int, int, str, str | None, int]]
    withdrawn: list[tuple[str, int, str]]
    decisions: list[tuple[str, int, str, int, str, str, str]]
    reports: list[tuple[Any, ...]]
    settled: list[tuple[str, int, str]]


def _new_delta() -> Delta:
    return Delta([], [], [], [], [])


def _planned(delta: Delta, recorded: Recorded) -> None:
    fact: facts.MaintenancePlanned = recorded.fact
    times = (fact.window, fact.from_us, fact.until_us, fact.reason, None, recorded.position)
    delta.planned.append((key(recorded.stream), *times))


def _withdrawn(delta: Delta, recorded: Recorded) -> None:
    fact: facts.MaintenanceWithdrawn = recorded.fact
    delta.withdrawn.append((key(recorded.stream), fact.window, fact.reason))


def _issued(delta: Delta, recorded: Recorded) -> None:
    choice = recorded.fact.choice
    if choice is None:
        return
    rejected = msgspec.json.encode(choice.rejected).decode()
    told = (key(recorded.stream), recorded.at_us, choice.channel, choice.reason, rejected)
    for channel in (choice.channel, *(one.channel for one in choice.rejected)):
        delta.decisions.append((channel, recorded.position, *told))


def _reported(delta: Delta, recorded: Recorded) -> None:
    fact: facts.UnknownNumberReported = recorded.fact
    said = (fact.number, fact.purpose, fact.said, fact.serial, fact.amount_fen, fact.reason)
    told = (fact.exchange or None, recorded.at_us, recorded.position, None)
    delta.reports.append((key(recorded.stream), fact.report, *said, *told))


def _settled(delta: Delta, recorded: Recorded) -> None:
    fact: facts.UnknownNumberSettled = recorded.fact
    delta.settled.append((key(recorded.stream), fact.report, fact.reason))


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    times = tables[MAINTENANCE.name]
    insert_rows(connection, times, delta.planned)
    update_rows(connection, times, delta.withdrawn, ("channel", "window_no"), ("withdrawn",))
    insert_rows(connection, tables[DECISIONS.name], delta.decisions)
    unknown = tables[UNKNOWN.name]
    insert_rows(connection, unknown, delta.reports)
    update_rows(connection, unknown, delta.settled, ("channel", "report"), ("settled",))


MODEL = ReadModel(
    name="channels",
    tables=(MAINTENANCE, DECISIONS, UNKNOWN),
    folds={
        facts.MaintenancePlanned: _planned,
        facts.MaintenanceWithdrawn: _withdrawn,
        facts.UnknownNumberReported: _reported,
        facts.UnknownNumberSettled: _settled,
        Issued: _issued,
    },
    new_delta=_new_delta,
    write=_write,
)


def unknown_numbers(connection: Connection, limit: int) -> list[UnknownNumber]:
    """Those that nobody has settled, the oldest first."""
    query = select(*UNKNOWN.columns).where(_OPEN).order_by(UNKNOWN.c.position).limit(limit)
    return [UnknownNumber(*row) for row in connection.execute(query)]


def maintenance_query(_names: Names = frozenset()) -> CompoundSelect[Any]:
    """The newest 20 times of each channel."""
    return _newest(MAINTENANCE, MAINTENANCE.c.window_no, MOST_TIMES)


def decisions_query(_names: Names = frozenset()) -> CompoundSelect[Any]:
    """The newest `first` (a bind parameter) choices of each channel."""
    return _newest(DECISIONS, DECISIONS.c.position, bindparam("first", type_=BigInteger()))


def _newest(table: Table, by: Column[int], most: Any) -> CompoundSelect[Any]:
    each: list[Select[Any]] = []
    for name in CHANNELS:
        mine = select(*table.columns).where(table.c.channel == name)
        each.append(select(mine.order_by(by.desc()).limit(most).subquery()))
    return union_all(*each)


def maintenance_of(rows: Sequence[Sequence[Any]]) -> dict[str, list[Maintenance]]:
    """Rows of `maintenance_query`, by channel, the newest first."""
    found: dict[str, list[Maintenance]] = {}
    for row in sorted(rows, key=_number, reverse=True):
        one = Maintenance(*row)
        found.setdefault(one.channel, []).append(one)
    return found


def decisions_of(rows: Sequence[Sequence[Any]]) -> dict[str, list[Decision]]:
    """Rows of `decisions_query`, by channel, the newest first."""
    found: dict[str, list[Decision]] = {}
    for row in sorted(rows, key=_number, reverse=True):
        others = msgspec.json.decode(row[-1], type=tuple[Rejected, ...])
        one = Decision(*(*row[:-1], others))
        found.setdefault(one.channel, []).append(one)
    return found


def _number(row: Sequence[Any]) -> int:
    """The window, or the position: the second column of either table."""
    return int(row[1])
