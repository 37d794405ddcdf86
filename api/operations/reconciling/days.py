"""Days of a channel: whose bills are in, and which other days a bill settles."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select

from api.operations.bills.lines import FILLS, LINES
from api.operations.reconciling import queries
from domain.channel.costs import pool_days
from domain.channel.numbers import sought_by
from domain.kernel import DAY_US, EPOCH
from domain.reconciliation.difference import DECIDED, UNDECIDED
from projections.models.differences import TABLE as DIFFERENCES
from projections.models.instruction_parts import TABLE as PARTS
from projections.models.instructions import TABLE as INSTRUCTIONS

UTC_PLUS_8_US = DAY_US // 3


def complete(connection: Connection, channel: str, wait: timedelta) -> Callable[[date], bool]:
    """Whether the bills of all days that are waited for after a day are in."""
    query = select(FILLS.c.bill_date).where(
        FILLS.c.channel == channel, FILLS.c.kind == "trade", FILLS.c.live == 1
    )
    there = set(connection.execute(query).scalars())

    def is_complete(day: date) -> bool:
        return all(day + timedelta(days=after) in there for after in range(1, wait.days + 1))

    return is_complete


def settled_by(
    connection: Connection, channel: str, day: date, versions: Sequence[str]
) -> list[date]:
    """Other days about which a bill of this day, in any of these versions, says something: they
    wait for it, or it has a line for what they lack, or one that they have too."""
    found = set(_waiting(connection, channel, day))
    found |= _lacking(connection, channel, versions)
    found |= _ended(connection, channel, versions)
    found |= _doubled(connection, channel, versions)
    for bill_id in versions[:-1]:
        found |= _of_ours(connection, channel, bill_id)
    return sorted(found - {day})


def _waiting(connection: Connection, channel: str, day: date) -> Iterable[date]:
    first = day - timedelta(days=pool_days(channel))
    query = (
        select(DIFFERENCES.c.on_date)
        .distinct()
        .where(
            DIFFERENCES.c.channel == channel,
            DIFFERENCES.c.on_date.between(first, day),
            DIFFERENCES.c.state == "suspected",
        )
    )
    return connection.execute(query).scalars()


def _lacking(connection: Connection, channel: str, versions: Sequence[str]) -> set[date]:
    columns = (DIFFERENCES.c.number, DIFFERENCES.c.serial, DIFFERENCES.c.on_date)
    opened = (DIFFERENCES.c.channel == channel, DIFFERENCES.c.state.in_(UNDECIDED))
    found: set[date] = set()
    rows: Sequence[Any] = connection.execute(select(*columns).where(*opened)).all()
    for part in queries.chunks(rows):
        by_name = (("sought", {sought_by(channel, row.number): row for row in part}),
                   ("serial", {row.serial: row for row in part if row.serial}))  # fmt: skip
        for column, sought in by_name:
            query = select(LINES.c[column]).where(LINES.c.bill_id.in_(versions))
            there = {row[0] for row in queries.among(connection, query, LINES.c[column], sought)}
            found |= {row.on_date for name, row in sought.items() if name in there}
    return found


def _ended(connection: Connection, channel: str, versions: Sequence[str]) -> set[date]:
    """Days of what persons have ended, or claimed, under a number that a version has."""
    joined = LINES.join(DIFFERENCES, DIFFERENCES.c.number == LINES.c.number)
    query = (
        select(DIFFERENCES.c.on_date)
        .distinct()
        .select_from(joined)
        .where(
            LINES.c.bill_id.in_(versions),
            DIFFERENCES.c.channel == channel,
            DIFFERENCES.c.state.in_(DECIDED),
            DIFFERENCES.c.kind.in_(queries.TRADE_KINDS),
        )
    )
    return set(connection.execute(query).scalars())


def _doubled(connection: Connection, channel: str, versions: Sequence[str]) -> set[date]:
    other = LINES.alias("other")
    query = (
        select(FILLS.c.bill_date)
        .distinct()
        .select_from(
            LINES.join(other, other.c.sought == LINES.c.sought).join(
                FILLS, FILLS.c.bill_id == queries.by_its_bill(other)
            )
        )
        .where(
            LINES.c.bill_id.in_(versions),
            other.c.bill_id.notin_(versions),
            FILLS.c.channel == channel,
            FILLS.c.kind == "trade",
            FILLS.c.live == 1,
        )
    )
    return set(connection.execute(query).scalars())


def _of_ours(connection: Connection, channel: str, bill_id: str) -> set[date]:
    """The days of ours that lines of a bill were matched with."""
    day = (INSTRUCTIONS.c.ended_at_us + UTC_PLUS_8_US) // DAY_US
    mine = (
        LINES.c.bill_id == bill_id,
        INSTRUCTIONS.c.channel == channel,
        INSTRUCTIONS.c.ended_at_us.is_not(None),
    )
    alone = LINES.join(INSTRUCTIONS, INSTRUCTIONS.c.instruction_id == LINES.c.sought)
    parted = LINES.join(PARTS, PARTS.c.number == LINES.c.sought).join(
        INSTRUCTIONS, INSTRUCTIONS.c.instruction_id == PARTS.c.instruction_id
    )
    found: set[date] = set()
    for joined in (alone, parted):
        query = select(day).distinct().select_from(joined).where(*mine)
        days = connection.execute(query).scalars()
        found |= {EPOCH.date() + timedelta(days=int(one)) for one in days}
    return found
