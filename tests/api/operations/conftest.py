"""What several tests of the institution's operations begin with."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import Server
from tests.api.operations.hooked import Hooks


@pytest.fixture
def hooks(market: Server) -> Iterator[Hooks]:
    """The market, with a deliverer of webhooks."""
    made = Hooks(market)
    yield made
    made.close()
