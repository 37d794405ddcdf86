"""Fixtures every test may use: an empty database of each kind, and one that is migrated.

    database_url    "sqlite" and "postgresql", each test twice, each time a ledger of its own
    migrated_url    the same, after `migrations.run.migrate`
    golden          compares a text with a kept file; `make golden` writes the file anew
    postgres_url    the server behind it: ZHANGFANG_TEST_POSTGRES (a URL of a database in which
                    tests may create schemas), else one started for this run (tests/servers.py)

`pytest -m "not postgresql"` leaves the server out.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from tests import servers

# The same examples in every run: a red build must be red again when somebody looks into it.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

RUN = pytest.StashKey[servers.Run]()
ROOT = Path(__file__).parent.parent
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgresql: runs on a real PostgreSQL server")
    config.addinivalue_line("markers", "golden: compares with a kept file (added by the fixture)")
    if not hasattr(config, "workerinput"):  # Only the controller's life is the run's life.
        config.stash[RUN] = servers.Run()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["run_directory"] = str(node.config.stash[RUN].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """A database in which tests may create schemas; the URL has no `schema`."""
    given = os.environ.get("ZHANGFANG_TEST_POSTGRES")
    if given:
        return servers.with_query(given, schema=None)
    worker: dict[str, str] | None = getattr(pytestconfig, "workerinput", None)
    if worker:
        return servers.shared_url(Path(worker["run_directory"]))
    return servers.shared_url(pytestconfig.stash[RUN].directory)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty ledger: a SQLite file that does not exist yet, or a schema that does not."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    schema = f"t_{os.getpid()}_{next(_numbers)}"
    _drop(server, schema)  # A killed run on a server that lives on may have left one.
    yield servers.with_query(server, schema=schema)
    _drop(server, schema)


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """An empty ledger with every table created."""
    from migrations.run import migrate

    migrate(database_url)
    return database_url


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden("tests/golden/story.journal", text)`: byte for byte what the file holds.

    With ZHANGFANG_GOLDEN=write the file is written instead, for review as a diff; but a stored
    event, once kept under tests/golden/events/, must decode for ever and is never written again.
    """

    def compare(path: str, text: str) -> None:
        file = ROOT / path
        stored_event = file.is_relative_to(ROOT / "tests/golden/events")
        if os.environ.get("ZHANGFANG_GOLDEN") == "write" and not (stored_event and file.exists()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        assert file.exists(), f"{path} does not exist yet: `make golden` writes it, then review it"
        assert text == file.read_bytes().decode(), (
            f"{path} differs. If the change is meant: `make golden`, review the diff, commit it. "
            "A stored event must not change: give the new form a new name and an upcast."
        )

    return compare


def _drop(server: str, schema: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")  # A leaked open commit fails the test.
        connection.execute("SET client_min_messages = warning")
        for name in (schema, f"{schema}_vault"):
            statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name))
            connection.execute(statement)
