"""Transactions (交易): one row per transaction, its state, times, and what became of its money.

The state follows the rule of the aggregate (`domain/transaction/transaction.py`). `refunded_fen` is
all that went back to the buyer; `released_fen` what was released to the merchant and not refunded
since; `fee_fen` the fee on it, net of fees given back.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    Table,
    func,
    select,
    text,
    tuple_,
)

from domain.kernel import Recorded, key
from domain.payment.plan import carrier
from domain.transaction import transaction as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, insert_rows, update_rows
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    Span,
    columns_of,
    contains,
    sought_text,
)

TransactionState = Literal["created", "paid", "completed", "refunded", "closed"]

_PAID = text("state = 'paid'")

TABLE = Table(
    "transactions",
    METADATA,
    Column("transaction_id", TEXT, primary_key=True),
    Column("order_no", TEXT, nullable=False),
    Column("merchant", TEXT, nullable=False),
    Column("buyer", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("mode", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("fee_rate_bps", Integer, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("released_fen", BigInteger, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("channel", TEXT),
    Column("payment_no", TEXT),
    Column("paid_at_us", BigInteger),
    Column("completed_at_us", BigInteger),
    Column("confirm_by_us", BigInteger),
    Column("clearing_date", Date),
    Column("batch", TEXT),
    Column("last_position", BigInteger, nullable=False),
    Index("transactions_merchant", "merchant", "created_at_us", "transaction_id"),
    Index("transactions_created", "created_at_us", "transaction_id"),
    Index("transactions_order", "order_no", "created_at_us", "transaction_id"),
    Index("transactions_buyer", "buyer", "created_at_us", "transaction_id"),
    Index("transactions_state", "state", "created_at_us", "transaction_id"),
    Index("transactions_changed", "merchant", "last_position"),
    Index("transactions_merchant_state", "merchant", "state", "created_at_us", "transaction_id"),
    Index(
        "transactions_awaiting",
        "confirm_by_us",
        "transaction_id",
        sqlite_where=_PAID,
        postgresql_where=_PAID,
    ),
)


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    transaction_id: str
    order_no: str
    merchant: str
    buyer: str
    subject: str
    items: int
    mode: str
    amount_fen: int
    fee_rate_bps: int
    created_at_us: int
    state: str
    refunded_fen: int = 0
    released_fen: int = 0
    fee_fen: int = 0
    channel: str | None = None
    payment_no: str | None = None
    paid_at_us: int | None = None
    completed_at_us: int | None = None
    confirm_by_us: int | None = None
    clearing_date: date | None = None
    batch: str | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Transaction(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One transaction. Amounts in fen, `fee_rate_bps` in basis points, times in UTC µs."""


