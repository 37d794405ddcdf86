"""`zhangfang` on an empty database of each kind, on the story's books, and on no database."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.eventstore.database import parse_database_url
from tests.api.cli.terminal import Terminal
from tests.fresh import PostgresLedgers, drop
from tests.servers import with_query


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    """A ledger that does not exist yet."""
    return Terminal(database_url)


@pytest.fixture(scope="session")
def told_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story's books, told once for all tests to copy."""
    file = tmp_path_factory.mktemp("told") / "ledger.db"
    assert Terminal(f"sqlite:///{file}")("demo", "--no-simulator").code == 0
    assert not file.with_name(f"{file.name}-wal").exists()
    return file


@pytest.fixture(scope="session")
def told_schema(postgres_url: str) -> Iterator[str]:
    schema = f"told_{os.getpid()}"
    url = with_query(postgres_url, schema=schema)
    drop(postgres_url, schema)
    assert Terminal(url)("demo", "--no-simulator").code == 0
    yield schema
    drop(postgres_url, schema)


@pytest.fixture
def books(request: pytest.FixtureRequest, database_url: str) -> Terminal:
    """A ledger with the story's books."""
    database = parse_database_url(database_url)
    if database.dialect == "sqlite":
        shutil.copyfile(request.getfixturevalue("told_file"), database.path)
    else:
        request.getfixturevalue("migrated_url")
        ledgers: PostgresLedgers = request.getfixturevalue("postgres_ledgers")
        ledgers.fill(database.schema, request.getfixturevalue("told_schema"))
    return Terminal(database_url)


@pytest.fixture
def lone(tmp_path: Path) -> Terminal:
    """For what is the same on either database: a SQLite file that does not exist yet."""
    return Terminal(f"sqlite:///{tmp_path / 'lone.db'}")


@pytest.fixture
def lone_books(lone: Terminal, told_file: Path) -> Terminal:
    """The same, with the story's books in it."""
    shutil.copyfile(told_file, parse_database_url(lone.url).path)
    return lone
