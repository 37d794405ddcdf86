"""Orders: `order`, `orders`. Of an order over several merchants each sees its own line alone."""

from collections.abc import Sequence
from typing import Any

from strawberry import ID

from api.graphql.describing import resolved
from api.graphql.enums import OrderState, TransactionMode
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection_of
from api.graphql.plan.declared import CHILDREN, GUARDS, ROOTS, Arguments, Children, Guard
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.sharing import shared_nodes
from api.graphql.spans import From, To
from domain.transaction.transaction import identity
from projections.models import orders as model
from projections.tables.listing import values_of


@shape()
class OrderLine:
    """What one merchant sells in an order, which is its transaction."""

    merchant_id: ID = of("merchant")
    transaction_id: ID = of("merchant", "order_no", make=identity)
    amount: Money
    subject: str
    items: BigInt


@shape()
class Order:
    """One checkout, paid by one payment. `paymentNo` is the payment it waits for or was paid by. A
    merchant sees its own line; `total` and `reason`, why it was closed, are null for a merchant
    where the order has lines of others."""

    no: ID = of("order_no")
    buyer_id: ID = of("buyer")
    mode: TransactionMode
    state: OrderState
    payment_no: ID | None = of("payment_no", empty=True)
    placed_at: Instant
    paid_at: Instant | None
    last_position: BigInt

    @resolved
    async def lines(self, info: Info) -> list[OrderLine]:
        """Its lines, in order: those the caller may see."""
        rows = await info.context.order_lines.load(self.no)
        return [_LINE.node(row) for row in rows if info.context.may_see(row.merchant)]

    total: Money | None = of("total_fen", whole=True, description="What all lines come to.")
    reason: str | None = of("reason", empty=True, whole=True, description="Why it was closed.")


_LINE, _SHAPE = shape_of(OrderLine), shape_of(Order)


async def _nodes(info: Info, rows: Sequence[model.Order]) -> list[Order | None]:
    numbers = [row.order_no for row in rows]
    return await shared_nodes(info.context, _SHAPE, rows, numbers, info.context.order_lines)


async def order(info: Info, no: ID) -> Order | None:
    """One order by its number."""
    row = await info.context.read(lambda connection: model.order(connection, no))
    return (await _nodes(info, [row]))[0] if row else None


async def orders(
    info: Info,
    merchant_id: ID | None = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Order]:
    """Orders by the time they were placed, on the Shanghai dates `from` up to, not including,
    `to`; all, or those with a line of one merchant."""
    wanted = _wanted(info.context, merchant_id=merchant_id, from_=from_, to=to)
    page = await info.context.read(
        lambda connection: model.orders(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    # A list has no row without a line of the merchant it is narrowed to.
    nodes = [node for node in await _nodes(info, page.items) if node is not None]
    return connection_of(page, nodes, after, lambda books: model.count_orders(books, wanted))


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    return model.Wanted(scope.within(given["merchant_id"]), given["from_"], given["to"])


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=True)


ROOTS["order"] = Keyed(model.ORDERS.c.order_no, "no")
ROOTS["orders"] = Listed(model.LISTING, _filters, beside=frozenset({model.LINES.name}))
CHILDREN["Order", "lines"] = Children(
    model.LINES, "order_no", "order_no", ("order_no", "line_no"), own="merchant"
)
GUARDS["Order"] = Guard(model.LINES, "order_no", "merchant")
