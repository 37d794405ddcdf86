"""Transactions and the entries that moved their money: `transaction`, `transactions`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.describing import resolved
from api.graphql.enums import TransactionMode, TransactionState
from api.graphql.journal import Entry, entries_below, entries_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import CHILDREN, ONES_OWN, ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.plan.selecting import Unplanned
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from domain.transaction import transaction as aggregate
from projections.models import transactions as model
from projections.tables.listing import values_of
from projections.tables.paging import MOST_SEARCHED

STATES: tuple[str, ...] = get_args(model.TransactionState)


@shape()
class Transaction:
    """What one merchant sells to one buyer in one order. `state` is created, paid (the money is in
    escrow), completed, refunded or closed. `refunded` is all that went back to the buyer;
    `released` what was released to the merchant and not refunded since; `fee` the fee on that."""

    id: ID = of("transaction_id")
    order_no: str
    merchant_id: ID = of("merchant")
    buyer_id: ID = of("buyer")
    subject: str
    items: BigInt
    mode: TransactionMode
    state: TransactionState
    amount: Money
    refunded: Money
    released: Money
    fee: Money
    fee_rate_bps: int
    channel: str | None
    payment_no: str | None
    created_at: Instant
    paid_at: Instant | None
    completed_at: Instant | None
    confirm_by: Instant | None
    clearing_date: Date | None
    settlement_batch_id: ID | None = of("batch")
    last_position: BigInt

    @resolved
    async def entries(self, info: Info) -> list[Entry]:
        """Every entry that moved its money, in order."""
        return entries_of(await info.context.entries.load(aggregate.stream(self.id)))


_SHAPE = shape_of(Transaction)


async def transaction(info: Info, id: ID) -> Transaction | None:
    """One transaction by its id, such as `SHOP22-536365`."""
    row = await info.context.read(lambda connection: model.transaction(connection, id))
    return _SHAPE.node(row) if row and info.context.may_see(row.merchant) else None


async def transactions(
    info: Info,
    merchant_id: ID | None = None,
    from_: From = None,
    to: To = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    buyer_id: ID | None = None,
    order_no: ID | None = None,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Stands in the subject, letter for letter. A page looks at up to "
            f"{MOST_SEARCHED} transactions: it may have fewer than `first`, or none, and go on."
        ),
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Transaction]:
    """Transactions by the time they were created, on the Shanghai dates `from` up to, not
    including, `to`; all, or those for which all of the arguments hold."""
    wanted = _wanted(
        info.context,
        merchant_id=merchant_id,
        from_=from_,
        to=to,
        state=state,
        buyer_id=buyer_id,
        order_no=order_no,
        text=text,
    )
    page = await info.context.read(
        lambda connection: model.transactions(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, _SHAPE.node, after, lambda books: model.count_transactions(books, wanted)
    )


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state")."""
    state = one_of(STATES, given["state"], "state")
    return model.Wanted(
        scope.within(given["merchant_id"]),
        given["buyer_id"],
        given["order_no"],
        state,
        given["from_"],
        given["to"],
        given["text"] or None,
    )


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    values = values_of(_wanted(scope, **arguments), instants=True)
    if "text" in values:
        raise Unplanned("no statement of a list looks for a text")
    return values


ROOTS["transaction"] = Keyed(model.TABLE.c.transaction_id, "id", ONES_OWN)
ROOTS["transactions"] = Listed(model.LISTING, _filters)
CHILDREN["Transaction", "entries"] = entries_below("transaction_id", "transaction-")
