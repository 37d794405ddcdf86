"""Merchants' statements as they are read: figures and lines of any dates, from the running sums
that `merchant_statements.py` keeps. However long the history, a statement is the difference of two
rows (ADR 0021)."""

from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    literal,
    select,
)

from projections.models.merchant_statements import (
    DAYS,
    ENDS,
    FIRST_KINDS,
    LATER_KINDS,
    LINES,
)
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of


class Statement(Struct, frozen=True):
    """A merchant's figures of the accounting dates from_ <= date < to, in fen.

    Opening and closing are its net position, negative where it owes, its reserve and deposits
    among it; `in_escrow_fen` is what buyers have paid and not released before `to`.
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
    withheld_fen: int = 0
    released_fen: int = 0
    deposited_fen: int = 0
    paid_in_fen: int = 0

    @property
    def closing_fen(self) -> int:
        return closing_fen(*(getattr(self, name) for name in MOVED))


FIGURES = Statement.__struct_fields__[3:]
MOVED = ("opening_fen", "sales_fen", "refunds_fen", "fees_fen", "settled_fen", "paid_in_fen")


def closing_fen(
    opening: int, sales: int, refunds: int, fees: int, settled: int, paid_in: int
) -> int:
    """What a merchant's net position comes to, in fen, from the figures `MOVED`."""
    return opening + sales - refunds - fees - settled + paid_in


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


_MERCHANT = given("merchant", LINES.c.merchant)


def statement(
    connection: Connection, merchant: str, from_: date | None = None, to: date | None = None
) -> Statement | None:
    """The statement of an interval of accounting dates; None when no enterprise has this id.

    One query of three rows, so that its figures belong together whatever is written meanwhile.
    """
    values = values_of(Wanted(merchant, from_, to), instants=False)
    figures: Any = connection.execute(figures_query(frozenset(values)), values).first()
    return Statement(merchant, from_, to, *figures) if figures else None


def figures_query(names: Names) -> Select[Any]:
    """The figures of a `Statement` in the order of its fields, from the opening on, each labelled
    with the field's name; no row when no enterprise has this id. `merchant`, and those of `from_`
    and `to` that are given, are bind parameters."""
    opened, closed = DAYS.alias("opened"), DAYS.alias("closed") if "to" in names else ENDS
    source: FromClause = ENDS
    for days, bound in ((opened, "from_"), (closed, "to")):
        if bound in names:
            on = days.c.accounting_date == _last_before(bound)
            source = source.outerjoin(days, and_(days.c.merchant == _MERCHANT, on))
    nothing = literal(0, BigInteger)
    before = "from_" in names
    figures = [("opening_fen", _or_0(opened.c.balance_fen) if before else nothing)]

    def moved(name: str) -> ColumnElement[int]:
        figure: ColumnElement[int] = _or_0(closed.c[name])
        if before:
            figure = figure - _or_0(opened.c[name])
        if names >= {"from_", "to"}:
            dates = [given(bound, DAYS.c.accounting_date) for bound in ("from_", "to")]
            figure = case((dates[0] < dates[1], figure), else_=nothing)
        return figure

    figures += [(f"{kind}_fen", moved(f"{kind}_fen")) for kind in FIRST_KINDS]
    figures.append(("in_escrow_fen", _or_0(closed.c.in_escrow_fen)))
    figures += [(f"{kind}_fen", moved(f"{kind}_fen")) for kind in LATER_KINDS]
    columns: list[Any] = [figure.label(name) for name, figure in figures]
    return select(*columns).select_from(source).where(ENDS.c.merchant == _MERCHANT)


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
    return LISTING.page(connection, values, after=after, first=first)


def _last_before(bound: str) -> ScalarSelect[date]:
    """The last accounting date before another that the merchant moved on."""
    on = DAYS.c.accounting_date
    last = select(func.max(on)).where(DAYS.c.merchant == _MERCHANT, on < given(bound, on))
    return last.correlate(None).scalar_subquery()


def _lines_before(bound: str) -> ColumnElement[int]:
    """How many lines the merchant has before an accounting date."""
    on = DAYS.c.accounting_date
    last = select(DAYS.c.seq).where(DAYS.c.merchant == _MERCHANT, on < given(bound, on))
    last = last.order_by(on.desc()).limit(1).correlate(None)
    return _or_0(last.scalar_subquery())


def _or_0(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(column, 0)


def _narrowed(names: Names) -> Narrowed:
    conditions = [LINES.c.merchant == _MERCHANT]
    if "to" in names:
        conditions.append(LINES.c.seq <= _lines_before("to"))
    above = _lines_before("from_") if "from_" in names else None
    return Narrowed((LINES.c.seq,), conditions, above)


LISTING = Listing("statement_lines", (Int,), _narrowed, _LINE_COLUMNS, StatementLine, dated=False)
