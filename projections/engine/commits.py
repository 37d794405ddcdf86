"""Where commits end: read models move on by whole commits, so that no reader sees half an entry."""

from bisect import bisect_right

from domain.eventstore.recorder import LedgerRecorder

PAGE = 1_000


class CommitEnds:
    """The last positions of commits, read page by page as a fold moves along the log."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self._recorder = recorder
        self._ends: list[int] = []  # Ascending; those that the fold has passed are dropped.
        self._number = 0  # The commit they were read up to.
        self._after = 0  # No commit that ends after this position is left out.

    def stop(self, after: int, soft: int, hard: int) -> int:
        """Where a fold that stands at `after` stops next: at the last commit that ends up to
        `soft`, or at the next one if that is longer; never beyond `hard`."""
        if hard <= soft:
            return hard
        if after < self._after:
            self._find(after)
        self._read(soft)
        del self._ends[: bisect_right(self._ends, after)]
        self._after = after
        index = max(bisect_right(self._ends, soft), 1)
        return min(self._ends[index - 1], hard) if self._ends else hard

    def _read(self, soft: int) -> None:
        while not self._ends or self._ends[-1] <= soft:
            page = self._recorder.read_commits(self._number, PAGE)
            if not page:
                return
            # SQLite keeps any type anywhere: a damaged row ends nothing, and is for `verify`.
            self._ends += sorted(c.last_position for c in page if type(c.last_position) is int)
            self._number = page[-1].number

    def _find(self, after: int) -> None:
        """Begin anew with the commits after a position that was passed before."""
        low, high = 0, self._recorder.head().number
        while low < high:
            middle = (low + high + 1) // 2
            found = self._recorder.read_commits(middle - 1, 1)
            if found and found[0].last_position <= after:
                low = middle
            else:
                high = middle - 1
        self._ends, self._number, self._after = [], low, after
