"""A fold stops where a commit ends, wherever it comes from and however long commits are."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import CommitRow, Head, LedgerRecorder
from migrations.run import migrate
from projections.engine import commits
from projections.engine.commits import CommitEnds
from tests.eventstore.rows import commit, receipt


class Log:
    """A commit log in memory, of commits with so many facts each."""

    def __init__(self, sizes: list[int]) -> None:
        self.rows: list[CommitRow] = []
        last = 0
        for number, size in enumerate(sizes, 1):
            self.rows.append(CommitRow(number, last + 1, last + size, 1, 0, b"", b""))
            last += size
        self.ends = [row.last_position for row in self.rows]
        self.reads = 0

    def head(self) -> Head:
        return Head(len(self.rows), self.ends[-1] if self.ends else 0, b"")

    def read_commits(self, after_number: int, limit: int) -> list[CommitRow]:
        self.reads += 1
        return self.rows[after_number : after_number + limit]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    batch=st.integers(1, 20),
    page=st.integers(1, 7),
    starts=st.lists(st.integers(0, 200), max_size=4),
)
def test_every_stop_is_the_end_of_a_commit(
    sizes: list[int], batch: int, page: int, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "PAGE", page)
    log = Log(sizes)
    head = log.ends[-1]
    ends = CommitEnds(log)  # type: ignore[arg-type]
    for start in [0, *starts]:
        position = min(start, head)
        while position < head:
            stop = ends.stop(position, position + batch, head)
            assert stop in log.ends
            within = [end for end in log.ends if position < end <= position + batch]
            longer = min(end for end in log.ends if end > position)
            assert stop == (within[-1] if within else longer)
            position = stop


def test_what_must_not_be_passed_is_not_passed() -> None:
    ends = CommitEnds(Log([10, 10]))  # type: ignore[arg-type]
    assert ends.stop(0, 5, 7) == 7
    assert ends.stop(7, 12, 20) == 10
    assert ends.stop(10, 20, 13) == 13


def test_a_fold_that_moves_on_reads_each_page_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "PAGE", 10)
    log = Log([3] * 100)
    ends, position = CommitEnds(log), 0  # type: ignore[arg-type]
    while position < 300:
        position = ends.stop(position, position + 7, 300)
    assert log.reads <= 11


@pytest.fixture
def recorder(database_url: str) -> Iterator[LedgerRecorder]:
    migrate(database_url)
    opened = open_recorder(parse_database_url(database_url))
    yield opened
    opened.close()


def test_the_log_of_a_database_is_read(recorder: LedgerRecorder) -> None:
    commit(recorder, ("order-1", 1), ("order-1", 2), ("order-1", 3))
    commit(recorder, receipts=[receipt("n1")])
    commit(recorder, ("order-2", 1), ("order-2", 2))
    commit(recorder, ("order-3", 1))
    ends = CommitEnds(recorder)
    assert [ends.stop(after, after + 1, 6) for after in (0, 3, 5)] == [3, 5, 6]
    assert ends.stop(0, 5, 6) == 5
    commit(recorder, ("order-4", 1), ("order-4", 2))
    assert [ends.stop(after, after + 1, 8) for after in (5, 6)] == [6, 8]
