"""Merchant statements (商户对账单): each movement of a merchant's net position, with its balance.

The net position is what we owe the merchant less what it owes us: 2241.02 + 2241.03 − 1122.03. Each
line has a kind, which is a figure of the statement, and each figure is the plain sum of its lines:

    kind       amount                            balance   from
    sales      gross                             +         Cleared
    refunds    the refund                        −         RefundCleared
    fees       the fee; minus what is given back −         Cleared, RefundCleared
    settled    the payouts; minus what failed    −         Instructed, PayoutRetried; PayoutFailed,
               or came back to the merchant                PayoutReturned
    recovered  the debt a settlement took back   0         Matured

    closing = opening + sales − refunds − fees − settled

Escrow (2241.04) is the buyers' until release: it is kept apart, by accounting date. No entry of a
statement is ever reversed: ADR 0009.
"""

from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Index,
    SmallInteger,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from domain.accounting.chart import (
    ESCROW,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    account_id,
    split_id,
)
from domain.accounting.reversal import Reversed
from domain.clearing import split
from domain.kernel import Entry, Recorded
from domain.member.member import Registered
from domain.settlement import batch
from domain.transaction import transaction
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import add_rows, fetch_rows, insert_rows, upsert_rows
from projections.tables.listing import Given, Listing, Narrowed, between, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_text,
)

