"""Orders (订单), the payments (支付) tried for them, and recharges: the state of each, and times.

An order's lines name its merchants; a payment takes its lines from its order, so both are kept by
one read model: `payments.py` has the other half.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    SmallInteger,
    Table,
    select,
)

from domain.kernel import Recorded, key
from domain.order import order as facts
from domain.payment import payment as payment_facts
from domain.payment import wallet_use
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import payment_legs, payments
from projections.tables.bulk import Lookup, Row, insert_rows
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_text,
    sought_texts,
)

OrderState = Literal["placed", "paying", "paid", "closed"]

ORDERS = Table(
    "orders",
    METADATA,
    Column("order_no", TEXT, primary_key=True),
    Column("buyer", TEXT, nullable=False),
    Column("mode", TEXT, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("placed_at_us", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("payment_no", TEXT, nullable=False),
    Column("paid_at_us", BigInteger),
    Column("reason", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("orders_placed", "placed_at_us", "order_no"),
)
LINES = Table(
    "order_lines",
    METADATA,
    Column("order_no", TEXT, primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("merchant", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("placed_at_us", BigInteger, nullable=False),
    Index("order_lines_merchant", "merchant", "placed_at_us", "order_no"),
)
_FIXED = 5  # So many columns of an order never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    order_no: str
    buyer: str
    mode: str
    total_fen: int
    placed_at_us: int
    state: str = "placed"
    payment_no: str = ""
    paid_at_us: int | None = None
    reason: str = ""
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Order(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One order. `payment_no` is the payment it waits for or was paid by, "" for none; `reason`
    says why it was closed. Fen, UTC µs."""


class OrderLine(Struct, frozen=True, gc=False):
    """What one merchant sells in an order, in fen; lines are numbered from 1."""

    order_no: str
    line_no: int
    merchant: str
    amount_fen: int
    subject: str
    items: int


class Delta(Struct):
    """Orders, their lines by order, payments, and their legs."""

    orders: Drafts
    lines: dict[str, list[tuple[Any, ...]]]
    payments: Drafts
    legs: payment_legs.Delta


def _payment_started(row: Draft, recorded: Recorded) -> None:
    row.state, row.payment_no = "paying", recorded.fact.payment_no


def _payment_declined(row: Draft, _recorded: Recorded) -> None:
    row.state, row.payment_no = "placed", ""


def _paid(row: Draft, recorded: Recorded) -> None:
    row.state, row.paid_at_us = "paid", recorded.at_us


def _closed(row: Draft, recorded: Recorded) -> None:
    row.state, row.reason = "closed", recorded.fact.reason


_CHANGES: dict[type, Change] = {
    facts.PaymentStarted: _payment_started,
    facts.PaymentDeclined: _payment_declined,
    facts.Paid: _paid,
    facts.Closed: _closed,
}


def _new_delta() -> Delta:
    paid = Drafts({}, {}, payments.CHANGES)
    return Delta(Drafts({}, {}, _CHANGES), {}, paid, payment_legs.new_delta())


