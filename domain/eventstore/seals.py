"""The second chain: seals over what the hash of a commit leaves out, its time and the API keys.

    seal of a commit  = SHA-256(seal before ‖ "commit" ‖ number ‖ hash ‖ recorded_at_us)
    seal of a change  = SHA-256(seal before ‖ "change" ‖ number of the newest commit ‖ entry)

Numbers are 8 bytes, big-endian. A commit keeps its seal in its row of the commit log; a change (a
key made or revoked, and the beginning of the chain) is a row of `sealed_changes`. Seals are
numbered 1, 2, 3, … through both tables. The hashes stay what they are without seals: the same
commands give the same hashes anywhere, while times and keys are of one installation.
"""

import hashlib
import struct
from typing import Any, NamedTuple

import msgspec


class Seal(NamedTuple):
    """A link of the second chain: its number (0 = none yet) and its SHA-256."""

    number: int
    seal: bytes


class SealedChange(NamedTuple):
    """One row of `sealed_changes`: an entry, and the newest commit when it was written."""

    seal_number: int
    commit_number: int
    entry: bytes
    seal: bytes


NO_SEAL = Seal(0, bytes(32))
_number = struct.Struct(">q").pack
_commit = struct.Struct(">32s6sq32sq").pack
_time = struct.Struct(">qq").pack


def seal_of_commit(before: Seal, number: int, hashed: bytes, recorded_at_us: int) -> Seal:
    """The seal of a commit. Raises struct.error when a number is none of 64 bits."""
    packed = _commit(before.seal, b"commit", number, hashed, recorded_at_us)
    return Seal(before.number + 1, hashlib.sha256(packed).digest())


def seal_of_change(before: Seal, commit_number: int, entry: bytes) -> Seal:
    """The seal of a change. Raises struct.error when the number is none of 64 bits."""
    packed = before.seal + b"change" + _number(commit_number) + entry
    return Seal(before.number + 1, hashlib.sha256(packed).digest())


class TimesDigest:
    """SHA-256 over (commit number, recorded_at_us) of commits in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, number: int, recorded_at_us: int) -> None:
        """Raises struct.error when one is none of 64 bits."""
        self._digest.update(_time(number, recorded_at_us))

    def digest(self) -> bytes:
        return self._digest.digest()


# What an entry says. Written for ever: a field may be added, none changes.


def beginning_entry(commit: int, position: int, hashed: bytes, times: bytes) -> bytes:
    """The first change: commits after this one are sealed one by one, those up to it together.

    `times` is the `TimesDigest` of all commits up to it, as they stood when the chain began.
    """
    after = {"commit": commit, "position": position, "hash": hashed.hex(), "times": times.hex()}
    return msgspec.json.encode({"sealed_after": after})


def key_made_entry(
    key_id: str,
    digest: bytes,
    role: str,
    member: str | None,
    note: str,
    created_at_us: int,
    operator: str | None = None,
) -> bytes:
    """A key was made. The note may name a person, so that only its hash is kept for ever: together
    with the key's digest, which nobody can guess. A key that is nobody's has no operator."""
    kept = hashlib.sha256(digest + note.encode()).hexdigest()
    made = {"key": key_id, "role": role, "member": member, "created_at_us": created_at_us}
    whose = {} if operator is None else {"operator": operator}
    return msgspec.json.encode(made | whose | {"digest": kept})


def key_revoked_entry(key_id: str, revoked_at_us: int) -> bytes:
    """A key was revoked."""
    return msgspec.json.encode({"key": key_id, "revoked_at_us": revoked_at_us})


def decoded(entry: bytes) -> dict[str, Any]:
    """What an entry says. Raises msgspec.DecodeError."""
    return msgspec.json.decode(entry, type=dict[str, Any])
