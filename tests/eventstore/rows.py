"""Canonical rows for the recorders' tests."""

from collections.abc import Sequence

from domain.eventstore.recorder import (
    Append,
    EventRow,
    Head,
    LedgerRecorder,
    ReceiptRow,
    SnapshotRow,
)

RECORDED_AT_US = 1_291_161_600_000_000  # 2010-12-01T08:00:00+08:00
DIGEST = bytes(range(32))
AWKWARD = b'{"text":"\xe8\xb4\xa6\xe6\x88\xbf"}\x00\xff\\x'  # Bytes must survive as they are.


def receipt(number: str) -> ReceiptRow:
    return ReceiptRow(number, DIGEST, b'{"ok":true}')


def commit(
    recorder: LedgerRecorder,
    *streams_and_versions: tuple[str, int],
    receipts: Sequence[ReceiptRow] = (),
    snapshots: Sequence[SnapshotRow] = (),
    state: bytes = AWKWARD,
) -> Head:
    """One commit of one fact per (stream, version), the positions following the head's."""
    with recorder.writing() as session:
        events = [
            EventRow(position, stream, version, "test.happened.1", state)
            for position, (stream, version) in enumerate(
                streams_and_versions, session.head.position + 1
            )
        ]
        return session.append(Append(events, receipts, snapshots, RECORDED_AT_US))
