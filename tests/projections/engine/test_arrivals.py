"""Who waits is woken by the commit of the rows: no poll and no re-read is needed for it."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.eventstore.database import parse_database_url
from projections.engine import checkpoints
from projections.engine.arrivals import Arrivals, Follower, rows_channel
from projections.engine.checkpoints import PAUSED, RUNNING, Checkpoint
from projections.engine.engine import Projector
from tests.projections.example import BOTH, Books, append, books, facts

ROOT = Path(__file__).parents[3]
NAMES = ("tallies", "releases")
NEVER_MS = 3_600_000  # A re-read that far away wakes nobody.
LONG_MS = 60_000
PROJECT = """
import sys
from projections.engine.engine import Projector
from tests.projections.example import BOTH, books
with books(sys.argv[1]) as made:
    sys.stdin.readline()
    Projector(made.recorder, made.engine, BOTH).catch_up()
"""


def at(position: int, state: str = RUNNING) -> dict[str, Checkpoint]:
    return {name: Checkpoint(name, position, state=state) for name in NAMES}


async def until_waiting(arrivals: Arrivals, count: int) -> None:
    while arrivals.waiting != count:
        await asyncio.sleep(0)


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        yield opened


def test_a_projector_of_this_process_wakes_who_waits(made: Books) -> None:
    arrivals = Arrivals()
    projector = Projector(made.recorder, made.engine, BOTH, on_written=arrivals.reached)
    append(made.recorder, facts(10))

    async def story() -> None:
        mark = arrivals.mark()
        waiting = asyncio.create_task(arrivals.wait(NAMES, 10, mark, NEVER_MS))
        await until_waiting(arrivals, 1)
        thread = threading.Thread(target=projector.catch_up)
        thread.start()
        await asyncio.wait_for(waiting, LONG_MS)
        thread.join()
        assert {made.checkpoint(name).position for name in NAMES} == {10}

    asyncio.run(story())
    assert arrivals.waiting == 0


def test_a_projector_of_another_process_wakes_who_waits(made: Books, migrated_url: str) -> None:
    """By NOTIFY, or by the file: the re-read is an hour away."""
    arrivals = Arrivals()
    loaded: list[int] = []

    def load() -> dict[str, Checkpoint]:
        with made.engine.connect() as connection:
            found = checkpoints.load(connection, NAMES)
        loaded.append(min((one.position for one in found.values()), default=0))
        return found

    follower = Follower(arrivals, load, reread_ms=NEVER_MS)
    follower.follow(parse_database_url(migrated_url), rows_channel(made.recorder))
    append(made.recorder, facts(10))
    program = [sys.executable, "-c", PROJECT, migrated_url]
    follower.start()
    try:
        other = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, text=True)

        async def story() -> None:
            mark = arrivals.mark()
            waiting = asyncio.create_task(arrivals.wait(NAMES, 10, mark, NEVER_MS))
            await until_waiting(arrivals, 1)
            await asyncio.to_thread(other.communicate, "go\n")
            await asyncio.wait_for(waiting, LONG_MS)

        asyncio.run(story())
    finally:
        follower.stop()
    assert other.returncode == 0
    assert loaded[-1] == 10


def test_what_came_before_the_mark_wakes_nobody_and_what_came_after_it_is_not_missed() -> None:
    arrivals = Arrivals()

    async def story() -> None:
        arrivals.reached(at(10))
        await arrivals.wait(NAMES, 10, arrivals.mark(), 1)  # Of a state that may be old: waited.
        mark = arrivals.mark()
        arrivals.reached(at(10))
        await arrivals.wait(NAMES, 10, mark, NEVER_MS)
        mark = arrivals.mark()
        assert not arrivals.hinted(), "nobody waits, so nobody reads"
        await arrivals.wait(NAMES, 99, mark, NEVER_MS)

    asyncio.run(asyncio.wait_for(story(), LONG_MS))


def test_a_paused_model_is_told_at_once_and_a_late_one_not() -> None:
    arrivals = Arrivals()

    async def story() -> None:
        mark = arrivals.mark()
        waiting = asyncio.create_task(arrivals.wait(NAMES, 10, mark, NEVER_MS))
        await until_waiting(arrivals, 1)
        arrivals.reached(at(9))
        arrivals.reached({"others": Checkpoint("others", 10)})
        assert arrivals.waiting == 1
        arrivals.reached(at(9, PAUSED))
        await waiting

    asyncio.run(asyncio.wait_for(story(), LONG_MS))


def test_a_thousand_who_wait_hold_no_thread_and_end_together() -> None:
    arrivals = Arrivals()
    before = threading.active_count()

    async def story() -> None:
        mark = arrivals.mark()
        waiting = [
            asyncio.create_task(arrivals.wait(NAMES, 1 + n % 10, mark, NEVER_MS))
            for n in range(1_000)
        ]
        await until_waiting(arrivals, 1_000)
        assert threading.active_count() == before
        for one in waiting[::2]:
            one.cancel()
        await until_waiting(arrivals, 500)
        arrivals.reached(at(2))
        assert arrivals.waiting == 400
        arrivals.reached(at(10))
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in ended[:2]] == [asyncio.CancelledError, type(None)]

    asyncio.run(asyncio.wait_for(story(), LONG_MS))
    assert arrivals.waiting == 0


def test_the_time_is_over_and_a_loop_may_be_gone() -> None:
    arrivals = Arrivals()
    asyncio.run(arrivals.wait(NAMES, 10, arrivals.mark(), 1))
    assert arrivals.waiting == 0
    loop = asyncio.new_event_loop()
    task = loop.create_task(arrivals.wait(NAMES, 10, arrivals.mark(), NEVER_MS))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    assert arrivals.waiting == 1
    loop.close()
    arrivals.reached(at(10))
    assert arrivals.waiting == 0 and not task.done()


def test_while_somebody_waits_the_checkpoints_are_read_again_without_any_hint() -> None:
    arrivals, reads = Arrivals(), list[int]()

    def load() -> dict[str, Checkpoint]:
        reads.append(1)
        if len(reads) == 1:
            raise OSError("the database is away")
        return at(len(reads))

    follower = Follower(arrivals, load, reread_ms=1)

    async def story() -> None:
        waiting = asyncio.create_task(arrivals.wait(NAMES, 3, arrivals.mark(), NEVER_MS))
        await until_waiting(arrivals, 1)  # A look before that would end the wait at once.
        follower.start()
        await waiting

    try:
        asyncio.run(asyncio.wait_for(story(), LONG_MS))
    finally:
        follower.stop()
    assert len(reads) == 3


def test_who_is_told_by_a_projector_need_not_look_before_it_gets_there() -> None:
    for told in (False, True):
        arrivals = Arrivals(told=told)
        assert arrivals.coming(NAMES, 10) is told, "not seen yet"
        arrivals.reached(at(9))
        assert arrivals.coming(NAMES, 10) is told
        arrivals.reached(at(9, PAUSED))
        assert not arrivals.coming(NAMES, 10), "it will not get there"
        arrivals.reached(at(10))
        assert not arrivals.coming(NAMES, 10)


def test_who_listens_is_told_of_every_move_until_it_stops() -> None:
    arrivals, heard = Arrivals(), []
    stop = arrivals.listen(lambda: heard.append(arrivals.position(NAMES)))
    arrivals.reached({"tallies": Checkpoint("tallies", 7)})
    arrivals.looked(at(9), time.monotonic_ns())
    assert heard == [0, 9], "one that nobody has seen is at 0"
    stop()
    arrivals.reached(at(12))
    assert heard == [0, 9] and arrivals.position(("releases",)) == 12


def test_who_only_listens_has_the_database_looked_at_after_hints() -> None:
    arrivals = Arrivals()
    arrivals.looked(at(5), time.monotonic_ns())
    assert not arrivals.hinted(came=True)
    stop = arrivals.listen(lambda: None)
    assert arrivals.hinted(came=True)
    assert not arrivals.hinted(came=False), "it was looked at a moment ago"
    stop()
    assert not arrivals.hinted(came=True)
