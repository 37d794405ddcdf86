"""Differences (差错), one row each: what the books and the outside say differently, to its end."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, select, text

from domain.accounting.chart import CHANNEL_SHORTAGE, CHANNEL_SURPLUS, split_id
from domain.kernel import Recorded, key
from domain.reconciliation import difference as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given
from projections.tables.paging import Int, Page, columns_of, sought_text

_OPEN = text("state IN ('suspected', 'confirmed', 'proposed', 'approved')")

TABLE = Table(
    "differences",
    METADATA,
    Column("difference_id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("on_date", Date, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("ours_fen", BigInteger, nullable=False),
    Column("bill_fen", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("bill", TEXT, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("instruction_id", TEXT, nullable=False),
    Column("linked", TEXT, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("resolution", TEXT, nullable=False),
    Column("proposed_by", TEXT, nullable=False),
    Column("approved_by", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("to_whom", TEXT, nullable=False),
    Column("awaits", TEXT, nullable=False),
    Column("undo_by", TEXT),
    Index("differences_found", "position"),
    Index("differences_day", "channel", "on_date", "position"),
    Index("differences_number", "channel", "number"),
    Index("differences_state", "state", "position"),
    Index("differences_kind", "kind", "position"),
    Index("differences_since", "since_us", "position"),
    Index("differences_state_since", "state", "since_us", "position"),
    Index("differences_kind_since", "kind", "since_us", "position"),
    Index("differences_channel_since", "channel", "since_us", "position"),
    Index("differences_open", "on_date", "position", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
FIXED = 2  # So many columns never change; of a session another channel may lead later on.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    difference_id: str
    kind: str
    channel: str
    number: str
    on_date: date
    state: str = ""
    cause: str = ""
    ours_fen: int = 0
    bill_fen: int = 0
    amount_fen: int = 0
    account: str = ""
    serial: str = ""
    bill: str = ""
    line: int = 0
    instruction_id: str = ""
    linked: str = ""
    since_us: int = 0
    changed_us: int = 0
    position: int = 0
    last_position: int = 0
    resolution: str = ""
    proposed_by: str = ""
    approved_by: str = ""
    reason: str = ""
    to_whom: str = ""
    awaits: str = ""
    undo_by: str | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Difference(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One difference, as `domain/reconciliation/difference.py` has it. `on_date`: the day whose
    bill lacks it or has it; `account`: where its money waits, "" for nothing; `since_us`: when it
    was found, `changed_us`: when it last changed. `reason` is the one given last; `undo_by`: who
    wants its resolution undone. Fen (of a fee
    milli-fen), UTC µs."""


