"""A head kept outside: what alone can prove that history was not cut off, or written anew.

Everything inside one database can be made anew by its owner, hashes and seals included. A head that
somebody else keeps cannot: its commit must still be there, with its hash, and so must its seal.
"""

import msgspec
from msgspec import Struct

from domain.eventstore.recorder import LedgerRecorder
from domain.eventstore.seals import Seal
from domain.kernel import iso_time


class KeptHead(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest commit and the newest seal of one moment; hashes in hex, times for people."""

    commit: int
    position: int
    hash: str
    seal_number: int
    seal: str
    recorded_at: str | None
    taken_at: str


def take(recorder: LedgerRecorder, now_us: int) -> KeptHead:
    """The head as it is now; `now_us` is UTC µs."""
    head, seal = recorder.newest()
    rows = recorder.read_commits(head.number - 1, 1)
    recorded_at = iso_time(rows[0].recorded_at_us) if head.number else None
    return KeptHead(
        head.number,
        head.position,
        head.hash.hex(),
        seal.number,
        seal.seal.hex(),
        recorded_at,
        iso_time(now_us),
    )


def decode(data: bytes) -> KeptHead:
    """A head as `take` gave it, from its JSON. Raises ValueError."""
    kept = msgspec.json.decode(data, type=KeptHead)
    if not (0 <= kept.commit < 2**63 and 0 <= kept.seal_number < 2**63):
        raise ValueError("its numbers are beyond what there can be")
    return kept


def not_grown(recorder: LedgerRecorder, kept: KeptHead) -> list[str]:
    """Why the log is not what it was then plus what came since; [] when it is, or is still that.

    The rest, that everything up to here and since hangs together, is `verify_log`'s matter.
    """
    wrong = []
    if kept.commit:
        rows = recorder.read_commits(kept.commit - 1, 1)
        if not rows or rows[0].number != kept.commit:
            wrong.append(f"commit {kept.commit} is gone: the log ends before it, or has a gap")
        elif (rows[0].hash.hex(), rows[0].last_position) != (kept.hash, kept.position):
            wrong.append(f"commit {kept.commit} has another hash: history was written anew")
    found = _seal(recorder, kept)
    if found is None:
        wrong.append(f"seal {kept.seal_number} is gone: times or keys were cut off")
    elif found.seal.hex() != kept.seal:
        wrong.append(f"seal {kept.seal_number} is another: times or keys were written anew")
    return wrong


def _seal(recorder: LedgerRecorder, kept: KeptHead) -> Seal | None:
    """The seal of that number: the commit's own, or of a change that came after it."""
    changes = recorder.read_changes(kept.seal_number - 1, 1)
    if changes and changes[0].seal_number == kept.seal_number:
        return Seal(kept.seal_number, changes[0].seal)
    for commit in recorder.read_commits(kept.commit - 1, 1):
        if commit.seal_number == kept.seal_number:
            return Seal(kept.seal_number, commit.seal)
    return None
