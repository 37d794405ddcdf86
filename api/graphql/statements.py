"""A merchant's statement: `merchantStatement`."""

import strawberry
from strawberry import ID

from api.graphql.describing import object_type, resolved
from api.graphql.enums import StatementKind
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import NOBODY
from api.graphql.spans import From, To
from projections.models import merchant_statements as model
from projections.tables.paging import checked_first


@object_type
class StatementLine:
    """One movement. `kind` is the figure it belongs to: sales, refunds, fees, settled, recovered.
    `amount` counts as that figure does; `balance` is the net position right after it."""

    at: Instant
    accounting_date: Date
    kind: StatementKind
    reference: str
    amount: Money
    balance: Money
    position: BigInt


@object_type
class MerchantStatement:
    """A merchant's figures of the accounting dates `from` up to, not including, `to`.

    closing = opening + sales - refunds - fees - settled; each is the sum of its lines, and fees are
    net of fees returned. Opening and closing are the net position, below zero where the merchant
    owes; `recovered` is what settlements took back for that. `sales` was released from escrow;
    `inEscrow` has been paid by buyers and not released before `to`."""

    merchant_id: ID
    from_: Date | None = strawberry.field(name="from")
    to: Date | None
    opening: Money
    sales: Money
    refunds: Money
    fees: Money
    settled: Money
    recovered: Money
    closing: Money
    in_escrow: Money

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


def _line(row: model.StatementLine) -> StatementLine:
    return StatementLine(
        at=Instant(row.at_us),
        accounting_date=Date(row.accounting_date),
        kind=StatementKind(row.kind),
        reference=row.reference,
        amount=money(row.amount_fen),
        balance=money(row.balance_fen),
        position=BigInt(row.position),
    )


async def merchant_statement(
    info: Info, merchant_id: ID, from_: From = None, to: To = None
) -> MerchantStatement | None:
    """The statement of a merchant; null when no enterprise member has this id."""
    merchant = info.context.within(merchant_id) or NOBODY
    row = await info.context.read(
        lambda connection: model.statement(connection, merchant, from_, to)
    )
    if row is None:
        return None
    return MerchantStatement(
        merchant_id=ID(row.merchant),
        from_=from_,
        to=to,
        opening=money(row.opening_fen),
        sales=money(row.sales_fen),
        refunds=money(row.refunds_fen),
        fees=money(row.fees_fen),
        settled=money(row.settled_fen),
        recovered=money(row.recovered_fen),
        closing=money(row.closing_fen),
        in_escrow=money(row.in_escrow_fen),
    )
