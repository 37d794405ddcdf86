"""Clearing positions per channel and clearing network: `clearingPositions`."""

from typing import Any

from strawberry import ID

from api.graphql.money import Money
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.roots import Plain
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from projections.models import clearing_positions as model


@shape()
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
    closed: bool = of("sealed_net_fen", make=model.is_sealed)
    sealed_received: Money | None
    sealed_paid: Money | None
    sealed_net: Money | None


_SHAPE = shape_of(ClearingPosition)


async def clearing_positions(
    info: Info, date: Date, channel: ID | None = None
) -> list[ClearingPosition]:
    """The positions of an accounting date, of the channels that moved, by channel; or of one."""
    rows = await info.context.read(
        lambda connection: model.clearing_positions(connection, date, channel)
    )
    return [_SHAPE.node(row) for row in rows]


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return model.filters(arguments["date"], arguments["channel"])


ROOTS["clearingPositions"] = Plain(model.TABLE, model.positions_query, _filters)
