"""A rebuild makes the same rows, and neither readers nor writers notice, not even when killed."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from domain.accounting.account import Held
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from projections.engine.checkpoints import KEPT, PAUSED, RUNNING, Checkpoint
from projections.engine.engine import Projector, Runner
from projections.engine.lease import lease
from projections.engine.wakeup import WakeUp
from projections.rebuilding import shadow
from projections.rebuilding.comparison import Deviation, check
from projections.rebuilding.rebuild import RebuildResult, rebuild
from projections.rebuilding.swap import NothingKept, RebuildRunning, rebuilding, rollback
from tests.projections.example import (
    BOTH,
    LINES,
    OTHER,
    RELEASES,
    TALLIES,
    TOTALS,
    Books,
    append,
    books,
    expected,
    facts,
    tallies,
)

ROOT = Path(__file__).parents[3]
TABLES = (TOTALS, LINES, RELEASES)


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        append(opened.recorder, facts(200))
        Projector(opened.recorder, opened.engine, BOTH).catch_up()
        yield opened


def again(made: Books, *models: object, **options: object) -> list[RebuildResult]:
    return rebuild(made.recorder, made.engine, models or BOTH, **options)  # type: ignore[arg-type]


def names(made: Books) -> list[str]:
    """Every table and index of the example, whatever it is called now."""
    inspector = sa.inspect(made.engine)
    tables = [name for name in inspector.get_table_names() if name.startswith("tally_")]
    indexes = [str(i["name"]) for name in tables for i in inspector.get_indexes(name)]
    return sorted(tables + indexes)


def assert_whole(made: Books) -> None:
    totals, lines = expected(made.recorder)
    assert made.rows(LINES) == lines
    assert made.rows(TOTALS) == totals


def interrupt_at(position: int) -> Callable[[int, int], None]:
    def stop(done: int, _total: int) -> None:
        if done >= position:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("batch", [7, 20_000])
def test_rebuilt_is_equal_to_live_and_takes_its_place(made: Books, batch: int) -> None:
    before, told = made.digest(), list[tuple[int, int]]()
    results = again(made, batch=batch, on_progress=lambda *pair: told.append(pair))
    assert [(r.name, r.facts, r.position) for r in results] == [
        ("tallies", 200, 200),
        ("releases", 200, 200),
    ]
    assert all(r.equal and r.swapped and not r.resumed and r.reason is None for r in results)
    assert results[0].live_digest == results[0].rebuilt_digest == before == made.digest()
    assert told == sorted(told) and told[-1] == (200, 200)
    assert made.checkpoint("tallies") == Checkpoint("tallies", 200, 1)
    assert made.checkpoint("tallies__old") == Checkpoint("tallies__old", 200, 0, KEPT)
    assert_whole(made)


def test_rebuilding_again_and_again_leaves_one_kept_set_and_all_indexes(made: Books) -> None:
    for generation in (1, 2, 3):
        assert all(result.equal for result in again(made))
        assert made.checkpoint("tallies").generation == generation
    found = names(made)
    assert [name for name in found if "__g" not in name] == sorted(
        table.name + suffix for table in TABLES for suffix in ("", "__old")
    )
    inspector = sa.inspect(made.engine)
    for table in ("tally_lines", "tally_lines__old"):
        columns = [tuple(i["column_names"]) for i in inspector.get_indexes(table)]
        assert sorted(columns) == [("account", "position"), ("amount_fen",)]
        assert inspector.get_pk_constraint(table)["constrained_columns"] == ["position"]


def test_a_dropped_read_model_comes_back_to_the_byte(made: Books) -> None:
    before = [made.digest(model) for model in BOTH]
    for table in (TOTALS, LINES):
        made.execute(f"DROP TABLE {table.name}")
    results = again(made)
    assert [(r.equal, r.swapped) for r in results] == [(None, True), (True, True)]
    assert [made.digest(model) for model in BOTH] == before

    for table in TABLES:
        made.execute(f"DROP TABLE {table.name}")
    made.execute("DROP TABLE projection_checkpoints")
    assert [(r.equal, r.swapped, r.position) for r in again(made)] == [(None, True, 200)] * 2
    assert [made.digest(model) for model in BOTH] == before


def test_rows_that_no_fact_made_are_found_and_only_force_replaces_them(made: Books) -> None:
    whole = made.digest()
    made.execute("UPDATE tally_totals SET held_fen = held_fen + 1 WHERE account = '2241.01.M3'")
    tampered = made.digest()
    found = again(made)
    assert [(r.equal, r.swapped) for r in found] == [(False, False), (True, True)]
    assert (found[0].live_digest, found[0].rebuilt_digest) == (tampered, whole)
    assert "differ from the facts at position 200" in str(found[0].reason)
    assert made.digest() == tampered, "not replaced"

    forced = again(made, TALLIES, force=True)[0]
    assert (forced.equal, forced.swapped, forced.resumed, forced.facts) == (False, True, True, 0)
    assert made.digest() == whole


def test_what_is_off_is_named_to_the_row(made: Books) -> None:
    assert check(made.recorder, made.engine, BOTH) == []
    made.execute("UPDATE tally_lines SET reason = 'other' WHERE position = 7")
    row = ("2241.01.M9", "r2", 222)
    finding = check(made.recorder, made.engine, BOTH)[0]
    assert (finding.projection, finding.table, finding.key) == ("tallies", "tally_lines", (7,))
    assert finding.live == (7, row[0], "other", row[2], None)
    assert finding.expected == (7, *row, None)
    made.execute("DELETE FROM tally_lines WHERE position = 7")
    missing = check(made.recorder, made.engine, BOTH)[0]
    assert (missing.key, missing.live, missing.expected) == ((7,), None, (7, *row, None))
    made.execute("INSERT INTO tally_lines VALUES (5, 'x', NULL, 1, NULL)")
    extra = check(made.recorder, made.engine, BOTH)[0]
    assert (extra.key, extra.expected) == ((5,), None)
    again(made, TALLIES, force=True)
    assert check(made.recorder, made.engine, BOTH) == []


def test_verifying_needs_no_right_to_write(made: Books) -> None:
    engine = sqlalchemy_engine(parse_database_url(made.url), read_only=True)
    try:
        assert check(made.recorder, engine, BOTH) == []
    finally:
        engine.dispose()
    made.execute("DELETE FROM projection_checkpoints WHERE name = 'tallies'")
    made.execute("UPDATE projection_checkpoints SET state = 'paused', reason = 'a reason'")
    assert check(made.recorder, made.engine, BOTH) == [
        Deviation("tallies", "there is no checkpoint: it has never run, or was dropped"),
        Deviation("releases", "paused after position 200: a reason"),
    ]


def test_a_live_model_far_behind_is_compared_where_it_stands(made: Books) -> None:
    append(made.recorder, facts(100, 200))
    result = again(made, TALLIES, batch=30)[0]
    assert (result.compared_at, result.equal, result.position) == (200, True, 300)
    assert_whole(made)


def test_a_paused_model_is_put_right_by_a_rebuild(made: Books) -> None:
    append(made.recorder, [("account-2241.01.M1", Held("HX", 1, "poison"))])
    append(made.recorder, facts(10, 300))
    broken = tallies(refuses="poison")
    projector = Projector(made.recorder, made.engine, [broken])
    projector.catch_up()
    assert made.checkpoint("tallies").state == PAUSED

    failed = again(made, broken)[0]
    assert (failed.swapped, failed.equal, failed.position) == (False, None, 200)
    assert "ArithmeticError: cannot tally poison" in str(failed.reason)
    assert made.checkpoint("tallies").position == 200

    mended = again(made, TALLIES)[0]
    assert (mended.equal, mended.swapped, mended.position) == (None, True, 211)
    assert made.checkpoint("tallies").state == RUNNING
    assert_whole(made)


def test_one_rebuild_at_a_time(made: Books) -> None:
    with rebuilding(made.engine):
        with pytest.raises(RebuildRunning):
            again(made)
        with pytest.raises(RebuildRunning):
            rollback(made.engine, BOTH)
        assert check(made.recorder, made.engine, BOTH) == []
    assert again(made, OTHER)[0].swapped


def test_rollback_takes_back_the_old_rows_and_the_projector_goes_on(made: Books) -> None:
    with pytest.raises(NothingKept):
        rollback(made.engine, BOTH)
    again(made)
    append(made.recorder, facts(50, 200))
    Projector(made.recorder, made.engine, BOTH).catch_up()
    newest = made.digest()
    assert rollback(made.engine, BOTH) == {"tallies": 200, "releases": 200}
    assert made.checkpoint("tallies").generation == 2, "whoever still folds for the new is fenced"
    assert made.rows(LINES)[-1][0] == 199
    Projector(made.recorder, made.engine, BOTH).catch_up()
    assert made.digest() == newest
    assert rollback(made.engine, [TALLIES]) == {"tallies": 250}
    assert made.digest() == newest
    assert again(made)[0].equal
    assert made.checkpoint("tallies").generation == 4


def test_tables_of_another_version_are_not_taken_back(made: Books) -> None:
    again(made)
    made.execute("ALTER TABLE tally_lines__old ADD COLUMN more text")
    with pytest.raises(NothingKept, match="not those of this version"):
        rollback(made.engine, BOTH)
    assert made.checkpoint("releases").generation == 1, "all or none"


def test_a_stopped_rebuild_goes_on_unless_what_it_was_made_by_has_changed(made: Books) -> None:
    with pytest.raises(KeyboardInterrupt):
        again(made, batch=10, on_progress=interrupt_at(100))
    left = made.checkpoint("tallies__next")
    assert 100 <= left.position < 200
    result = again(made, TALLIES)[0]
    assert (result.resumed, result.equal, result.facts) == (True, True, 200 - left.position)

    with pytest.raises(KeyboardInterrupt):
        again(made, batch=10, on_progress=interrupt_at(100))
    made.execute("UPDATE projection_checkpoints SET fingerprint = 'x' WHERE fingerprint <> ''")
    result = again(made, TALLIES)[0]
    assert (result.resumed, result.equal, result.facts) == (False, True, 200)


def test_a_stopped_rebuild_that_had_passed_the_live_model_is_still_compared(made: Books) -> None:
    append(made.recorder, facts(60, 200))
    target = shadow.beside(TALLIES)
    with pytest.raises(KeyboardInterrupt):
        again(made, TALLIES, batch=10, on_progress=interrupt_at(230))
    assert made.checkpoint(target.name).position > made.checkpoint("tallies").position == 200
    result = again(made, TALLIES)[0]
    assert result.equal and result.resumed and result.swapped
    assert result.compared_at is not None and result.compared_at > 200
    assert_whole(made)


def test_readers_and_writers_notice_nothing(made: Books) -> None:
    """Rebuild after rebuild under load: counts only grow, no reader meets an error or a gap."""
    stop, wakeup = threading.Event(), WakeUp()
    failures: list[BaseException | str] = []
    reads = [0, 0]
    threads = [
        threading.Thread(target=_guarded, args=(failures, work))
        for work in (
            lambda: Projector(made.recorder, made.engine, BOTH).run(stop, wakeup),
            lambda: _write_until(made, stop, wakeup),
            lambda: _read_until(made, stop, reads, 0, failures),
            lambda: _read_until(made, stop, reads, 1, failures),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            results = again(made, batch=40)
            assert all(r.equal and r.swapped for r in results), results
    finally:
        stop.set()
        wakeup.wake()
        for thread in threads:
            thread.join()
    assert failures == []
    assert min(reads) > 10
    Projector(made.recorder, made.engine, BOTH).catch_up()
    assert made.head() > 200
    assert_whole(made)


def _guarded(failures: list[BaseException | str], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:
        failures.append(error)


def _write_until(made: Books, stop: threading.Event, wakeup: WakeUp) -> None:
    head = made.head()
    while not stop.wait(0.005):
        head = append(made.recorder, facts(3, head))
        wakeup.wake(head)


def _read_until(
    made: Books,
    stop: threading.Event,
    reads: list[int],
    which: int,
    failures: list[BaseException | str],
) -> None:
    last = 0
    query = select(sa.func.count(), sa.func.coalesce(sa.func.max(LINES.c.position), 0))
    with made.engine.connect() as connection:  # One connection: its statements are kept prepared.
        while not stop.is_set():
            count = connection.execute(query.select_from(LINES)).one()[0]
            total = connection.scalar(select(sa.func.sum(TOTALS.c.count)))
            connection.rollback()
            if count < last or total < count:
                failures.append(f"{last} lines, then {count}, then {total} in the totals")
                return
            last = count
            reads[which] += 1


def test_a_reader_in_the_middle_of_something_is_neither_cut_off_nor_in_the_way(
    made: Books,
) -> None:
    """On SQLite it keeps its view; on PostgreSQL the swap waits, and lets others read meanwhile."""
    waits = made.engine.dialect.name == "postgresql"
    results: list[RebuildResult] = []
    thread = threading.Thread(target=lambda: results.extend(again(made)))
    with made.engine.connect() as reader:
        before = reader.execute(select(LINES)).all()
        append(made.recorder, facts(10, 200))
        thread.start()
        if waits:
            for _ in range(20):  # Each waits for one attempt to swap at most, not for the reader.
                with made.engine.connect() as other:
                    other.execute(sa.text("SET lock_timeout = '5s'"))
                    assert len(other.execute(select(LINES)).all()) == len(before)
            assert results == [], "it cannot have swapped"
        else:
            thread.join()
            assert len(results) == 2
            assert reader.execute(select(LINES)).all() == before
    thread.join()
    assert [result.position for result in results] == [210, 210]
    assert len(made.rows(LINES)) == len(before) + 8
    assert_whole(made)


@pytest.mark.parametrize("seed", range(4))
def test_a_rebuild_killed_at_any_moment_leaves_the_live_rows_alone(made: Books, seed: int) -> None:
    chance = random.Random(seed)
    append(made.recorder, facts(800, 200))
    Projector(made.recorder, made.engine, BOTH).catch_up()
    before = [made.digest(model) for model in BOTH]
    for _ in range(3):
        _kill_after_lines(made.url, chance.randrange(0, 60))
        assert [made.digest(model) for model in BOTH] == before
        append(made.recorder, facts(10, made.head()))
        Projector(made.recorder, made.engine, BOTH).catch_up()
        assert_whole(made)
        before = [made.digest(model) for model in BOTH]
    assert all(result.equal and result.swapped for result in again(made))
    assert [made.digest(model) for model in BOTH] == before


def _kill_after_lines(url: str, lines: int) -> None:
    command = [sys.executable, "-m", "tests.projections.rebuilt", url, "30"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(lines):
        if not process.stdout.readline():
            break
    process.kill()
    process.wait()
    process.stdout.close()
    # PostgreSQL notices a while later that whoever had the lease is gone.
    engine = sqlalchemy_engine(parse_database_url(url))
    with lease(engine, "rebuild", patience_ms=30_000):
        pass
    engine.dispose()


def test_a_shadow_left_by_a_killed_rebuild_is_used(made: Books) -> None:
    append(made.recorder, facts(800, 200))
    Projector(made.recorder, made.engine, BOTH).catch_up()
    _kill_after_lines(made.url, 10)
    assert made.checkpoint("tallies__next").position > 0
    assert [result.resumed for result in again(made)] == [True, True]
    runner = Runner(made.recorder, made.engine, [shadow.beside(TALLIES)])
    assert runner.load() == {}, "nothing is left over"
