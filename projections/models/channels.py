"""Channels (渠道) for operators: times of maintenance, and every choice of a channel (路由).

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
    Select,
    Table,
    bindparam,
    select,
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


class Delta(Struct):
    """Times that were planned and withdrawn, choices."""

    planned: list[tuple[str, int, int, int, str, str | None, int]]
    withdrawn: list[tuple[str, int, str]]
    decisions: list[tuple[str, int, str, int, str, str, str]]


def _new_delta() -> Delta:
    return Delta([], [], [])


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


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    times = tables[MAINTENANCE.name]
    insert_rows(connection, times, delta.planned)
    update_rows(connection, times, delta.withdrawn, ("channel", "window_no"), ("withdrawn",))
    insert_rows(connection, tables[DECISIONS.name], delta.decisions)


MODEL = ReadModel(
    name="channels",
    tables=(MAINTENANCE, DECISIONS),
    folds={
        facts.MaintenancePlanned: _planned,
        facts.MaintenanceWithdrawn: _withdrawn,
        Issued: _issued,
    },
    new_delta=_new_delta,
    write=_write,
)


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
