"""Fixtures every test may use: an empty database of each kind, and one that is migrated.

    database_url    "sqlite" and "postgresql", each test twice, each time a ledger of its own
    migrated_url    the same, migrated: as good as new (tests/fresh.py)
    filled          the same, with what a function writes to it, written once and copied
    golden          compares a text with a kept file; `make golden` writes the file anew
    postgres_url    the server behind it: ZHANGFANG_TEST_POSTGRES (a URL of a database in which
                    tests may create schemas), else one started for this run (tests/servers.py)

`pytest -m "not postgresql"` leaves the server out.
"""

import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies import models as dependencies
from hypothesis import settings

from domain.eventstore.database import parse_database_url
from tests import servers
from tests.fresh import Filled, PostgresLedgers, SqliteLedgers, Write, WrittenLedgers, drop

# The same examples in every run: a red build must be red again when somebody looks into it.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

# Collecting makes hundreds of thousands of objects that live as long as the run. To look among them
# for cycles, again whenever a test had opened an application, took a quarter of the suite's time.
gc.disable()

RUN = pytest.StashKey[servers.Run]()
ROOT = Path(__file__).parent.parent
LONG = {"anomalies", "benchmarks", "pages", "sandbox", "simulator", "stories"}  # These go first.
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
    # Whoever has one of these as the last leaves the other cores idle. And while one worker waits
    # for drills and servers, another has what only computes.
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] not in LONG)
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")


def pytest_collection_finish(session: pytest.Session) -> None:
    if sys.dont_write_bytecode:  # Then each of hundreds of child processes would compile it all.
        compiled = _run_directory(session.config) / "compiled"
        os.environ["PYTHONPYCACHEPREFIX"] = str(compiled)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_runtest_logfinish() -> None:
    """FastAPI remembers thousands of handlers, each with an application that is long closed."""
    for one in (
        dependencies._is_gen_callable_cached,
        dependencies._is_async_gen_callable_cached,
        dependencies._is_coroutine_callable_cached,
    ):
        one.cache_clear()


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """A database in which tests may create schemas; the URL has no `schema`."""
    given = os.environ.get("ZHANGFANG_TEST_POSTGRES")
    if given:
        return servers.with_query(given, schema=None)
    return servers.shared_url(_run_directory(pytestconfig))


def _run_directory(config: pytest.Config) -> Path:
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    return Path(worker["run_directory"]) if worker else config.stash[RUN].directory


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty ledger: a SQLite file that does not exist yet, or a schema that does not."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    schema = f"t_{os.getpid()}_{next(_numbers)}"
    drop(server, schema)  # A killed run on a server that lives on may have left one.
    yield servers.with_query(server, schema=schema)
    drop(server, schema)


@pytest.fixture(scope="session")
def sqlite_ledgers(tmp_path_factory: pytest.TempPathFactory) -> SqliteLedgers:
    return SqliteLedgers(tmp_path_factory.mktemp("template") / "ledger.db")


@pytest.fixture(scope="session")
def postgres_ledgers(postgres_url: str) -> Iterator[PostgresLedgers]:
    ledgers = PostgresLedgers(postgres_url)
    yield ledgers
    ledgers.close()


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """An empty ledger with every table created."""
    database = parse_database_url(database_url)
    if database.dialect == "sqlite":
        request.getfixturevalue("sqlite_ledgers").make(Path(database.path))
        yield database_url
        return
    ledgers: PostgresLedgers = request.getfixturevalue("postgres_ledgers")
    yield ledgers.make(database.schema)
    ledgers.end(database.schema)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WrittenLedgers]:
    ledgers = WrittenLedgers(tmp_path_factory.mktemp("written"))
    yield ledgers
    ledgers.close()


@pytest.fixture
def filled(request: pytest.FixtureRequest, database_url: str, written: WrittenLedgers) -> Filled:
    """`filled(write)`: the URL of a ledger in which `write(url)` has written."""

    def fill(write: Write) -> str:
        database = parse_database_url(database_url)
        if database.dialect == "sqlite":
            written.copy(write, Path(database.path))
            return database_url
        url: str = request.getfixturevalue("migrated_url")
        schema = written.schema(write, request.getfixturevalue("postgres_url"))
        request.getfixturevalue("postgres_ledgers").fill(database.schema, schema)
        return url

    return fill


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
