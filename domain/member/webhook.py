"""Webhooks (事件通知): where a member wants to hear what happened, and of which kinds of events.

    (none) ──add──▶ active ──stop: tries, gone──▶ paused ──resume──▶ active, the next round
                     │  └─────pause: asked────────▶  │
                     └──remove──▶ (none) ◀───────────┘        change, rotate: in either state

Beside the member, on a stream of its own. What is sent is derived from the log, and attempts are
no history: they are the sender's. What stands here is what a person decided, and that an endpoint
was stopped. A secret is a number here; its bytes lie in the vault. Rotated, the old one signs
beside the new one until its time is over, so that a receiver can change without a gap.
"""

from typing import Literal, assert_never, get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

# What a member may hear of. Which facts they come from: `projections/heard.py`.
Kind = Literal[
    "payment.succeeded",
    "payment.failed",
    "refund.succeeded",
    "refund.failed",
    "refund.rejected",
    "withdrawal.succeeded",
    "withdrawal.failed",
    "withdrawal.turned_down",
    "withdrawal.returned",
    "payout.succeeded",
    "payout.failed",
    "payout.returned",
    "settlement_batch.sealed",
    "settlement_batch.settled",
    "settlement_batch.carried_forward",
    "chargeback.received",
    "chargeback.won",
    "chargeback.lost",
    "statement.ready",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
PING = "webhook.ping"  # Asked for, and sent to the endpoint that it was asked for.
Kinds = tuple[Kind, ...]  # None named: all there are, those that come later too.
Why = Literal["asked", "tries", "gone"]
MAX_ENDPOINTS = 10


class EndpointAdded(Fact, frozen=True):
    """`secret` is the number of the one that signs."""

    endpoint_id: str
    url: str
    kinds: Kinds
    secret: int


class EndpointChanged(Fact, frozen=True):
    endpoint_id: str
    url: str
    kinds: Kinds


class SecretRotated(Fact, frozen=True):
    """The secret it `replaces` signs beside it until then (UTC µs)."""

    endpoint_id: str
    secret: int
    replaces: int
    until_us: int


class Paused(Fact, frozen=True):
    """`why`: somebody asked; the last try has failed, of the event at `position`; or the receiver
    said that it is gone for good."""

    endpoint_id: str
    why: Why
    position: int


class Resumed(Fact, frozen=True):
    endpoint_id: str


class EndpointRemoved(Fact, frozen=True):
    endpoint_id: str


class RedeliveryAsked(Fact, frozen=True):
    """Events that were sent, or given up, are to be sent again: after < position <= until."""

    endpoint_id: str
    after: int
    until: int


class Pinged(Fact, frozen=True):
    """A test: an event that says nothing."""

    endpoint_id: str


Event = (
    EndpointAdded | EndpointChanged | SecretRotated | Paused | Resumed | EndpointRemoved
    | RedeliveryAsked | Pinged
)  # fmt: skip


class Endpoint(Struct, frozen=True, gc=False):
    """`round` counts how often it was resumed. `older` is the secret that signs beside `secret`
    until `older_until_us`; 0: none."""

    endpoint_id: str
    url: str
    kinds: Kinds
    secret: int
    older: int = 0
    older_until_us: int = 0
    paused: bool = False
    round: int = 0


class State(Struct, frozen=True, gc=False):
    """`secrets`: how many there have been, of all endpoints: a number is never used again."""

    endpoints: tuple[Endpoint, ...] = ()
    secrets: int = 0

    def of(self, endpoint_id: str) -> Endpoint | None:
        return next((one for one in self.endpoints if one.endpoint_id == endpoint_id), None)


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"webhooks-{member_id}")


def add(state: State, endpoint_id: str, url: str, kinds: Kinds) -> list[Event]:
    """The same again returns []. Raises WEBHOOK_TAKEN, WEBHOOK_LIMIT."""
    before = state.of(endpoint_id)
    if before is not None:
        if (before.url, before.kinds) == (url, kinds):
            return []
        raise Refused(Code.WEBHOOK_TAKEN, "endpoint_id")
    if len(state.endpoints) >= MAX_ENDPOINTS:
        raise Refused(Code.WEBHOOK_LIMIT, "endpoint_id", f"{MAX_ENDPOINTS} are there")
    return [EndpointAdded(endpoint_id, url, kinds, state.secrets + 1)]


