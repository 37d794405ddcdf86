"""Matches of members with lists (名单命中), one row each: by what, and what a person has said."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select

from domain.kernel import Recorded
from domain.screening import match as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of

MatchState = Literal["open", "confirmed", "cleared"]

TABLE = Table(
    "list_matches",
    METADATA,
    Column("match_id", TEXT, primary_key=True),
    Column("member_id", TEXT, nullable=False),
    Column("list_name", TEXT, nullable=False),
    Column("entry_no", TEXT, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("matched_by", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("matched_at_us", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("person", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("decided_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("list_matches_position", "position"),
    Index("list_matches_state", "state", "position"),
    Index("list_matches_member", "member_id", "position"),
)
FIXED = 5  # So many columns never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    match_id: str
    member_id: str
    list_name: str
    entry_no: str
    position: int
    version: int
    matched_by: str
    action: str
    matched_at_us: int
    state: str = "open"
    person: str = ""
    reason: str = ""
    decided_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class ListMatch(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`person` and `reason`: who confirmed or cleared it, and why."""


def _id(recorded: Recorded) -> str:
    return f"{facts.member_of(recorded.stream)}/{recorded.fact.list_name}/{recorded.fact.entry_no}"


def _matched(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Matched = recorded.fact
    if fact.again:
        _changed(delta, recorded)
        return
    delta.created[_id(recorded)] = Draft(
        _id(recorded),
        facts.member_of(recorded.stream),
        fact.list_name,
        fact.entry_no,
        recorded.position,
        fact.version,
        fact.by,
        fact.action,
        recorded.at_us,
        last_position=recorded.position,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(_id(recorded), recorded)


def _again(row: Draft, recorded: Recorded) -> None:
    fact: facts.Matched = recorded.fact
    row.version, row.matched_by, row.action = fact.version, fact.by, fact.action
    row.matched_at_us, row.state, row.decided_at_us = recorded.at_us, "open", None
    row.person = row.reason = ""


def _decided(state: MatchState) -> Change:
    def decide(row: Draft, recorded: Recorded) -> None:
        row.state, row.decided_at_us = state, recorded.at_us
        row.person, row.reason = recorded.fact.person, recorded.fact.reason

    return decide


_CHANGES: dict[type, Change] = {
    facts.Matched: _again,
    facts.Confirmed: _decided("confirmed"),
    facts.Cleared: _decided("cleared"),
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="list_matches",
    tables=(TABLE,),
    folds={facts.Matched: _matched, facts.Confirmed: _changed, facts.Cleared: _changed},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, ListMatch)


class Wanted(Struct, frozen=True):
    """Which matches: of one member, in one state."""

    member_id: str | None = None
    state: str | None = None


def list_matches(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[ListMatch]:
    """Matches in the order they were found first."""
    values = values_of(wanted, instants=True)
    return LISTING.page(connection, values, after=after, first=first, newest_first=newest_first)


def count_matches(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def open_matches(connection: Connection, limit: int) -> list[ListMatch]:
    """Those that no person has looked at, the oldest first."""
    query = select(*_COLUMNS).where(TABLE.c.state == "open").order_by(TABLE.c.position)
    return [ListMatch(*row) for row in connection.execute(query.limit(limit))]


def _narrowed(names: Names) -> Narrowed:
    sought = [name for name in ("member_id", "state") if name in names]
    conditions = [TABLE.c[name] == given(name, TABLE.c[name]) for name in sought]
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("listMatches", (Int,), _narrowed, _COLUMNS, ListMatch)
