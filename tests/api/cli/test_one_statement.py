"""No execution holds more than one statement: distributed PostgreSQL takes no more.

The driver is made to use the extended protocol for everything. There the server itself refuses
several statements in one string, where the simple protocol, which the driver takes for anything
without parameters, lets them pass.
"""

from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path

import psycopg
import pytest
from psycopg._cursor_base import BaseCursor

from api.operations.feed.generator import generate
from domain.eventstore.database import parse_database_url
from tests.api.cli.terminal import Terminal

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    send = BaseCursor._execute_send
    always = partialmethod(send, force_extended=True)

    def forced(cursor: object, query: object, **options: object) -> None:
        options.pop("force_extended", None)
        always.__get__(cursor)(query, **options)

    monkeypatch.setattr(BaseCursor, "_execute_send", forced)
    yield


def test_two_statements_in_one_string_would_be_seen(database_url: str, extended: None) -> None:
    arguments = parse_database_url(database_url).connection_arguments
    refused = pytest.raises(psycopg.errors.SyntaxError, match="multiple commands")
    with psycopg.connect(**arguments) as connection, refused:
        connection.execute("SELECT 1; SELECT 2")


def test_a_ledgers_whole_life_sends_one_statement_at_a_time(
    database_url: str, tmp_path: Path, extended: None
) -> None:
    terminal = Terminal(database_url)
    generate(tmp_path / "feed", orders=40, merchants=4, days=4, seed=3)
    for command in (
        ["init"],
        ["init"],
        ["key", "create", "--role", "operator"],
        ["import", str(tmp_path / "feed"), "--settle-through", "2011-03-31"],
        ["projections", "status"],
        ["projections", "rebuild", "--all"],
        ["projections", "rollback", "--all"],
        ["trial-balance"],
        ["key", "list"],
        ["head"],
        ["verify"],
    ):
        ran = terminal(*command)
        assert ran.code == 0, (command, ran.out, ran.err)
    key = terminal("--json", "key", "list").json()["keys"][0]["id"]
    assert terminal("key", "revoke", key).code == 0
    assert terminal("verify").code == 0
