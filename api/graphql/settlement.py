"""Settlement batches and their payouts: `settlementBatch`, `settlementBatches`."""

from typing import Annotated, Any

import strawberry
from msgspec.structs import astuple
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.describing import resolved
from api.graphql.enums import BatchState, ItemKind, PayoutStatus
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import CHILDREN, NESTED, ONES_OWN, ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from projections.models import settlement_batches as model
from projections.models.settlement_items import LISTING as ITEMS
from projections.models.settlement_payouts import PAYOUTS
from projections.tables.listing import values_of
from projections.tables.paging import checked_first


def _or_0(value: int | None) -> int:
    return value or 0


@shape()
class Payout:
    """One transfer of a batch, numbered from 1. `status` is instructed, succeeded, failed, returned
    or retried (by a later one); `reason` says why it failed or came back."""

    payout_no: str
    number: int
    amount: Money
    status: PayoutStatus
    reason: str


@shape()
class SettlementItem:
    """One clearing fact in a batch: a sale that was released or a refund taken back, for which the
    fee is below zero where some was given back. `net` is what it adds to the merchant's pending
    money, `withheld` what to its rolling reserve, below zero where a refund took some out;
    `reference` is the fact, `<stream>#<version>`."""

    kind: ItemKind
    transaction_id: ID
    refund_no: ID | None = of("refund_no", empty=True)
    clearing_date: Date
    gross: Money
    fee: Money
    refund: Money
    net: Money
    reference: str
    at: Instant
    position: BigInt
    withheld: Money = of("withheld_fen", make=_or_0)


@shape()
class SettlementBatch:
    """What is owed to one merchant for one clearing date, or for those up to it since the last pay
    day, and what settling made of it.

    `gross`, `fee` and `refund` sum its items; `net` is what they add to the merchant's pending
    money, which a refund paid from elsewhere does not touch. `due` became payable; `recovered` was
    kept for a debt; the carries are what an earlier batch could not take (below zero) or had to
    leave. Of `payout`, `paid` has arrived. `withheld` of its items went to the rolling reserve, and
    is no part of `net`; `released` of the payout was available before: reserve released, deposits
    given back. Less than `minPayout` is not paid out. `digest` chains the items."""

    id: ID = of("batch_id")
    merchant_id: ID = of("merchant")
    clearing_date: Date
    due_date: Date | None
    cycle: str
    max_transfer: Money | None
    state: BatchState
    count: BigInt
    gross: Money
    fee: Money
    refund: Money
    net: Money
    carry_in: Money
    due: Money
    recovered: Money
    carry_out: Money
    payout: Money
    paid: Money
    digest: str
    sealed_by: str | None = of("sealed_by", empty=True)
    reviewed_by: str | None = of("reviewed_by", empty=True)
    last_position: BigInt
    withheld: Money = of("withheld_fen", make=_or_0)
    released: Money = of("released_fen", make=_or_0)
    min_payout: Money = of("min_payout_fen", make=_or_0)

    @resolved
    async def payouts(self, info: Info) -> list[Payout]:
        """The transfers that pay it, retried ones too."""
        return [payout_of(row) for row in await info.context.payouts.load(self.id)]

    @resolved
    async def items(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[SettlementItem]:
        """What it settles, in the order it was collected."""
        checked_first(first)
        page = await info.context.settlement_items.load((self.id, first, after))
        return connection(page, _item, after, self.count)


payout_of = shape_of(Payout).node
_item = shape_of(SettlementItem).node
_batch = shape_of(SettlementBatch).node


async def settlement_batch(info: Info, id: ID) -> SettlementBatch | None:
    """One batch by its id, such as `SHOP22-2010-12-08`."""
    row = await info.context.read(lambda connection: model.settlement_batch(connection, id))
    return _batch(row) if row and info.context.may_see(row.merchant) else None


async def settlement_batches(
    info: Info,
    merchant_id: ID | None = None,
    from_: From = None,
    to: To = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(model.STATES)}.")
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[SettlementBatch]:
    """Batches of the clearing dates `from` up to, not including, `to`, by date and id; all,
    of a merchant, in a state."""
    wanted = _wanted(info.context, merchant_id=merchant_id, from_=from_, to=to, state=state)
    page = await info.context.read(
        lambda connection: model.settlement_batches(
            connection, *astuple(wanted), after=after, first=first
        )
    )
    return connection(
        page,
        _batch,
        after,
        lambda books: model.count_settlement_batches(books, *astuple(wanted)),
    )


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state")."""
    state = one_of(model.STATES, given["state"], "state")
    return model.Wanted(scope.within(given["merchant_id"]), given["from_"], given["to"], state)


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=False)


def _items_of(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return {"batch_id": arguments["parent"]["batch_id"]}


ROOTS["settlementBatch"] = Keyed(model.TABLE.c.batch_id, "id", ONES_OWN)
ROOTS["settlementBatches"] = Listed(model.LISTING, _filters)
CHILDREN["SettlementBatch", "payouts"] = Children(
    PAYOUTS, "batch_id", "batch_id", ("batch_id", "number")
)
NESTED["SettlementBatch", "items"] = Listed(ITEMS, _items_of, parent=("batch_id",))
