"""The rights of `deploy/roles.sql`: enough to keep a ledger, not enough to change its history."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from api.operations.feed.generator import generate
from domain.eventstore.database import parse_database_url
from tests.api.cli.terminal import Terminal

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]
SCRIPT = Path(__file__).parents[2] / "deploy" / "roles.sql"
LEDGER = ("events", "commit_log", "receipts", "sealed_changes", "blobs", "blob_pieces")


class Roles(NamedTuple):
    """The same ledger, as three roles open it."""

    owner: Terminal
    app: Terminal
    reader: Terminal
    schema: str


def connected(terminal: Terminal) -> psycopg.Connection:
    arguments = parse_database_url(terminal.url).connection_arguments
    return psycopg.connect(**arguments, autocommit=True)


def statements(schema: str) -> list[str]:
    """The script, one statement at a time, for this schema and roles of this test's own."""
    script = SCRIPT.read_text().replace("cell_0", schema).replace("zhangfang_", f"{schema}_")
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [one for one in "\n".join(lines).split(";") if one.strip()]


@pytest.fixture
def roles(database_url: str) -> Iterator[Roles]:
    schema = parse_database_url(database_url).schema
    names = [f"{schema}_{name}" for name in ("owner", "app", "reader")]
    urls = [database_url.replace("://postgres@", f"://{name}@") for name in names]
    if urls[0] == database_url:
        pytest.skip("the given server is not opened as postgres")
    roles = Roles(*map(Terminal, urls), schema)
    with connected(Terminal(database_url)) as admin:
        for name in names:
            admin.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(name)))
        create = SQL("CREATE SCHEMA {} AUTHORIZATION {}")
        admin.execute(create.format(Identifier(schema), Identifier(names[0])))
        try:
            assert roles.owner("init").code == 0
            give_rights(roles)
            yield roles
        finally:
            for name in reversed(names):
                admin.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
                admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def give_rights(roles: Roles) -> None:
    with connected(roles.owner) as connection:
        for statement in statements(roles.schema):
            connection.execute(statement.encode())


def test_the_application_keeps_the_books_and_the_owner_rebuilds(
    roles: Roles, tmp_path: Path
) -> None:
    generate(tmp_path / "feed", orders=20, merchants=3, days=3, seed=5)
    app = roles.app
    ran = app("import", tmp_path / "feed", "--settle-through", "2011-03-31")
    assert ran.code == 0, ran.err
    made = app("--json", "key", "create", "--role", "operator").json()["id"]
    assert app("--json", "key", "revoke", made).json()["revoked"] is True
    assert roles.owner("projections", "rebuild", "--all").code == 0
    give_rights(roles)  # Again, as after an upgrade: nothing changes.
    assert app("key", "create", "--role", "auditor").code == 0
    ran = app("verify")
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.parametrize("table", LEDGER)
def test_the_application_cannot_change_history(roles: Roles, table: str) -> None:
    columns = {"events": "state", "sealed_changes": "entry", "blobs": "bytes"}
    column = {**columns, "blob_pieces": "bytes"}.get(table, "digest")
    with connected(roles.app) as connection:
        for change in ("UPDATE {} SET {} = NULL", "DELETE FROM {}", "TRUNCATE {}"):
            statement = SQL(change).format(Identifier(roles.schema, table), Identifier(column))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"ALTER TABLE {roles.schema}.{table} DISABLE TRIGGER ALL".encode())


def test_a_key_is_never_changed_but_for_its_revocation_and_never_read_by_reports(
    roles: Roles,
) -> None:
    with connected(roles.app) as connection:
        for change in ("UPDATE {} SET role = 'operator'", "DELETE FROM {}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(SQL(change).format(Identifier(roles.schema, "api_keys")))
    with connected(roles.reader) as connection:
        connection.execute(SQL("SELECT * FROM {}").format(Identifier(roles.schema, "events")))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(SQL("SELECT * FROM {}").format(Identifier(roles.schema, "api_keys")))
