"""The one setting: which database keeps the ledger, and how to open it.

    sqlite:///books.db                 a file beside the working directory
    sqlite:////var/lib/books.db        a file by its absolute path
    postgresql://user:password@host:5432/db?schema=cell_0
    postgresql://user@/db?host=/run/postgresql&schema=cell_0      through a unix socket

One ledger is one schema of PostgreSQL (`public` unless said otherwise) or one SQLite file.
"""

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from domain.refusals import Code, Refused

BUSY_TIMEOUT_S = 30
SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
KEPT_CONNECTIONS = 10  # Of a pool: as many as read at once (`api/graphql/reads.py`).
IMMEDIATE = "begin_immediate"  # Execution option: this SQLite transaction is going to write.

# A connection that went silent is noticed in half a minute, so that a commit whose answer was lost
# ends as CommitUnknown, not as a thread that waits for ever.
KEEPALIVE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# How PostgreSQL plans for a connection that only reads. What is read often is in memory, and a page
# costs little there: with the cost of a disk's page it goes through the newest rows of everybody
# for those of one merchant, or sorts all of them, and so takes longer the longer the history is.
# One plan for all values is as good for them, and making one for each takes as long as reading.
READING: Mapping[str, str] = {
    "default_transaction_read_only": "on",
    "seq_page_cost": "0.1",
    "random_page_cost": "0.1",
    "plan_cache_mode": "force_generic_plan",
}
_PASSED_ON = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey"})


class Database(Struct, frozen=True, kw_only=True):
    """A parsed setting. `path` is set for SQLite; the parts of a connection for PostgreSQL."""

    url: str
    dialect: Literal["sqlite", "postgresql"]
    path: str = ""
    host: str = ""
    port: int = 5432
    user: str = ""
    password: str = ""
    name: str = ""
    schema: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Safe to log: never shows the password."""
        if self.dialect == "sqlite":
            return f"Database(sqlite {self.path})"
        return f"Database(postgresql {self.host}:{self.port}/{self.name}?schema={self.schema})"

    @property
    def connection_arguments(self) -> dict[str, Any]:
        """Keyword arguments for psycopg.connect, PostgreSQL only."""
        named = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.name,
        }
        return KEEPALIVE | {k: v for k, v in named.items() if v} | dict(self.options)


def parse_database_url(url: str) -> Database:
    """The database a setting names; Refused(REQUEST_INVALID, "database") for anything else."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError, TypeError, AttributeError):
        raise refused("a URL such as sqlite:///books.db is needed") from None
    if parsed.drivername == "sqlite":
        return _parse_sqlite(url, parsed)
    if parsed.drivername in ("postgresql", "postgres"):
        return _parse_postgresql(url, parsed)
    raise refused(f"{parsed.drivername!r}: only sqlite and postgresql keep a ledger")


def refused(detail: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, "database", detail)


def _parse_sqlite(url: str, parsed: URL) -> Database:
    if parsed.host or parsed.port or parsed.username or parsed.query:
        raise refused("sqlite takes a path alone: sqlite:///relative.db or sqlite:////absolute.db")
    path = parsed.database or ""
    if not path or path.startswith((":memory:", "file:")) or "\0" in path:
        raise refused("a ledger needs a file: sqlite:///relative.db or sqlite:////absolute.db")
    return Database(url=url, dialect="sqlite", path=path)


def _parse_postgresql(url: str, parsed: URL) -> Database:
    query: dict[str, str] = {}
    for key, value in parsed.query.items():
        if key not in _PASSED_ON | {"schema", "host", "port"} or not isinstance(value, str):
            raise refused(f"{key!r} is not a parameter that is understood, or is given twice")
        query[key] = value
    schema = query.get("schema", "" if "schema=" in url else "public")
    if not SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise refused(f"schema {schema[:70]!r}: a-z 0-9 _, at most 63, not beginning pg_")
    host = query.get("host") or parsed.host or "localhost"
    port_text = query.get("port") or str(5432 if parsed.port is None else parsed.port)
    port = int(port_text) if port_text.isascii() and port_text.isdigit() else 0
    if not parsed.database or not 1 <= port <= 65_535 or "\0" in url:
        raise refused("postgresql://user:password@host:port/name[?schema=name] is needed")
    return Database(
        url=url,
        dialect="postgresql",
        host=host,
        port=port,
        user=parsed.username or "",
        password=str(parsed.password or ""),
        name=parsed.database,
        schema=schema,
        options=tuple((k, v) for k, v in sorted(query.items()) if k in _PASSED_ON),
    )


def ledger_key(database: str, schema: str) -> int:
    """A ledger's advisory lock: the first 8 bytes of SHA-256("zhangfang/db/schema"), signed."""
    digest = hashlib.sha256(f"zhangfang/{database}/{schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def sqlalchemy_engine(database: Database, *, read_only: bool = False) -> Engine:
    """An engine whose unqualified table names are those of this ledger.

    A transaction on SQLite is deferred, unless its connection has the execution option IMMEDIATE:
    whoever reads before it writes must ask for that, as `to_write` does. DDL is transactional
    on both. `read_only` makes the database itself refuse writes. On PostgreSQL each statement of
    such an engine is a transaction of its own, which is what each of them would see anyway, and
    one exchange instead of three; who wants one view of several asks for `one_view`.
    """
    if database.dialect == "sqlite":
        return _sqlite_engine(database, read_only=read_only)
    return _postgresql_engine(database, read_only=read_only)


@contextmanager
def to_write(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads before it writes: on SQLite it is the one writer from its beginning,
    so that what it has read is still so when it writes."""
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        yield connection


@contextmanager
def one_view(engine: Engine) -> Iterator[Connection]:
    """Reads of one moment, in as many statements as one likes, whatever others commit."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():  # SQLite keeps one view until it ends.
            yield connection


def session_arguments(database: Database, *, read_only: bool = False) -> dict[str, Any]:
    """Keyword arguments for psycopg.connect, PostgreSQL only: a session in the ledger's schema."""
    options = f'-c search_path="{database.schema}"'
    if read_only:
        options += "".join(f" -c {name}={value}" for name, value in READING.items())
    return database.connection_arguments | {"options": options}


def _postgresql_engine(database: Database, *, read_only: bool) -> Engine:
    transactions = {"isolation_level": "AUTOCOMMIT"} if read_only else {}
    engine = create_engine(
        URL.create("postgresql+psycopg", database=database.name),
        connect_args=session_arguments(database, read_only=read_only),
        pool_size=KEPT_CONNECTIONS,
        **transactions,
    )

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        # A server that has gone has said so: the first reads its farewell, the second the end of
        # the connection. Asking it would be an exchange for each that is wanted.
        try:
            connection.pgconn.consume_input()
            connection.pgconn.consume_input()
        except Exception as error:
            raise DisconnectionError(str(error)) from error

    return engine


def _sqlite_engine(database: Database, *, read_only: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=database.path),
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        configure_sqlite(connection)
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver is in autocommit mode and begins nothing by itself: what is begun is said here.
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def configure_sqlite(connection: sqlite3.Connection) -> None:
    """Durable settings of one connection: WAL, a sync at every commit, foreign keys enforced."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for a lock when the mode changes, so two processes that create the same
    # file at once can meet here; whoever comes second finds the mode already changed.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)
