"""`zhangfang` on an empty database of each kind, on the story's books, and on no database."""

from pathlib import Path

import pytest

from domain.eventstore.database import parse_database_url
from tests.api.cli.terminal import Terminal
from tests.fresh import Filled, WrittenLedgers


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    """A ledger that does not exist yet."""
    return Terminal(database_url)


def tell(url: str) -> None:
    """The story, told by the command for it."""
    assert Terminal(url)("demo", "--no-simulator").code == 0


@pytest.fixture
def books(filled: Filled) -> Terminal:
    """A ledger with the story's books."""
    return Terminal(filled(tell))


@pytest.fixture
def lone(tmp_path: Path) -> Terminal:
    """For what is the same on either database: a SQLite file that does not exist yet."""
    return Terminal(f"sqlite:///{tmp_path / 'lone.db'}")


@pytest.fixture
def lone_books(lone: Terminal, written: WrittenLedgers) -> Terminal:
    """The same, with the story's books in it."""
    written.copy(tell, Path(parse_database_url(lone.url).path))
    return lone
