"""Hints come quickly, from any process, after a broken connection too; and none is needed."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from projections.engine.wakeup import WakeUp
from tests.projections.example import append, books, facts

SOON_MS = 10_000


@pytest.fixture
def wakeup() -> Iterator[WakeUp]:
    one = WakeUp()
    yield one
    one.close()


def channel(recorder: object) -> str:
    return getattr(recorder, "channel", "")


def drain(wakeup: WakeUp) -> None:
    """Until no hint has come for a while: those of the past are taken."""
    while wakeup.wait(300):
        pass


def test_a_hint_given_before_waiting_is_not_lost() -> None:
    one = WakeUp()
    assert not one.wait(1)
    one.wake(17)
    assert one.wait(0) and not one.wait(0)


def test_a_waiting_thread_is_woken() -> None:
    one, came = WakeUp(), list[bool]()
    thread = threading.Thread(target=lambda: came.append(one.wait(60_000)))
    thread.start()
    one.wake()
    thread.join()
    assert came == [True]


def test_commits_made_elsewhere_wake(migrated_url: str, wakeup: WakeUp) -> None:
    with books(migrated_url) as made:
        other = open_recorder(parse_database_url(migrated_url))
        try:
            wakeup.follow(parse_database_url(migrated_url), channel(made.recorder))
            assert wakeup.wait(SOON_MS), "once when it begins to listen"
            for i in range(5):
                drain(wakeup)
                append(other, facts(2, i * 2))
                began = time.monotonic_ns()
                assert wakeup.wait(SOON_MS)
                assert (time.monotonic_ns() - began) // 1_000_000 < 5_000
        finally:
            other.close()


def test_it_ends_promptly_and_wakes_who_waits(migrated_url: str) -> None:
    with books(migrated_url) as made:
        one = WakeUp()
        one.follow(parse_database_url(migrated_url), channel(made.recorder))
        one.wait(SOON_MS)
        before = threading.active_count()
        one.close()
        assert one.wait(0) and threading.active_count() == before - 1


@pytest.mark.postgresql
def test_a_broken_connection_is_made_again(postgres_url: str, wakeup: WakeUp) -> None:
    name = "zhangfang_wakeup_test"
    wakeup.follow(parse_database_url(postgres_url), name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        assert wakeup.wait(SOON_MS)
        drain(wakeup)
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s",
            (f'LISTEN "{name}"',),
        ).fetchall()
        assert killed == [(True,)]
        assert wakeup.wait(SOON_MS), "listening anew is a hint: something may have come meanwhile"
        drain(wakeup)
        connection.execute(f"NOTIFY {name}")
        assert wakeup.wait(SOON_MS)
