"""One simulator for tests that need nothing special, and a receiver for each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.bill_days import NOON, Day
from tests.simulator.outside import EPOCH, Outside, Receiver


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """No faults, prompt payers, one virtual hour in a second."""
    directory = tmp_path_factory.mktemp("outside")
    started = Outside(directory, "--factor", "3600", "--epoch", EPOCH)
    yield started
    started.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Any]:
    """Starts simulators, and stops them."""
    started: list[Day] = []

    def start(*options: str, epoch: str = NOON) -> Day:
        made = Day(tmp_path / str(len(started)), *options, epoch=epoch)
        started.append(made)
        return made

    yield start
    for one in started:
        one.outside.stop()
