"""Commands of the channel subsystem: an operator registers a channel, so that it may be used."""

from domain.channel import channel
from domain.channel.channels import CHANNELS, FOUNDING, Channel, channel_named
from domain.kernel import Command, Unit
from domain.refusals import Code, Refused


class RegisterChannel(Command, frozen=True):
    """`channel` is a name of `channels.py`. A policy opens its accounts."""

    channel: str


def register_channel(unit: Unit, command: RegisterChannel) -> dict[str, object]:
    """Once; a channel that every ledger has does not need it. Raises CHANNEL_UNKNOWN."""
    named = channel_named(command.channel)
    stream = channel.stream(named.name)
    unit.record(stream, channel.register(unit.load(stream), named))
    return {"channel": named.name, "network": named.network}


def usable_channel(unit: Unit, names: tuple[str, ...]) -> Channel:
    """The first of some channels that has accounts here. Raises CHANNEL_NOT_REGISTERED."""
    for name in names:
        if name in FOUNDING:  # Those are not looked up: it runs for every payment.
            return CHANNELS[name]
        if unit.load(channel.stream(name)).registered:
            return CHANNELS[name]
    detail = f"{' and '.join(names)}: no accounts here yet"
    raise Refused(Code.CHANNEL_NOT_REGISTERED, "method", detail)
