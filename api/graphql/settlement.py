"""Settlement batches and their payouts: `settlementBatch`, `settlementBatches`."""

from typing import Annotated

import strawberry
from strawberry import ID

from api.graphql.describing import object_type, resolved
from api.graphql.enums import BatchState, ItemKind, PayoutStatus
from api.graphql.money import Money, money, money_or_none
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.spans import From, To
from domain.refusals import Code, Refused
from projections.models import settlement_batches as model
from projections.models.settlement_items import SettlementItem as ItemRow
from projections.models.settlement_payouts import Payout as PayoutRow
from projections.tables.paging import checked_first


@object_type
class Payout:
    """One transfer of a batch, numbered from 1. `status` is instructed, succeeded, failed, returned
    or retried (by a later one); `reason` says why it failed or came back."""

    payout_no: str
    number: int
    amount: Money
    status: PayoutStatus
    reason: str


@object_type
class SettlementItem:
    """One clearing fact in a batch: a sale that was released or a refund taken back, for which the
    fee is below zero where some was given back. `net` is what it adds to the merchant's pending
    money; `reference` is the fact, `<stream>#<version>`."""

    kind: ItemKind
    transaction_id: ID
    refund_no: ID | None
    clearing_date: Date
    gross: Money
    fee: Money
    refund: Money
    net: Money
    reference: str
    at: Instant
    position: BigInt


@object_type
class SettlementBatch:
    """What is owed to one merchant for one clearing date, and what settling made of it.

    `gross`, `fee` and `refund` sum its items; `net` is what they add to the merchant's pending
    money, which a refund paid from elsewhere does not touch. `due` became payable; `recovered` was
    kept for a debt; the carries are what an earlier batch could not take (below zero) or had to
    leave. Of `payout`, `paid` has arrived. `digest` chains the items."""

    id: ID
    merchant_id: ID
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
    sealed_by: str | None
    reviewed_by: str | None
    last_position: BigInt

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


def payout_of(row: PayoutRow) -> Payout:
    return Payout(
        payout_no=row.payout_no,
        number=row.number,
        amount=money(row.amount_fen),
        status=PayoutStatus(row.status),
        reason=row.reason,
    )


def _item(row: ItemRow) -> SettlementItem:
    return SettlementItem(
        kind=ItemKind(row.kind),
        transaction_id=ID(row.transaction_id),
        refund_no=ID(row.refund_no) if row.refund_no else None,
        clearing_date=Date(row.clearing_date),
        gross=money(row.gross_fen),
        fee=money(row.fee_fen),
        refund=money(row.refund_fen),
        net=money(row.net_fen),
        reference=row.reference,
        at=Instant(row.at_us),
        position=BigInt(row.position),
    )


def _batch(row: model.SettlementBatch) -> SettlementBatch:
    return SettlementBatch(
        id=ID(row.batch_id),
        merchant_id=ID(row.merchant),
        clearing_date=Date(row.clearing_date),
        due_date=None if row.due_date is None else Date(row.due_date),
        cycle=row.cycle,
        max_transfer=money_or_none(row.max_transfer_fen),
        state=BatchState(row.state),
        count=BigInt(row.count),
        gross=money(row.gross_fen),
        fee=money(row.fee_fen),
        refund=money(row.refund_fen),
        net=money(row.net_fen),
        carry_in=money(row.carry_in_fen),
        due=money(row.due_fen),
        recovered=money(row.recovered_fen),
        carry_out=money(row.carry_out_fen),
        payout=money(row.payout_fen),
        paid=money(row.paid_fen),
        digest=row.digest,
        sealed_by=row.sealed_by or None,
        reviewed_by=row.reviewed_by or None,
        last_position=BigInt(row.last_position),
    )


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
    if state is not None and state not in model.STATES:
        raise Refused(Code.REQUEST_INVALID, "state", f"one of {', '.join(model.STATES)} is needed")
    merchant = info.context.within(merchant_id)
    page = await info.context.read(
        lambda connection: model.settlement_batches(
            connection, merchant, from_, to, state, after=after, first=first
        )
    )
    return connection(
        page,
        _batch,
        after,
        lambda books: model.count_settlement_batches(books, merchant, from_, to, state),
    )
