"""Empty ledgers without migrating each: that took a third of the suite's time.

On SQLite a migrated file is copied. On PostgreSQL copying is slow (of a schema by its statements,
of a database by its size), so one migrated schema of each process is handed from test to test: it
gets the test's own name, and afterwards every table that was written to is truncated, which gives
it new files, and the rows that a migration writes are put back. A schema in which a test has
changed anything but rows is dropped, and another one migrated; so is one that was analysed, be it
by the server itself, for what it keeps of one test would plan the next one's queries.
`tests/test_fresh.py` compares what a test gets with a ledger that was migrated for it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from migrations.run import migrate
from tests.servers import with_query

# Every row of the catalogue that describes the schema, with the transaction that wrote it: no
# statement that changes tables, indexes, triggers, functions, types or rights leaves it the same.
DESCRIBED = """
    WITH here AS (SELECT oid FROM pg_class WHERE relnamespace = %(schema)s::regnamespace)
    SELECT md5(string_agg(said, ' ' ORDER BY said)) FROM (
        SELECT concat_ws('-', tableoid, oid, xmin) FROM pg_class WHERE oid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, attrelid, attnum, xmin)
        FROM pg_attribute WHERE attrelid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, indexrelid, xmin)
        FROM pg_index WHERE indrelid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_attrdef WHERE adrelid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_trigger WHERE tgrelid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_rewrite WHERE ev_class IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_policy WHERE polrelid IN (SELECT * FROM here)
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
        UNION ALL SELECT concat_ws('-', tableoid, oid, xmin)
        FROM pg_type WHERE typnamespace = %(schema)s::regnamespace
        UNION ALL SELECT concat_ws('-', nspowner, nspacl::text)
        FROM pg_namespace WHERE oid = %(schema)s::regnamespace
    ) AS described (said)
"""
WRITTEN_TO = """
    SELECT relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
    AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY relname
"""
TRIGGERS = """
    SELECT relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
    WHERE relnamespace = %(schema)s::regnamespace AND NOT tgisinternal AND tgenabled = 'A'
