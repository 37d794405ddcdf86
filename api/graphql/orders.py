"""Orders: `order`, `orders`. Of an order over several merchants each sees its own line alone."""

import strawberry
from strawberry import ID

from api.graphql.describing import object_type, resolved
from api.graphql.enums import OrderState, TransactionMode
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant, instant_or_none
from api.graphql.spans import From, To
from domain.transaction.transaction import identity
from projections.models import orders as model


@object_type
class OrderLine:
    """What one merchant sells in an order, which is its transaction."""

    merchant_id: ID
    transaction_id: ID
    amount: Money
    subject: str
    items: BigInt


@object_type
class Order:
    """One checkout, paid by one payment. `paymentNo` is the payment it waits for or was paid by. A
    merchant sees its own line; `total` and `reason`, why it was closed, are null for a merchant
    where the order has lines of others."""

    no: ID
    buyer_id: ID
    mode: TransactionMode
    state: OrderState
    payment_no: ID | None
    placed_at: Instant
    paid_at: Instant | None
    last_position: BigInt
    row: strawberry.Private[model.Order]

    @resolved
    async def lines(self, info: Info) -> list[OrderLine]:
        """Its lines, in order: those the caller may see."""
        rows = await info.context.order_lines.load(self.row.order_no)
        return [_line(row) for row in rows if info.context.may_see(row.merchant)]

    @resolved
    async def total(self, info: Info) -> Money | None:
        """What all lines come to."""
        return money(self.row.total_fen) if await self._whole(info) else None

    @resolved
    async def reason(self, info: Info) -> str | None:
        """Why it was closed."""
        return (self.row.reason or None) if await self._whole(info) else None

    async def _whole(self, info: Info) -> bool:
        """Whether the caller sees all of it."""
        if info.context.sees_everything:
            return True
        rows = await info.context.order_lines.load(self.row.order_no)
        return all(info.context.may_see(row.merchant) for row in rows)


def _line(row: model.OrderLine) -> OrderLine:
    return OrderLine(
        merchant_id=ID(row.merchant),
        transaction_id=ID(identity(row.merchant, row.order_no)),
        amount=money(row.amount_fen),
        subject=row.subject,
        items=BigInt(row.items),
    )


def _order(row: model.Order) -> Order:
    return Order(
        no=ID(row.order_no),
        buyer_id=ID(row.buyer),
        mode=TransactionMode(row.mode),
        state=OrderState(row.state),
        payment_no=ID(row.payment_no) if row.payment_no else None,
        placed_at=Instant(row.placed_at_us),
        paid_at=instant_or_none(row.paid_at_us),
        last_position=BigInt(row.last_position),
        row=row,
    )


async def order(info: Info, no: ID) -> Order | None:
    """One order by its number."""
    row = await info.context.read(lambda connection: model.order(connection, no))
    if row is None:
        return None
    if not info.context.sees_everything:
        lines = await info.context.order_lines.load(row.order_no)
        if not any(info.context.may_see(line.merchant) for line in lines):
            return None
    return _order(row)


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
    wanted = model.Wanted(info.context.within(merchant_id), from_, to)
    page = await info.context.read(
        lambda connection: model.orders(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, _order, after, lambda books: model.count_orders(books, wanted))
