"""Channel (渠道) in a ledger: registered by a fact of its own, which opens its accounts.

(none) ──register──▶ registered

The founding channels need no registration: every ledger has opened their accounts with its books.
So an upgrade that brings a new channel writes nothing to books that are open already; an operator
does, when the channel is to be used.
"""

from typing import assert_never

from msgspec import Struct

from domain.channel.channels import FOUNDING, Channel
from domain.kernel import Fact, Stream


class ChannelRegistered(Fact, frozen=True):
    name: str
    network: str
    pays_in: bool
    pays_out: bool


Event = ChannelRegistered


class State(Struct, frozen=True, gc=False):
    registered: bool = False


def stream(name: str) -> "Stream[State]":
    return Stream(f"channel-{name}")


def register(state: State, channel: Channel) -> list[Event]:
    """Registering a channel again, or a founding one, returns []."""
    if state.registered or channel.name in FOUNDING:
        return []
    return [ChannelRegistered(channel.name, channel.network, channel.pays_in, channel.pays_out)]


def evolve(_state: State, event: Event) -> State:
    match event:
        case ChannelRegistered():
            return State(registered=True)
        case _:
            assert_never(event)
