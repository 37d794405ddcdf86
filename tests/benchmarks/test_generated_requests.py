"""`zhangfang drill requests`: a bounded slice on both databases, and proof that it can fail."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.graphql.access import LISTENED
from api.graphql.schema import graphql_schema
from benchmarks.databases import databases
from benchmarks.drills.generating.answers import Shapes, wrong_envelope
from benchmarks.drills.generating.findings import Findings
from benchmarks.drills.generating.market import open_market
from benchmarks.drills.generating.queries import Queries
from benchmarks.drills.generating.reads import Reader
from benchmarks.drills.generating.writing import Query
from benchmarks.drills.generating.wrote import wrongly_written
from benchmarks.drills.requests import drill
from domain.kernel import Request
from domain.ledger.ledger import Ledger, utc_us
from domain.member.commands import AddOperator
from migrations.run import migrate
from tests.api.cli.terminal import Terminal

SEED = 20261128
FIELDS = 330  # Of the schema's fields at least so many are asked for, whatever the seed.


def test_a_slice_on_sqlite(tmp_path: Path) -> None:
    """Two of each operation in each role, as the command does it."""
    ran = Terminal(f"sqlite:///{tmp_path / 'not-used.db'}")(
        "drill", "requests", "--examples", "2", "--seed", str(SEED), "--json"
    )
    found = json.loads(ran.out)
    print(f"seed {found['seed']}")
    check(found)
    assert "201" in found["statuses"]
    assert ran.code == 0
    assert not (tmp_path / "not-used.db").exists()


@pytest.mark.postgresql
def test_a_smaller_slice_on_postgresql(postgres_url: str) -> None:
    with databases(["postgresql"], postgres_url) as made, made.empty("postgresql") as url:
        found = drill(url, lambda _: None, seed=SEED, examples=1)
    print(f"seed {found['seed']}")
    check(found)


def check(found: dict[str, Any]) -> None:
    assert found["faults"] == []
    assert found["incidents"] == []
    assert found["books"]["clean"], found["books"]["findings"]
    assert found["passed"]
    assert found["fields_asked"] > FIELDS
    assert {"200", "400", "401", "403", "404", "409"} <= set(found["statuses"])


def test_without_schemathesis_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    for name in ("requests", "generating.commands"):
        monkeypatch.delitem(sys.modules, f"benchmarks.drills.{name}", raising=False)
    error = Terminal(f"sqlite:///{tmp_path / 'x.db'}")("drill", "requests", "--json").refused()
    assert "pip install 'zhangfang[dev]'" in error["detail"]


def test_either_seconds_or_examples(tmp_path: Path) -> None:
    words = ("drill", "requests", "--seconds", "1", "--examples", "1", "--json")
    assert Terminal(f"sqlite:///{tmp_path / 'x.db'}")(*words).refused()["field"] == "examples"


# The judges, each shown what it must not let pass.

QUERY = """{ member(id: "M") { id kind ...F } }
fragment F on Member { feeRules { rateBps cap { minor } } }"""
GOOD = {"member": {"id": "M", "kind": "personal", "feeRules": [{"rateBps": 1, "cap": None}]}}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (GOOD, []),
        ({"member": None}, []),
        ({}, ["Query.member: is missing"]),
        ({**GOOD, "more": 1}, ["data.more: was not asked for"]),
        ({"member": {**GOOD["member"], "id": None}}, ["Member.id: null where the schema says"]),
        ({"member": {**GOOD["member"], "kind": "shop"}}, ["Member.kind: 'shop' is no MemberKind"]),
        ({"member": {**GOOD["member"], "id": 1}}, ["Member.id: 1 is no ID"]),
        ({"member": {**GOOD["member"], "feeRules": {}}}, ["Member.feeRules: not a list"]),
        (
            {"member": {**GOOD["member"], "feeRules": [{"rateBps": True, "cap": {"minor": 1}}]}},
            ["FeeRule.rateBps: True is no Int", "Money.minor: 1 is no BigInt"],
        ),
        ({"member": []}, ["data: not an object"]),
    ],
)
def test_a_wrong_shape_is_seen(data: Any, wrong: list[str]) -> None:
    document = parse(QUERY)
    assert validate(graphql_schema(), document) == []
    found = list(Shapes(graphql_schema(), document).wrong(data))
    assert len(found) == len(wrong), found
    for one, said in zip(found, wrong, strict=True):
        assert one.startswith(said) or said == "data: not an object"


REFUSED = {"code": "busy", "field": "", "detail": ""}
ERROR = {"message": "x", "extensions": REFUSED}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"data": {}}, True),
        ({"data": None}, False),
        ({"errors": []}, False),
        ({"data": {}, "more": 1}, False),
        ([], False),
        ({"errors": [ERROR]}, True),
        ({"errors": [{**ERROR, "extensions": {"code": "busy"}}]}, False),
        ({"errors": [{**ERROR, "extensions": {**REFUSED, "code": "internal_error"}}]}, False),
    ],
)
def test_a_wrong_envelope_is_seen(answer: Any, right: bool) -> None:
    assert (wrong_envelope(answer) is None) is right


@given(st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_a_generated_query_is_one_unless_it_was_broken(data: st.DataObject) -> None:
    """A generator that makes rubbish alone would prove nothing."""
    query = data.draw(Queries(graphql_schema(), {"date": ["2025-11-11"]}).whole())
    (definition, *_) = parse(query.text).definitions
    assert definition.kind == "operation_definition"
    assert set(query.variables) == {one for one in query.variables if f"${one}: " in query.text}


def test_every_field_of_the_schema_is_in_the_systematic_queries() -> None:
    schema = graphql_schema()
    texts = " ".join(text for _, text in Queries(schema, {"date": ["2025-11-11"]}).everything())
    words = set(texts.replace("(", " ").split())
    assert schema.query_type is not None
    for _, text in Queries(schema, {"date": ["2025-11-11"]}).everything():
        assert validate(schema, parse(text)) == [], text
    for kind in schema.type_map.values():
        if (
            kind is schema.subscription_type
        ):  # Not asked but listened to, each by a walk of its own.
            assert set(kind.fields) == set(LISTENED)
        elif not kind.name.startswith("__"):
            assert set(getattr(kind, "fields", {})) <= words, kind.name


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    made = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(made)
    yield made


def test_what_a_role_must_not_write_is_seen(url: str) -> None:
    market = open_market(url)
    ledger = Ledger.open(url)
    for number, (actor, member) in enumerate(
        (
            ("operator:k", "LONGJING"),
            ("merchant:SANZHI", "SANZHI"),
            ("merchant:SANZHI", "LONGJING"),
            ("merchant:LONGJING", "LONGJING"),
            ("auditor:k", "SANZHI"),
        )
    ):
        staff = AddOperator(member, f"ZHANG{number}", "finance")
        ledger.submit(Request(f"test-{number}", utc_us(), actor, staff)).unwrap()
    ledger.close()
    found = wrongly_written(url, market)
    assert [one.rpartition(": ")[2] for one in found] == [
        "it is LONGJING's",
        "not the key's merchant",
        "an auditor changes nothing",
    ]


def test_a_status_that_nobody_expects_and_a_strangers_name_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = Findings()
    reader = Reader("http://127.0.0.1:1", "key", graphql_schema(), findings, ["LONGJING"])

    class Answer:
        def __init__(self, status: int, body: Any) -> None:
            self.status_code, self.text = status, json.dumps(body)
            self.headers: dict[str, str] = {}

        def json(self) -> Any:
            return json.loads(self.text)

    query = "{ ledger { hash } }"
    for status, body in (
        (500, {}),
        (400, {"code": "x"}),
        (200, {"data": {"ledger": {"hash": "LONGJING"}}}),
        (200, {"data": {"ledger": {}}}),
    ):
        given_back = Answer(status, body)
        monkeypatch.setattr(reader._session, "post", lambda *_, _one=given_back, **__: _one)
        reader.send(Query(query, {}))
    reader.close()
    assert [one.kind for one in findings.faults.values()] == [
        "status 500",
        "not a problem document",
        "shows LONGJING to a merchant",
        "Ledger.hash: is missing",
    ]
