"""Refunds (退款): one row each, its state, and where a refund after release took its money from."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    SmallInteger,
    Table,
    Text,
    case,
    cast,
    select,
    text,
    union_all,
)

from domain.kernel import Recorded, key
from domain.payment.plan import WALLET_CODE, carrier
from domain.transaction import refund as facts
from domain.transaction.transaction import RefundCleared
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import refund_parts
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import Int, Page, columns_of, sought_text, sought_texts

RefundState = Literal["requested", "rejected", "processing", "unknown", "succeeded", "failed"]
Stage = Literal["escrow", "released"]

_WAITS = text("state = 'requested'")

TABLE = Table(
    "refunds",
    METADATA,
    Column("refund_no", TEXT, primary_key=True),
    Column("transaction_id", TEXT, nullable=False),
    Column("merchant", TEXT, nullable=False),
    Column("buyer", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("requested_at_us", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("stage", TEXT, nullable=False),
    Column("fee_returned_fen", BigInteger, nullable=False),
    Column("from_pending_fen", BigInteger, nullable=False),
    Column("from_available_fen", BigInteger, nullable=False),
    Column("advanced_fen", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("debt_fen", BigInteger),
    Column("limit_fen", BigInteger),
    Column("maker", TEXT),
    Column("leg", SmallInteger),
    Column("reserve_returned_fen", BigInteger),
    Index("refunds_requested", "requested_at_us", "refund_no"),
    Index("refunds_merchant", "merchant", "requested_at_us", "refund_no"),
    Index("refunds_transaction", "transaction_id", "requested_at_us", "refund_no"),
    Index(
        "refunds_awaiting",
        "requested_at_us",
        "refund_no",
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    ),
)
_FIXED = 4  # So many columns never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    refund_no: str
    transaction_id: str
    merchant: str
    buyer: str
    channel: str
    amount_fen: int
    requested_at_us: int
    state: str = "processing"
    reason: str = ""
    ended_at_us: int | None = None
    stage: str = "escrow"
    fee_returned_fen: int = 0
    from_pending_fen: int = 0
    from_available_fen: int = 0
    advanced_fen: int = 0
    last_position: int = 0
    debt_fen: int | None = None
    limit_fen: int | None = None
    maker: str | None = None
    leg: int | None = None
    reserve_returned_fen: int | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Refund(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One refund. `stage` says whether its money came out of escrow or was released before; then
    the merchant's pending and available money, its share of the reserve (None: it had none), an
    advance and the fee given back add up to it.
    `reason` is the channel's, or of who rejected it. Where an approval was needed, `maker` asked
    for the refund when it would have brought the merchant's debt to `debt_fen`, above `limit_fen`.
    `leg` is the leg of the payment that its one part takes from, None where there are several parts
    (`refund_parts.py`) or none yet. Fen, UTC µs."""


class Delta(Struct):
    """Refunds, and the parts of those that have several."""

    refunds: Drafts
    parts: refund_parts.Delta