def change(state: State, endpoint_id: str, url: str, kinds: Kinds) -> list[Event]:
    """Raises WEBHOOK_NOT_FOUND, as all that follow do."""
    before = needed(state, endpoint_id)
    if (before.url, before.kinds) == (url, kinds):
        return []
    return [EndpointChanged(endpoint_id, url, kinds)]


def rotate(state: State, endpoint_id: str, replaces: int, until_us: int) -> list[Event]:
    """A new secret, in place of the one that the caller knows of: asked twice, the second does not
    take away what the first has just made. Raises WEBHOOK_STATE_WRONG for any other one."""
    before = needed(state, endpoint_id)
    if replaces and before.older == replaces:  # 0: there is no older one.
        return []
    if before.secret != replaces:
        detail = f"secret {before.secret} signs now"
        raise Refused(Code.WEBHOOK_STATE_WRONG, "replaces", detail)
    return [SecretRotated(endpoint_id, state.secrets + 1, replaces, until_us)]


def pause(state: State, endpoint_id: str) -> list[Event]:
    return [] if needed(state, endpoint_id).paused else [Paused(endpoint_id, "asked", 0)]


def stop(state: State, endpoint_id: str, round: int, why: Why, position: int) -> list[Event]:
    """What the sender found in a round of tries. Of one that is over, or an endpoint that is gone,
    it changes nothing."""
    found = state.of(endpoint_id)
    if found is None or found.paused or found.round != round:
        return []
    return [Paused(endpoint_id, why, position)]


def resume(state: State, endpoint_id: str) -> list[Event]:
    """It goes on where it was paused."""
    return [Resumed(endpoint_id)] if needed(state, endpoint_id).paused else []


def remove(state: State, endpoint_id: str) -> list[Event]:
    """Again, it changes nothing."""
    return [] if state.of(endpoint_id) is None else [EndpointRemoved(endpoint_id)]


def redeliver(state: State, endpoint_id: str, after: int, until: int) -> list[Event]:
    """Raises REQUEST_INVALID for a range that holds nothing."""
    needed(state, endpoint_id)
    if not 0 <= after < until:
        raise Refused(Code.REQUEST_INVALID, "until", "a position above `after` is needed")
    return [RedeliveryAsked(endpoint_id, after, until)]


def ping(state: State, endpoint_id: str) -> list[Event]:
    needed(state, endpoint_id)
    return [Pinged(endpoint_id)]


def needed(state: State, endpoint_id: str) -> Endpoint:
    """Raises WEBHOOK_NOT_FOUND."""
    found = state.of(endpoint_id)
    if found is None:
        raise Refused(Code.WEBHOOK_NOT_FOUND, "endpoint_id", endpoint_id)
    return found


def evolve(state: State, event: Event) -> State:
    match event:
        case EndpointAdded():
            added = Endpoint(event.endpoint_id, event.url, event.kinds, event.secret)
            return State((*state.endpoints, added), event.secret)
        case EndpointChanged():
            return _changed(state, event.endpoint_id, url=event.url, kinds=event.kinds)
        case SecretRotated():
            new, old, until_us = event.secret, event.replaces, event.until_us
            rotated = _changed(
                state, event.endpoint_id, secret=new, older=old, older_until_us=until_us
            )
            return replace(rotated, secrets=new)
        case Paused():
            return _changed(state, event.endpoint_id, paused=True)
        case Resumed():
            before = needed(state, event.endpoint_id)
            return _changed(state, event.endpoint_id, paused=False, round=before.round + 1)
        case EndpointRemoved():
            left = [one for one in state.endpoints if one.endpoint_id != event.endpoint_id]
            return replace(state, endpoints=tuple(left))
        case RedeliveryAsked() | Pinged():
            return state
        case _:
            assert_never(event)


def _changed(state: State, endpoint_id: str, **changes: object) -> State:
    """An endpoint of this id with some fields changed, in its place."""
    endpoints = [
        replace(one, **changes) if one.endpoint_id == endpoint_id else one
        for one in state.endpoints
    ]
    return replace(state, endpoints=tuple(endpoints))
