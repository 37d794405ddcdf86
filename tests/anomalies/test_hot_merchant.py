"""Two processes with sixteen threads each pay one merchant, and somebody reads along."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from api.operations.desk import Desk
from domain.accounting import account
from domain.eventstore.recorder import LedgerRecorder
from projections.models import balances
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS
from tests.anomalies.conftest import CHILD, ROOT
from tests.anomalies.market import (
    assert_sound,
    count,
    in_threads,
    kept,
    log_rows,
    merchant_fen,
    net_fen,
    purchase,
)
from tests.examples import MERCHANT
from tests.stories.books import open_books

PROCESSES, THREADS, TIMES = ("A", "B"), 16, 30
BOUGHT = len(PROCESSES) * THREADS * TIMES
CALLERS = [f"{process}{thread}" for process in PROCESSES for thread in range(THREADS)]


@contextmanager
def meanwhile(look: Callable[[], None]) -> Iterator[None]:
    """Look again and again in a thread of its own while the block runs, and once after it."""
    stop = threading.Event()

    def looking() -> None:
        while not stop.wait(0.005):
            look()

    thread = threading.Thread(target=in_threads, args=([looking],))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    look()


class Tail:
    """A reader of the log; `seen` are the positions in the order it met them."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self._recorder = recorder
        self._after = recorder.head().position
        self.seen: list[int] = []

    def read(self) -> None:
        while page := self._recorder.read_log(self._after, 100):
            self.seen.extend(row.position for row in page)
            self._after = page[-1].position


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
    with open_books(market) as desk:
        ledger = desk.ledger
        before, tail = ledger.head().position, Tail(ledger.recorder)

        def project() -> None:
            desk.projector.catch_up()

        with meanwhile(tail.read), meanwhile(project):
            buy_in_processes(market)
        head = ledger.head().position
        assert tail.seen == list(range(before + 1, head + 1))
        assert [row.position for row in log_rows(ledger)] == list(range(1, head + 1))
        for name in ("order.placed.1", "transaction.paid.2", "transaction.cleared.1"):
            assert count(ledger, name) == BOUGHT, name
        assert merchant_fen(ledger) == len(CALLERS) * net_fen(TIMES)
        for caller in CALLERS:
            requests = [one for index in range(TIMES) for one in purchase(caller, index)]
            assert all(answer.refused is None for answer in kept(ledger, requests))
        assert_sound(ledger)
        assert_read_models_agree(desk)


def assert_read_models_agree(desk: Desk) -> None:
    assert check(desk.ledger.recorder, desk.engine, list(READ_MODELS.values())) == []
    with desk.engine.connect() as connection:
        accounts = {row.account: row for row in balances.accounts(connection, MERCHANT).items}
    assert accounts[f"2241.02.{MERCHANT}"].balance_fen == len(CALLERS) * net_fen(TIMES)
    for name, row in accounts.items():
        state = desk.ledger.state(account.stream(name))
        assert (row.balance_fen, row.debit_fen, row.credit_fen) == (
            state.balance_fen,
            state.debit_fen,
            state.credit_fen,
        )
