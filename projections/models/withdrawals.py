"""Withdrawals (提现), one row each: what was asked for, how far it is, when each step was.

A waiting one has a date from which it may be instructed, for the worker's timer.
"""

from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Index,
    Table,
    select,
    text,
)

from domain.accounting.open_items import suspense_of
from domain.kernel import Recorded
from domain.payment import withdrawal as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import Int, Page, columns_of, sought_text

WithdrawalState = Literal[
    "unapproved", "waiting", "instructed", "succeeded", "failed", "turned_down", "returned"
]
_WAITS = text("state = 'waiting'")

TABLE = Table(
    "withdrawals",
    METADATA,
    Column("withdrawal_no", TEXT, primary_key=True),
    Column("member_id", TEXT, nullable=False),
    Column("card", TEXT, nullable=False),
    Column("tail", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("speed", TEXT, nullable=False),
    Column("due", Date, nullable=False),
    Column("maker", TEXT, nullable=False),
    Column("requested_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("checker", TEXT, nullable=False),
    Column("instruction_id", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("earned_fen", BigInteger, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("suspense", TEXT, nullable=False),
    Column("approved_at_us", BigInteger),
    Column("instructed_at_us", BigInteger),
    Column("ended_at_us", BigInteger),
    Column("returned_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("withdrawals_time", "requested_at_us", "withdrawal_no"),
    Index("withdrawals_member", "member_id", "requested_at_us", "withdrawal_no"),
    Index("withdrawals_state", "state", "requested_at_us", "withdrawal_no"),
    Index("withdrawals_due", "due", "position", sqlite_where=_WAITS, postgresql_where=_WAITS),
)
FIXED = 11  # So many columns of a withdrawal never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    withdrawal_no: str
    member_id: str
    card: str
    tail: str
    amount_fen: int
    fee_fen: int
    speed: str
    due: date
    maker: str
    requested_at_us: int
    position: int
    state: str
    checker: str = ""
    instruction_id: str = ""
    reason: str = ""
    earned_fen: int = 0
    late: bool = False
    suspense: str = ""
    approved_at_us: int | None = None
    instructed_at_us: int | None = None
    ended_at_us: int | None = None
    returned_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Withdrawal(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`fee_fen` was asked, `earned_fen` of it is earned so far; `late`: paid in spite of a decline;
    `suspense`: where the money is kept when the wallet is closed. Fen, UTC µs."""


def _requested(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Requested = recorded.fact
    number = facts.number_of(recorded.stream)
    delta.created[number] = Draft(
        number,
        fact.member_id,
        fact.to.card,
        fact.to.tail,
        fact.amount_fen,
        fact.fee_fen,
        fact.speed,
        fact.due,
        fact.maker,
        recorded.at_us,
        recorded.position,
        "unapproved" if fact.unapproved else "waiting",
        last_position=recorded.position,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(facts.number_of(recorded.stream), recorded)


def _approved(row: Draft, recorded: Recorded) -> None:
    row.state, row.checker, row.approved_at_us = "waiting", recorded.fact.checker, recorded.at_us


def _turned_down(row: Draft, recorded: Recorded) -> None:
    fact: facts.TurnedDown = recorded.fact
    row.checker = fact.checker
    _given_back(row, "turned_down", fact, recorded.at_us)


def _instructed(row: Draft, recorded: Recorded) -> None:
    row.state, row.instruction_id = "instructed", recorded.fact.instruction_id
    row.instructed_at_us = recorded.at_us


def _succeeded(row: Draft, recorded: Recorded) -> None:
    row.state, row.earned_fen = "succeeded", recorded.fact.fee_fen
    row.ended_at_us = recorded.at_us


def _succeeded_late(row: Draft, recorded: Recorded) -> None:
    _succeeded(row, recorded)
    row.late, row.suspense = True, ""


def _failed(row: Draft, recorded: Recorded) -> None:
    _given_back(row, "failed", recorded.fact, recorded.at_us)


def _given_back(row: Draft, state: str, fact: facts.Failed | facts.TurnedDown, at_us: int) -> None:
    row.state, row.reason, row.ended_at_us = state, fact.reason, at_us
    row.suspense = suspense_of(fact.entry)


def _returned(row: Draft, recorded: Recorded) -> None:
    fact: facts.Returned = recorded.fact
    row.state, row.reason, row.returned_at_us = "returned", fact.reason, recorded.at_us
    row.earned_fen -= fact.fee_fen
    row.suspense = suspense_of(fact.entry)


_CHANGES: dict[type, Change] = {
    facts.Approved: _approved,
    facts.TurnedDown: _turned_down,
    facts.Instructed: _instructed,
    facts.Succeeded: _succeeded,
    facts.SucceededLate: _succeeded_late,
    facts.Failed: _failed,
    facts.Returned: _returned,
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="withdrawals",
    tables=(TABLE,),
    folds={facts.Requested: _requested, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Withdrawal)


class Wanted(Struct, frozen=True):
    """Which withdrawals: of one member, in one state, requested on the Shanghai dates
    from_ <= date < to."""

    member_id: str | None = None
    state: str | None = None
    from_: date | None = None
    to: date | None = None


def withdrawals(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Withdrawal]:
    """Withdrawals by the time they were requested."""
    values = values_of(wanted, instants=True)
    return LISTING.page(connection, values, after=after, first=first, newest_first=newest_first)


def count_withdrawals(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def withdrawal(connection: Connection, withdrawal_no: str) -> Withdrawal | None:
    """One withdrawal by its number."""
    wanted = TABLE.c.withdrawal_no == sought_text(withdrawal_no, "withdrawal_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Withdrawal(*row) if row else None


def due(connection: Connection, on: date, limit: int, after: int = 0) -> list[Withdrawal]:
    """Those that may be instructed on an accounting date, in the order they were asked for."""
    ready = select(*_COLUMNS).where(_WAITS, TABLE.c.due <= on, TABLE.c.position > after)
    rows = connection.execute(ready.order_by(TABLE.c.position).limit(limit))
    return [Withdrawal(*row) for row in rows]


def unapproved(connection: Connection, limit: int) -> list[Withdrawal]:
    """Those that wait for a second person, the oldest first."""
    waiting = select(*_COLUMNS).where(TABLE.c.state == "unapproved")
    ordered = waiting.order_by(TABLE.c.requested_at_us, TABLE.c.withdrawal_no)
    return [Withdrawal(*row) for row in connection.execute(ordered.limit(limit))]


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.requested_at_us, names)
    for name in ("member_id", "state"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.requested_at_us, TABLE.c.withdrawal_no), conditions)


LISTING = Listing("withdrawals", (Int, str), _narrowed, _COLUMNS, Withdrawal)
