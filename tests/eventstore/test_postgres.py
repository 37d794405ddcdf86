"""What only a server can do to the ledger: rights, notifications, maintenance, lost connections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError
from psycopg.sql import SQL, Identifier

from domain.eventstore.database import Database, parse_database_url
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.recorder import Append, CommitUnknown, EventRow
from domain.ledger.ledger import Ledger
from migrations.run import migrate
from tests import servers
from tests.eventstore.conftest import Opener
from tests.eventstore.rows import RECORDED_AT_US, commit, receipt
from tests.ledger.requests import open_wallets

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(postgres_schema: str) -> Database:
    migrate(postgres_schema)
    return parse_database_url(postgres_schema)


@pytest.fixture
def recorder(database: Database, opened: Opener) -> PostgresLedgerRecorder:
    recorder = opened(database.url)
    assert isinstance(recorder, PostgresLedgerRecorder)
    return recorder


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection]:
    """The owner of everything, outside of any recorder."""
    options = f"-c search_path={database.schema}"
    with psycopg.connect(
        **database.connection_arguments, options=options, autocommit=True
    ) as connection:
        yield connection


@pytest.fixture
def clerk(database: Database, admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a role that may SELECT and INSERT, and nothing else."""
    role, schema = Identifier(f"clerk_{database.schema}"), Identifier(database.schema)
    for statement in (
        "CREATE ROLE {0} LOGIN",
        "GRANT USAGE ON SCHEMA {1} TO {0}",
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {1} TO {0}",
    ):
        admin.execute(SQL(statement).format(role, schema))
    yield database.url.replace("://postgres@", f"://clerk_{database.schema}@")
    admin.execute(SQL("DROP OWNED BY {0}").format(role))
    admin.execute(SQL("DROP ROLE {0}").format(role))


def test_a_role_with_select_and_insert_keeps_the_ledger(
    clerk: str, opened: Opener, database: Database
) -> None:
    recorder = opened(clerk)
    head = commit(recorder, ("order-1", 1), receipts=[receipt("n1")])
    assert recorder.head() == head
    assert recorder.read_receipts(["n1"])[0].position == 1
    assert [e.version for e in recorder.read_states(["order-1"])[1]] == [1]
    with pytest.raises(IntegrityError):
        commit(recorder, ("order-1", 1))
    arguments = parse_database_url(clerk).connection_arguments
    with psycopg.connect(**arguments, autocommit=True) as connection:
        assert connection.info.user == f"clerk_{database.schema}"
        for table in ("events", "commit_log", "receipts"):
            for change in ("UPDATE {} SET {} = NULL", "DELETE FROM {}", "TRUNCATE {}"):
                column = Identifier("state" if table == "events" else "digest")
                statement = SQL(change).format(Identifier(database.schema, table), column)
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                    connection.execute(statement)


def test_the_owner_cannot_get_round_the_triggers_as_a_replica(
    recorder: PostgresLedgerRecorder, admin: psycopg.Connection
) -> None:
    commit(recorder, ("order-1", 1))
    admin.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        admin.execute("DELETE FROM events")


def test_there_is_no_sequence_that_would_need_a_right(
    database: Database, admin: psycopg.Connection
) -> None:
    found = admin.execute(
        "SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()"
    )
    assert found.fetchall() == []


def test_each_commit_is_notified_once(
    recorder: PostgresLedgerRecorder, admin: psycopg.Connection
) -> None:
    admin.execute(SQL("LISTEN {}").format(Identifier(recorder.channel)))
    commit(recorder, ("order-1", 1), ("order-2", 1))
    commit(recorder, receipts=[receipt("n1")])
    with pytest.raises(IntegrityError):
        commit(recorder, ("order-1", 1))
    commit(recorder, ("order-3", 1))
    heard = [n.channel for n in admin.notifies(timeout=5, stop_after=3)]
    heard += [n.channel for n in admin.notifies(timeout=0.1)]
    assert heard == [recorder.channel] * 3


def test_writers_of_two_ledgers_do_not_wait_for_each_other(
    recorder: PostgresLedgerRecorder, opened: Opener, postgres_url: str, database: Database
) -> None:
    schema = f"{database.schema}_other"
    migrate(servers.with_query(postgres_url, schema=schema))
    other = opened(servers.with_query(postgres_url, schema=schema), lock_timeout_ms=500)
    with recorder.writing():
        assert commit(other, ("order-1", 1)).position == 1
    assert recorder.read_log(0, 10) == []
    other.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))


def test_analyze_and_vacuum_do_not_wait_for_writers_nor_they_for_them(
    recorder: PostgresLedgerRecorder, admin: psycopg.Connection
) -> None:
    admin.execute("SET lock_timeout = '5s'")
    with recorder.writing() as session:
        event = EventRow(1, "order-1", 1, "t.1", b"")
        session.append(Append([event], (receipt("n1"),), (), RECORDED_AT_US))
        admin.execute("ANALYZE events, receipts, commit_log")
        admin.execute("VACUUM events")
    with admin.transaction():
        admin.execute("LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE")  # As ANALYZE holds it.
        assert commit(recorder, ("order-2", 1)).position == 2


