"""`zhangfang drill graphql`: 500 documents on both databases, and proof that it can fail."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import parse
from hypothesis import HealthCheck, given, settings

from api.graphql.limits import prepare
from api.graphql.plan import coding
from api.graphql.schema import graphql_schema
from api.graphql.shapes import Shown
from benchmarks.databases import databases
from benchmarks.drills.generating.asking import Answer, Compared
from benchmarks.drills.generating.queries import PLANNED, Queries
from benchmarks.drills.generating.shrinking import shrunk
from benchmarks.drills.generating.writing import Query
from benchmarks.drills.graphql import Comparing, comparing, drill
from domain.refusals import Refused
from tests.api.cli.terminal import Terminal

SEED = 20261129
DAYS = {"date": ["2025-11-11", "2025-11-12"]}


def test_documents_on_sqlite(tmp_path: Path) -> None:
    """As the command does it."""
    ran = Terminal(f"sqlite:///{tmp_path / 'not-used.db'}")(
        "drill", "graphql", "--documents", "300", "--seed", str(SEED), "--json"
    )
    found = json_of(ran.out)
    check(found, 300)
    assert ran.code == 0
    assert not (tmp_path / "not-used.db").exists()


def json_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.postgresql
def test_documents_on_postgresql(postgres_url: str) -> None:
    with databases(["postgresql"], postgres_url) as made, made.empty("postgresql") as url:
        check(drill(url, lambda _: None, seed=SEED + 1, documents=200), 200)


def check(found: dict[str, Any], documents: int) -> None:
    print(f"seed {found['seed']}")
    assert found["findings"] == []
    assert found["passed"]
    assert found["documents"] == documents
    assert found["distinct"] > documents * 0.95
    assert found["planned_percent"] > 70
    answers = found["answers"]
    assert answers["clean, plan"] > documents
    assert answers["with errors, stock"] > documents / 4
    assert {"Query.desk", "Query.projections"} <= found["stock_because"].keys()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Comparing, Queries]]:
    with comparing(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield made


def test_a_wrong_plan_is_found_and_made_small(
    small: tuple[Comparing, Queries], monkeypatch: pytest.MonkeyPatch
) -> None:
    comparing, queries = small
    right = coding._shown

    def wrong(code: coding.Code, shown: Shown, one: Any) -> str:
        return "None" if shown.name == "paidAt" else right(code, shown, one)

    monkeypatch.setattr(coding, "_shown", wrong)
    (known,) = [text for name, text in queries.everything() if name == "order"]
    text = f" {known}"  # Its plan is not made yet.
    comparing.ask(Query(text, {}), "here")
    found = comparing.findings
    assert {one["role"] for one in found} >= {"auditor", "operator"}
    assert {one["fault"] for one in found} == {"the answers differ"}
    assert found[0]["query"] == text
    assert "".join(found[0]["shrunk"]["query"].split()).count("{") == 2
    assert "paidAt" in found[0]["shrunk"]["query"]
    assert found[0]["planned"] != found[0]["stock"]


def test_a_plan_that_breaks_is_found(
    small: tuple[Comparing, Queries], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock executor answers in its place, so that the bytes alone would not tell."""
    comparing, _ = small
    monkeypatch.setattr(coding, "_page_info", lambda *_: "nothing_like_this")
    comparing.ask(Query("{ orders { pageInfo { hasNextPage } } }", {}), "here")
    assert {one["fault"] for one in comparing.findings} == {"a plan failed: NameError"}


def test_time_alone_decides_which_of_two_failing_fields_is_told() -> None:
    """That is no difference; everything else is one, and a plan has no such excuse."""

    def told(path: str, data: object = None) -> Answer:
        return Answer(200, json.dumps({"data": data, "errors": [{"path": [path]}]}).encode())

    assert not Compared(told("a"), told("b"), "a flag is null").fault
    other = Answer(200, b'{"data":null,"errors":[{"path":["a"],"message":"x"}]}')
    for planned, stock, why in (
        (told("a"), told("b"), ""),
        (told("a"), other, "a flag is null"),
        (told("a"), told("b", {}), "a flag is null"),
        (told("a"), Answer(200, b'{"data":{}}'), "a flag is null"),
        (told("a"), Answer(400, told("b").body), "a flag is null"),
    ):
        assert Compared(planned, stock, why).fault == "the answers differ"


def test_a_document_without_what_does_not_show_it() -> None:
    text = """query A($id: ID!, $n: Int, $f: Boolean!) {
      account(id: $id) { ...F code @include(if: $f) } b: orders(first: $n) { totalCount }
    } fragment F on Account { id title } query B { ledger { hash } }"""
    query = Query(text, {"id": "1", "n": 3, "f": True}, operation_name="A")
    small = shrunk(query, lambda one: "title" in one.text and "query A" in one.text)
    said = " ".join(small.text.split())
    assert said == "query A { account { ...F } } fragment F on Account { title }"
    assert small.variables == {}


def test_documents_are_what_they_are_for() -> None:
    """Nearly all can be executed; each way to write them is there."""
    schema, words = graphql_schema(), " "
    queries = [Queries(schema, DAYS).written(Random(one), PLANNED) for one in range(400)]
    refused = 0
    for query in queries:
        try:
            refused += bool(prepare(schema, query.text).errors)
        except Refused:
            refused += 1
        words += query.text
    assert refused < 40
    assert len({query.text for query in queries}) > 380
    for way in (
        "...F", "... on ", "... {", "@include(if: $", "@skip(if: $", "@skip(if: true", "null",
        "Boolean! = ", "Boolean = ", "ID = ", "query Q1", "__typename", "None: ", "after: ",
    ):  # fmt: skip
        assert way in words, way
    assert schema.query_type is not None
    assert all(f" {name}" in words for name in schema.query_type.fields)
    assert any(None in query.variables.values() for query in queries)
    assert any(query.operation_name for query in queries)


@given(Queries(graphql_schema(), DAYS).whole(PLANNED))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_hypothesis_writes_them_too(query: Query) -> None:
    parse(query.text)
