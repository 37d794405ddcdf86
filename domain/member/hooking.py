"""Commands about webhooks: a member's endpoints, their secrets, and what is to be sent again."""

from domain.fields import checked_member_id, checked_number, is_web_address
from domain.kernel import MICROSECONDS, Command, Stream, Unit
from domain.member import member, webhook
from domain.refusals import Code, Refused

MAX_URL = 400
MAX_HOURS = 168  # A week in which two secrets sign.
LONGEST_ID = 32


class AddEndpoint(Command, frozen=True):
    """`kinds`: none named means all there are, those that come later too."""

    member_id: str
    endpoint_id: str
    url: str
    kinds: webhook.Kinds = ()


class ChangeEndpoint(Command, frozen=True):
    member_id: str
    endpoint_id: str
    url: str
    kinds: webhook.Kinds = ()


class RotateSecret(Command, frozen=True):
    """`hours`: how long the secret it `replaces` (its number) signs beside the new one."""

    member_id: str
    endpoint_id: str
    replaces: int
    hours: int = 24


class PauseEndpoint(Command, frozen=True):
    member_id: str
    endpoint_id: str


class StopEndpoint(Command, frozen=True):
    """By the sender: what it found in a round of tries, with the event at `position`."""

    member_id: str
    endpoint_id: str
    round: int
    why: webhook.Why
    position: int


class ResumeEndpoint(Command, frozen=True):
    member_id: str
    endpoint_id: str


class RemoveEndpoint(Command, frozen=True):
    member_id: str
    endpoint_id: str


class RedeliverEvent(Command, frozen=True):
    """The event at one position of the log."""

    member_id: str
    endpoint_id: str
    position: int


class RedeliverEvents(Command, frozen=True):
    """Those of the positions after < position <= until, that were sent or given up."""

    member_id: str
    endpoint_id: str
    after: int
    until: int


class PingEndpoint(Command, frozen=True):
    member_id: str
    endpoint_id: str


def checked_url(url: str, field: str = "url") -> str:
    """Where to send to: http or https, a host, no user, no fragment. Whether http, and whether
    addresses that are not public, are allowed is the settings' to say, not this function's.

    Raises WEBHOOK_INVALID.
    """
    if not is_web_address(url, MAX_URL) or "#" in url:
        detail = "an address as in https://shop.example/hooks is needed, without user or fragment"
        raise Refused(Code.WEBHOOK_INVALID, field, f"{detail}, up to {MAX_URL} long")
    return url


def add_endpoint(unit: Unit, command: AddEndpoint) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, WEBHOOK_INVALID, WEBHOOK_TAKEN, WEBHOOK_LIMIT."""
    stream = _stream(unit, command.member_id)
    endpoint_id = checked_number(command.endpoint_id, "endpoint_id", longest=LONGEST_ID)
    url = checked_url(command.url)
    facts = webhook.add(unit.load(stream), endpoint_id, url, _ordered(command.kinds))
    unit.record(stream, facts)
    return _shown(unit, stream, endpoint_id)


def change_endpoint(unit: Unit, command: ChangeEndpoint) -> dict[str, object]:
    stream, url = _stream(unit, command.member_id), checked_url(command.url)
    state, kinds = unit.load(stream), _ordered(command.kinds)
    unit.record(stream, webhook.change(state, command.endpoint_id, url, kinds))
    return _shown(unit, stream, command.endpoint_id)


def rotate_secret(unit: Unit, command: RotateSecret) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    if not 0 <= command.hours <= MAX_HOURS:
        raise Refused(Code.REQUEST_INVALID, "hours", f"0 to {MAX_HOURS} is needed")
    until_us = unit.at_us + command.hours * 3600 * MICROSECONDS
    state = unit.load(stream)
    unit.record(stream, webhook.rotate(state, command.endpoint_id, command.replaces, until_us))
    return _shown(unit, stream, command.endpoint_id)


def pause_endpoint(unit: Unit, command: PauseEndpoint) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    unit.record(stream, webhook.pause(unit.load(stream), command.endpoint_id))
    return _shown(unit, stream, command.endpoint_id)


def stop_endpoint(unit: Unit, command: StopEndpoint) -> dict[str, object]:
    stream = webhook.stream(command.member_id)  # Also of a member that is forgotten.
    state, endpoint_id = unit.load(stream), command.endpoint_id
    facts = webhook.stop(state, endpoint_id, command.round, command.why, command.position)
    unit.record(stream, facts)
    return {"endpoint_id": endpoint_id, "stopped": bool(facts)}


def resume_endpoint(unit: Unit, command: ResumeEndpoint) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    unit.record(stream, webhook.resume(unit.load(stream), command.endpoint_id))
    return _shown(unit, stream, command.endpoint_id)


def remove_endpoint(unit: Unit, command: RemoveEndpoint) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    unit.record(stream, webhook.remove(unit.load(stream), command.endpoint_id))
    return {"member_id": command.member_id, "endpoint_id": command.endpoint_id}


def redeliver_event(unit: Unit, command: RedeliverEvent) -> dict[str, object]:
    if command.position < 1:
        raise Refused(Code.REQUEST_INVALID, "position", "a position of the log is needed")
    return _redelivered(unit, command, command.position - 1, command.position)


def redeliver_events(unit: Unit, command: RedeliverEvents) -> dict[str, object]:
    return _redelivered(unit, command, command.after, command.until)


def _redelivered(
    unit: Unit, command: RedeliverEvent | RedeliverEvents, after: int, until: int
) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    state = unit.load(stream)
    unit.record(stream, webhook.redeliver(state, command.endpoint_id, after, until))
    who = {"member_id": command.member_id, "endpoint_id": command.endpoint_id}
    return {**who, "after": after, "until": until}


def ping_endpoint(unit: Unit, command: PingEndpoint) -> dict[str, object]:
    stream = _stream(unit, command.member_id)
    unit.record(stream, webhook.ping(unit.load(stream), command.endpoint_id))
    return {"member_id": command.member_id, "endpoint_id": command.endpoint_id}


def _stream(unit: Unit, member_id: str) -> "Stream[webhook.State]":
    """Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN."""
    member.need(unit.load(member.stream(checked_member_id(member_id))))
    return webhook.stream(member_id)


def _ordered(kinds: webhook.Kinds) -> webhook.Kinds:
    return tuple(sorted(set(kinds)))


def _shown(unit: Unit, stream: "Stream[webhook.State]", endpoint_id: str) -> dict[str, object]:
    found = webhook.needed(unit.load(stream), endpoint_id)
    return {
        "endpoint_id": endpoint_id,
        "url": found.url,
        "kinds": list(found.kinds),
        "state": "paused" if found.paused else "active",
        "secret_number": found.secret,
    }
