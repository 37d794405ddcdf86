"""Parts of the real feed, each written once."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from tests.reconciliation.quarter import part_of


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], Path]:
    """The feed up to a day, as files."""

    @cache
    def until(last: date) -> Path:
        directory = tmp_path_factory.mktemp("feed")
        part_of(directory, last)
        return directory

    return until
