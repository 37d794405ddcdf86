"""`zhangfang` on an empty database of each kind, on the story's books, and on no database."""

from pathlib import Path

import pytest

from tests.api.cli.terminal import Terminal


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    """A ledger that does not exist yet."""
    return Terminal(database_url)


@pytest.fixture
def books(terminal: Terminal) -> Terminal:
    """A ledger with the story's books."""
    assert terminal("demo", "--no-simulator").code == 0
    return terminal


@pytest.fixture
def lone(tmp_path: Path) -> Terminal:
    """For what is the same on either database: a SQLite file that does not exist yet."""
    return Terminal(f"sqlite:///{tmp_path / 'lone.db'}")
