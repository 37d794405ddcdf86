"""A merchant's statement: `merchantStatement`."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict
from strawberry import ID

from api.graphql.describing import resolved
from api.graphql.enums import StatementKind
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.books import Books
from api.graphql.plan.declared import NESTED, ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import NOBODY, Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from projections.models import statements as model
from projections.models.merchant_statements import MODEL
from projections.tables.listing import values_of
from projections.tables.paging import checked_first


@shape()
class StatementLine:
    """One movement. `kind` is the figure it belongs to: sales, refunds, fees, settled, recovered,
    withheld, released, deposited, paid_in.
    `amount` counts as that figure does; `balance` is the net position right after it."""

    at: Instant
    accounting_date: Date
    kind: StatementKind
    reference: str
    amount: Money
    balance: Money
    position: BigInt


@shape()
class MerchantStatement:
    """A merchant's figures of the accounting dates `from` up to, not including, `to`.

    closing = opening + sales - refunds - fees - settled + paidIn; each is the sum of its lines, and
    fees are net of fees returned. Opening and closing are the net position, below zero where the
    merchant owes; `recovered` is what settlements took back for that. `sales` was released from
    escrow; `inEscrow` has been paid by buyers and not released before `to`. `withheld` went to the
    rolling reserve, less what refunds took out, and `released` came out of it; `deposited` is what
    deposits were taken for, less what was given back, and `paidIn` of that came from outside. All
    that is held is the merchant's, and part of its position."""

    merchant_id: ID = of("merchant")
    from_: Date | None = of("from_", name="from")
    to: Date | None
    opening: Money
    sales: Money
    refunds: Money
    fees: Money
    settled: Money
    recovered: Money
    closing: Money = of(*model.MOVED, make=model.closing_fen)
    in_escrow: Money
    withheld: Money
    released: Money
    deposited: Money
    paid_in: Money

    @resolved
    async def lines(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[StatementLine]:
        """The lines of the statement, in the order they happened."""
        checked_first(first)
        page = await info.context.read(
            lambda connection: model.lines(
                connection, self.merchant_id, self.from_, self.to, after=after, first=first
            )
        )
        return connection(page, _line, after)


_line = shape_of(StatementLine).node


async def merchant_statement(
    info: Info, merchant_id: ID, from_: From = None, to: To = None
) -> MerchantStatement | None:
    """The statement of a merchant; null when no enterprise member has this id."""
    merchant = info.context.within(merchant_id) or NOBODY
    row = await info.context.read(
        lambda connection: model.statement(connection, merchant, from_, to)
    )
    return None if row is None else shape_of(MerchantStatement).node(row)


_ASKED = ("merchant", "from_", "to")


def _wanted(scope: Scope, arguments: Arguments) -> model.Wanted:
    merchant = scope.within(arguments["merchant_id"]) or NOBODY
    return model.Wanted(merchant, arguments["from_"], arguments["to"])


def _read(
    books: Books, scope: Scope, arguments: Arguments, columns: tuple[str, ...]
) -> dict[str, Any] | None:
    """What was asked for, and the figures if any is selected."""
    wanted = _wanted(scope, arguments)
    if not _statements(columns):
        return asdict(wanted)
    found = _figures(books, values_of(wanted, instants=False))
    return None if found is None else {**asdict(wanted), **found}


def _figures(books: Books, values: Mapping[str, Any]) -> dict[str, int] | None:
    rows = books.rows(books.prepared(model.figures_query, frozenset(values)), values)
    return dict(zip(model.FIGURES, rows[0], strict=True)) if rows else None


def _exists(books: Books, values: Mapping[str, Any], columns: tuple[str, ...]) -> bool:
    """Whether the merchant does; with figures that is known by them."""
    return bool(_statements(columns)) or bool(_figures(books, {"merchant": values["merchant"]}))


def _lines_of(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    parent = arguments["parent"]
    wanted = model.Wanted(parent["merchant"], parent["from_"], parent["to"])
    return values_of(wanted, instants=False)


def _statements(columns: tuple[str, ...]) -> int:
    """Figures belong to the lines beside them. That a merchant exists is true for ever."""
    return 1 if any(name not in _ASKED for name in columns) else 0


_TABLES = frozenset(table.name for table in MODEL.tables)
ROOTS["merchantStatement"] = Whole(_read, _statements, _TABLES, _exists)
NESTED["MerchantStatement", "lines"] = Listed(
    model.LISTING, _lines_of, counted=False, parent=_ASKED
)
