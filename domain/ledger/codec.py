"""Facts to stored bytes and back, through the closed registry of `domain/events.py`.

Stored bytes are JSON of an `Envelope`, so that an auditor can read history with nothing but SQL.
A row cannot choose what is imported: a name that is not in the registry is an error, never a guess.
"""

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec

from domain.events import AGGREGATES, EVENTS, NAMES
from domain.eventstore.recorder import EventRow, SnapshotRow
from domain.kernel import Envelope, Fact, Recorded, category
from domain.upcasts import UPCASTS


class UnknownFact(Exception):
    """A stored name that is not in the registry, or bytes that are not the fact it names."""


_encoder = msgspec.json.Encoder()
_decoders: dict[str, Callable[[bytes], Any]] = {
    **{name: msgspec.json.Decoder(Envelope[fact]).decode for name, fact in EVENTS.items()},  # type: ignore[valid-type]
    **{
        name: msgspec.json.Decoder(Envelope[stored]).decode  # type: ignore[valid-type]
        for name, (stored, _) in UPCASTS.items()
    },
}


def encode(fact: Fact, at_us: int, actor: str, command: str = "", cause: str = "") -> bytes:
    """The stored bytes of a fact with its envelope."""
    return _encoder.encode(Envelope(at_us, actor, fact, command, cause))


def decode(row: EventRow | tuple[int, str, int, str, bytes]) -> Recorded:
    """A stored row as a fact of today's classes. Raises UnknownFact."""
    position, stream, version, name, state = row
    try:
        envelope = _decoders[name](state)
    except KeyError:
        raise UnknownFact(f"{name!r} at position {position} is not in the registry") from None
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        raise UnknownFact(f"{name!r} at position {position}: {error}") from None
    fact = envelope.fact
    if name in UPCASTS:
        fact = UPCASTS[name][1](fact)
    return Recorded(
        position,
        stream,
        version,
        name,
        envelope.at,
        envelope.by,
        envelope.cmd,
        envelope.cause,
        fact,
    )


def name_of(fact: Fact) -> str:
    """The stored name of a fact."""
    return NAMES[type(fact)]


def aggregate_of(stream: str) -> ModuleType:
    """The aggregate module of a stream. Raises UnknownFact for a category nobody knows."""
    try:
        return AGGREGATES[category(stream)]
    except KeyError:
        raise UnknownFact(f"stream {stream!r} has no aggregate") from None


_initial = {name: module.State() for name, module in AGGREGATES.items()}


def initial_state(stream: str) -> Any:
    """The state of a stream without facts. Raises UnknownFact for a category nobody knows."""
    try:
        return _initial[category(stream)]
    except KeyError:
        raise UnknownFact(f"stream {stream!r} has no aggregate") from None


class _Snapshot(msgspec.Struct):
    """A state, and the shape of the class it was: a snapshot of another shape is no snapshot."""

    shape: str
    state: msgspec.Raw


def _shape(module: ModuleType) -> str:
    schema = _without_words(msgspec.json.schema(module.State))
    return hashlib.sha256(msgspec.json.encode(schema, order="deterministic")).hexdigest()[:16]


def _without_words(schema: Any) -> Any:
    """A schema without its descriptions: they are docstrings, which Python 3.13 indents otherwise,
    and a snapshot taken on one Python must serve another."""
    if isinstance(schema, dict):
        return {
            name: _without_words(value)
            for name, value in schema.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [_without_words(one) for one in schema] if isinstance(schema, list) else schema


_shapes: dict[str, str] = {name: _shape(module) for name, module in AGGREGATES.items()}
_states = {name: msgspec.json.Decoder(module.State) for name, module in AGGREGATES.items()}


def encode_snapshot(stream: str, version: int, state: Any) -> SnapshotRow:
    raw = msgspec.Raw(_encoder.encode(state))
    return SnapshotRow(stream, version, _encoder.encode(_Snapshot(_shapes[category(stream)], raw)))


def decode_snapshot(row: SnapshotRow) -> Any | None:
    """The state, or None when it was taken of another shape of the class, or cannot be read."""
    try:
        return _decoded_snapshot(row)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None


def is_readable(row: SnapshotRow) -> bool:
    """Whether a snapshot can be read; one of another shape can."""
    try:
        _decoded_snapshot(row)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return False
    return True


def _decoded_snapshot(row: SnapshotRow) -> Any | None:
    snapshot = msgspec.json.decode(row.state, type=_Snapshot)
    kind = category(row.stream)
    return _states[kind].decode(snapshot.state) if snapshot.shape == _shapes[kind] else None
