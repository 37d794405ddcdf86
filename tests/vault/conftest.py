"""The application of `tests/api`, with its vault, on each database."""

from tests.api.conftest import market as market
from tests.api.conftest import server as server
