"""Each fact counts once, in any batches, whoever runs the engine; and nothing is passed over."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.accounting.account import Held
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.checkpoints import PAUSED, RUNNING, Checkpoint, Fenced
from projections.engine.engine import Projector, Runner
from projections.engine.folding import (
    READ,
    LogBroken,
    Source,
    apply,
    fold,
    live,
    read_page,
)
from projections.engine.wakeup import WakeUp
from projections.engine.writing import writing
from tests.projections.example import (
    BOTH,
    LINES,
    OTHER,
    RELEASES,
    START_US,
    TALLIES,
    TOTALS,
    Books,
    append,
    append_raw,
    books,
    expected,
    facts,
    tallies,
)


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        yield opened


def projector(made: Books, *models: object, batch: int = 2_000) -> Projector:
    return Projector(made.recorder, made.engine, models or BOTH, batch=batch)  # type: ignore[arg-type]


def assert_whole(made: Books) -> None:
    totals, lines = expected(made.recorder)
    assert made.rows(LINES) == lines
    assert made.rows(TOTALS) == totals
    assert made.checkpoint("tallies").position == made.head()


@pytest.mark.parametrize("batch", [1, 2, 7, 60, 1_000])
def test_any_batch_size_gives_the_same_rows(made: Books, batch: int) -> None:
    append(made.recorder, facts(60))
    assert projector(made, batch=batch).catch_up() == {"tallies": 60, "releases": 60}
    assert_whole(made)
    assert sum(row[1] for row in made.rows(RELEASES)) == 12
    # The same on both databases, and in any version from now on.
    assert made.digest() == "f89b6ba771a0b65e7b45a4d8afa61bc5364384c6c230594ae25a45bce5621e84"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=6))
def test_facts_may_come_in_any_portions(made: Books, portions: list[tuple[int, int]]) -> None:
    for count, batch in portions:
        append(made.recorder, facts(count, made.head()))
        projector(made, batch=batch).catch_up()
    assert_whole(made)


def test_it_stops_where_it_is_told(made: Books) -> None:
    for fact in facts(30):
        append(made.recorder, [fact])
    runner = projector(made, batch=4)
    assert runner.catch_up(until=10) == {"tallies": 10, "releases": 10}
    assert [row[0] for row in made.rows(LINES)][-1] <= 10
    told: list[tuple[int, int]] = []
    runner.catch_up(on_progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 20), (8, 20), (12, 20), (16, 20), (20, 20)]


def test_readers_never_see_half_a_commit(made: Books) -> None:
    """However small the batches are and however long the commits."""
    ends = [0]
    for size in (3, 1, 40, 2, 2, 7):
        ends.append(append(made.recorder, facts(size, start=ends[-1])))
    seen: list[int] = []
    projector(made, batch=5).catch_up(on_progress=lambda done, _total: seen.append(done))
    assert seen[-1] == ends[-1]
    assert set(seen) <= set(ends)
    assert_whole(made)


def test_read_models_at_different_positions_meet(made: Books) -> None:
    append(made.recorder, facts(40))
    projector(made, TALLIES).catch_up(until=17)
    projector(made, OTHER, batch=3).catch_up(until=5)
    assert projector(made, batch=10).catch_up() == {"tallies": 40, "releases": 40}
    assert_whole(made)


def test_whoever_comes_second_is_fenced_and_nothing_counts_twice(made: Books) -> None:
    append(made.recorder, facts(20))
    slow = Runner(made.recorder, made.engine, [live(TALLIES)])
    projector(made).catch_up(until=10)
    at = slow.load()["tallies"]
    source = Source(made.recorder)
    batch = fold(source, [live(TALLIES)], {"tallies": at}, 20)[0]
    projector(made, batch=3).catch_up(until=16)

    assert apply(made.engine, source, [batch])["tallies"].position == 16
    with writing(made.engine) as connection, pytest.raises(Fenced):
        checkpoints.advance(connection, at, 20)
    assert slow.catch_up()["tallies"].position == 20
    assert_whole(made)


def test_a_new_generation_fences_as_well(made: Books) -> None:
    projector(made).prepare()
    at = made.checkpoint("tallies")
    made.execute("UPDATE projection_checkpoints SET generation = 1 WHERE name = 'tallies'")
    with writing(made.engine) as connection, pytest.raises(Fenced):
        checkpoints.advance(connection, at, 1)


def test_runners_side_by_side_count_every_fact_once(made: Books) -> None:
    append(made.recorder, facts(400))
    failures: list[BaseException] = []

    def run(batch: int) -> None:
        try:
            projector(made, batch=batch).catch_up()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(batch,)) for batch in (3, 5, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_whole(made)


@pytest.mark.parametrize("batch", [1, 4, 100])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"refuses": "poison"}, id="cannot be folded"),
        pytest.param({"unwritable": 777_777}, id="cannot be written"),
    ],
)
def test_a_poisonous_fact_pauses_its_read_model_only(
    made: Books, batch: int, wrong: dict[str, object]
) -> None:
    append(made.recorder, facts(23))
    append(made.recorder, [("account-2241.01.M1", Held("HX", 777_777, "poison"))])
    append(made.recorder, facts(23, 30))
    broken = projector(made, tallies(**wrong), OTHER, batch=batch)  # type: ignore[arg-type]

    assert broken.catch_up() == {"tallies": 23, "releases": 47}
    state = made.checkpoint("tallies")
    assert (state.state, state.reason_position) == (PAUSED, 24)
    assert "account.held.1 at position 24" in str(state.reason)
    assert [row[0] for row in made.rows(LINES)] == [
        row[0] for row in expected(made.recorder)[1] if row[0] < 24
    ], "what came before the poison is there, and nothing of what comes after"
    assert broken.catch_up() == {"tallies": 23, "releases": 47}, "it is not tried again by itself"

    assert broken.resume("tallies")
    assert broken.catch_up()["tallies"] == 23, "still broken: paused again"
    mended = projector(made, batch=batch)
    assert mended.resume("tallies")
    assert not mended.resume("tallies")
    mended.catch_up()
    assert_whole(made)
    assert made.checkpoint("tallies") == Checkpoint("tallies", 47)


def test_a_batch_is_read_in_portions_and_is_still_one(made: Books) -> None:
    """More than is read at once: what is wrong in a later portion is found where it is."""
    count = 2 * READ + 10
    append(made.recorder, facts(count - 1))
    append(made.recorder, [("account-2241.01.M1", Held("HX", 1, "poison"))])
    append(made.recorder, facts(20, count))
    told: list[int] = []
    broken = Runner(made.recorder, made.engine, [live(tallies("poison")), live(OTHER)], batch=10**5)
    projector(made).prepare()
    states = broken.catch_up(on_progress=lambda done, _: told.append(done))
    assert states["releases"].position == count + 20
    assert made.checkpoint("tallies").reason_position == count
    assert [len(made.rows(LINES)), told[-1]] == [
        len([i for i in range(count - 1) if i % 5 != 4]),
        count - 1,
    ]


def test_an_unknown_name_stops_everybody_there(made: Books) -> None:
    append(made.recorder, facts(5))
    append_raw(made.recorder, [("account-2241.01.M1", "account.levitated.9", b"{}")])
    append(made.recorder, facts(5, 6))
    assert projector(made).catch_up() == {"tallies": 5, "releases": 5}
    assert "'account.levitated.9' at position 6" in str(made.checkpoint("releases").reason)


def test_bytes_that_are_not_the_fact_stop_those_who_want_it(made: Books) -> None:
    append(made.recorder, facts(5))
    append_raw(made.recorder, [("account-2241.01.M1", "account.held.1", b'{"at":1}')])
    append(made.recorder, facts(5, 6))
    assert projector(made).catch_up() == {"tallies": 5, "releases": 11}


def test_a_hole_in_the_log_stops_everybody_before_it(made: Books) -> None:
    for fact in facts(12):
        append(made.recorder, [fact])
    if made.engine.dialect.name == "sqlite":
        made.execute("DROP TRIGGER events_refuse_DELETE")
    else:
        made.execute("ALTER TABLE events DISABLE TRIGGER USER")
    made.execute("DELETE FROM events WHERE notification_id = 7")
    with pytest.raises(LogBroken, match="position 7 is missing"):
        read_page(made.recorder, 3, 100, 12)
    assert projector(made, batch=6).catch_up() == {"tallies": 6, "releases": 6}
    state = made.checkpoint("tallies")
    assert (state.state, state.reason) == (PAUSED, "position 7 is missing from the log")

    made.execute("DELETE FROM events WHERE notification_id > 7")
    made.execute("UPDATE projection_checkpoints SET state = 'running', reason = NULL")
    projector(made).catch_up()
    assert made.checkpoint("tallies").state == PAUSED, "a log that ends too early is a hole too"


def test_rows_without_a_checkpoint_are_not_added_to(made: Books) -> None:
    append(made.recorder, facts(9))
    projector(made).catch_up()
    made.execute("DELETE FROM projection_checkpoints WHERE name = 'tallies'")
    rows = made.rows(TOTALS)
    assert projector(made).catch_up() == {"tallies": 0, "releases": 9}
    assert made.checkpoint("tallies").state == PAUSED
    assert made.rows(TOTALS) == rows


def test_missing_tables_pause_and_do_not_stop_the_others(made: Books) -> None:
    projector(made).prepare()
    append(made.recorder, facts(9))
    made.execute("DROP TABLE tally_lines")
    assert projector(made).catch_up() == {"tallies": 0, "releases": 9}
    assert "tally_lines" in str(made.checkpoint("tallies").reason)


def test_status_says_how_far_behind_and_for_how_long(made: Books) -> None:
    second = 1_000_000
    one = projector(made)
    assert one.status(START_US)[0].state == RUNNING, "before it has ever run"
    for i in range(6):
        append(made.recorder, facts(5, i * 5), now_us=START_US + i * second)
    one.catch_up(until=12)
    now = START_US + 60 * second + 1
    status = one.status(now)[0]
    assert (status.name, status.position, status.head) == ("tallies", 12, 30)
    assert (status.lag_events, status.lag_us) == (18, 58 * second + 1)
    assert status.lag_seconds == 59
    one.catch_up()
    status = one.status(now)[0]
    assert (status.lag_events, status.lag_us, status.lag_seconds) == (0, 0, 0)


def test_a_running_projector_follows_the_log(made: Books) -> None:
    stop, wakeup = threading.Event(), WakeUp()
    running = projector(made)
    thread = threading.Thread(target=running.run, args=(stop, wakeup))
    thread.start()
    try:
        for i in range(5):
            head = append(made.recorder, facts(3, i * 3))
            wakeup.wake(head)
            assert made.reaches(head, ["tallies", "releases"], 20_000)
            assert made.checkpoint("tallies").position >= head
        assert append(made.recorder, facts(1, 50)) and made.reaches(16, ["tallies"], 20_000), (
            "without a hint the log is read again all the same"
        )
    finally:
        stop.set()
        wakeup.wake()
        thread.join()
    assert_whole(made)


def test_waiting_ends_when_it_is_in_vain(made: Books) -> None:
    head = append(made.recorder, [("account-2241.01.M1", Held("HX", 1, "poison"))])
    one = projector(made, tallies(refuses="poison"), OTHER)
    assert not made.reaches(head, ["tallies"], 60), "nobody runs it"
    one.catch_up()
    assert not made.reaches(head, ["tallies"], 60_000), "paused: no point in waiting a minute"
    assert made.reaches(head, ["releases"])
    states = {"tallies": made.checkpoint("tallies"), "releases": made.checkpoint("releases")}
    behind = checkpoints.behind(states, ["tallies", "releases", "tallys"], head)
    assert [(one.name, one.state, one.position) for one in behind] == [
        ("tallies", "paused", 0),
        ("tallys", "running", 0),  # What has no checkpoint has not begun.
    ]
    assert checkpoints.behind(states, ["tallies"], 0) == []


def test_a_database_in_trouble_is_tried_again(made: Books) -> None:
    append(made.recorder, facts(5))
    one, stop, wakeup = projector(made), threading.Event(), WakeUp()
    made.execute("ALTER TABLE projection_checkpoints RENAME TO gone")
    thread = threading.Thread(target=one.run, args=(stop, wakeup))
    thread.start()
    try:
        for _ in range(1_000):
            if one.trouble is not None or stop.wait(0.01):
                break
        assert "projection_checkpoints" in str(one.trouble)
        made.execute("ALTER TABLE gone RENAME TO projection_checkpoints")
        assert made.reaches(5, ["tallies"], 20_000)
        assert one.trouble is None or stop.wait(0.2) or one.trouble is None
    finally:
        stop.set()
        wakeup.wake()
        thread.join()
    assert_whole(made)


def test_a_fact_is_decoded_once_and_only_if_somebody_wants_it(made: Books) -> None:
    append(made.recorder, facts(10))
    append_raw(made.recorder, [("account-2241.01.M1", "account.unfrozen.1", b"not even JSON")])
    seen: list[int] = []

    def decode(row: object) -> object:
        seen.append(row[0])  # type: ignore[index]
        return codec.decode(row)  # type: ignore[arg-type]

    second = tallies(name="again")._replace(tables=(RELEASES,), write=lambda *_: None)
    models = (TALLIES, OTHER, second)
    Projector(made.recorder, made.engine, models, decode=decode).catch_up()  # type: ignore[arg-type]
    assert seen == list(range(1, 11))


def test_a_page_that_somebody_else_has_written_is_taken_as_written(made: Books) -> None:
    """`run` remembers where everybody stands; whoever moves them meanwhile is believed."""
    mine, other = projector(made), projector(made)
    stop, wakeup = threading.Event(), WakeUp()
    thread = threading.Thread(target=mine.run, args=(stop, wakeup))
    thread.start()
    try:
        for start in range(0, 40, 10):
            append(made.recorder, facts(10, start))
            other.catch_up()
            wakeup.wake()
            assert made.reaches(start + 10, ["tallies", "releases"], 10_000)
        append(made.recorder, facts(10, 40))
        wakeup.wake()
        assert made.reaches(50, ["tallies", "releases"], 10_000)
    finally:
        stop.set()
        wakeup.close()
        thread.join()
    assert mine.trouble is None
    assert_whole(made)
