"""The endpoint: what it takes, what it refuses before GraphQL begins, and GraphiQL's page."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLScalarType, get_named_type

from api.graphql.schema import graphql_schema, schema_text
from api.http.bodies import MAX_BODY
from api.web.pages import STATIC
from tests.api.conftest import problem
from tests.api.graphql.conftest import Books

ROOT = Path(__file__).parent.parent.parent.parent
QUERY = "{ ledger { position } }"


def test_the_schema_is_the_published_one(golden: Any) -> None:
    golden("docs/schema.graphql", schema_text())


def test_no_float_and_no_money_as_int() -> None:
    """Figures are Money, positions BigInt; what may be an Int is listed, and none of it grows."""
    small = {
        *("rateBps", "feeRateBps", "reserveBps", "reserveDays", "answeredBps"),
        *("lineNo", "number", "leg", "part", "level", "class", "binding", "requests"),
        "refundDays",
        *("attempt", "status", "tookMs"),
    }
    for kind in graphql_schema().type_map.values():
        if kind.name.startswith("__"):
            continue
        assert kind.name != "Float"
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            for name, field in kind.fields.items():
                inner = get_named_type(field.type)
                assert inner.name != "Int" or name in small, f"{kind.name}.{name}"
    scalars = {
        k.name for k in graphql_schema().type_map.values() if isinstance(k, GraphQLScalarType)
    }
    assert scalars == {"BigInt", "Boolean", "Date", "DateTime", "ID", "Int", "String"}


def test_a_query_is_answered_as_json_that_nobody_keeps(books: Books) -> None:
    response = books.post({"query": QUERY, "operationName": None, "extensions": {"a": 1}})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"data"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (json.dumps([{"query": QUERY}, {"query": QUERY}]).encode(), "body"),
        (b'{"query": null}', "body"),
        (b'{"query": 5}', "body"),
        (b'{"variables": {}}', "body"),
        (b'{"query": "{ledger{hash}}", "variables": []}', "body"),
        (b'{"query": "{ledger{hash}}", "variables": {"a": NaN}}', "body"),
        (b'{"query": "{ledger{hash}}", "variables": {"a": 1e999}}', "body"),
        (b'{"query": "{ledger{hash}}", "variables": {"a": "\\ud800"}}', "body"),
        (
            b'{"query": "{ledger{hash}}", "variables": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
            "body",
        ),
        (b'{"query": "\xff"}', "body"),
        (b'{"query": "query a{ledger{hash}} query b{ledger{hash}}"}', "operationName"),
        (b'{"query": "query a{ledger{hash}}", "operationName": "b"}', "operationName"),
        (b'{"query": "query a{ledger{hash}}", "operationName": ""}', "operationName"),
        (b'{"query": "fragment f on Query{ledger{hash}} query{...f}", "operationName": 1}', "body"),
    ],
)
def test_a_body_that_is_no_query_is_refused(books: Books, raw: bytes, field: str) -> None:
    problem(books.post(None, raw=raw), 400, "request_invalid", field)


@pytest.mark.parametrize("document", ["mutation { a }", "subscription { a }"])
def test_there_is_nothing_but_queries(books: Books, document: str) -> None:
    answer = books.post({"query": document})
    codes = [error["extensions"]["code"] for error in answer.json().get("errors", [])]
    assert codes == ["request_invalid"]


def test_the_operation_is_chosen_by_name(books: Books) -> None:
    document = "query a{ledger{position}} query b{trialBalance{balanced}}"
    response = books.post({"query": document, "operationName": "b"})
    assert response.json() == {"data": {"trialBalance": {"balanced": True}}}
    for nothing in (None, ""):
        response = books.post({"query": "{trialBalance{balanced}}", "operationName": nothing})
        assert response.json() == {"data": {"trialBalance": {"balanced": True}}}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/graphql"]
)
def test_another_content_type_is_refused(books: Books, kind: str) -> None:
    response = books.post({"query": QUERY}, headers={"content-type": kind})
    problem(response, 415, "request_invalid", "Content-Type")


def test_a_content_type_may_name_its_charset(books: Books) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    assert books.post({"query": QUERY}, headers=headers).status_code == 200


def test_a_body_above_a_megabyte_is_refused(books: Books) -> None:
    padding = " " * (MAX_BODY - len(json.dumps({"query": QUERY})))
    fits = json.dumps({"query": QUERY}) + padding
    assert books.post(None, raw=fits).status_code == 200
    problem(books.post(None, raw=fits + " "), 413, "request_invalid", "body")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(books: Books, method: str) -> None:
    response = books.client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("page", "count"), [("/graphql?query={ledger{position}}", 6), ("/docs", 3)]
)
def test_pages_come_whole_from_this_server(books: Books, page: str, count: int) -> None:
    response = books.client.get(page, headers={"accept": "text/html,*/*;q=0.8"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in response.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    files = [path for path in loaded if not path.startswith("data:")]
    assert len(files) == count and all(path.startswith("/static/") for path in files)
    for path in files:
        asset = books.client.get(path)
        assert asset.status_code == 200 and asset.content
        assert asset.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
    assert books.client.get("/static/../app.py").status_code == 404
    assert books.client.get("/static/%2e%2e/%2e%2e/app.py").status_code == 404


def test_vendored_files_are_the_packaged_ones() -> None:
    lock = json.loads((STATIC / "vendor.lock.json").read_text())
    kept = {path for path in (STATIC / "vendor").rglob("*") if path.is_file()}
    assert {STATIC / entry["file"] for entry in lock} == kept
    for entry in lock:
        digest = hashlib.sha256((STATIC / entry["file"]).read_bytes()).hexdigest()
        assert digest == entry["sha256"], entry["file"]
    packages = {"graphiql", "htmx.org", "react", "react-dom", "swagger-ui-dist"}
    assert {entry["package"] for entry in lock} == packages
