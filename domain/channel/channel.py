"""Channel (渠道) in a ledger: registered by a fact of its own, which opens its accounts; and its
times of maintenance (维护), which operators publish.

    (none) ──register──▶ registered          (a time) ──plan──▶ planned ──▶ over
                                                                    └─withdraw─▶ withdrawn

The founding channels need no registration: every ledger has opened their accounts with its books.
So an upgrade that brings a new channel writes nothing to books that are open already; an operator
does, when the channel is to be used.

A time of maintenance is called by its number on the channel, its `window`, from 1. What is over is
forgotten with the next one: the state holds few.
"""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.channel.channels import FOUNDING, Channel
from domain.channel.routing import Window
from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

MOST_PLANNED = 20  # Times of one channel that are not over.


class ChannelRegistered(Fact, frozen=True):
    name: str
    network: str
    pays_in: bool
    pays_out: bool


class MaintenancePlanned(Fact, frozen=True):
    """From one instant to before another no payment is begun through it; `at_us` is when that was
    planned (UTC µs)."""

    window: int
    from_us: int
    until_us: int
    reason: str
    at_us: int


class MaintenanceWithdrawn(Fact, frozen=True):
    """It does not happen, or is done with."""

    window: int
    reason: str


Event = ChannelRegistered | MaintenancePlanned | MaintenanceWithdrawn


class Planned(Struct, frozen=True, gc=False):
    """A time of maintenance (UTC µs)."""

    window: int
    from_us: int
    until_us: int
    withdrawn: bool = False


class State(Struct, frozen=True, gc=False):
    """`planned` counts all times there ever were; `times` holds those that were not over when the
    last of them was planned."""

    registered: bool = False
    planned: int = 0
    times: tuple[Planned, ...] = ()


def stream(name: str) -> "Stream[State]":
    return Stream(f"channel-{name}")


def register(state: State, channel: Channel) -> list[Event]:
    """Registering a channel again, or a founding one, returns []."""
    if state.registered or channel.name in FOUNDING:
        return []
    return [ChannelRegistered(channel.name, channel.network, channel.pays_in, channel.pays_out)]


def plan_maintenance(
    state: State, from_us: int, until_us: int, reason: str, at_us: int
) -> list[Event]:
    """The same time again, while it is planned, returns []. Raises MAINTENANCE_INVALID."""
    if until_us <= from_us:
        raise Refused(Code.MAINTENANCE_INVALID, "ends_at", "it ends before it begins")
    if window_of(state, from_us, until_us):
        return []
    if until_us <= at_us:
        raise Refused(Code.MAINTENANCE_INVALID, "ends_at", "it is over already")
    if sum(_counts(one, at_us) for one in state.times) >= MOST_PLANNED:
        detail = f"{MOST_PLANNED} times are planned already"
        raise Refused(Code.MAINTENANCE_INVALID, "begins_at", detail)
    return [MaintenancePlanned(state.planned + 1, from_us, until_us, reason, at_us)]


def window_of(state: State, from_us: int, until_us: int) -> int:
    """Which window a time is that is planned; 0: there is none."""
    wanted = (from_us, until_us, False)
    found = (one for one in state.times if (one.from_us, one.until_us, one.withdrawn) == wanted)
    return next((one.window for one in found), 0)


def withdraw_maintenance(state: State, window: int, reason: str, at_us: int) -> list[Event]:
    """Again: []. Raises MAINTENANCE_NOT_FOUND, MAINTENANCE_OVER."""
    if not 1 <= window <= state.planned:
        raise Refused(Code.MAINTENANCE_NOT_FOUND, "window")
    known = next((one for one in state.times if one.window == window), None)
    if known is not None and known.withdrawn:
        return []
    if known is None or known.until_us <= at_us:
        raise Refused(Code.MAINTENANCE_OVER, "window")
    return [MaintenanceWithdrawn(window, reason)]


def maintenance(state: State) -> tuple[Window, ...]:
    """When it carries nothing new."""
    return tuple(Window(one.from_us, one.until_us) for one in state.times if not one.withdrawn)


def _counts(one: Planned, at_us: int) -> bool:
    return one.until_us > at_us and not one.withdrawn


def evolve(state: State, event: Event) -> State:
    match event:
        case ChannelRegistered():
            return replace(state, registered=True)
        case MaintenancePlanned(window=window, from_us=from_us, until_us=until_us):
            there = tuple(one for one in state.times if _counts(one, event.at_us))
            planned = Planned(window, from_us, until_us)
            return replace(state, planned=window, times=(*there, planned))
        case MaintenanceWithdrawn(window=window):
            times = tuple(
                replace(one, withdrawn=True) if one.window == window else one for one in state.times
            )
            return replace(state, times=times)
        case _:
            assert_never(event)
