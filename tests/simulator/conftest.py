"""One simulator for tests that need nothing special, and a receiver for each."""

from collections.abc import Iterator

import pytest

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
