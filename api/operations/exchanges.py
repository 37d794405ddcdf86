"""What went over a wire, as a blob: one JSON text per answer, masked by the channel's adapter."""

import base64
from typing import Any, NamedTuple

import msgspec

from domain.channel.network import Answer, Exchange
from domain.eventstore import blobs

MOST_BYTES = 64 * 1024  # Of a body; what comes after is cut, and it says so.


class Written(NamedTuple):
    """What a fact calls an answer's bytes, and the bytes: for the request that names them, so that
    one commit keeps both. "" and nothing when nothing went over a wire."""

    name: str = ""
    blobs: tuple[bytes, ...] = ()


def written(answer: Answer) -> Written:
    """The blob of an answer: its exchanges in order."""
    made = [*answer.earlier, *([answer.exchange] if answer.exchange is not None else [])]
    if not made:
        return Written()
    content = msgspec.json.encode([_exchange(one) for one in made], order="deterministic")
    return Written(blobs.name_of(content), (content,))


def _exchange(one: Exchange) -> dict[str, Any]:
    return {
        "method": one.method,
        "url": one.url,
        "sent": _body(one.sent),
        "status": one.status,
        "received": _body(one.received),
    }


def _body(content: bytes) -> str | dict[str, Any]:
    """Text where it is text; else Base64. A cut one says how long it was."""
    kept = content[:MOST_BYTES]
    try:
        text: str | dict[str, Any] = kept.decode()
    except UnicodeDecodeError:
        text = {"base64": base64.b64encode(kept).decode()}
    return text if len(kept) == len(content) else {"bytes": len(content), "first": text}