class Delta(Struct):
    """Rows of the batch's new transactions, as they are at its end; what happened to earlier ones,
    by their streams, in order."""

    created: dict[str, Draft]
    earlier: dict[str, list[Recorded]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _created(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Created = recorded.fact
    delta.created[recorded.stream] = Draft(
        key(recorded.stream),
        fact.order_no,
        fact.merchant,
        fact.buyer,
        fact.subject,
        fact.items,
        fact.mode,
        fact.amount_fen,
        fact.fee_rule.rate_bps,
        recorded.at_us,
        "created",
        last_position=recorded.position,
    )


def _paid(row: Draft, recorded: Recorded) -> None:
    fact: facts.Paid = recorded.fact
    row.state, row.channel, row.payment_no = "paid", carrier(fact.legs), fact.payment_no
    row.paid_at_us, row.confirm_by_us = recorded.at_us, fact.confirm_by_us


def _completed(row: Draft, recorded: Recorded) -> None:
    row.state, row.completed_at_us = "completed", recorded.at_us


def _cleared(row: Draft, recorded: Recorded) -> None:
    fact: facts.Cleared = recorded.fact
    row.released_fen, row.fee_fen = fact.gross_fen, fact.fee_fen
    row.clearing_date, row.batch = fact.clearing_date, fact.batch


def _refund_accepted(row: Draft, recorded: Recorded) -> None:
    row.refunded_fen += recorded.fact.amount_fen
    if row.refunded_fen == row.amount_fen:
        row.state = "refunded"


def _refund_cleared(row: Draft, recorded: Recorded) -> None:
    row.released_fen -= recorded.fact.amount_fen
    row.fee_fen -= recorded.fact.fee_returned_fen


def _closed(row: Draft, _recorded: Recorded) -> None:
    row.state = "closed"


_APPLY: dict[Any, Callable[[Draft, Recorded], None]] = {
    facts.Paid: _paid,
    facts.Completed: _completed,
    facts.Cleared: _cleared,
    facts.RefundAccepted: _refund_accepted,
    facts.RefundCleared: _refund_cleared,
    facts.Closed: _closed,
}
_FIXED = 10  # So many columns never change.
_CHANGING = tuple(column.name for column in TABLE.columns)[_FIXED:]


def _happened(delta: Delta, recorded: Recorded) -> None:
    row = delta.created.get(recorded.stream)
    if row is not None:
        _apply(row, recorded)
    elif recorded.stream in delta.earlier:
        delta.earlier[recorded.stream].append(recorded)
    else:
        delta.earlier[recorded.stream] = [recorded]


def _apply(row: Draft, recorded: Recorded) -> None:
    _APPLY[type(recorded.fact)](row, recorded)
    row.last_position = recorded.position


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    table = tables[TABLE.name]
    earlier = {key(stream): history for stream, history in delta.earlier.items()}
    ids = [(transaction_id,) for transaction_id in earlier]
    updated: list[tuple[Any, ...]] = []
    (rows,) = yield [Lookup(table, ("transaction_id",), ids)]
    for found in rows:
        row = Draft(*found)
        for recorded in earlier.pop(row.transaction_id):
            _apply(row, recorded)
        values = astuple(row)
        updated.append((values[0], *values[_FIXED:]))
    if earlier:
        raise LookupError(f"no such transaction was created: {min(earlier)}")
    insert_rows(connection, table, [astuple(row) for row in delta.created.values()])
    update_rows(connection, table, updated, ("transaction_id",), _CHANGING)


MODEL = ReadModel(
    name="transactions",
    tables=(TABLE,),
    folds={facts.Created: _created, **dict.fromkeys(_APPLY, _happened)},
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(TABLE, Transaction)
_TIMER = (TABLE.c.confirm_by_us, TABLE.c.transaction_id)


class Timer(NamedTuple):
    """When a transaction may be confirmed without its buyer (UTC µs)."""

    confirm_by_us: int
    transaction_id: str


def transaction(connection: Connection, transaction_id: str) -> Transaction | None:
    """One transaction by its id, such as `SHOP22-536365`."""
    wanted = TABLE.c.transaction_id == sought_text(transaction_id, "transaction_id")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Transaction(*row) if row else None


class Wanted(Struct, frozen=True):
    """Which transactions: of a merchant, a buyer, an order, in a state, created on the Shanghai
    dates from_ <= date < to; `text` stands somewhere in the subject, letter for letter."""

    merchant: str | None = None
    buyer: str | None = None
    order_no: str | None = None
    state: str | None = None
    from_: date | None = None
    to: date | None = None
    text: str | None = None


def transactions(
    connection: Connection,
    wanted: Wanted | None = None,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Transaction]:
    """Transactions by time of creation.

    No index finds a text, so one page looks for it in at most 2,000 transactions. It may have
    fewer than `first`, or none, and yet a next page: its last cursor says where to go on.
    """
    wanted = wanted or Wanted()
    values = values_of(wanted, instants=True)
    sought = values.pop("text", None)
    if sought is None:
        return LISTING.page(
            connection,
            values,
            after=after,
            first=first,
            newest_first=newest_first,
        )
    since, until = values.pop("from_", None), values.pop("to", None)
    order, conditions, _ = _narrowed(frozenset(values))
    query = select(*_COLUMNS).where(*conditions).params(**values)
    has = contains(connection, TABLE.c.subject, sought)
    span = Span(LISTING.name, order, newest_first, since, until)
    return span.searched(connection, query, has, Transaction, _key, after=after, first=first)


def count_transactions(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly, and for a text."""
    values = values_of(wanted, instants=True)
    return None if "text" in values else LISTING.counted(connection, values)


# The most telling filter first.
_FILTERS: tuple[tuple[str, Column[Any]], ...] = (
    ("order_no", TABLE.c.order_no),
    ("buyer", TABLE.c.buyer),
    ("state", TABLE.c.state),
    ("merchant", TABLE.c.merchant),
)


def _narrowed(names: Names) -> Narrowed:
    """The most telling filter is found by its index, in the order of the list; the others are
    looked at row by row, and must not tempt a database to another index."""
    sought = [(name, column) for name, column in _FILTERS if name in names]
    together = {"state", "merchant"} == {name for name, _ in sought}
    conditions = between(TABLE.c.created_at_us, names)
    for number, (name, column) in enumerate(sought):
        by_index = number == 0 or together
        looked_at = column if by_index else func.coalesce(column, "")
        conditions.append(looked_at == given(name, column))
    return Narrowed((TABLE.c.created_at_us, TABLE.c.transaction_id), conditions)


LISTING = Listing("transactions", (Int, str), _narrowed, _COLUMNS, Transaction)


def _key(item: Transaction) -> tuple[int, str]:
    return item.created_at_us, item.transaction_id


def awaiting_confirmation(
    connection: Connection,
    before_us: int,
    limit: int = 1_000,
    after: Timer | None = None,
) -> list[Timer]:
    """Paid transactions that the timer may confirm at an instant (UTC µs), the oldest first; those
    after `after`, when it is given."""
    query = (
        select(*_TIMER)
        .where(TABLE.c.state == text("'paid'"), TABLE.c.confirm_by_us <= before_us)
        .order_by(*_TIMER)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*_TIMER) > tuple_(*after))
    return [Timer(*row) for row in connection.execute(query)]
