"""Two processes with sixteen threads each pay one merchant, and somebody reads along."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.eventstore.database import open_recorder, parse_database_url
from projections import balances
from projections.registry import READ_MODELS
from projections.verify import check
from tests.anomalies.conftest import CHILD, ROOT
from tests.anomalies.market import (
    assert_sound,
    count,
    kept,
    log_rows,
    merchant_fen,
    net_fen,
    opened,
    purchase,
)
from tests.examples import MERCHANT
from tests.servers import wait_until
from tests.stories.books import open_books

PROCESSES, THREADS, TIMES = ("A", "B"), 16, 40
BOUGHT = len(PROCESSES) * THREADS * TIMES
CALLERS = [f"{process}{thread}" for process in PROCESSES for thread in range(THREADS)]


@contextmanager
def reading_along(url: str) -> Iterator[list[int]]:
    """A reader of the log beside the writers; at the end the positions it saw, in its order."""
    seen: list[int] = []
    stop = threading.Event()
    recorder = open_recorder(parse_database_url(url))
    start = recorder.head().position

    def read() -> None:
        after, last_look = start, False
        while not last_look:
            last_look = stop.is_set()  # What is committed by then must be seen yet.
            while page := recorder.read_log(after, 100):
                seen.extend(row.position for row in page)
                after = page[-1].position

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()
        recorder.close()


def buy_in_processes(url: str) -> None:
    children = [
        subprocess.Popen(
            [*CHILD, "buy", url, name, str(THREADS), str(TIMES)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in PROCESSES
    ]
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.communicate(timeout=100)[0] for child in children] == ["done\n"] * 2
        assert [child.returncode for child in children] == [0, 0]
    finally:
        for child in children:
            child.kill()


@pytest.mark.timeout(120)
def test_every_caller_is_answered_and_nothing_is_lost_or_doubled(market: str) -> None:
    with opened(market) as ledger:
        before = ledger.head().position
        with reading_along(market) as seen:
            buy_in_processes(market)
        head = ledger.head().position
        assert seen == list(range(before + 1, head + 1))
        assert [row.position for row in log_rows(ledger)] == list(range(1, head + 1))
        for name in ("order.placed.1", "transaction.paid.1", "transaction.cleared.1"):
            assert count(ledger, name) == BOUGHT, name
        assert merchant_fen(ledger) == len(CALLERS) * net_fen(TIMES)
        for caller in CALLERS:
            requests = [one for index in range(TIMES) for one in purchase(caller, index)]
            assert all(answer.refused is None for answer in kept(ledger, requests))
        assert_sound(ledger)


@pytest.mark.timeout(120)
def test_the_read_models_are_what_the_facts_make_of_it(market: str) -> None:
    with open_books(market) as desk:
        stop = threading.Event()

        def project() -> None:
            while not stop.is_set():
                desk.projector.catch_up()

        projecting = threading.Thread(target=project)
        projecting.start()
        try:
            buy_in_processes(market)
        finally:
            stop.set()
            projecting.join()
        desk.catch_up()
        assert check(desk.ledger.recorder, desk.engine, list(READ_MODELS.values())) == []
        with desk.engine.connect() as connection:
            accounts = balances.accounts(connection, owner=MERCHANT).items
        for row in accounts:
            state = desk.ledger.state(f"account-{row.account}")
            assert (row.balance_fen, row.debit_fen) == (state.balance_fen, state.debit_fen)
        assert {row.account: row.balance_fen for row in accounts}[f"2241.02.{MERCHANT}"] == (
            len(CALLERS) * net_fen(TIMES)
        )


def test_wait_until_is_honest() -> None:
    assert wait_until(lambda: True, 0)
    assert not wait_until(lambda: False, 0)
