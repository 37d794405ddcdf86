"""`zhangfang document`: registered on the command line, known to the server."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.context import open_context
from api.graphql.registered import id_of
from domain.channel.adapters.simulated import SimulatedChannel
from tests.api.cli.terminal import Terminal

BALANCED = "{ trialBalance { balanced } }\n"


@pytest.fixture
def terminal(migrated_url: str) -> Terminal:
    return Terminal(migrated_url)


def test_a_document_is_added_asked_for_and_retired(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "balanced.graphql"
    file.write_bytes(BALANCED.encode())
    made = terminal("document", "add", file, "--json").json()
    assert made == {"id": id_of(BALANCED)}
    assert terminal("document", "add", file).out == f"{made['id']}\n"
    (listed,) = terminal("document", "list", "--json").json()["documents"]
    assert (listed["id"], listed["characters"]) == (made["id"], len(BALANCED))
    assert made["id"][:20] in terminal("document", "list").out
    key = terminal("key", "create", "--role", "auditor", "--json").json()["key"]
    with TestClient(create_app(open_context(terminal.url, SimulatedChannel()))) as client:
        headers = {"authorization": f"Bearer {key}"}
        answer = client.get("/graphql", params={"documentId": made["id"]}, headers=headers)
        assert answer.json() == {"data": {"trialBalance": {"balanced": True}}}
    retired = terminal("document", "retire", made["id"], "--json")
    assert (retired.code, retired.json()) == (0, {"id": made["id"], "retired": True})
    assert terminal("document", "retire", made["id"]).code == 1
    assert terminal("document", "list", "--json").json() == {"documents": []}


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        ("{\n  nothing }", "document_invalid", "line 2: Cannot query field 'nothing'"),
        ("", "document_invalid", "line 1: Syntax Error"),
        (None, "request_invalid", "No such file"),
    ],
)
def test_a_file_that_is_no_document_is_refused(
    terminal: Terminal, tmp_path: Path, content: str | None, code: str, detail: str
) -> None:
    file = tmp_path / "a.graphql"
    if content is not None:
        file.write_text(content)
    error = terminal("document", "add", file, "--json").refused()
    assert (error["code"], error["field"]) == (code, "file")
    assert detail in error["detail"] and str(file) in error["detail"]


def test_an_id_that_is_none_is_refused(terminal: Terminal) -> None:
    error = terminal("document", "retire", "abc", "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", "ID")
