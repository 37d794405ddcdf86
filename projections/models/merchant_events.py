"""What members hear (事件): every event of a member, in order, in the bytes that are sent.

A webhook sends the `body` of a row and nothing else; `GET /v1/events` gives the same. What is said
of which fact stands in `heard.py`. Beside the events: how many each member has; what was noted of
orders, refunds and withdrawals, for later facts that say less; who moved on a day that is open.
"""

from collections.abc import Sequence
from datetime import date

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, select

from domain.clearing import day
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.heard import HEARD, MOVES, NOTED, Said, body, statement_ready
from projections.tables.bulk import Lookup, insert_rows, upsert_rows
from projections.tables.paging import columns_of

TABLE = Table(
    "merchant_events",
    METADATA,
    Column("member", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("object", TEXT, nullable=False),
    Column("occurred_at_us", BigInteger, nullable=False),
    Column("body", TEXT, nullable=False),
)
# One row for each member that has heard anything: its newest event.
ENDS = Table(
    "merchant_event_ends",
    METADATA,
    Column("member", TEXT, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)
# By stream: what `heard.py:NOTED` notes, in JSON.
NOTES = Table(
    "merchant_event_notes",
    METADATA,
    Column("stream", TEXT, primary_key=True),
    Column("noted", TEXT, nullable=False),
)
DAYS = Table(
    "merchant_event_days",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("member", TEXT, primary_key=True),
)


class Delta(Struct):
    """Facts that say something, and those that close a day, in order; notes; who moved when."""

    facts: list[Recorded]
    notes: dict[str, str]
    moved: set[tuple[date, str]]


def _new_delta() -> Delta:
    return Delta([], {}, set())


def _note(delta: Delta, recorded: Recorded) -> None:
    """The newest of a stream counts: a refund that was approved is the one that was asked for."""
    noted = NOTED[type(recorded.fact)](recorded.fact)
    delta.notes[recorded.stream] = msgspec.json.encode(noted).decode()


def _say(delta: Delta, recorded: Recorded) -> None:
    delta.facts.append(recorded)


def _move(delta: Delta, recorded: Recorded) -> None:
    entry = recorded.fact.entry
    member = MOVES[type(recorded.fact)](recorded) if entry is not None else ""
    if member:
        delta.moved.add((entry.date, member))


def _fold(delta: Delta, recorded: Recorded) -> None:
    kind = type(recorded.fact)
    if kind in NOTED:
        _note(delta, recorded)
    if kind in MOVES:
        _move(delta, recorded)
    if kind in HEARD or kind is day.Closed:
        _say(delta, recorded)


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    """Notes and moves of earlier pages are asked for, then how far each member's events are."""
    needed = [one.stream for one in delta.facts if _needs_note(one)]
    streams = [(one,) for one in dict.fromkeys(needed) if one not in delta.notes]
    closed = [(one.fact.date,) for one in delta.facts if isinstance(one.fact, day.Closed)]
    notes, days = yield [
        Lookup(tables[NOTES.name], ("stream",), streams),
        Lookup(tables[DAYS.name], ("accounting_date",), closed),
    ]
    noted = {**dict(notes), **delta.notes}
    moved: dict[date, set[str]] = {}
    for on, member in (*days, *delta.moved):
        moved.setdefault(on, set()).add(member)
    said = [(one, recorded) for recorded in delta.facts for one in _said(recorded, noted, moved)]
    members = [(member,) for member in dict.fromkeys(one.member for one, _ in said)]
    (found,) = yield [Lookup(tables[ENDS.name], ("member",), members)]
    ends = {member: sequence for member, sequence, _ in found}
    rows, newest = [], {}
    for one, recorded in said:
        sequence = ends[one.member] = ends.get(one.member, 0) + 1
        newest[one.member] = recorded.position
        text = body(one, recorded.position, sequence, recorded.at_us)
        where = (one.member, recorded.position, sequence)
        rows.append((*where, one.kind, one.about, recorded.at_us, text))
    insert_rows(connection, tables[TABLE.name], rows)
    ended = [(member, ends[member], position) for member, position in newest.items()]
    update = ("sequence", "position")
    upsert_rows(connection, tables[ENDS.name], ended, ("member",), update)
    kept = list(delta.notes.items())
    upsert_rows(connection, tables[NOTES.name], kept, ("stream",), ("noted",))
    key = ("accounting_date", "member")
    upsert_rows(connection, tables[DAYS.name], sorted(delta.moved), key, ())


def _needs_note(recorded: Recorded) -> bool:
    rule = HEARD.get(type(recorded.fact))
    return rule is not None and rule.noted


def _said(recorded: Recorded, notes: dict[str, str], moved: dict[date, set[str]]) -> list[Said]:
    if isinstance(recorded.fact, day.Closed):
        on = recorded.fact.date
        return [statement_ready(merchant, on) for merchant in sorted(moved.get(on, ()))]
    rule = HEARD[type(recorded.fact)]
    noted = msgspec.json.decode(notes[recorded.stream]) if rule.noted else None
    return rule.says(recorded, noted)


MODEL = ReadModel(
    name="merchant_events",
    tables=(TABLE, ENDS, NOTES, DAYS),
    folds=dict.fromkeys((*NOTED, *MOVES, *HEARD, day.Closed), _fold),
    new_delta=_new_delta,
    write=_write,
)


class Event(Struct, frozen=True):
    """One event of a member; `body` is what is sent. UTC µs."""

    member: str
    position: int
    sequence: int
    kind: str
    object: str
    occurred_at_us: int
    body: str


_COLUMNS = columns_of(TABLE, Event)


def events(
    connection: Connection, member: str, after: int, limit: int, kinds: Sequence[str] = ()
) -> list[Event]:
    """A member's events beyond a position, in order; of some kinds, where any are named."""
    query = select(*_COLUMNS).where(TABLE.c.member == member, TABLE.c.position > after)
    if kinds:
        query = query.where(TABLE.c.kind.in_(kinds))
    rows = connection.execute(query.order_by(TABLE.c.position).limit(limit))
    return [Event(*row) for row in rows]


def event_at(connection: Connection, member: str, position: int) -> Event | None:
    """A member's event at a position; None when it has none there."""
    found = events(connection, member, position - 1, 1)
    return found[0] if found and found[0].position == position else None