def kill_writer(admin: psycopg.Connection) -> None:
    """End the backend that holds the ledger's lock, and wait until it is gone."""
    found = admin.execute(
        "SELECT pid, pg_terminate_backend(pid, 10000)"
        " FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted"
        # Tests that run beside this one have ledgers of their own in the same database.
        " AND application_name = left('zhangfang ' || current_schema(), 63)"
    ).fetchall()
    assert [ended for _, ended in found] == [True]


def test_a_connection_killed_before_anything_was_sent_is_a_clean_failure(
    recorder: PostgresLedgerRecorder, admin: psycopg.Connection
) -> None:
    with pytest.raises(OperationalError), recorder.writing() as session:
        kill_writer(admin)
        session.streams_since(0)
    assert commit(recorder, ("order-1", 1)).position == 1


def test_a_connection_killed_before_the_commit_leaves_it_unknown(
    recorder: PostgresLedgerRecorder, admin: psycopg.Connection
) -> None:
    with pytest.raises(CommitUnknown), recorder.writing() as session:
        event = EventRow(1, "order-1", 1, "t.1", b"")
        session.append(Append([event], (receipt("n1"),), (), RECORDED_AT_US))
        kill_writer(admin)
    assert recorder.read_receipts(["n1"]) == []
    assert commit(recorder, ("order-1", 1), receipts=[receipt("n1")]).position == 1


@pytest.mark.parametrize("use", ["read", "write"])
def test_connections_that_died_in_the_pool_are_passed_over(
    recorder: PostgresLedgerRecorder, database: Database, admin: psycopg.Connection, use: str
) -> None:
    commit(recorder, ("order-1", 1))
    ended = admin.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = %s",
        (f"zhangfang {database.schema}",),
    ).fetchall()
    assert len(ended) >= 2
    if use == "read":
        assert recorder.head().position == 1
    else:
        assert commit(recorder, ("order-1", 2)).position == 2


class DeafServer:
    """A door to the server that lets everything in, and from a moment on nothing out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.deaf = threading.Event()
        self.swallowed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = self._connected()
                for pump in (self._inwards, self._outwards):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _connected(self) -> socket.socket:
        if not self._database.host.startswith("/"):
            return socket.create_connection((self._database.host, self._database.port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._database.host}/.s.PGSQL.{self._database.port}")
        return server

    def _inwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _outwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), closing(server):
            while data := server.recv(65536):
                if self.deaf.is_set() and b"COMMIT\0" in data:
                    self.swallowed.set()  # The server says that it has committed …
                    client.shutdown(socket.SHUT_RDWR)  # … and the caller never hears it.
                    return
                client.sendall(data)

    def close(self) -> None:
        self._door.close()


def test_a_lost_answer_to_a_commit_is_unknown_and_the_receipts_tell(
    recorder: PostgresLedgerRecorder, opened: Opener, database: Database, postgres_url: str
) -> None:
    with closing(DeafServer(database)) as server:
        url = f"postgresql://{database.user}@127.0.0.1:{server.port}/{database.name}"
        through = opened(servers.with_query(url, schema=database.schema))
        commit(through, ("order-1", 1), receipts=[receipt("n1")])
        server.deaf.set()
        with pytest.raises(CommitUnknown):
            commit(through, ("order-1", 2), receipts=[receipt("n2")])
        assert server.swallowed.is_set()
        server.deaf.clear()
        assert [r.number for r in through.read_receipts(["n2"])] == ["n2"]
        assert recorder.head().number == 2
        assert commit(through, ("order-1", 3)).number == 3


@pytest.mark.parametrize("rows", [0, 3000])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("states", "(ARRAY['order-1', 'order-2'])"),
        ("receipts", "(ARRAY['n1', 'n2'])"),
        ("log", "(10, 20, 10)"),
        ("stream", "('order-1', 0, 10)"),
        ("streams_since", "(10)"),
        ("receipts_of_commit", "(1)"),
    ],
)
def test_a_plan_made_before_there_were_statistics_looks_rows_up_by_key(
    recorder: PostgresLedgerRecorder, name: str, arguments: str, rows: int
) -> None:
    """A plan is kept while the table grows from nothing: one that scans it would be a disaster."""
    if rows:
        commit(recorder, *((f"order-{n}", 1) for n in range(rows)))
    statement = recorder.sql[name]
    for number in range(1, statement.count(b"%s") + 1):
        statement = statement.replace(b"%s", b"$%d" % number, 1)
    with recorder.datastore.get_connection() as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(b"PREPARE kept AS " + statement)
        explained = connection.execute(f"EXPLAIN EXECUTE kept {arguments}".encode()).fetchall()
        connection.execute("DEALLOCATE kept; RESET plan_cache_mode")
    plan = "\n".join(row["QUERY PLAN"] for row in explained)
    assert "Index" in plan
    for costly in ("Seq Scan", "Bitmap", "Hash Join", "Merge Join", "JIT"):
        assert costly not in plan, plan


def test_a_schema_may_be_called_like_a_word_of_sql(postgres_url: str) -> None:
    url = servers.with_query(postgres_url, schema="user")
    try:
        migrate(url)
        with closing(Ledger.open(url)) as ledger:
            open_wallets(ledger)
            assert ledger.head().number == 1
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute('DROP SCHEMA IF EXISTS "user" CASCADE')
