"""Both recorders keep the same promises: order, atomicity, append-only history, one true log."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import IntegrityError, ProgrammingError, StoredEvent
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.recorder import (
    GENESIS,
    Append,
    CommitRow,
    EventRow,
    LedgerRecorder,
    Receipt,
    ReceiptRow,
    SnapshotRow,
)
from domain.refusals import Code, Refused
from tests.eventstore.conftest import Opener
from tests.eventstore.rows import AWKWARD, DIGEST, RECORDED_AT_US, commit, receipt


def contents(recorder: LedgerRecorder) -> tuple[list[EventRow], list[CommitRow]]:
    return recorder.read_log(0, 1000), recorder.read_commits(0, 1000)


def test_an_empty_ledger_has_the_genesis_head(recorder: LedgerRecorder) -> None:
    assert recorder.head() == GENESIS
    assert contents(recorder) == ([], [])
    assert recorder.read_states(["order-1"]) == ([], [])
    assert recorder.read_receipts(["n1"]) == []
    assert recorder.read_states([]) == ([], [])


def test_what_a_commit_writes_is_read_back_as_it_was(recorder: LedgerRecorder) -> None:
    kept = [receipt("operator:alice:2"), receipt("operator:alice:1")]
    head = commit(recorder, ("order-1", 1), ("order-2", 1), ("order-1", 2), receipts=kept)
    events = [
        EventRow(1, "order-1", 1, "test.happened.1", AWKWARD),
        EventRow(2, "order-2", 1, "test.happened.1", AWKWARD),
        EventRow(3, "order-1", 2, "test.happened.1", AWKWARD),
    ]
    assert (head.number, head.position) == (1, 3)
    assert recorder.head() == head
    assert recorder.read_log(0, 10) == events
    assert recorder.read_log(1, 1) == events[1:2]
    assert recorder.read_log(0, 10, until=2) == events[:2]
    assert recorder.read_stream("order-1") == [events[0], events[2]]
    assert recorder.read_stream("order-1", after_version=1) == [events[2]]
    assert recorder.read_stream("order-1", limit=1) == [events[0]]
    assert recorder.read_states(["order-9", "order-1"]) == ([], [events[0], events[2]])
    assert recorder.receipts_of_commit(1) == sorted(kept)
    assert recorder.read_receipts(["n1", "operator:alice:2"]) == [
        Receipt("operator:alice:2", DIGEST, b'{"ok":true}', 1, 3)
    ]
    [row] = recorder.read_commits(0, 10)
    assert row[:5] == (1, 1, 3, 2, RECORDED_AT_US)
    assert row.hash == head.hash


def test_the_commit_log_can_be_recomputed_from_the_stored_bytes(recorder: LedgerRecorder) -> None:
    """Spelled out here once more, so that the formula cannot change unnoticed."""
    commit(recorder, ("order-1", 1), ("账户-2", 1), receipts=[receipt("b"), receipt("a")])
    commit(recorder, receipts=[receipt("c")])
    commit(recorder, ("order-1", 2), state=b"")

    def sized(value: bytes) -> bytes:
        return len(value).to_bytes(8, "big") + value

    previous = bytes(32)
    for row in recorder.read_commits(0, 10):
        events = recorder.read_log(row.first_position - 1, 10, until=row.last_position)
        stored = len(events).to_bytes(8, "big")
        for event in events:
            stored += event.position.to_bytes(8, "big") + event.version.to_bytes(8, "big")
            stored += sized(event.stream.encode()) + sized(event.name.encode())
            stored += sized(event.state)
        for kept in recorder.receipts_of_commit(row.number):
            stored += sized(kept.number.encode()) + kept.digest + sized(kept.outcome)
        assert row.digest == hashlib.sha256(stored).digest()
        assert row.hash == hashlib.sha256(previous + row.digest).digest()
        previous = row.hash
    assert recorder.head() == (3, 3, previous)


def test_a_commit_of_receipts_alone_is_logged_without_positions(recorder: LedgerRecorder) -> None:
    commit(recorder, ("order-1", 1))
    head = commit(recorder, receipts=[receipt("n1")])
    row = recorder.read_commits(1, 10)[0]
    assert (row.first_position, row.last_position, row.receipts) == (2, 1, 1)
    assert recorder.read_receipts(["n1"])[0].position == 1
    assert recorder.head() == head


def test_snapshots_alone_are_no_commit(recorder: LedgerRecorder) -> None:
    before = commit(recorder, ("order-1", 1))
    after = commit(recorder, snapshots=[SnapshotRow("order-1", 1, b"s")])
    assert before == after == recorder.head()
    assert len(recorder.read_commits(0, 10)) == 1


def test_states_begin_at_the_newest_snapshot(recorder: LedgerRecorder) -> None:
    for version in range(1, 6):
        commit(recorder, ("account-1", version), ("account-2", version))
    commit(
        recorder, snapshots=[SnapshotRow("account-1", 2, b"2"), SnapshotRow("account-1", 4, b"4")]
    )
    commit(recorder, snapshots=[SnapshotRow("account-1", 4, b"another process kept it too")])
    snapshots, events = recorder.read_states(["account-1", "account-2"])
    assert snapshots == [SnapshotRow("account-1", 4, b"4")]
    assert [(e.stream, e.version) for e in events if e.stream == "account-1"] == [("account-1", 5)]
    assert [e.version for e in events if e.stream == "account-2"] == [1, 2, 3, 4, 5]


def test_five_thousand_streams_are_read_at_once(recorder: LedgerRecorder) -> None:
    streams = [f"account-{n:04}" for n in range(5000)]
    commit(recorder, *((stream, 1) for stream in streams[::2]))
    commit(recorder, snapshots=[SnapshotRow(stream, 1, b"s") for stream in streams[::4]])
    snapshots, events = recorder.read_states(streams)
    assert sorted(s.stream for s in snapshots) == streams[::4]
    assert [e.stream for e in events] == streams[2::4]
    assert recorder.read_receipts(streams) == []


@pytest.mark.parametrize(
    ("again", "receipts"),
    [
        pytest.param([("order-1", 1)], [], id="a stream version that exists"),
        pytest.param([("order-9", 1), ("order-9", 1)], [], id="a stream version twice"),
        pytest.param([], [receipt("n1")], id="a receipt that exists"),
        pytest.param([("order-9", 1)], [receipt("n1")], id="a new fact with a receipt that exists"),
        pytest.param([], [receipt("n2"), receipt("n2")], id="a receipt twice"),
    ],
)
def test_a_duplicate_is_an_integrity_error_and_leaves_nothing(
    recorder: LedgerRecorder, again: list[tuple[str, int]], receipts: list[ReceiptRow]
) -> None:
    commit(recorder, ("order-1", 1), receipts=[receipt("n1")])
    before = contents(recorder)
    with pytest.raises(IntegrityError):
        commit(recorder, *again, receipts=receipts, snapshots=[SnapshotRow("order-9", 1, b"s")])
    assert contents(recorder) == before
    assert recorder.read_receipts(["n2"]) == []
    assert recorder.read_states(["order-9"]) == ([], [])
    assert commit(recorder, ("order-9", 1), receipts=[receipt("n2")]).position == 2


@pytest.mark.parametrize("positions", [[2], [0], [1, 3], [1, 1]])
def test_positions_must_follow_the_head(recorder: LedgerRecorder, positions: list[int]) -> None:
    events = [EventRow(p, f"order-{n}", 1, "t.1", b"") for n, p in enumerate(positions)]
    with pytest.raises(ValueError, match="is next"), recorder.writing() as session:
        session.append(Append(events, (), (), RECORDED_AT_US))
    assert contents(recorder) == ([], [])


def test_a_session_appends_once(recorder: LedgerRecorder) -> None:
    with pytest.raises(ValueError, match="once"), recorder.writing() as session:
        session.append(Append((), (receipt("n1"),), (), RECORDED_AT_US))
        session.append(Append((), (receipt("n2"),), (), RECORDED_AT_US))
    assert recorder.read_receipts(["n1", "n2"]) == []
    assert recorder.head() == GENESIS


def test_an_exception_in_the_block_rolls_everything_back(recorder: LedgerRecorder) -> None:
    with pytest.raises(KeyError), recorder.writing() as session:
        session.append(
            Append([EventRow(1, "order-1", 1, "t.1", b"")], [receipt("n1")], (), RECORDED_AT_US)
        )
        raise KeyError
    assert contents(recorder) == ([], [])
    assert recorder.read_receipts(["n1"]) == []
    assert commit(recorder, ("order-1", 1)).position == 1


def test_a_session_that_appends_nothing_changes_nothing(recorder: LedgerRecorder) -> None:
    with recorder.writing() as session:
        assert session.head == GENESIS
    assert contents(recorder) == ([], [])


def test_a_session_knows_the_streams_written_since(recorder: LedgerRecorder) -> None:
    commit(recorder, ("order-1", 1))
    commit(recorder, ("order-1", 2), ("order-2", 1))
    with recorder.writing() as session:
        assert session.streams_since(1) == {"order-1", "order-2"}
        assert session.streams_since(2) == {"order-2"}
        assert session.streams_since(3) == set()


def test_a_writer_reads_while_it_writes(recorder: LedgerRecorder) -> None:
    commit(recorder, ("order-1", 1))
    with recorder.writing():
        assert [e.version for e in recorder.read_states(["order-1"])[1]] == [1]
        assert recorder.head().position == 1


def test_whoever_cannot_get_the_lock_is_told_busy(migrated_url: str, opened: Opener) -> None:
    holder, waiting = opened(migrated_url), opened(migrated_url, lock_timeout_ms=150)
    with holder.writing() as session:
        for _ in range(2):
            with pytest.raises(Refused) as refusal, waiting.writing():
                pass
            assert refusal.value.code is Code.BUSY
        session.append(Append((), (receipt("n1"),), (), RECORDED_AT_US))
    assert commit(waiting, receipts=[receipt("n2")]).number == 2


def test_threads_of_one_process_wait_for_each_other_or_are_told_busy(
    migrated_url: str, opened: Opener
) -> None:
    recorder = opened(migrated_url, lock_timeout_ms=150)

    def try_it() -> Code | None:
        try:
            with recorder.writing():
                return None
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(1) as thread:
        with recorder.writing():
            assert thread.submit(try_it).result() is Code.BUSY
        assert thread.submit(try_it).result() is None


def run_together(jobs: list[Callable[[], None]]) -> None:
    """Run the jobs in threads; the first error of any is raised."""
    with ThreadPoolExecutor(len(jobs)) as threads:
        for future in [threads.submit(job) for job in jobs]:
            future.result()


def test_a_reader_passes_over_no_position_while_sixteen_write(
    migrated_url: str, opened: Opener
) -> None:
    """Two recorders stand for two processes: each has its own connections and its own lock."""
    recorders = [opened(migrated_url), opened(migrated_url)]
    written = threading.Event()
    seen: list[int] = []

    def writer(number: int) -> None:
        for version in range(1, 11):
            streams = [(f"stream-{number}-{n}", version) for n in range(1 + number % 3)]
            commit(recorders[number % 2], *streams, receipts=[receipt(f"{number}-{version}")])

    def tail() -> None:
        last_round = False
        while not last_round:
            last_round = written.is_set()
            seen.extend(e.position for e in recorders[0].read_log(seen[-1] if seen else 0, 7))
            last_round &= len(seen) == recorders[1].head().position

    with ThreadPoolExecutor(1) as reading:
        tailing = reading.submit(tail)
        try:
            run_together([lambda n=n: writer(n) for n in range(16)])  # type: ignore[misc]
        finally:
            written.set()
        tailing.result()
    expected = sum(10 * (1 + n % 3) for n in range(16))
    assert seen == list(range(1, expected + 1))
    commits = recorders[0].read_commits(0, 1000)
    assert [c.number for c in commits] == list(range(1, 161))
    assert [c.first_position for c in commits[1:]] == [c.last_position + 1 for c in commits[:-1]]


@pytest.mark.parametrize("table", ["events", "commit_log", "receipts"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"])
def test_the_database_refuses_to_change_history(
    recorder: LedgerRecorder, migrated_url: str, table: str, change: str
) -> None:
    """Asked by the owner of the tables; without a WHERE, so that no row is needed to be refused."""
    commit(recorder, ("order-1", 1), receipts=[receipt("n1")])
    before = contents(recorder)
    database = parse_database_url(migrated_url)
    if database.dialect == "sqlite" and change.startswith("TRUNCATE"):
        change = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"  # There DELETE's other disguise.
    column = "topic" if table == "events" else "digest"
    engine = sqlalchemy_engine(database)
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), engine.begin() as connection:
        connection.execute(text(change.format(table, column)))
    engine.dispose()
    assert contents(recorder) == before


def test_the_library_writes_through_the_commit_log_too(recorder: LedgerRecorder) -> None:
    stored = [StoredEvent("order-1", 1, "test.happened.1", b"1")]
    assert recorder.insert_events(stored) == [1]  # type: ignore[attr-defined]
    [row] = recorder.read_commits(0, 10)
    assert (row.first_position, row.last_position, row.receipts) == (1, 1, 0)
    assert recorder.select_events("order-1") == stored  # type: ignore[attr-defined]


def test_recorders_create_no_tables(recorder: LedgerRecorder) -> None:
    with pytest.raises(ProgrammingError, match="migrations"):
        recorder.create_table()  # type: ignore[attr-defined]


def test_closing_lets_reads_under_way_end(migrated_url: str, opened: Opener) -> None:
    """A driver may crash the whole process when a connection is closed under a statement."""
    other = opened(migrated_url)
    for n in range(200):
        commit(other, *[(f"order-{n}-{k}", 1) for k in range(20)])
    reading = threading.Barrier(5)
    ended: list[str] = []

    def read_on() -> None:
        reading.wait()
        try:
            while True:
                assert len(other.read_log(0, 4000)) == 4000
        except EventSourcingError as error:
            ended.append(type(error).__name__)

    threads = [threading.Thread(target=read_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    reading.wait()
    other.close()
    for thread in threads:
        thread.join(30)
    assert len(ended) == 4


@pytest.mark.timeout(60)
def test_a_read_that_ctrl_c_cut_off_is_not_waited_for(migrated_url: str, opened: Opener) -> None:
    """KeyboardInterrupt may come anywhere, also before a read could say that it is over."""
    recorder = opened(migrated_url)
    if hasattr(recorder, "_readers"):
        recorder._readers.add(threading.get_ident())
    recorder.close()
    with pytest.raises(EventSourcingError):
        recorder.head()