def _requested(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Requested | facts.ApprovalRequested = recorded.fact
    refund_no = key(recorded.stream)
    merchant = fact.transaction_id.partition("-")[0]  # Member ids have no dash.
    parts = fact.parts if isinstance(fact, facts.Requested) else ()
    channel = carrier(parts) if isinstance(fact, facts.Requested) else fact.channel
    delta.refunds.created[refund_no] = Draft(
        refund_no,
        fact.transaction_id,
        merchant,
        fact.buyer,
        channel,
        fact.amount_fen,
        recorded.at_us,
        last_position=recorded.position,
        leg=parts[0].leg if len(parts) == 1 else None,
    )
    refund_parts.begun(delta.parts, refund_no, parts)


def _approval_requested(delta: Delta, recorded: Recorded) -> None:
    fact: facts.ApprovalRequested = recorded.fact
    _requested(delta, recorded)
    row = delta.refunds.created[key(recorded.stream)]
    row.state, row.stage = "requested", "released"  # Out of escrow nothing is ever advanced.
    row.debt_fen, row.limit_fen, row.maker = fact.debt_fen, fact.limit_fen, fact.maker


def _changed(delta: Delta, recorded: Recorded) -> None:
    delta.refunds.happened(key(recorded.stream), recorded)


def _approval(delta: Delta, recorded: Recorded) -> None:
    _changed(delta, recorded)
    refund_parts.begun(delta.parts, key(recorded.stream), recorded.fact.parts)


def _part_changed(delta: Delta, recorded: Recorded) -> None:
    _changed(delta, recorded)
    refund_parts.ended(delta.parts, recorded)


def _taken_back(delta: Delta, recorded: Recorded) -> None:
    delta.refunds.happened(recorded.fact.refund_no, recorded)


def _approved(row: Draft, recorded: Recorded) -> None:
    """It may take from another leg than when it was asked for. Before payments had legs an approval
    named no parts: there was one."""
    parts = recorded.fact.parts
    row.state = "processing"
    row.channel = carrier(parts) if parts else row.channel
    row.leg = 0 if not parts else parts[0].leg if len(parts) == 1 else None


def _rejected(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason, row.ended_at_us = "rejected", recorded.fact.reason, recorded.at_us


def _succeeded(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason, row.ended_at_us = "succeeded", "", recorded.at_us


def _failed(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason, row.ended_at_us = "failed", recorded.fact.reason, recorded.at_us


def _part_ended(row: Draft, recorded: Recorded) -> None:
    fact: facts.PartSucceeded | facts.PartFailed = recorded.fact
    if isinstance(fact, facts.PartFailed):
        row.reason = fact.reason
    if fact.whole:
        row.state, row.ended_at_us = fact.whole, recorded.at_us
        # What it failed for stays, though its last part went well; that it was unknown does not.
        row.reason = "" if fact.whole == "succeeded" else fact.reason or row.reason


def _unknown(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason = "unknown", recorded.fact.reason


def _known(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason = "processing", recorded.fact.reason


def _cleared(row: Draft, recorded: Recorded) -> None:
    fact: RefundCleared = recorded.fact
    row.stage, row.fee_returned_fen = "released", fact.fee_returned_fen
    row.from_pending_fen, row.from_available_fen = fact.from_pending_fen, fact.from_available_fen
    row.advanced_fen = fact.advanced_fen
    row.reserve_returned_fen = fact.reserve_returned_fen or None


_CHANGES: dict[type, Change] = {
    facts.Approved: _approved,
    facts.Rejected: _rejected,
    facts.Succeeded: _succeeded,
    facts.Failed: _failed,
    facts.PartSucceeded: _part_ended,
    facts.PartFailed: _part_ended,
    facts.BecameUnknown: _unknown,
    facts.BecameKnown: _known,
    RefundCleared: _cleared,
}


def _new_delta() -> Delta:
    return Delta(Drafts({}, {}, _CHANGES), refund_parts.new_delta())


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    yield from delta.refunds.write(connection, tables[TABLE.name], Draft, _FIXED)
    refund_parts.write(connection, tables[refund_parts.PARTS_TABLE.name], delta.parts)


_FOLDS: dict[Any, Callable[[Any, Recorded], None]] = {
    facts.Requested: _requested,
    facts.ApprovalRequested: _approval_requested,
    facts.Approved: _approval,
    facts.Rejected: _changed,
    facts.Succeeded: _changed,
    facts.Failed: _changed,
    facts.PartSucceeded: _part_changed,
    facts.PartFailed: _part_changed,
    facts.BecameUnknown: _changed,
    facts.BecameKnown: _changed,
    RefundCleared: _taken_back,
}

MODEL = ReadModel(
    name="refunds",
    tables=(TABLE, refund_parts.PARTS_TABLE),
    folds=_FOLDS,
    new_delta=_new_delta,
    write=_write,
)

_BY_WALLET = TABLE.c.channel == WALLET_CODE
# A refund of one part stands where its part does; it has no rows of parts. SQLite looks into a
# union only if its columns are of one kind, which casts say.
PARTS = union_all(
    select(*refund_parts.PARTS_TABLE.columns),
    select(
        TABLE.c.refund_no,
        cast(0, SmallInteger).label("part"),
        TABLE.c.leg,
        cast(case((_BY_WALLET, "wallet"), else_="channel"), Text).label("kind"),
        cast(case((_BY_WALLET, ""), else_=TABLE.c.channel), Text).label("channel"),
        TABLE.c.amount_fen,
        cast(case((TABLE.c.state == "unknown", "processing"), else_=TABLE.c.state), Text).label(
            "state"
        ),
        TABLE.c.reason,
        cast(case((_BY_WALLET, ""), else_="refund-" + TABLE.c.refund_no), Text).label(
            "instruction_id"
        ),
    ).where(TABLE.c.leg.is_not(None)),
).subquery("parts")
_PART_COLUMNS = columns_of(PARTS, refund_parts.RefundPart)


def parts(
    connection: Connection, refund_nos: Sequence[str]
) -> dict[str, list[refund_parts.RefundPart]]:
    """The parts of some refunds (at most a few hundred), by refund, in order."""
    wanted = PARTS.c.refund_no.in_(sought_texts(refund_nos, "refund_no"))
    query = select(*_PART_COLUMNS).where(wanted).order_by(PARTS.c.refund_no, PARTS.c.part)
    found: dict[str, list[refund_parts.RefundPart]] = {}
    for row in connection.execute(query):
        found.setdefault(row[0], []).append(refund_parts.RefundPart(*row))
    return found


_COLUMNS = columns_of(TABLE, Refund)


def refund(connection: Connection, refund_no: str) -> Refund | None:
    """One refund by its number."""
    wanted = TABLE.c.refund_no == sought_text(refund_no, "refund_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Refund(*row) if row else None


class Wanted(Struct, frozen=True):
    """Which refunds: of one merchant, of one transaction, requested on the Shanghai dates
    from_ <= date < to."""

    merchant: str | None = None
    transaction_id: str | None = None
    from_: date | None = None
    to: date | None = None


def refunds(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Refund]:
    """Refunds by the time they were requested."""
    values = values_of(wanted, instants=True)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
        newest_first=newest_first,
    )


_OLDEST = (TABLE.c.requested_at_us, TABLE.c.refund_no)


def awaiting_approval(connection: Connection, first: int) -> list[Refund]:
    """Refunds that nobody has approved or rejected yet, the oldest first."""
    query = (
        select(*_COLUMNS)
        .where(_WAITS)
        .order_by(TABLE.c.requested_at_us, TABLE.c.refund_no)
        .limit(first)
    )
    return [Refund(*row) for row in connection.execute(query)]


def count_refunds(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def _narrowed(names: Names) -> Narrowed:
    conditions = between(TABLE.c.requested_at_us, names)
    for name in ("transaction_id", "merchant"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.requested_at_us, TABLE.c.refund_no), conditions)


LISTING = Listing("refunds", (Int, str), _narrowed, _COLUMNS, Refund)
