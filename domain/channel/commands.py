"""Commands of the channel subsystem: an operator registers a channel, so that it may be used."""

from domain.channel import channel
from domain.channel.channels import FOUNDING, Channel, channel_for, channel_named
from domain.kernel import Command, Unit


class RegisterChannel(Command, frozen=True):
    """`channel` is a name of `channels.py`. A policy opens its accounts."""

    channel: str


def register_channel(unit: Unit, command: RegisterChannel) -> dict[str, object]:
    """Once; a channel that every ledger has does not need it. Raises CHANNEL_UNKNOWN."""
    named = channel_named(command.channel)
    stream = channel.stream(named.name)
    unit.record(stream, channel.register(unit.load(stream), named))
    return {"channel": named.name, "network": named.network}


def usable_channel(unit: Unit, method: str) -> Channel:
    """The channel that carries a payment method here.

    Raises METHOD_UNKNOWN, CHANNEL_NOT_REGISTERED.
    """
    found = channel_for(method)
    if found.name not in FOUNDING:  # Those are not looked up: it runs for every payment.
        channel.refuse_unregistered(unit.load(channel.stream(found.name)), found.name)
    return found