def _found(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Suspected | facts.Confirmed = recorded.fact
    difference, about = key(recorded.stream), fact.about
    if recorded.version == 1:
        named = (difference, about.kind, about.channel, about.number, about.on)
        row = delta.created[difference] = Draft(*named, position=recorded.position)
        _find_row(row, recorded)
        row.last_position = recorded.position
    else:
        delta.happened(difference, recorded)


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(key(recorded.stream), recorded)


def _find_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Suspected | facts.Confirmed = recorded.fact
    about = fact.about
    if row.state in ("", "reversed"):
        row.since_us = recorded.at_us
    row.resolution = row.proposed_by = row.approved_by = row.reason = row.to_whom = ""
    row.channel, row.undo_by = about.channel, None
    row.cause, row.awaits, row.changed_us = fact.cause, "", recorded.at_us
    row.ours_fen, row.bill_fen, row.amount_fen = about.ours_fen, about.bill_fen, about.amount_fen
    row.serial, row.bill, row.line = about.serial, about.bill, about.line
    row.instruction_id, row.linked = about.instruction_id, about.linked
    confirmed = isinstance(fact, facts.Confirmed)
    row.state = "confirmed" if confirmed else "suspected"
    row.account = fact.account if isinstance(fact, facts.Confirmed) else ""


def _clear_row(row: Draft, recorded: Recorded) -> None:
    row.state, row.account, row.changed_us = "reversed", "", recorded.at_us


def _propose_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Proposed = recorded.fact
    row.state, row.changed_us = "proposed", recorded.at_us
    row.resolution, row.proposed_by = fact.resolution, fact.by
    row.reason, row.to_whom = fact.reason, fact.to


def _turn_down_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.TurnedDown = recorded.fact
    row.changed_us, row.reason = recorded.at_us, fact.reason
    if row.undo_by is not None:  # The resolution stays.
        row.undo_by = None
        return
    row.state = "confirmed"
    row.resolution = row.proposed_by = row.to_whom = ""


def _approve_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Approved = recorded.fact
    row.state, row.changed_us, row.approved_by = "approved", recorded.at_us, fact.by
    row.account, row.awaits = fact.account, fact.awaits


def _resolve_row(row: Draft, recorded: Recorded) -> None:
    row.state, row.changed_us, row.account = "resolved", recorded.at_us, ""
    row.undo_by = None


def _want_undone_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.UndoWanted = recorded.fact
    row.changed_us, row.undo_by, row.reason = recorded.at_us, fact.by, fact.reason


def _undo_row(row: Draft, recorded: Recorded) -> None:
    fact: facts.Undone = recorded.fact
    row.state, row.changed_us, row.account = "confirmed", recorded.at_us, fact.account
    row.reason, row.awaits, row.undo_by = fact.reason, "", None
    row.resolution = row.proposed_by = row.approved_by = row.to_whom = ""


_CHANGES: dict[type, Change] = {
    facts.Suspected: _find_row,
    facts.Confirmed: _find_row,
    facts.Cleared: _clear_row,
    facts.Proposed: _propose_row,
    facts.TurnedDown: _turn_down_row,
    facts.Approved: _approve_row,
    facts.Resolved: _resolve_row,
    facts.UndoWanted: _want_undone_row,
    facts.Undone: _undo_row,
}
_FINDING = (facts.Suspected, facts.Confirmed)


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="differences",
    tables=(TABLE,),
    folds={
        **dict.fromkeys(_FINDING, _found),
        **{fact: _changed for fact in _CHANGES if fact not in _FINDING},
    },
    new_delta=_new_delta,
    write=_write,
)


def of_day(
    connection: Connection, channel: str, day: date, states: Sequence[str]
) -> list[Difference]:
    """A channel's differences of a day, in some states, as they were found."""
    wanted = (TABLE.c.channel == channel, TABLE.c.on_date == day, TABLE.c.state.in_(states))
    query = select(*TABLE.columns).where(*wanted).order_by(TABLE.c.position)
    return [Difference(*row) for row in connection.execute(query)]


_COLUMNS = columns_of(TABLE, Difference)


class Wanted(Struct, frozen=True):
    """Which differences: in a state, of a kind, of a channel, found from `from_` up to, not
    including, `to` (UTC µs)."""

    state: str | None = None
    kind: str | None = None
    channel: str | None = None
    from_: int | None = None
    to: int | None = None


def values_of(wanted: Wanted) -> dict[str, Any]:
    """The filters that are given. Raises Refused(IDENTIFIER_INVALID)."""
    values: dict[str, Any] = {}
    for name in wanted.__struct_fields__:
        value = getattr(wanted, name)
        if value is not None:
            values[name] = sought_text(value, name) if isinstance(value, str) else value
    return values


def has_counterpart(connection: Connection, one: Difference) -> bool:
    """Whether another difference is confirmed with as much money on the other side of suspense."""
    codes = {CHANNEL_SURPLUS: CHANNEL_SHORTAGE, CHANNEL_SHORTAGE: CHANNEL_SURPLUS}
    other = codes.get(split_id(one.account)[0]) if one.account else None
    if other is None:
        return False
    query = (
        select(TABLE.c.difference_id)
        .where(TABLE.c.state == "confirmed", TABLE.c.amount_fen == one.amount_fen)
        .where(TABLE.c.account.like(f"{other}.%"))
    )
    return connection.execute(query.limit(1)).first() is not None


def one_of(connection: Connection, difference: str) -> Difference | None:
    """One by its id."""
    sought = TABLE.c.difference_id == sought_text(difference, "difference")
    row = connection.execute(select(*TABLE.columns).where(sought)).first()
    return Difference(*row) if row is not None else None


def differences(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[Difference]:
    """Those found longest ago first."""
    return LISTING.page(connection, values_of(wanted), after=after, first=first)


def count_differences(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted))


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.since_us, names)
    for name in ("state", "kind", "channel"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.since_us, TABLE.c.position), conditions)


LISTING = Listing("differences", (Int, Int), _narrowed, _COLUMNS, Difference)
