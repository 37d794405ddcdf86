"""Channels, as far as the books know them: `channels`."""

from sqlalchemy import Connection
from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.reads import Info
from domain.accounting.chart import CHANNEL_RECEIVABLE
from domain.channel.channels import CHANNELS
from projections.models import balances


@object_type
class Channel:
    """A payment channel: the `network` that clears it, whether it `paysIn` or `paysOut`, and
    whether this ledger has its accounts."""

    name: ID
    network: str
    pays_in: bool
    pays_out: bool
    registered: bool


async def channels(info: Info) -> list[Channel]:
    """Every channel there is, by name."""
    there = await info.context.read(_registered)
    return [
        Channel(
            name=ID(one.name),
            network=one.network,
            pays_in=one.pays_in,
            pays_out=one.pays_out,
            registered=one.name in there,
        )
        for _, one in sorted(CHANNELS.items())
    ]


def _registered(connection: Connection) -> set[str]:
    """Those that have the account of what they owe us, which is opened when one is registered."""
    return balances.with_account(connection, CHANNEL_RECEIVABLE, list(CHANNELS))
