"""Migrated ledgers, copied: migrating each test's own took a third of the suite's time.

The first test of a process that needs one migrates a *template*; every test gets a copy of it. On
SQLite that is a file. On PostgreSQL it is a database with one schema, copied by the server; the
schema is then named anew, so that what the whole server sees (the names of connections, advisory
locks' keys) stays a test's own. `tests/test_copies.py` compares a copy with a migrated ledger.
"""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from migrations.run import migrate
from tests.servers import wait_until, with_query

LEAK_SECONDS = 20
SCHEMA = "template"
OPEN_COMMITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = %s AND xact_start IS NOT NULL AND backend_type = 'client backend'
"""


class SqliteCopies:
    """Copies of one migrated file."""

    def __init__(self, template: Path) -> None:
        migrate(f"sqlite:///{template}")
        # The last connection has put everything into the one file, or a copy would lack something.
        assert not template.with_name(f"{template.name}-wal").exists()
        self._template = template

    def make(self, path: Path) -> None:
        shutil.copyfile(self._template, path)


class PostgresCopies:
    """Copies of one migrated database, each a database of its own, on the server of `url`."""

    def __init__(self, url: str, name: str = "template") -> None:
        self._server = url
        self._template = f"{name}_{os.getpid()}"
        self._admin = psycopg.connect(url, autocommit=True)
        self._admin.execute("SET client_min_messages = warning")
        self._drop(self._template)  # A killed run on a server that lives on may have left one.
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._template)))
        migrate(with_query(_in_database(url, self._template), schema=SCHEMA))

    def make(self, name: str) -> str:
        """The URL of a new ledger, in a database and a schema of this name."""
        self._drop(name)
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log").format(
                sql.Identifier(name), sql.Identifier(self._template)
            )
        )
        url = _in_database(self._server, name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                    sql.Identifier(SCHEMA), sql.Identifier(name)
                )
            )
        return with_query(url, schema=name)

    def end(self, name: str) -> None:
        """Drop a copy. A commit that a test has left open fails the test; idle connections, such as
        those of a killed process's, are ended."""
        closed = wait_until(lambda: not self._open_commits(name), LEAK_SECONDS)
        self._drop(name)
        assert closed, "the test left a commit open"

    def close(self) -> None:
        self._drop(self._template)
        self._admin.close()

    def _open_commits(self, name: str) -> int:
        found = self._admin.execute(OPEN_COMMITS, (name,)).fetchone()
        assert found is not None
        return int(found[0])

    def _drop(self, name: str) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        self._admin.execute(statement)


def may_copy(url: str) -> bool:
    """Whether databases may be created on the server; on one that was given to the run, perhaps
    only schemas may be."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    return found is not None and bool(found[0])


def _in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