def _placed(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Placed = recorded.fact
    order_no = key(recorded.stream)
    delta.orders.created[order_no] = Draft(
        order_no,
        fact.buyer,
        fact.mode,
        fact.total_fen,
        recorded.at_us,
        last_position=recorded.position,
    )
    delta.lines[order_no] = [
        (order_no, no, line.merchant, line.amount_fen, line.subject, line.items, recorded.at_us)
        for no, line in enumerate(fact.lines, 1)
    ]


def _order_changed(delta: Delta, recorded: Recorded) -> None:
    delta.orders.happened(key(recorded.stream), recorded)


def _started(delta: Delta, recorded: Recorded) -> None:
    delta.payments.created[key(recorded.stream)] = payments.started(recorded)
    payment_legs.started(delta.legs, recorded)


def _agreed(delta: Delta, recorded: Recorded) -> None:
    """How the payer proved himself stands beside the payment, on a stream named after it."""
    fact: wallet_use.Counted = recorded.fact
    if fact.kind == "payment":
        delta.payments.happened(wallet_use.number_of(recorded.stream), recorded)


def _payment_changed(delta: Delta, recorded: Recorded) -> None:
    if type(recorded.fact) in payments.CHANGES:
        delta.payments.happened(key(recorded.stream), recorded)
    if type(recorded.fact) in payment_legs.STEPS_OF:
        payment_legs.happened(delta.legs, recorded)


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    order_lines = tables[LINES.name]
    orders, made = tables[ORDERS.name], tables[payments.PAYMENTS.name]
    started = [one for one in delta.payments.created.values() if one.purpose == "order"]
    missing = sorted({one.reference for one in started} - delta.lines.keys())
    lines = Lookup(order_lines, ("order_no",), [(order_no,) for order_no in missing])
    legs = payment_legs.wanted(tables, delta.legs)
    found = yield [lines, delta.orders.wanted(orders), delta.payments.wanted(made), legs]
    delta.orders.store(connection, orders, Draft, _FIXED, found[1])
    insert_rows(connection, order_lines, [row for rows in delta.lines.values() for row in rows])
    delta.payments.store(connection, made, payments.PaymentDraft, payments.FIXED, found[2])
    paid_for = _payment_lines(started, delta, found[0])
    insert_rows(connection, tables[payments.LINES.name], paid_for)
    payment_legs.write(connection, tables, delta.legs, found[3])


def _payment_lines(
    started: Sequence[payments.PaymentDraft], delta: Delta, found: Sequence[Row]
) -> list[Row]:
    """A line per merchant of each payment started; `found` are lines of orders of earlier
    batches."""
    known = dict(delta.lines)
    for row in found:
        known.setdefault(row[0], []).append(row)
    return [
        (one.payment_no, merchant, one.reference, amount_fen, one.started_at_us)
        for one in started
        for _, _, merchant, amount_fen, *_ in known[one.reference]
    ]


MODEL = ReadModel(
    name="orders",
    tables=(
        ORDERS,
        LINES,
        payments.PAYMENTS,
        payments.LINES,
        payment_legs.LEGS_TABLE,
        payment_legs.STEPS_TABLE,
    ),
    folds={
        facts.Placed: _placed,
        **dict.fromkeys(_CHANGES, _order_changed),
        payment_facts.Started: _started,
        **dict.fromkeys((*payments.CHANGES, *payment_legs.STEPS_OF), _payment_changed),
        wallet_use.Counted: _agreed,
    },
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = columns_of(ORDERS, Order)
_LINE_COLUMNS = columns_of(LINES, OrderLine)


def order(connection: Connection, order_no: str) -> Order | None:
    """One order by its number."""
    wanted = ORDERS.c.order_no == sought_text(order_no, "order_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Order(*row) if row else None


def lines(connection: Connection, order_nos: Sequence[str]) -> dict[str, list[OrderLine]]:
    """The lines of some orders (at most a few hundred), by order, in their order."""
    wanted = LINES.c.order_no.in_(sought_texts(order_nos, "order_no"))
    query = select(*_LINE_COLUMNS).where(wanted).order_by(LINES.c.order_no, LINES.c.line_no)
    found: dict[str, list[OrderLine]] = {}
    for row in connection.execute(query):
        line = OrderLine(*row)
        found.setdefault(line.order_no, []).append(line)
    return found


class Wanted(Struct, frozen=True):
    """Which orders: those with a line of one merchant, placed on the Shanghai dates
    from_ <= date < to."""

    merchant: str | None = None
    from_: date | None = None
    to: date | None = None


def orders(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Order]:
    """Orders by the time they were placed."""
    values = values_of(wanted, instants=True)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
        newest_first=newest_first,
    )


def count_orders(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def _narrowed(names: Names) -> Narrowed:
    number, time = ORDERS.c.order_no, ORDERS.c.placed_at_us
    conditions: list[ColumnElement[bool]] = []
    if "merchant" in names:  # A merchant stands in one line of an order at most.
        conditions.append(LINES.c.merchant == given("merchant", LINES.c.merchant))
        conditions.append(LINES.c.order_no == number)
        number, time = LINES.c.order_no, LINES.c.placed_at_us
    return Narrowed((time, number), conditions + between(time, names))


LISTING = Listing("orders", (Int, str), _narrowed, _COLUMNS, Order)
