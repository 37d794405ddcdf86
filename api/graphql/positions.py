"""Clearing positions per channel and clearing network: `clearingPositions`."""

from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.money import Money, money, money_or_none
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date
from projections.models import clearing_positions as model


@object_type
class ClearingPosition:
    """What a channel owes us and we owe it for one accounting date, netted. The counts are of entry
    lines. The sealed figures are null until the day is closed; `sealedPaid` is refunds and payouts
    together."""

    accounting_date: Date
    channel: str
    network: str
    received: Money
    received_count: BigInt
    refunded: Money
    refunded_count: BigInt
    paid_out: Money
    paid_out_count: BigInt
    net: Money
    closed: bool
    sealed_received: Money | None
    sealed_paid: Money | None
    sealed_net: Money | None


def _position(row: model.ClearingPosition) -> ClearingPosition:
    return ClearingPosition(
        accounting_date=Date(row.accounting_date),
        channel=row.channel,
        network=row.network,
        received=money(row.received_fen),
        received_count=BigInt(row.received_count),
        refunded=money(row.refunded_fen),
        refunded_count=BigInt(row.refunded_count),
        paid_out=money(row.paid_out_fen),
        paid_out_count=BigInt(row.paid_out_count),
        net=money(row.net_fen),
        closed=row.closed,
        sealed_received=money_or_none(row.sealed_received_fen),
        sealed_paid=money_or_none(row.sealed_paid_fen),
        sealed_net=money_or_none(row.sealed_net_fen),
    )


async def clearing_positions(
    info: Info, date: Date, channel: ID | None = None
) -> list[ClearingPosition]:
    """The positions of an accounting date, of the channels that moved, by channel; or of one."""
    rows = await info.context.read(
        lambda connection: model.clearing_positions(connection, date, channel)
    )
    return [_position(row) for row in rows]