LINES = Table(
    "statement_lines",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("line_no", SmallInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("accounting_date", Date, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("balance_fen", BigInteger, nullable=False),
    # A merchant's lines and accounting dates grow together.
    Index("statement_lines_date", "merchant", "accounting_date", "seq"),
)
ESCROW_MOVEMENTS = Table(
    "statement_escrow",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("accounting_date", Date, primary_key=True),
    Column("in_fen", BigInteger, nullable=False),
    Column("out_fen", BigInteger, nullable=False),
)
# One row for each enterprise member: where its next line goes on.
POSITIONS = Table(
    "merchant_positions",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("balance_fen", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("in_escrow_fen", BigInteger, nullable=False),
)

KINDS = ("sales", "refunds", "fees", "settled", "recovered")
_EFFECT = {"sales": 1, "refunds": -1, "fees": -1, "settled": -1, "recovered": 0}
_OWN = (MERCHANT_PENDING, MERCHANT_AVAILABLE, MERCHANT_DEBT, ESCROW)


class Line(NamedTuple):
    """A statement line without the number and balance that its predecessors give it."""

    position: int
    line_no: int
    at_us: int
    accounting_date: date
    kind: str
    reference: str
    amount_fen: int


class Delta(Struct):
    """New merchants; lines by merchant in their order; escrow by (merchant, date) as [in, out]."""

    registered: list[str]
    lines: dict[str, list[Line]]
    escrow: dict[tuple[str, date], list[int]]


def _new_delta() -> Delta:
    return Delta([], {}, {})


def _seller(stream: str) -> str:
    """The merchant of a transaction's stream."""
    return transaction.merchant_of(transaction.id_of(stream))


def _payee(stream: str) -> str:
    """The merchant of a settlement batch's stream."""
    return split.merchant_of_batch(batch.id_of(stream))


def _add(delta: Delta, merchant: str, recorded: Recorded, *figures: tuple[str, int]) -> None:
    on, reference = recorded.fact.entry.date, f"{recorded.stream}#{recorded.version}"
    lines = delta.lines.setdefault(merchant, [])
    for line_no, (kind, amount_fen) in enumerate(figures, 1):
        if amount_fen:
            lines.append(
                Line(recorded.position, line_no, recorded.at_us, on, kind, reference, amount_fen)
            )


def _escrow(delta: Delta, merchant: str, on: date, in_fen: int, out_fen: int) -> None:
    sums = delta.escrow.setdefault((merchant, on), [0, 0])
    sums[0] += in_fen
    sums[1] += out_fen


def _registered(delta: Delta, recorded: Recorded) -> None:
    if recorded.fact.kind == "enterprise":
        delta.registered.append(recorded.fact.member_id)


def _paid(delta: Delta, recorded: Recorded) -> None:
    entry: Entry = recorded.fact.entry
    amount_fen = sum(line.credit_fen for line in entry.lines)
    _escrow(delta, _seller(recorded.stream), entry.date, amount_fen, 0)


def _cleared(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.Cleared = recorded.fact
    merchant = _seller(recorded.stream)
    _escrow(delta, merchant, fact.entry.date, 0, fact.gross_fen)
    _add(delta, merchant, recorded, ("sales", fact.gross_fen), ("fees", fact.fee_fen))


def _refund_accepted(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.RefundAccepted = recorded.fact
    if fact.entry is not None:
        _escrow(delta, _seller(recorded.stream), fact.entry.date, 0, fact.amount_fen)


def _refund_cleared(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.RefundCleared = recorded.fact
    figures = (("refunds", fact.amount_fen), ("fees", -fact.fee_returned_fen))
    _add(delta, _seller(recorded.stream), recorded, *figures)


def _instructed(delta: Delta, recorded: Recorded) -> None:
    amount_fen = sum(payout.amount_fen for payout in recorded.fact.payouts)
    _add(delta, _payee(recorded.stream), recorded, ("settled", amount_fen))


def _paid_again(delta: Delta, recorded: Recorded) -> None:
    _add(delta, _payee(recorded.stream), recorded, ("settled", recorded.fact.amount_fen))


def _came_back(delta: Delta, recorded: Recorded) -> None:
    """What came back to an account that is closed is in suspense, and not the merchant's again."""
    merchant = _payee(recorded.stream)
    own = account_id(MERCHANT_AVAILABLE, merchant)
    back_fen = sum(line.credit_fen for line in recorded.fact.entry.lines if line.account == own)
    _add(delta, merchant, recorded, ("settled", -back_fen))


def _matured(delta: Delta, recorded: Recorded) -> None:
    recovered = ("recovered", recorded.fact.recovered_fen)
    _add(delta, _payee(recorded.stream), recorded, recovered)


def _reversed(_delta: Delta, recorded: Recorded) -> None:
    """Only entries on nobody's statement are turned round. Another would make every figure after
    it wrong, and nothing here says how: the read model stops at it."""
    for line in recorded.fact.entry.lines:
        if split_id(line.account)[0] in _OWN:
            raise ValueError(f"{recorded.fact.reference}: a merchant's entry was reversed")


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    positions = {merchant: [0, 0, 0] for merchant in delta.registered}
    touched = delta.lines.keys() | {merchant for merchant, _ in delta.escrow}
    known = [(merchant,) for merchant in sorted(touched - positions.keys())]
    for merchant, *position in fetch_rows(connection, tables[POSITIONS.name], ("merchant",), known):
        positions[merchant] = position
    rows: list[tuple[Any, ...]] = []
    for merchant, lines in delta.lines.items():
        position = positions[merchant]
        balance_fen, seq, _ = position
        for line in lines:
            seq += 1
            balance_fen += _EFFECT[line.kind] * line.amount_fen
            rows.append((merchant, seq, *line, balance_fen))
        position[0], position[1] = balance_fen, seq
    escrow = []
    for (merchant, on), (in_fen, out_fen) in delta.escrow.items():
        positions[merchant][2] += in_fen - out_fen
        escrow.append((merchant, on, in_fen, out_fen))
    insert_rows(connection, tables[LINES.name], rows)
    sums, escrow_key = ("in_fen", "out_fen"), ("merchant", "accounting_date")
    add_rows(connection, tables[ESCROW_MOVEMENTS.name], escrow, escrow_key, sums)
    ends = [(merchant, *position) for merchant, position in positions.items()]
    update = ("balance_fen", "seq", "in_escrow_fen")
    upsert_rows(connection, tables[POSITIONS.name], ends, ("merchant",), update)


MODEL = ReadModel(
    name="merchant_statements",
    tables=(LINES, ESCROW_MOVEMENTS, POSITIONS),
    folds={
        Registered: _registered,
        transaction.Paid: _paid,
        transaction.Cleared: _cleared,
        transaction.RefundAccepted: _refund_accepted,
        transaction.RefundCleared: _refund_cleared,
        batch.Matured: _matured,
        batch.Instructed: _instructed,
        batch.PayoutRetried: _paid_again,
        batch.PayoutFailed: _came_back,
        batch.PayoutReturned: _came_back,
        Reversed: _reversed,
    },
    new_delta=_new_delta,
    write=_write,
)


class Statement(Struct, frozen=True):
    """A merchant's figures of the accounting dates from_ <= date < to, in fen.

    Opening and closing are its net position, negative where it owes; `in_escrow_fen` is what
    buyers have paid and not released before `to`.
    """

    merchant: str
    from_: date | None
    to: date | None
    opening_fen: int
    sales_fen: int
    refunds_fen: int
    fees_fen: int
    settled_fen: int
    recovered_fen: int
    in_escrow_fen: int

    @property
    def closing_fen(self) -> int:
        moved_fen = self.sales_fen - self.refunds_fen - self.fees_fen - self.settled_fen
        return self.opening_fen + moved_fen


class StatementLine(Struct, frozen=True):
    """One line, numbered by `seq` from 1 for the merchant; `balance_fen` is right after it."""

    seq: int
    position: int
    at_us: int
    accounting_date: date
    kind: str
    reference: str
    amount_fen: int
    balance_fen: int


def statement(
    connection: Connection, merchant: str, from_: date | None = None, to: date | None = None
) -> Statement | None:
    """The statement of an interval of accounting dates; None when no enterprise has this id.

    One query, so that its figures belong together whatever is written meanwhile.
    """
    query = (
        select(
            _opening(merchant, from_),
            *(_total(case((LINES.c.kind == kind, LINES.c.amount_fen))) for kind in KINDS),
            _in_escrow(merchant, to),
        )
        .select_from(POSITIONS.outerjoin(LINES, and_(*_within(merchant, from_, to))))
        .where(POSITIONS.c.merchant == sought_text(merchant, "merchant"))
        .group_by(POSITIONS.c.merchant)
    )
    figures: Any = connection.execute(query).first()
    return Statement(merchant, from_, to, *figures) if figures else None


_LINE_COLUMNS = columns_of(LINES, StatementLine)


class Wanted(Struct, frozen=True):
    """The lines of a merchant, of the accounting dates from_ <= date < to."""

    merchant: str
    from_: date | None = None
    to: date | None = None


def lines(
    connection: Connection,
    merchant: str,
    from_: date | None = None,
    to: date | None = None,
    *,
    after: str | None = None,
    first: int = 100,
) -> Page[StatementLine]:
    """The lines of a merchant's statement, in the order they happened."""
    values = values_of(Wanted(merchant, from_, to), instants=False)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
    )


def _narrowed(names: Given) -> Narrowed:
    mine = LINES.c.merchant == given("merchant", LINES.c.merchant)
    return Narrowed((LINES.c.seq,), [mine, *between(LINES.c.accounting_date, names)])


LISTING = Listing("statement_lines", (Int,), _narrowed, _LINE_COLUMNS, StatementLine)


def _within(merchant: str, from_: date | None, to: date | None) -> list[ColumnElement[bool]]:
    conditions = [LINES.c.merchant == merchant]
    if from_ is not None:
        conditions.append(LINES.c.accounting_date >= from_)
    if to is not None:
        conditions.append(LINES.c.accounting_date < to)
    return conditions


def _total(column: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _opening(merchant: str, from_: date | None) -> ColumnElement[int]:
    """The balance after the last line before `from_`; 0 before the first line."""
    if from_ is None:
        return literal(0)
    last = (
        select(LINES.c.balance_fen)
        .where(*_within(merchant, None, from_))
        .order_by(LINES.c.accounting_date.desc(), LINES.c.seq.desc())
        .limit(1)
        .correlate(None)
        .scalar_subquery()
    )
    return func.coalesce(last, 0)


def _in_escrow(merchant: str, to: date | None) -> ColumnElement[int]:
    table = ESCROW_MOVEMENTS
    query = select(_total(table.c.in_fen - table.c.out_fen)).where(table.c.merchant == merchant)
    if to is not None:
        query = query.where(table.c.accounting_date < to)
    return query.scalar_subquery()
