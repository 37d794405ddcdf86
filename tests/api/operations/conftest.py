"""What several tests of the institution's operations begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Server
from tests.api.operations.funding import Institution, founded
from tests.api.operations.hooked import Hooks


@pytest.fixture
def hooks(market: Server) -> Iterator[Hooks]:
    """The market, with a deliverer of webhooks."""
    made = Hooks(market)
    yield made
    made.close()


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Institution]:
    """An institution whose log proves itself at the end of each test."""
    with founded(Institution, migrated_url, tmp_path) as made:
        yield made
        made.right()
