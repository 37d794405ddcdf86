"""Registered documents: from a folder, by an operator, in other processes; asked for by an id."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import event, text
from starlette.testclient import TestClient

from api.app import create_app
from api.context import open_context
from api.graphql import registered
from api.graphql.limits import MAX_LENGTH
from api.graphql.registered import MOST, MOST_UNKNOWN, Registered, add_document, id_of
from api.settings import Settings
from domain.channel.adapters.simulated import SimulatedChannel
from domain.refusals import Code, Refused
from tests.api.conftest import Server, problem
from tests.api.graphql.conftest import Books

BALANCED = "{ trialBalance { balanced } }"
MEMBER = "query member($id: ID!) { member(id: $id) { id kind } }"
TWO = "query a { ledger { position } } query b { trialBalance { balanced } }"
LARGE = "transactions(first: 200) { edges { node { id entries { reference } } } }"
NOBODYS = f"sha256:{'0' * 64}"


def register(server: Server, document: str) -> str:
    made = server.send("POST", "/v1/documents", {"document": document})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def get(server: Server, role: str = "operator", accept: str = "", **parameters: str) -> Any:
    headers = {"authorization": f"Bearer {server.keys[role]}"} | (
        {"accept": accept} if accept else {}
    )
    return server.client.get("/graphql", params=parameters, headers=headers)


def code_of(response: Any) -> tuple[str, str]:
    (error,) = response.json()["errors"]
    return error["extensions"]["code"], error["extensions"]["field"]


def another(server: Server, **settings: Any) -> Iterator[TestClient]:
    """Another process on the same ledger, as far as the ledger can tell."""
    context = open_context(server.url, SimulatedChannel(), clock=lambda: server.now_us)
    with TestClient(
        create_app(context, Settings(**settings)), raise_server_exceptions=False
    ) as one:
        yield one


@pytest.fixture
def other(server: Server) -> Iterator[TestClient]:
    yield from another(server)


def test_an_operator_registers_a_document_and_everybody_asks_for_it(market: Server) -> None:
    market.context.projector.catch_up()
    document_id = register(market, MEMBER)
    assert document_id == id_of(MEMBER)
    variables = json.dumps({"id": "SQUIRRELS"})
    for role in ("operator", "merchant"):
        answer = get(market, role, documentId=document_id, variables=variables)
        data = {"member": {"id": "SQUIRRELS", "kind": "enterprise"}}
        assert (answer.status_code, answer.json()) == (200, {"data": data})
    stranger = get(market, "stranger", documentId=document_id, variables=variables)
    assert stranger.json() == {"data": {"member": None}}
    body = {"documentId": document_id, "variables": {"id": "GREENTEA"}}
    posted = market.send("POST", "/graphql", body)
    assert posted.json()["data"]["member"]["id"] == "GREENTEA"
    assert posted.headers["cache-control"] == "no-store" and "etag" not in posted.headers


def test_an_operation_of_a_registered_document_is_chosen_by_name(market: Server) -> None:
    market.context.projector.catch_up()
    document_id = register(market, TWO)
    answer = get(market, documentId=document_id, operationName="b")
    assert answer.json() == {"data": {"trialBalance": {"balanced": True}}}
    problem(get(market, documentId=document_id), 400, "request_invalid", "operationName")


def test_registering_is_idempotent_and_retiring_ends_it(server: Server) -> None:
    server.now_us += 1
    first = server.send("POST", "/v1/documents", {"document": BALANCED}).json()
    server.now_us += 1
    graphql = {"content-type": "application/graphql"}
    again = server.send("POST", "/v1/documents", raw=BALANCED.encode(), headers=graphql)
    assert again.json() == first
    path = f"/v1/documents/{first['id']}"
    assert server.send("GET", path).json() == first
    short = {name: value for name, value in first.items() if name != "document"}
    assert server.send("GET", "/v1/documents").json() == {"documents": [short]}
    assert get(server, documentId=first["id"]).status_code == 200
    assert server.send("DELETE", path).json() == {"id": first["id"], "retired": True}
    assert code_of(get(server, documentId=first["id"])) == ("document_unknown", "documentId")
    for method in ("GET", "DELETE"):
        problem(server.send(method, path), 404, "document_unknown", "document_id")
        odd = server.send(method, "/v1/documents/sha256:ABC")
        problem(odd, 400, "request_invalid", "document_id")


def test_another_process_looks_a_document_up_once(server: Server, other: TestClient) -> None:
    headers = {"authorization": f"Bearer {server.keys['operator']}"}
    unknown = other.get("/graphql", params={"documentId": NOBODYS}, headers=headers)
    assert code_of(unknown) == ("document_unknown", "documentId")
    document_id = register(server, BALANCED)
    known: Registered = other.app.state.graphql.registered  # type: ignore[attr-defined]
    statements: list[str] = []
    event.listen(known._engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for _ in range(3):
        answer = other.get("/graphql", params={"documentId": document_id}, headers=headers)
        assert answer.json() == {"data": {"trialBalance": {"balanced": True}}}
    assert len([one for one in statements if "registered_documents" in one]) == 1


def test_what_was_retired_elsewhere_is_known_for_a_minute_at_most(server: Server) -> None:
    now_s = 1_000.0
    engine = server.context.engine
    known = Registered(engine, monotonic=lambda: now_s)
    kept = add_document(server.context.writes, BALANCED, "operator:me", server.clock)

    def text_of(document_id: str) -> str:
        async def ask() -> str:
            return await known.text(document_id)

        return anyio.run(ask)

    assert text_of(kept.id) == BALANCED
    assert registered.retire_document(server.context.writes, kept.id)
    now_s += 59
    assert text_of(kept.id) == BALANCED
    now_s += 2
    with pytest.raises(Refused, match="document_unknown"):
        text_of(kept.id)
    add_document(server.context.writes, BALANCED, "operator:me", server.clock)
    with pytest.raises(Refused, match="document_unknown"):
        text_of(kept.id)
    now_s += 1
    assert text_of(kept.id) == BALANCED


def test_a_text_that_was_changed_in_the_table_is_not_known(server: Server) -> None:
    document_id = register(server, BALANCED)
    with server.context.writes.begin() as connection:
        connection.execute(text("UPDATE registered_documents SET document = '{ ledger { hash } }'"))
    assert code_of(get(server, documentId=document_id)) == ("document_unknown", "documentId")
    assert register(server, BALANCED) == document_id, "adding it again puts it right"
    with server.context.engine.connect() as connection:
        rows = connection.execute(text("SELECT document FROM registered_documents")).scalars()
        assert list(rows) == [BALANCED]


def test_ids_that_are_none_are_remembered_boundedly(server: Server) -> None:
    known = Registered(server.context.engine)

    async def ask() -> None:
        for number in range(MOST_UNKNOWN + 5):
            with pytest.raises(Refused):
                await known.text(f"sha256:{number:064x}")

    anyio.run(ask)
    assert len(known._unknown) == MOST_UNKNOWN and not known._known


def test_there_are_so_many_documents_and_no_more(server: Server) -> None:
    for number in range(MOST):
        add_document(server.context.writes, f"{{ a{number} }}", "operator:me", server.clock)
    refused = server.send("POST", "/v1/documents", {"document": BALANCED})
    problem(refused, 422, "document_invalid", "document")
    again = add_document(server.context.writes, "{ a7 }", "operator:me", server.clock)
    assert registered.retire_document(server.context.writes, again.id)
    register(server, BALANCED)


def test_registered_documents_are_not_driven_out_by_others(books: Books) -> None:
    reads = books.graphql
    kept = add_document(books.context.writes, BALANCED, "operator:me", lambda: 1)
    headers = {"authorization": f"Bearer {books.keys['auditor']}"}

    def ask() -> None:
        answer = books.client.get("/graphql", params={"documentId": kept.id}, headers=headers)
        assert answer.status_code == 200, answer.text

    ask()
    mine, others = reads._registered_documents, reads.documents
    misses, most = mine.misses, others._most_bytes
    others._most_bytes = 100_000
    try:
        for number in range(20):
            books.read(f"{{ n{number}: trialBalance {{ balanced }} }}")
        assert others.bytes <= 100_000
    finally:
        others._most_bytes = most
    ask()
    assert mine.misses == misses
    assert mine.bytes <= mine._most_bytes


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ("", "line 1: Syntax Error"),
        ("{ ledger { hash }", "line 1: Syntax Error"),
        ("# a comment\n{ ledger {\n nothing } }", "line 3: Cannot query field 'nothing'"),
        ("mutation { a }", "line 1"),
        ("{" + "a{" * 70 + "b" + "}" * 71, "nested too deeply"),
        ("{ " + "trialBalance { balanced } " * 40 + "}", "repeated fields"),
        ("#" * (MAX_LENGTH + 1) + "\n" + BALANCED, f"above {MAX_LENGTH} characters"),
        ("# \0\n" + BALANCED, "no database takes"),
        ("# \ud800\n" + BALANCED, "no database takes"),
        ("fragment f on Query { ledger { hash } }", "line 1"),
        (
            "{ " + " ".join(f"a{n}: {LARGE}" for n in range(20)) + "}",
            "it may answer with",
        ),
    ],
    ids=lambda one: one[:20],
)
def test_a_document_that_is_none_is_refused(server: Server, document: str, detail: str) -> None:
    answer = problem(
        server.send("POST", "/v1/documents", {"document": document}),
        *(422, "document_invalid", "document"),
    )
    assert detail in answer["detail"]
    assert server.send("GET", "/v1/documents").json() == {"documents": []}


@pytest.mark.parametrize(
    ("raw", "kind", "status", "field"),
    [
        (b"", "application/json", 400, "body"),
        (b"{}", "application/json", 400, "body"),
        (b'{"document": 1}', "application/json", 400, "document"),
        (b'{"document": "{a}", "more": 1}', "application/json", 400, "body"),
        (b"\xff", "application/graphql", 400, "body"),
        (BALANCED.encode(), "text/plain", 415, "Content-Type"),
        (b" " * (1024 * 1024 + 1), "application/graphql", 413, "body"),
    ],
)
def test_a_body_that_is_no_document_is_refused(
    server: Server, raw: bytes, kind: str, status: int, field: str
) -> None:
    answer = server.send("POST", "/v1/documents", raw=raw, headers={"content-type": kind})
    problem(answer, status, "request_invalid", field)


def test_what_is_asked_for_is_a_text_or_an_id(server: Server) -> None:
    both = {"documentId": NOBODYS, "query": BALANCED}
    problem(get(server, **both), 400, "request_invalid", "documentId")
    problem(server.send("POST", "/graphql", both), 400, "request_invalid", "documentId")
    for odd in ("", "abc", NOBODYS.upper(), f"{NOBODYS}\n", "sha256:é"):
        assert code_of(get(server, documentId=odd)) == ("request_invalid", "documentId")
    problem(server.send("POST", "/graphql", {"documentId": 5}), 400, "request_invalid", "body")
    unknown = get(server, documentId=NOBODYS, accept="application/graphql-response+json")
    assert (unknown.status_code, code_of(unknown)) == (400, ("document_unknown", "documentId"))
    assert unknown.headers["cache-control"] == "no-store" and "etag" not in unknown.headers


# A folder.


def test_a_folder_is_registered_at_the_start(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "balanced.graphql").write_bytes(BALANCED.encode() + b"\r\n")
    (folder / "README.md").write_text("not a document")
    headers = {"authorization": f"Bearer {server.keys['auditor']}"}
    for client in another(server, documents=str(folder)):
        with server.context.engine.connect() as connection:
            count = connection.scalar(text("SELECT count(*) FROM registered_documents"))
        assert count == 0, "the folder is the place of what stands in it"
        parameters = {"documentId": id_of(BALANCED + "\r\n")}
        answer = client.get("/graphql", params=parameters, headers=headers)
        assert answer.json() == {"data": {"trialBalance": {"balanced": True}}}


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"{ ledger {\n\n nothing } }", "a.graphql: line 3: Cannot query field 'nothing'"),
        (b"{", "a.graphql: line 1: Syntax Error"),
        (b"{ ledger \xff", "a.graphql: byte 9 is not UTF-8"),
        (b"#" * 100_000, f"a.graphql: above {MAX_LENGTH} characters"),
        (None, "a.graphql: Is a directory"),
    ],
)
def test_a_bad_file_stops_the_start(
    server: Server, tmp_path: Path, content: bytes | None, detail: str
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    file = folder / "a.graphql"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        create_app(server.context, Settings(documents=str(folder)))
    assert refused.value.code is Code.REQUEST_INVALID
    assert refused.value.field == "ZHANGFANG_DOCUMENTS"
    assert detail in refused.value.detail


def test_a_folder_that_is_not_there_stops_the_start(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no such folder"):
        create_app(server.context, Settings(documents=str(tmp_path / "nowhere")))


# Merchants may be held to registered documents.


def test_a_merchant_may_be_held_to_registered_documents(server: Server) -> None:
    register(server, MEMBER)
    variables = json.dumps({"id": "SQUIRRELS"})
    for client in another(server, only_registered=True):

        def ask(role: str, client: TestClient = client, **asked: str) -> Any:
            headers = {"authorization": f"Bearer {server.keys[role]}"}
            return client.get("/graphql", params=asked, headers=headers)

        assert code_of(ask("merchant", query=BALANCED)) == ("not_allowed", "query")
        assert code_of(ask("merchant", query="{")) == ("not_allowed", "query")
        assert "data" in ask("merchant", query=MEMBER, variables=variables).json()
        assert "data" in ask("merchant", documentId=id_of(MEMBER), variables=variables).json()
        assert "data" in ask("auditor", query=BALANCED).json()
