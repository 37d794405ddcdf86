"""Settlement batches (结算批次) and their payouts: one row each, in the states of the aggregate.

`state` is what `domain/settlement/batch.py` folds: a batch's row keeps what its rule needs. Batches
are few and their facts many, so a batch of facts reads the rows it touches, once, and evolves them.
"""

from datetime import date
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Index,
    Table,
    func,
    select,
    text,
)

from domain.kernel import Recorded, key
from domain.settlement import batch as facts
from domain.settlement.payouts import LivePayout
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models.settlement_payouts import PAYOUTS, PayoutDraft
from projections.tables.bulk import Lookup, Row, upsert_rows
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import (
    Page,
    columns_of,
    sought_text,
)

# What outsiders know two states as. The second is seen only where a commit is read in two pieces.
_SHOWN: dict[str, str] = {"sealed": "closed", "matured": "instructed"}
STATES = tuple(
    dict.fromkeys(
        _SHOWN.get(one, one)
        for status in get_args(facts.Status)
        for one in (get_args(status) or (status,))
        if one != "none"
    )
)
_MEANT: dict[str, Any] = {"closed": "sealed"}

_COLLECTING = text("state = 'collecting'")
_SEALED = text("state IN ('closed', 'reviewed')")

TABLE = Table(
    "settlement_batches",
    METADATA,
    Column("batch_id", TEXT, primary_key=True),
    Column("merchant", TEXT, nullable=False),
    Column("clearing_date", Date, nullable=False),
    Column("cycle", TEXT, nullable=False),
    Column("max_transfer_fen", BigInteger),
    Column("state", TEXT, nullable=False),
    Column("due_date", Date),
    Column("count", BigInteger, nullable=False),
    Column("gross_fen", BigInteger, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("refund_fen", BigInteger, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    Column("carry_in_fen", BigInteger, nullable=False),
    Column("due_fen", BigInteger, nullable=False),
    Column("recovered_fen", BigInteger, nullable=False),
    Column("carry_out_fen", BigInteger, nullable=False),
    Column("payout_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("sealed_by", TEXT, nullable=False),
    Column("reviewed_by", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("min_payout_fen", BigInteger),
    Column("withheld_fen", BigInteger),
    Column("released_fen", BigInteger),
    Index("settlement_batches_merchant", "merchant", "clearing_date", "batch_id"),
    Index("settlement_batches_date", "clearing_date", "batch_id"),
    Index("settlement_batches_state", "state", "clearing_date", "batch_id"),
    Index(
        "settlement_batches_to_seal",
        "clearing_date",
        "batch_id",
        sqlite_where=_COLLECTING,
        postgresql_where=_COLLECTING,
    ),
    Index(
        "settlement_batches_to_settle",
        "due_date",
        "batch_id",
        sqlite_where=_SEALED,
        postgresql_where=_SEALED,
    ),
)


class Draft(Struct):
    """A row being changed, in the order of the table's columns."""

    batch_id: str
    merchant: str
    clearing_date: date
    cycle: str
    max_transfer_fen: int | None
    state: Any
    due_date: date | None = None
    count: int = 0
    gross_fen: int = 0
    fee_fen: int = 0
    refund_fen: int = 0
    net_fen: int = 0
    carry_in_fen: int = 0
    due_fen: int = 0
    recovered_fen: int = 0
    carry_out_fen: int = 0
    payout_fen: int = 0
    paid_fen: int = 0
    digest: str = ""
    sealed_by: str = ""
    reviewed_by: str = ""
    last_position: int = 0
    min_payout_fen: int | None = None
    withheld_fen: int | None = None
    released_fen: int | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class SettlementBatch(Draft, frozen=True):  # type: ignore[misc]
    """A batch. Sums of its items, then what settling made of them, in fen; `payout_fen` is what was
    to be paid out, `paid_fen` what has arrived. `withheld_fen` of its items is in the merchant's
    reserve; `released_fen` of the payout was available before: reserve released, deposits given
    back (None: nothing of it). `sealed_by` and `reviewed_by` are the two pairs of
    eyes; `digest` chains the items (hex SHA-256)."""


class Collecting(Struct):
    """The items that a batch collected, summed."""

    count: int = 0
    gross_fen: int = 0
    fee_fen: int = 0
    refund_fen: int = 0
    net_fen: int = 0
    digest: str = ""
    withheld_fen: int = 0


class Change(Struct):
    """What happened to one settlement batch: first items are collected, then come the steps."""

    collected: Collecting
    steps: list[Any]
    last_position: int = 0


Changes = dict[str, Change]


def _change(delta: Changes, recorded: Recorded) -> Change:
    change = delta.get(recorded.stream)
    if change is None:
        change = delta[recorded.stream] = Change(Collecting(), [])
    change.last_position = recorded.position
    return change


def _collected(delta: Changes, recorded: Recorded) -> None:
    fact: facts.Collected = recorded.fact
    sums = _change(delta, recorded).collected
    sums.count += fact.count
    sums.gross_fen += fact.gross_fen
    sums.fee_fen += fact.fee_fen
    sums.refund_fen += fact.refund_fen
    sums.net_fen += fact.net_fen
    sums.digest = fact.digest
    sums.withheld_fen += fact.withheld_fen


def _stepped(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).steps.append(recorded.fact)


class Work(Struct):
    """A batch as it is being changed: its row, the aggregate's state, all payouts by number."""

    row: Draft
    state: facts.State
    payouts: dict[str, PayoutDraft]


def _write(connection: Connection, tables: Tables, delta: Changes) -> Writing:
    wanted = [(key(stream),) for stream in delta]
    found = yield [Lookup(tables[one.name], ("batch_id",), wanted) for one in (TABLE, PAYOUTS)]
    works = _works(*found)
    rows: list[tuple[Any, ...]] = []
    payouts: list[tuple[Any, ...]] = []
    for stream, change in delta.items():
        batch_id, steps = key(stream), change.steps
        if steps and isinstance(steps[0], facts.Opened):
            opened = steps[0]
            row = Draft(
                batch_id,
                opened.merchant,
                opened.clearing_date,
                opened.cycle,
                opened.max_transfer_fen,
                "collecting",
                min_payout_fen=opened.min_payout_fen or None,
            )
            work = Work(row, facts.evolve(facts.State(), opened), {})
        else:
            work = works[batch_id]
        _collect(work.row, change.collected)
        for fact in steps:
            _step(work, fact)
        work.row.last_position = change.last_position
        rows.append(astuple(work.row))
        payouts += map(astuple, work.payouts.values())
    changing = [column.name for column in TABLE.columns][5:]
    upsert_rows(connection, tables[TABLE.name], rows, ("batch_id",), changing)
    update = ("status", "reason")
    upsert_rows(connection, tables[PAYOUTS.name], payouts, ("payout_no",), update)


def _works(batches: list[Row], paid_out: list[Row]) -> dict[str, Work]:
    works: dict[str, Work] = {}
    for row in batches:
        draft = Draft(*row)
        works[draft.batch_id] = Work(draft, facts.State(status=_meant(draft)), {})
    for row in sorted(paid_out, key=lambda row: (row[1], row[2])):
        payout = PayoutDraft(*row)
        work = works[payout.batch_id]
        work.payouts[payout.payout_no] = payout
    for work in works.values():
        live = tuple(
            LivePayout(one.payout_no, one.amount_fen, one.status)  # type: ignore[arg-type]
            for one in work.payouts.values()
            if one.status != "retried"
        )
        work.state = facts.State(
            status=_meant(work.row), payouts=live, payout_count=len(work.payouts)
        )
    return works


def _meant(row: Draft) -> Any:
    return _MEANT.get(row.state, row.state)


def _collect(row: Draft, sums: Collecting) -> None:
    row.count += sums.count
    row.gross_fen += sums.gross_fen
    row.fee_fen += sums.fee_fen
    row.refund_fen += sums.refund_fen
    row.net_fen += sums.net_fen
    row.digest = sums.digest or row.digest
    row.withheld_fen = ((row.withheld_fen or 0) + sums.withheld_fen) or None


def _step(work: Work, fact: Any) -> None:
    row = work.row
    match fact:
        case facts.Sealed():
            row.due_date, row.sealed_by = fact.due_date, fact.maker
        case facts.Reviewed():
            row.reviewed_by = fact.checker
        case facts.Matured():
            row.carry_in_fen, row.carry_out_fen = fact.carry_in_fen, fact.carry_out_fen
            row.due_fen, row.recovered_fen = fact.due_fen, fact.recovered_fen
        case facts.CarriedForward():
            row.carry_in_fen, row.carry_out_fen = fact.carry_in_fen, fact.carry_out_fen
        case facts.Instructed():
            row.payout_fen = sum(payout.amount_fen for payout in fact.payouts)
            row.released_fen = fact.released_fen or None
        case facts.PayoutFailed() | facts.PayoutReturned():
            work.payouts[fact.payout_no].reason = fact.reason
        case facts.PayoutRetried():
            work.payouts[fact.payout_no].status = "retried"
        case _:
            pass
    work.state = facts.evolve(work.state, fact)
    row.state = _SHOWN.get(work.state.status, work.state.status)
    arrived = [payout for payout in work.state.payouts if payout.status == "succeeded"]
    row.paid_fen = sum(payout.amount_fen for payout in arrived)
    for payout in work.state.payouts:
        known = work.payouts.get(payout.payout_no)
        if known is None:
            number = len(work.payouts) + 1
            known = work.payouts[payout.payout_no] = PayoutDraft(
                payout.payout_no, row.batch_id, number, payout.amount_fen, payout.status
            )
        known.status = payout.status


MODEL = ReadModel(
    name="settlement_batches",
    tables=(TABLE, PAYOUTS),
    folds={
        facts.Collected: _collected,
        **dict.fromkeys(
            (
                facts.Opened,
                facts.Sealed,
                facts.Reviewed,
                facts.Matured,
                facts.CarriedForward,
                facts.Instructed,
                facts.PayoutSucceeded,
                facts.PayoutFailed,
                facts.PayoutReturned,
                facts.PayoutRetried,
                facts.Settled,
            ),
            _stepped,
        ),
    },
    new_delta=dict,
    write=_write,
    looks_up=("settlement_payouts_batch",),
)

_COLUMNS = columns_of(TABLE, SettlementBatch)
_ORDER = (TABLE.c.clearing_date, TABLE.c.batch_id)


def settlement_batch(connection: Connection, batch_id: str) -> SettlementBatch | None:
    """One batch by its id, such as `SHOP22-2010-12-08`."""
    wanted = TABLE.c.batch_id == sought_text(batch_id, "batch_id")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return SettlementBatch(*row) if row else None


class Wanted(Struct, frozen=True):
    """Which batches: of one merchant, of the clearing dates from_ <= date < to, in a state."""

    merchant: str | None = None
    from_: date | None = None
    to: date | None = None
    state: str | None = None


def settlement_batches(
    connection: Connection,
    merchant: str | None = None,
    from_: date | None = None,
    to: date | None = None,
    state: str | None = None,
    *,
    after: str | None = None,
    first: int = 100,
) -> Page[SettlementBatch]:
    """Batches of the clearing dates from_ <= date < to, by date and id."""
    values = values_of(Wanted(merchant, from_, to, state), instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def count_settlement_batches(
    connection: Connection,
    merchant: str | None = None,
    from_: date | None = None,
    to: date | None = None,
    state: str | None = None,
) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    wanted = Wanted(merchant, from_, to, state)
    return LISTING.counted(connection, values_of(wanted, instants=False))


def _narrowed(names: Names) -> Narrowed:
    """A merchant has one batch a day: they are found by its index, whatever the state."""
    conditions = between(TABLE.c.clearing_date, names)
    if "merchant" in names:
        conditions.append(TABLE.c.merchant == given("merchant", TABLE.c.merchant))
    if "state" in names:
        column: ColumnElement[Any] = TABLE.c.state
        if "merchant" in names:
            column = func.coalesce(column, "")
        conditions.append(column == given("state", TABLE.c.state))
    return Narrowed(_ORDER, conditions)


LISTING = Listing("settlement_batches", (date, str), _narrowed, _COLUMNS, SettlementBatch)


def to_seal(connection: Connection, cut_off: date, limit: int = 1_000) -> list[SettlementBatch]:
    """Batches still collecting whose clearing date is `cut_off` or earlier, by date and id."""
    query = select(*_COLUMNS).where(_COLLECTING, TABLE.c.clearing_date <= cut_off)
    rows = connection.execute(query.order_by(*_ORDER).limit(limit))
    return [SettlementBatch(*row) for row in rows]


def to_settle(connection: Connection, today: date, limit: int = 1_000) -> list[SettlementBatch]:
    """Sealed or reviewed batches due on `today` or earlier, by due date and id."""
    query = select(*_COLUMNS).where(_SEALED, TABLE.c.due_date <= today)
    rows = connection.execute(query.order_by(TABLE.c.due_date, TABLE.c.batch_id).limit(limit))
    return [SettlementBatch(*row) for row in rows]
