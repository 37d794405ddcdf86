"""Counts of requests that the processes of one server keep together.

    key ──hash──▶ its place ──▶ | process 1 | process 2 | …     each: window · count, in one word

A process adds to its own number and then reads all of them, so nothing is locked and no addition is
lost; only two that count within the same nanoseconds may both get through a limit's last place. A
number names its window: what stands there from an earlier one counts as nothing, and is never
cleared. Places are given out under a lock of the system, which a killed process does not keep.
"""

import hashlib
import mmap
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows, which has no forked processes to share with either.
    fcntl = None  # type: ignore[assignment]

PLACES = 16_384  # Keys counted at the same time; a row of 8 bytes for each and each process.
PROBES = 32  # Places from a key's first on where it may stand.
_BITS = 31  # Of a count; the window stands above them.
_MOST = (1 << _BITS) - 1
WORD = 8


def numbers(count: int) -> "memoryview[int]":
    """So many whole numbers of 64 bits, all 0, shared with whoever is forked afterwards."""
    return memoryview(mmap.mmap(-1, count * WORD)).cast("q")


class CountedTogether:
    """Made before the processes are forked; each then says which one it is by `process`."""

    def __init__(self, processes: int, places: int = PLACES) -> None:
        self.process = 0
        self._processes = processes
        self._places = places
        self._keys = numbers(places + PROBES)  # 0: free.
        self._counts = numbers((places + PROBES) * processes)
        self._claiming = tempfile.TemporaryFile()  # noqa: SIM115  # Lives as long as the server.
        self._adding = threading.Lock()
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, key: str, window: int, amount: int) -> int:
        """Count requests of a key in a window (a second, or the second in which a longer one
        begins). How many there are now, those of all processes together."""
        first = self._place(key, window) * self._processes
        mine = first + self.process
        with self._adding:
            count = min(_of(self._counts[mine], window) + amount, _MOST)
            self._counts[mine] = window << _BITS | count
        return sum(_of(one, window) for one in self._counts[first : first + self._processes])

    def _place(self, key: str, window: int) -> int:
        found = self._found.get(key)
        if found is None:
            mark = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest()) + 1
        elif self._keys[found[0]] == found[1]:
            return found[0]
        else:  # It was long silent, and another key has its place.
            mark = found[1]
        with self._alone():
            place = self._claimed(mark, window)
        if len(self._found) >= self._places:
            self._found.clear()
        self._found[key] = (place, mark)
        return place

    def _claimed(self, mark: int, window: int) -> int:
        """Where a key stands, or the first free place, or one where nobody counts now. When there
        is none it takes its first place from whoever has it, who begins anew somewhere else."""
        home = mark % self._places
        row = self._keys[home : home + PROBES].tolist()
        if mark in row:
            return home + row.index(mark)
        for place, held in enumerate(row, home):
            if not held or not self._is_counted(place, window):
                self._keys[place] = mark
                return place
        self._keys[home] = mark
        for number in range(home * self._processes, (home + 1) * self._processes):
            self._counts[number] = 0
        return home

    def _is_counted(self, place: int, window: int) -> bool:
        first = place * self._processes
        return any(_of(one, window) for one in self._counts[first : first + self._processes])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # A lock of the process: of its threads only that of the server's loop counts.
        fcntl.lockf(self._claiming, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._claiming, fcntl.LOCK_UN)


def _of(number: int, window: int) -> int:
    return number & _MOST if number >> _BITS == window else 0
