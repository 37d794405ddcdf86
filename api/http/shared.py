"""What the processes of one server know of each other: whole numbers in memory they share.

    process 1   | figures |  ┐ each writes its own row and reads everybody's:
    process 2   | figures |  ┘ nothing is locked, and a killed process leaves nothing locked
    a key's counts: one row for each key, one number for each process

The memory is made before the processes are forked, belongs to no file, and goes with the last of
them. A number is one aligned word of 8 bytes, so nobody reads half of one. Whoever is started in
the place of a process that died goes on in its row, so that no counter falls.
"""

import socket
import time
from collections.abc import Iterator, Sequence

from api.http.counting import CountedTogether, numbers
from domain.refusals import Code

AWAY_NS = 5_000_000_000  # A process that said nothing for so long does not answer.

# Worker states by number; the first is that of a process which has no worker.
WORKER_STATES = ("none here", "working", "waiting", "trouble")
AWAY = "away"

# Seconds; the largest finite bound of a histogram comes last.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
GUARDED = (400, 408, 413, 414, 431, 503)  # Statuses that the guard of the connections answers.
CODES = tuple(Code)

# Where a figure stands in a row.
BEAT_NS, WORKER, ROUNDS, TROUBLE, OPEN, DECIDES = range(6)  # As they are now.
COMMITS, FACTS, FAILED, COMMANDS, QUEUED_NS, TOOK_NS = range(6, 12)  # Counted up.
PLANNED, STOCK = range(12, 14)  # GraphQL answers.
LISTENING = 14  # Subscriptions, as they are now.
DELIVERED, NOT_DELIVERED, STOPPED = range(15, 18)  # Webhooks: requests, endpoints paused.
REFUSED = 18
TURNED_AWAY = REFUSED + len(CODES)
QUEUED = TURNED_AWAY + len(GUARDED)  # How many turns fell into each bucket, the last one open.
TOOK = QUEUED + len(BUCKETS) + 1
FIGURES = TOOK + len(BUCKETS) + 1


class Figures:
    """A row for each process of a server."""

    def __init__(self, processes: int = 1) -> None:
        self.processes = processes
        self._numbers = numbers(processes * FIGURES)

    def row(self, process: int) -> "memoryview[int]":
        """The row of a process, counted from 0."""
        return self._numbers[process * FIGURES : (process + 1) * FIGURES]

    def sums(self, first: int, count: int) -> list[int]:
        """Figures next to each other, each added up over the processes."""
        rows = [self.row(process)[first : first + count] for process in range(self.processes)]
        return [sum(column) for column in zip(*rows, strict=True)]

    def gone(self, process: int) -> None:
        """A process has died, and its connections with it; what was counted stays. That it does not
        answer is seen when it is not soon back."""
        row = self.row(process)
        row[OPEN] = row[DECIDES] = row[LISTENING] = 0


class Place:
    """A process's place among those of its server. Only the first has worker and read models.

    `counted`: where several count how often a key asks; a process alone counts for itself. `ends`:
    sockets of the first process to each other one, or of another one to the first.
    """

    def __init__(
        self,
        figures: Figures | None = None,
        process: int = 0,
        counted: CountedTogether | None = None,
        ends: Sequence[socket.socket] = (),
    ) -> None:
        self.figures = figures or Figures()
        self.process = process
        self.row = self.figures.row(process)
        self.counted = counted
        self.ends = ends
        if counted is not None:
            counted.process = process

    @property
    def alone(self) -> bool:
        return self.figures.processes == 1

    @property
    def first(self) -> bool:
        return self.process == 0

    def beat(self) -> None:
        """Say that this process answers."""
        self.row[BEAT_NS] = time.monotonic_ns()

    def decide(self, does: bool) -> None:
        """Say whether this process decides what others pass on."""
        self.beat()
        self.row[DECIDES] = time.monotonic_ns() if does else 0

    def deciding(self) -> int:
        """Which life of the first process decides what is passed on to it; 0: none does."""
        return 0 if self.first_is_away else self.figures.row(0)[DECIDES]

    @property
    def first_is_away(self) -> bool:
        """Whether the first process has not been heard of lately."""
        return time.monotonic_ns() - self.figures.row(0)[BEAT_NS] > AWAY_NS

    def answering(self) -> int:
        """How many processes of the server have been heard of lately."""
        now_ns, figures = time.monotonic_ns(), self.figures
        beats = [figures.row(process)[BEAT_NS] for process in range(figures.processes)]
        return sum(now_ns - beat_ns <= AWAY_NS for beat_ns in beats if beat_ns)

    def others_have_fewer(self, connections: int) -> bool:
        """Whether another process that answers has fewer connections than that."""
        now_ns, figures = time.monotonic_ns(), self.figures
        for process in range(figures.processes):
            row = figures.row(process)
            fewer = row[OPEN] < connections and process != self.process
            if fewer and now_ns - row[BEAT_NS] <= AWAY_NS:
                return True
        return False

    def worker_elsewhere(self) -> str:
        """How the worker of the first process is, for one that has none."""
        if self.alone or self.first:
            return WORKER_STATES[0]
        return AWAY if self.first_is_away else WORKER_STATES[self.figures.row(0)[WORKER]]

    def trouble_elsewhere(self) -> bool:
        """Whether the projections of the first process are in trouble."""
        return not self.first and bool(self.figures.row(0)[TROUBLE])

    def refusals(self) -> Iterator[tuple[str, int]]:
        """How often commands were refused with each code there was."""
        counts = self.figures.sums(REFUSED, len(CODES))
        return ((code.value, n) for code, n in zip(CODES, counts, strict=True) if n)
