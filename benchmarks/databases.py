"""Empty ledgers for the benchmarks, each gone when it is no longer needed, on Ctrl-C too.

SQLite files stand in a temporary directory, PostgreSQL ledgers are schemas of one server: the one
given, or one that is started for the run (`postgres_server.py`) with PostgreSQL's own settings.
"""

import itertools
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.figures import Backend
from benchmarks.postgres_server import Run, shared_url, with_query
from domain.eventstore.database import parse_database_url
from migrations.run import migrate

EVENT_STORE = ("events", "receipts", "commit_log", "snapshots")
_numbers = itertools.count(1)


class Databases:
    """Where the run's ledgers are made."""

    def __init__(self, directory: Path, postgres: str | None) -> None:
        self._directory = directory
        self._postgres = postgres

    @contextmanager
    def empty(self, backend: Backend) -> Iterator[str]:
        """The URL of a ledger that is not there yet; whatever is made of it is removed."""
        name = f"bench_{os.getpid()}_{next(_numbers)}"
        if backend == "sqlite":
            with tempfile.TemporaryDirectory(prefix=name, dir=self._directory) as directory:
                yield f"sqlite:///{directory}/ledger.db"
            return
        assert self._postgres is not None
        try:
            yield with_query(self._postgres, schema=name)
        finally:
            _drop(self._postgres, name)

    @contextmanager
    def neighbour(self, backend: Backend) -> Iterator[str]:
        """The URL of an empty place on the same server for something that is no ledger."""
        with self.empty(backend) as url:
            if backend == "postgresql":
                assert self._postgres is not None
                with psycopg.connect(self._postgres, autocommit=True) as connection:
                    schema = sql.Identifier(parse_database_url(url).schema)
                    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            yield url

    @contextmanager
    def ledger(self, backend: Backend) -> Iterator[str]:
        """The URL of an empty ledger with every table made."""
        with self.empty(backend) as url:
            migrate(url)
            yield url


@contextmanager
def databases(backends: Sequence[Backend], postgres: str | None) -> Iterator[Databases]:
    """Databases of the kinds wanted; a server is started if none is given and one is wanted.

    Raises RuntimeError when no PostgreSQL can be started.
    """
    run = Run()  # Its directory goes with the run, however that ends once a server was started.
    try:
        if "postgresql" not in backends:
            server = None
        elif postgres:
            server = with_query(postgres, schema=None)
        else:
            server = shared_url(run.directory)
        with tempfile.TemporaryDirectory(prefix="zhangfang-bench-") as directory:
            yield Databases(Path(directory), server)
    finally:
        run.end()


def _drop(server: str, schema: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        connection.execute("SET client_min_messages = warning")
        statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
        connection.execute(statement)


def stored_bytes(url: str) -> int:
    """What a ledger's event store takes up: its tables and indexes; for SQLite the whole file."""
    database = parse_database_url(url)
    if database.dialect == "sqlite":
        connection = sqlite3.connect(database.path)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return Path(database.path).stat().st_size
    with psycopg.connect(**database.connection_arguments) as server:
        tables = [f'"{database.schema}".{table}' for table in EVENT_STORE]
        row = server.execute(
            "SELECT sum(pg_total_relation_size(t::regclass))::bigint FROM unnest(%s::text[]) AS t",
            (tables,),
        ).fetchone()
    assert row is not None
    return int(row[0])
