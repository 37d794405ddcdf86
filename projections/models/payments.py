"""Payments (支付): tables, fold and queries; `orders.py` makes them one read model with the orders.

One row per payment, and one line per merchant whose order it pays: what a merchant may see of a
payment is its own line, and its list of payments is in the order of those lines.
"""

from collections.abc import Sequence
from datetime import date
from typing import get_args

from msgspec import Struct
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Index, Table, select

from domain.kernel import Recorded, key
from domain.payment import payment as facts
from domain.payment import wallet_use
from domain.payment.plan import carrier
from projections.engine.model import METADATA, TEXT
from projections.tables.drafts import Change
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_text,
    sought_texts,
)

PaymentState = facts.Status
STATES: tuple[str, ...] = tuple(one for one in get_args(facts.Status) if one != "none")

PAYMENTS = Table(
    "payments",
    METADATA,
    Column("payment_no", TEXT, primary_key=True),
    Column("purpose", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("payer", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("started_at_us", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Column("code", TEXT),
    Column("started_position", BigInteger),
    Column("succeeded_position", BigInteger),
    Column("instruction_id", TEXT),
    Column("factors", TEXT),
    Index("payments_started", "started_at_us", "payment_no"),
    Index("payments_reference", "reference", "started_at_us", "payment_no"),
)
LINES = Table(
    "payment_lines",
    METADATA,
    Column("payment_no", TEXT, primary_key=True),
    Column("merchant", TEXT, primary_key=True),
    Column("order_no", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("started_at_us", BigInteger, nullable=False),
    Index("payment_lines_merchant", "merchant", "started_at_us", "payment_no"),
)
FIXED = 7  # So many columns of a payment hardly ever change: `channel` when a leg is rerouted.


class PaymentDraft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    payment_no: str
    purpose: str
    reference: str
    payer: str
    channel: str
    amount_fen: int
    started_at_us: int
    state: str = "paying"
    reason: str = ""
    ended_at_us: int | None = None
    last_position: int = 0
    code: str | None = None
    started_position: int | None = None
    succeeded_position: int | None = None
    instruction_id: str | None = None
    factors: str | None = None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Payment(PaymentDraft, frozen=True, gc=False):  # type: ignore[misc]
    """One payment. `reference` is its order, or the member whose wallet it recharges; `reason` says
    why it is not simply paid; `ended_at_us` is when it succeeded or was declined. `code` is the
    payment code of its one leg, None where there are several (`payment_legs.py`);
    `instruction_id` what asks for that leg, None while it is the first; `factors` by what the payer
    agreed to what the wallet pays, with commas, None where that was not counted. Fen, UTC µs."""


def started(recorded: Recorded) -> PaymentDraft:
    """The row of a payment that was started."""
    fact: facts.Started = recorded.fact
    return PaymentDraft(
        key(recorded.stream),
        fact.purpose,
        fact.reference,
        fact.payer,
        carrier(fact.legs),
        fact.amount_fen,
        recorded.at_us,
        last_position=recorded.position,
        code=fact.legs[0].code if len(fact.legs) == 1 else None,
        started_position=recorded.position,
    )


def _ended(row: PaymentDraft, recorded: Recorded) -> None:
    fact = recorded.fact
    row.state = "declined"
    if isinstance(fact, facts.Succeeded):
        row.state, row.succeeded_position = "succeeded", recorded.position
    row.reason, row.ended_at_us = getattr(fact, "reason", ""), recorded.at_us


def _agreed(row: PaymentDraft, recorded: Recorded) -> None:
    row.factors = ",".join(recorded.fact.factors)


def _leg_declined(row: PaymentDraft, recorded: Recorded) -> None:
    row.state, row.reason = "giving_up", row.reason or recorded.fact.reason


def _rerouted(row: PaymentDraft, recorded: Recorded) -> None:
    fact: facts.LegRerouted = recorded.fact
    row.channel, row.state, row.reason = carrier(fact.legs), "paying", ""
    if len(fact.legs) == 1:
        row.instruction_id = fact.instruction_id


def _leg_goes_back(row: PaymentDraft, recorded: Recorded) -> None:
    """A leg of a plan that was given up goes back by itself; the payment is declined anyway."""
    if row.state not in ("giving_up", "declined"):
        row.state, row.reason = "sending_back", recorded.fact.reason


def _gone(row: PaymentDraft, recorded: Recorded) -> None:
    fact: facts.SentBack | facts.SendBackFailed = recorded.fact
    if fact.whole:
        row.state = fact.whole
    if isinstance(fact, facts.SendBackFailed) and row.state != "declined":
        row.reason = fact.reason


def _unknown(row: PaymentDraft, recorded: Recorded) -> None:
    row.state, row.reason = "unknown", recorded.fact.reason


def _known(row: PaymentDraft, _recorded: Recorded) -> None:
    row.state, row.reason = "paying", ""


CHANGES: dict[type, Change] = {
    facts.Succeeded: _ended,
    facts.Declined: _ended,
    facts.BecameUnknown: _unknown,
    facts.BecameKnown: _known,
    facts.LegDeclined: _leg_declined,
    facts.LegRerouted: _rerouted,
    facts.SendBackStarted: _leg_goes_back,
    facts.SentBack: _gone,
    facts.SendBackFailed: _gone,
    wallet_use.Counted: _agreed,
}


class PaymentLine(Struct, frozen=True):
    """What of a payment is meant for one merchant, in fen."""

    payment_no: str
    merchant: str
    order_no: str
    amount_fen: int


_COLUMNS = columns_of(PAYMENTS, Payment)
_LINE_COLUMNS = columns_of(LINES, PaymentLine)


def payment(connection: Connection, payment_no: str) -> Payment | None:
    """One payment by its number."""
    wanted = PAYMENTS.c.payment_no == sought_text(payment_no, "payment_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Payment(*row) if row else None


def lines(connection: Connection, payment_nos: Sequence[str]) -> dict[str, list[PaymentLine]]:
    """The lines of some payments (at most a few hundred), by payment, then merchant."""
    wanted = LINES.c.payment_no.in_(sought_texts(payment_nos, "payment_no"))
    query = select(*_LINE_COLUMNS).where(wanted).order_by(LINES.c.payment_no, LINES.c.merchant)
    found: dict[str, list[PaymentLine]] = {}
    for row in connection.execute(query):
        line = PaymentLine(*row)
        found.setdefault(line.payment_no, []).append(line)
    return found


class Wanted(Struct, frozen=True):
    """Which payments: of one merchant's orders, of one order, started on the Shanghai dates
    from_ <= date < to."""

    merchant: str | None = None
    order_no: str | None = None
    from_: date | None = None
    to: date | None = None


def payments(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Payment]:
    """Payments by the time they were started."""
    values = values_of(wanted, instants=True)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
        newest_first=newest_first,
    )


def count_payments(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def _narrowed(names: Names) -> Narrowed:
    number, time = PAYMENTS.c.payment_no, PAYMENTS.c.started_at_us
    conditions: list[ColumnElement[bool]] = []
    if "order_no" in names:
        conditions.append(PAYMENTS.c.reference == given("order_no", PAYMENTS.c.reference))
        conditions.append(PAYMENTS.c.purpose == "order")
    if "merchant" in names:
        conditions.append(LINES.c.merchant == given("merchant", LINES.c.merchant))
        conditions.append(LINES.c.payment_no == number)
        if "order_no" not in names:  # In the order of the merchant's own lines.
            number, time = LINES.c.payment_no, LINES.c.started_at_us
    return Narrowed((time, number), conditions + between(time, names))


LISTING = Listing("payments", (Int, str), _narrowed, _COLUMNS, Payment)
