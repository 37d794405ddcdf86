"""Counts that processes keep together: none is lost, none is another key's, and there is an end."""

import os
import time
from collections.abc import Callable

import pytest

from api.http.counting import PROBES, CountedTogether
from api.http.errors import Problem
from api.http.keys import Caller
from api.http.rates import Rates

NOW = 1_900_000_000


def fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_no_addition_of_processes_at_once_is_lost() -> None:
    counted = CountedTogether(3)
    keys = [f"key{n}" for n in range(40)]

    def add(process: int) -> None:
        counted.process = process
        for _ in range(250):
            for key in keys:
                counted.add(key, NOW, 1)

    pids = [fork(lambda process=process: add(process)) for process in range(3)]  # type: ignore[misc]
    assert [ended_well(pid) for pid in pids] == [True] * 3
    assert {counted.add(key, NOW, 0) for key in keys} == {750}


def test_a_window_that_is_over_counts_for_nothing() -> None:
    counted = CountedTogether(2)
    assert [counted.add("a", NOW, 2), counted.add("a", NOW, 3)] == [2, 5]
    counted.process = 1
    assert [counted.add("a", NOW, 1), counted.add("a", NOW + 1, 1)] == [6, 1]
    counted.process = 0
    assert counted.add("a", NOW + 1, 1) == 2


def test_a_successor_goes_on_where_a_killed_process_was() -> None:
    counted = CountedTogether(2)

    def die() -> None:
        counted.process = 1
        counted.add("a", NOW, 7)
        os.kill(os.getpid(), 9)

    assert not ended_well(fork(die))
    counted.process = 1
    assert counted.add("a", NOW, 1) == 8
    assert counted.add("b", NOW, 1) == 1, "no lock is left behind"


def test_places_are_taken_over_from_keys_that_are_silent() -> None:
    counted = CountedTogether(2, places=8)
    for second in range(20):
        for n in range(8):
            assert counted.add(f"{second}-{n}", NOW + second, 5) == 5, (second, n)
    assert counted.add("0-0", NOW + 20, 1) == 1


def test_more_keys_than_places_are_counted_anew_not_together() -> None:
    counted = CountedTogether(1, places=1)
    for n in range(3 * PROBES):
        assert counted.add(f"key{n}", NOW, 1) == 1
    assert len(counted._found) <= 2


def test_no_count_runs_into_its_window() -> None:
    counted = CountedTogether(1)
    for _ in range(5):
        most = counted.add("a", NOW, 1_000_000_000)
    assert most == 2**31 - 1
    assert counted.add("a", NOW + 1, 1) == 1


def test_two_processes_have_one_limit_between_them() -> None:
    counted = CountedTogether(2)
    caller = Caller("operator", None, "key")
    other = Caller("operator", None, "another")
    rates = Rates("10/hour", counted)
    begun = int(time.time()) // 3600
    let_in = 0
    for n in range(14):
        counted.process = n % 2
        try:
            rates.charge(caller)
            let_in += 1
        except Problem as no:
            assert no.status == 429
            assert 1 <= int(no.headers["Retry-After"]) <= 3600
    if int(time.time()) // 3600 == begun:  # Not over the hour's end.
        assert let_in == 10
        with pytest.raises(Problem):
            rates.charge(caller, 3)
    rates.charge(other, 9)
