"""What became of a request: kept with its number, and the same for ever."""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from domain.approval.commands import Propose
from domain.approval.kinds import BY_NAME
from domain.commands import COMMANDS
from domain.eventstore.recorder import Receipt
from domain.kernel import Command
from domain.refusals import Code, Refused


class Refusal(Struct, frozen=True, gc=False):
    """A kept "no"."""

    code: Code
    field: str
    detail: str


class Answer(Struct, frozen=True, gc=False):
    """Exactly one of `result` and `refused` is given.

    `position`: the last position of the commit that keeps the answer; reading `after` it sees what
    the request did. `replayed`: the number was seen before, this is the answer it got then.
    `recorded_digest`: of a REQUEST_CONFLICT, the digest (hex) that is kept under the number; it is
    in no receipt.
    """

    result: dict[str, Any] | None
    refused: Refusal | None
    position: int
    replayed: bool = False
    recorded_digest: str | None = None

    def unwrap(self) -> dict[str, Any]:
        """The result. Raises Refused."""
        if self.refused is not None:
            raise Refused(self.refused.code, self.refused.field, self.refused.detail)
        assert self.result is not None
        return self.result


class Outcome(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a receipt's bytes hold."""

    ok: dict[str, Any] | None = None
    refused: Refusal | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outcome)
_NAMED = {command: kept.name.encode() + b"\0" for command, kept in COMMANDS.items()}


def accepted(result: dict[str, Any]) -> bytes:
    return _encoder.encode(Outcome(ok=result))


def refused(refusal: Refusal) -> bytes:
    return _encoder.encode(Outcome(refused=refusal))


def answer_of(outcome: bytes, position: int, *, replayed: bool) -> Answer:
    """The answer that a receipt's bytes hold."""
    kept = _decoder.decode(outcome)
    return Answer(kept.ok, kept.refused, position, replayed)


def digest_of(command: Command) -> bytes:
    """SHA-256 over the command's stored name and its body: what a request number stands for.

    Raises Refused(REQUEST_INVALID) for what no handler takes, or what cannot be written as JSON.
    """
    if isinstance(command, Propose) and command.kind in BY_NAME:  # It stands for what it wishes.
        return hashlib.sha256(_NAMED[BY_NAME[command.kind][0]] + command.body.encode()).digest()
    named = _NAMED.get(type(command))
    if named is None:
        raise Refused(Code.REQUEST_INVALID, "command", f"{type(command).__name__} has no handler")
    try:
        body = _encoder.encode(command)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise Refused(Code.REQUEST_INVALID, "command", f"not plain data: {error}") from None
    # PostgreSQL keeps no NUL in a text; a doubled backslash is one that stands for itself.
    if b"\\u0000" in body and b"\\u0000" in body.replace(b"\\\\", b""):
        raise Refused(Code.REQUEST_INVALID, "command", "a NUL character stands in it")
    return hashlib.sha256(named + body).digest()


def conflict(receipt_digest: bytes, digest: bytes, position: int) -> Answer:
    """The number was used with another body before; nothing is kept of this attempt."""
    recorded = receipt_digest.hex()
    detail = f"recorded {recorded}, now {digest.hex()}"
    no = Refusal(Code.REQUEST_CONFLICT, "request", detail)
    return Answer(None, no, position, recorded_digest=recorded)


def replay(receipt: Receipt, digest: bytes) -> Answer:
    """The kept answer, or a conflict when the body is another one."""
    if receipt.digest != digest:
        return conflict(receipt.digest, digest, receipt.position)
    return answer_of(receipt.outcome, receipt.position, replayed=True)
