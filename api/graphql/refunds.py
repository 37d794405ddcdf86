"""Refunds: `refund`, `refunds`."""

from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.enums import RefundStage, RefundState
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant, instant_or_none
from api.graphql.spans import From, To
from projections.models import refunds as model


@object_type
class Refund:
    """Money back to the buyer of a transaction. Of a refund after release the money came from the
    merchant's pending and available money, from an advance, and from the fee given back; of one out
    of escrow these are zero. `reason` is what the channel said, or who rejected it."""

    no: ID
    transaction_id: ID
    merchant_id: ID
    buyer_id: ID
    channel: str
    state: RefundState
    stage: RefundStage
    amount: Money
    fee_returned: Money
    from_pending: Money
    from_available: Money
    advanced: Money
    reason: str | None
    requested_at: Instant
    ended_at: Instant | None
    last_position: BigInt


def refund_of(row: model.Refund) -> Refund:
    return Refund(
        no=ID(row.refund_no),
        transaction_id=ID(row.transaction_id),
        merchant_id=ID(row.merchant),
        buyer_id=ID(row.buyer),
        channel=row.channel,
        state=RefundState(row.state),
        stage=RefundStage(row.stage),
        amount=money(row.amount_fen),
        fee_returned=money(row.fee_returned_fen),
        from_pending=money(row.from_pending_fen),
        from_available=money(row.from_available_fen),
        advanced=money(row.advanced_fen),
        reason=row.reason or None,
        requested_at=Instant(row.requested_at_us),
        ended_at=instant_or_none(row.ended_at_us),
        last_position=BigInt(row.last_position),
    )


async def refund(info: Info, no: ID) -> Refund | None:
    """One refund by its number."""
    row = await info.context.read(lambda connection: model.refund(connection, no))
    return refund_of(row) if row and info.context.may_see(row.merchant) else None


async def refunds(
    info: Info,
    merchant_id: ID | None = None,
    transaction_id: ID | None = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Refund]:
    """Refunds by the time they were requested, on the Shanghai dates `from` up to, not including,
    `to`; all, those of a merchant, or those of a transaction."""
    wanted = model.Wanted(info.context.within(merchant_id), transaction_id, from_, to)
    page = await info.context.read(
        lambda connection: model.refunds(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, refund_of, after, lambda books: model.count_refunds(books, wanted))
