"""`zhangfang drill requests`: a bounded slice on both databases, and proof that it can fail."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import get_named_type, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.graphql.access import LISTENED
from api.graphql.schema import graphql_schema
from api.http.access import PERMISSIONS
from benchmarks.databases import databases
from benchmarks.drills.generating.answers import Shapes, wrong_envelope
from benchmarks.drills.generating.commands import MALFORMED, Operations
from benchmarks.drills.generating.examples import BY_THE_BOOKS, Examples
from benchmarks.drills.generating.findings import Findings
from benchmarks.drills.generating.market import open_market
from benchmarks.drills.generating.queries import NOTHING, Queries
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
# Whatever the seed, and whatever day it is: what their examples are answered.
CERTAIN = {
    "POST /v1/members": "201",
    "POST /v1/members/{member_id}/operators": "201",
    "POST /v1/members/{member_id}/cards": "201",
    "POST /v1/members/{member_id}/certificates": "201",
    "POST /v1/members/{member_id}/payment-password": "200",
    "POST /v1/members/{member_id}/webhooks": "201",
    "DELETE /v1/members/{member_id}/webhooks/{endpoint_id}": "200",
    "POST /v1/orders": "201",
    "POST /v1/orders/{order_no}/payments": "201",
    "POST /v1/instructions/{instruction_id}/outcome": "200",
    "POST /v1/transactions/{transaction_id}/confirm": "200",
    "POST /v1/transactions/{transaction_id}/refunds": "201",
    "POST /v1/recharges": "201",
    "POST /v1/transfers": "201",
    "POST /v1/accounts/{account}/freeze": "202",
    "POST /v1/accounts/{account}/holds": "201",
    "POST /v1/approvals/{approval_id}/approve": "200",
    "POST /v1/documents": "200",
    "GET /v1/events": "200",
}
FIELDS = 330  # Of the schema's fields at least so many are asked for, whatever the seed.


def test_a_slice_on_sqlite(tmp_path: Path) -> None:
    """Two of each operation in each role, as the command does it."""
    ran = Terminal(f"sqlite:///{tmp_path / 'not-used.db'}")(
        "drill", "requests", "--examples", "2", "--seed", str(SEED), "--json"
    )
    found = json.loads(ran.out)
    print(f"seed {found['seed']}")
    check(found)
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
    assert {"200", "201", "202", "400", "401", "403", "404", "409"} <= set(found["statuses"])
    operations = found["operations"]
    assert set(PERMISSIONS) < set(operations)
    for name, of in operations.items():
        status = of["example"].partition(" ")[0]
        assert status in of["statuses"], name
        assert int(status) < 300 or int(status) in BY_THE_BOOKS, (name, of)
    assert {name: operations[name]["example"] for name in CERTAIN} == CERTAIN


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


def operation(example: Any) -> dict[str, Any]:
    content = {
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "example": example,
    }
    said = {
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": {"description": "Done"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {"/x": {"post": said}},
        "components": {},
    }


class Told:
    """Stands for a sender: it is answered this, and then that."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        self.left = list(answers)

    def shown(self, label: str, _case: Any) -> str:
        return label

    def send(self, _label: str, _case: Any, _allowed: Any) -> Any:
        status, said = self.left.pop(0)
        return SimpleNamespace(status_code=status, content=json.dumps(said), text=json.dumps(said))


@pytest.mark.parametrize(
    ("example", "answers", "faults", "came"),
    [
        ({"n": 1}, [(200, {})], [], "200"),
        ({"n": 1}, [(409, {"code": "x"})], [], "409 x"),
        ({"n": "1"}, [(409, {"code": "x"})], ["its own example does not fit"], "409 x"),
        (
            {"n": 1},
            [(422, {"code": min(MALFORMED)})],
            [f"its own example is refused: 422 {min(MALFORMED)}"],
            f"422 {min(MALFORMED)}",
        ),
        (
            {"n": 1},
            [(403, {"code": "not_allowed"})],
            ["its own example is refused: 403 not_allowed"],
            "403 not_allowed",
        ),
    ],
)
def test_an_example_that_is_no_example_is_seen(
    example: Any, answers: Any, faults: list[str], came: str
) -> None:
    findings = Findings()
    told: Any = Told(*answers)
    Examples(Operations(operation(example), {}), told, told, findings).send()
    assert [one.kind for one in findings.faults.values()] == faults
    assert findings.examples == {"POST /x": came}
    assert told.left == []


def test_an_address_that_events_go_to_is_nobodys() -> None:
    operations = Operations(operation({}), {"order_no": ["O1"]})
    for host in ("shop.example", "10.0.0.1", "[2001:db8::1]"):
        case = SimpleNamespace(
            path_parameters={}, headers=None, body={"url": f"https://{host}:8443/a?b"}
        )
        operations._named(case)
        assert case.body == {"url": "https://hooks.invalid:8443/a?b"}


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


def test_every_argument_is_given_what_stands_in_the_books(url: str) -> None:
    """A name that is not known here is asked for as `x`, and the answer is null."""
    schema = graphql_schema()
    queries = Queries(schema, open_market(url).known)
    assert schema.query_type is not None
    for root, field in schema.query_type.fields.items():
        for name, argument in field.args.items():
            if get_named_type(argument.type).name in ("ID", "String", "Date"):
                assert queries.sought(root, name) != NOTHING, (root, name)


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
