"""Processes that may be killed, and ledgers to kill them over."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.anomalies.child import Job
from tests.anomalies.market import open_market
from tests.fresh import Filled
from tests.servers import wait_until

ROOT = Path(__file__).parent.parent.parent
CHILD = [sys.executable, "-m", "tests.anomalies.child"]


class Nursery:
    """Starts processes by forking one that has everything imported; kills them."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [*CHILD, "nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._alive: set[int] = set()

    def start(self, job: Job) -> int:
        """The id of a process that has begun to work."""
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(msgspec.json.encode(job).decode() + "\n")
        self._parent.stdin.flush()
        process = int(self._parent.stdout.readline())
        self._alive.add(process)
        return process

    def lives(self, process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            self._alive.discard(process)
            return False
        return True

    def kill(self, process: int) -> None:
        """kill -9, and wait until it is gone."""
        if self.lives(process):
            os.kill(process, 9)
        assert wait_until(lambda: not self.lives(process), 20)

    def wait(self, process: int, seconds: float) -> None:
        assert wait_until(lambda: not self.lives(process), seconds), "it did not come to an end"

    def close(self) -> None:
        for process in list(self._alive):
            self.kill(process)
        self._parent.communicate(timeout=20)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    parent = Nursery()
    yield parent
    parent.close()


@pytest.fixture
def market(filled: Filled) -> str:
    """A ledger in which a hot merchant and its buyers wait, on each backend."""
    return filled(open_market)