"""
ANALYSED = "SELECT 1 FROM pg_stats WHERE schemaname = %(schema)s LIMIT 1"
LOCK_SECONDS = 20

Write = Callable[[str], None]  # Migrates and fills the ledger of a URL.
Filled = Callable[[Write], str]


class SqliteLedgers:
    """Copies of one migrated file."""

    def __init__(self, template: Path) -> None:
        migrate(f"sqlite:///{template}")
        # The last connection has put everything into the one file, or a copy would lack something.
        assert not template.with_name(f"{template.name}-wal").exists()
        self._template = template

    def make(self, path: Path) -> None:
        shutil.copyfile(self._template, path)


class PostgresLedgers:
    """One migrated schema at a time, in the database of `url`."""

    def __init__(self, url: str, kept: str | None = None) -> None:
        self._url = url
        self._kept = kept or f"kept_{os.getpid()}"
        self._admin = psycopg.connect(url, autocommit=True)
        self._admin.execute("SET client_min_messages = warning")
        # A commit that a test has left open fails the test.
        self._admin.execute(sql.SQL("SET lock_timeout = {}").format(f"{LOCK_SECONDS}s"))
        self._drop(self._kept)  # A killed run on a server that lives on may have left one.
        self._is_there = False
        self._described = ""
        self._triggers: list[tuple[str, str]] = []
        self._rows: dict[str, bytes] = {}

    def make(self, name: str) -> str:
        """The URL of an empty ledger in a schema of this name."""
        if not self._is_there:
            self._migrate()
        self._is_there = False
        self._rename(self._kept, name)
        return with_query(self._url, schema=name)

    def fill(self, name: str, source: str) -> None:
        """Copy every row of another migrated ledger into one that is empty."""
        with self._admin.transaction():
            for table in self._written_to(source):
                statement = sql.SQL("INSERT INTO {} SELECT * FROM {} ON CONFLICT DO NOTHING")
                to, from_ = sql.Identifier(name, table), sql.Identifier(source, table)
                self._admin.execute(statement.format(to, from_))
                # A row may have found a place on an earlier page: the same rows, in another order.
                copied, written = (self._rows_of(one, table) for one in (name, source))
                assert sorted(copied.splitlines()) == sorted(written.splitlines()), table

    def end(self, name: str) -> bool:
        """Take it back; whether it can be used again."""
        if self._describe(name) != self._described or self._analysed(name):
            self._drop(name)
            return False
        with self._admin.transaction():
            self._empty(name)
            self._rename(name, self._kept)
        self._described = self._describe(self._kept)
        self._is_there = True
        return True

    def close(self) -> None:
        self._drop(self._kept)
        self._admin.close()

    def _migrate(self) -> None:
        migrate(with_query(self._url, schema=self._kept))
        self._described = self._describe(self._kept)
        self._triggers = self._admin.execute(TRIGGERS, {"schema": self._kept}).fetchall()
        self._rows = {
            table: self._rows_of(self._kept, table) for table in self._written_to(self._kept)
        }

    def _empty(self, name: str) -> None:
        changed = [
            table
            for table in self._written_to(name)
            if table not in self._rows or self._rows_of(name, table) != self._rows[table]
        ]
        if not changed:
            return
        guarded = [(table, trigger) for table, trigger in self._triggers if table in changed]
        for table, trigger in guarded:
            self._alter(name, table, "DISABLE TRIGGER {}", trigger)
        tables = sql.SQL(", ").join(sql.Identifier(name, table) for table in changed)
        self._admin.execute(sql.SQL("TRUNCATE {}").format(tables))
        for table in changed:
            if table in self._rows:
                into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name, table))
                with self._admin.cursor().copy(into) as copy:
                    copy.write(self._rows[table])
        for table, trigger in guarded:
            self._alter(name, table, "ENABLE ALWAYS TRIGGER {}", trigger)

    def _alter(self, name: str, table: str, change: str, trigger: str) -> None:
        altered = sql.SQL("ALTER TABLE {} ").format(sql.Identifier(name, table))
        self._admin.execute(altered + sql.SQL(change).format(sql.Identifier(trigger)))

    def _describe(self, schema: str) -> str:
        found = self._admin.execute(DESCRIBED, {"schema": schema}).fetchone()
        assert found is not None
        return str(found[0])

    def _analysed(self, schema: str) -> bool:
        return self._admin.execute(ANALYSED, {"schema": schema}).fetchone() is not None

    def _written_to(self, schema: str) -> list[str]:
        return [row[0] for row in self._admin.execute(WRITTEN_TO, {"schema": schema})]

    def _rows_of(self, schema: str, table: str) -> bytes:
        out = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))
        with self._admin.cursor().copy(out) as copy:
            return b"".join(bytes(part) for part in copy)

    def _rename(self, name: str, to: str) -> None:
        statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
        self._admin.execute(statement.format(sql.Identifier(name), sql.Identifier(to)))

    def _drop(self, name: str) -> None:
        statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name))
        self._admin.execute(statement)


class WrittenLedgers:
    """Ledgers that several tests begin with: each is written once in a process, then copied."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[Write, Path] = {}
        self._schemas: dict[Write, tuple[str, str]] = {}

    def copy(self, write: Write, path: Path) -> None:
        """Copy what `write` writes to a SQLite file."""
        if write not in self._files:
            file = self._directory / f"{len(self._files)}.db"
            write(f"sqlite:///{file}")
            assert not file.with_name(f"{file.name}-wal").exists()
            self._files[write] = file
        shutil.copyfile(self._files[write], path)

    def schema(self, write: Write, server: str) -> str:
        """The schema in which `write` has written."""
        if write not in self._schemas:
            schema = f"written_{os.getpid()}_{len(self._schemas)}"
            drop(server, schema)
            write(with_query(server, schema=schema))
            self._schemas[write] = (server, schema)
        return self._schemas[write][1]

    def close(self) -> None:
        for server, schema in self._schemas.values():
            drop(server, schema)


def drop(server: str, schema: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")  # A leaked open commit fails the test.
        connection.execute("SET client_min_messages = warning")
        statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
        connection.execute(statement)
