"""Chargebacks (拒付) and retrieval requests (调单), one row each."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Date, Index, Table, select

from domain.accounting.rules.chargeback import Way
from domain.kernel import Recorded, key
from domain.reconciliation import chargeback as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import Int, Page, columns_of

TABLE = Table(
    "chargebacks",
    METADATA,
    Column("chargeback_id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("transaction_id", TEXT, nullable=False),
    Column("merchant", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason_code", TEXT, nullable=False),
    Column("due", Date, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("evidence", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("changed_by", TEXT, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("met_by", TEXT),
    Column("returned_by", TEXT),
    Index("chargebacks_due", "due", "position"),
    Index("chargebacks_merchant", "merchant", "due", "position"),
    Index("chargebacks_state", "state", "due", "position"),
    Index("chargebacks_channel", "channel", "due", "position"),
    Index("chargebacks_transaction", "transaction_id", "position"),
)
FIXED = 12  # So many columns of one never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    chargeback_id: str
    kind: str
    channel: str
    number: str
    serial: str
    transaction_id: str
    merchant: str
    amount_fen: int
    reason_code: str
    due: date
    received_at_us: int
    position: int
    state: str
    evidence: str
    reason: str
    changed_by: str
    changed_at_us: int
    last_position: int
    met_by: str | None = None
    returned_by: str | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Chargeback(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One: `due` is the last date for evidence, `evidence` the SHA-256 of what was handed in last,
    `reason` what was said last. `met_by`: the difference that is what was taken off for it,
    `returned_by` what came back. Fen, UTC µs."""


def _received(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Received = recorded.fact
    named = key(recorded.stream)
    delta.created[named] = Draft(
        named,
        fact.kind,
        fact.channel,
        fact.number,
        fact.serial,
        fact.transaction_id,
        fact.merchant,
        fact.amount_fen,
        fact.reason_code,
        fact.due,
        recorded.at_us,
        recorded.position,
        "evidence_due",
        "",
        "",
        recorded.actor,
        recorded.at_us,
        recorded.position,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(key(recorded.stream), recorded)


def _ended(state: str) -> Change:
    def ends(row: Draft, recorded: Recorded) -> None:
        row.state, row.reason = state, recorded.fact.reason
        row.changed_by, row.changed_at_us = recorded.fact.by, recorded.at_us

    return ends


def _represented(row: Draft, recorded: Recorded) -> None:
    _ended("answered" if row.kind == "retrieval" else "represented")(row, recorded)
    row.evidence = recorded.fact.evidence


def _met(row: Draft, recorded: Recorded) -> None:
    fact: facts.Met = recorded.fact
    _meet_row(row, fact.way, fact.difference)


def _unmet(row: Draft, recorded: Recorded) -> None:
    fact: facts.Unmet = recorded.fact
    _meet_row(row, fact.way, None)


def _meet_row(row: Draft, way: Way, difference: str | None) -> None:
    if way == "off":
        row.met_by = difference
    else:
        row.returned_by = difference


_CHANGES: dict[type, Change] = {
    facts.Represented: _represented,
    facts.Accepted: _ended("accepted"),
    facts.Won: _ended("won"),
    facts.Lost: _ended("lost"),
    facts.Met: _met,
    facts.Unmet: _unmet,
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="chargebacks",
    tables=(TABLE,),
    folds={facts.Received: _received, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Chargeback)


class Wanted(Struct, frozen=True):
    """Which: of a merchant, a channel, in a state, whose evidence is due from `from_` up to, not
    including, `to`."""

    merchant: str | None = None
    channel: str | None = None
    state: str | None = None
    from_: date | None = None
    to: date | None = None


def chargebacks(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[Chargeback]:
    """By the date on which evidence is due."""
    values = values_of(wanted, instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_chargebacks(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=False))


def to_meet(
    connection: Connection, way: Way, channels: Sequence[str], amount_fen: int
) -> list[str]:
    """The ids of those of these channels and this amount whose money is not met yet."""
    wants: list[ColumnElement[bool]] = [TABLE.c.met_by.is_(None)]
    if way == "back":
        wants = [TABLE.c.state == "won", TABLE.c.met_by.is_not(None), TABLE.c.returned_by.is_(None)]
    query = select(TABLE.c.chargeback_id).where(TABLE.c.channel.in_(channels), *wants)
    query = query.where(TABLE.c.kind == "chargeback", TABLE.c.amount_fen == amount_fen)
    return list(connection.execute(query.order_by(TABLE.c.position)).scalars())


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.due, names)
    for name in ("merchant", "channel", "state"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.due, TABLE.c.position), conditions)


LISTING = Listing("chargebacks", (date, Int), _narrowed, _COLUMNS, Chargeback)
