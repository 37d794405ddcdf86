"""Sorting more rows than memory holds: sorted runs in files without a name, merged when read.

A file of a run has no name, so that nothing is left behind, however the process ends. It lies in
the directory for temporary files (`TMPDIR`).
"""

import heapq
import os
import tempfile
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import IO, Any, Generic, TypeVar

import msgspec

ItemT = TypeVar("ItemT")

RUN_BYTES = 8 << 20  # Packed bytes held in memory before they become a run.
RUN_ITEMS = 50_000
FAN_IN = 16  # So many runs of a level become one run of the next.
_BLOCK = 1 << 16
_SIZE = 4


class Sorter(Generic[ItemT]):
    """Takes items in any order, gives them back in that of their keys, as often as asked.

    `kind` is the type of an item, anything that msgspec packs. Items with equal keys keep the order
    they came in. Items may be added after reading; a reading that has begun does not see them.
    """

    def __init__(
        self,
        kind: type[ItemT],
        key: Callable[[ItemT], Any],
        *,
        run_bytes: int = RUN_BYTES,
        run_items: int = RUN_ITEMS,
    ) -> None:
        self._key = key
        self._run_bytes, self._run_items = run_bytes, run_items
        self._pack = msgspec.msgpack.Encoder().encode
        self._unpack: Callable[[bytes], ItemT] = msgspec.msgpack.Decoder(kind).decode
        self._held: list[tuple[Any, bytes]] = []
        self._held_bytes = 0
        self._levels: list[list[IO[bytes]]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: ItemT) -> None:
        """Take one item. Raises OSError when the directory for temporary files is full."""
        packed = self._pack(item)
        self._held.append((self._key(item), packed))
        self._held_bytes += len(packed)
        self._count += 1
        if self._held_bytes >= self._run_bytes or len(self._held) >= self._run_items:
            self._spill()

    def __iter__(self) -> Iterator[ItemT]:
        runs = [self._read(run) for level in reversed(self._levels) for run in level]
        held = sorted(self._held, key=itemgetter(0))
        runs.append(self._unpack(packed) for _, packed in held)
        return iter(runs[0]) if len(runs) == 1 else heapq.merge(*runs, key=self._key)

    def _spill(self) -> None:
        self._held.sort(key=itemgetter(0))
        run = _written(packed for _, packed in self._held)
        self._held, self._held_bytes = [], 0
        level = 0
        while True:
            if level == len(self._levels):
                self._levels.append([])
            runs = self._levels[level]
            runs.append(run)
            if len(runs) < FAN_IN:
                return
            merged = heapq.merge(*(self._read(one) for one in runs), key=self._key)
            run = _written(self._pack(item) for item in merged)
            for one in runs:
                one.close()
            runs.clear()
            level += 1

    def _read(self, run: IO[bytes]) -> Iterator[ItemT]:
        return map(self._unpack, _frames(run.fileno()))


def _written(packed: Iterator[bytes]) -> IO[bytes]:
    """A file without a name, open as long as its run is."""
    run = tempfile.TemporaryFile(prefix="zhangfang-")  # noqa: SIM115
    for one in packed:
        run.write(len(one).to_bytes(_SIZE, "little"))
        run.write(one)
    run.flush()
    return run


def _frames(file: int) -> Iterator[bytes]:
    """What was written, piece by piece; read by place, so that several may read one run."""
    place, rest = 0, b""
    while block := os.pread(file, _BLOCK, place):
        place += len(block)
        rest += block
        at = 0
        while len(rest) - at >= _SIZE:
            end = at + _SIZE + int.from_bytes(rest[at : at + _SIZE], "little")
            if end > len(rest):
                break
            yield rest[at + _SIZE : end]
            at = end
        rest = rest[at:]
