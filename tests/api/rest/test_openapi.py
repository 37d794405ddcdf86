"""The OpenAPI document is complete: examples that work, schemas that say what is refused."""

import re
from typing import Any

import pytest

from api.http.errors import STATUS
from api.rest import (
    bill_files,
    documents,
    factors,
    hearing,
    quotas,
    reconciliations,
    withdrawals,
)
from api.rest.blobs import BYTES
from api.rest.body import build
from api.rest.routes import ENDPOINTS
from domain.accounting.owning import OpenMirror, ShowSweep
from domain.approval.commands import ExpireProposal, Propose
from domain.authority.commands import EndOrder
from domain.cashier.commands import PaySession
from domain.cashier.withdrawing import WithdrawBySession
from domain.channel.commands import ReportUnknownNumber
from domain.clearing.commands import CertifyReserve
from domain.commands import COMMANDS
from domain.member.binding import ClaimBinding, RecordBinding
from domain.member.hooking import StopEndpoint
from domain.member.staffing import AppointOperator, DismissOperator
from domain.payment.asking import ClaimAttempt, RecordAnswer, WithholdInstruction
from domain.payment.forgetting import ForgetAgain
from domain.reconciliation.commands import ImportBill
from domain.reconciliation.funding import (
    ClearDifference,
    FindDifference,
    MatchStatement,
    SettleSession,
)
from domain.reconciliation.judging import ReachVerdict, RecordDifferences
from domain.refusals import Code
from domain.screening.commands import LoadList, ReachScan, RecordMatches
from domain.settlement.reserving import ReleaseReserve
from domain.settlement.withdrawing import InstructWithdrawal
from tests.api.conftest import Server


@pytest.fixture
def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_every_command_of_the_domain_has_an_endpoint() -> None:
    """But for those of outbox, banks, deliverer, callbacks, timers and comparisons, which nobody
    sends from outside; what a payer chooses on a page of the cashier; what a command becomes that
    needs two persons, its end; who is appointed, at the machine; and what is read out of a bill,
    whose file has a door of its own."""
    ours = {
        ClaimAttempt,
        RecordAnswer,
        ReportUnknownNumber,
        WithholdInstruction,
        ClaimBinding,
        RecordBinding,
        ForgetAgain,
        ImportBill,
        InstructWithdrawal,
        PaySession,
        WithdrawBySession,
        EndOrder,
        LoadList,
        ReachScan,
        RecordMatches,
        ReleaseReserve,
        StopEndpoint,
        ReachVerdict,
        RecordDifferences,
        SettleSession,
        MatchStatement,
        FindDifference,
        ClearDifference,
        ShowSweep,
        OpenMirror,
        CertifyReserve,
    }
    ours |= {Propose, ExpireProposal, AppointOperator, DismissOperator}
    assert {endpoint.command for endpoint in ENDPOINTS} == set(COMMANDS) - ours


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_example_is_a_command(endpoint: Any) -> None:
    assert set(re.findall(r"{(\w+)}", endpoint.path)) == set(endpoint.sample)
    made = build(endpoint.asked, endpoint.body, endpoint.sample, **endpoint.defaults)
    assert type(made) is endpoint.asked


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(document))
    assert references
    for section, name in references:
        assert name in document["components"][section]
    assert "#/$defs" not in str(document)


def test_every_operation_says_what_it_takes_and_answers(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        assert operation["summary"] and operation["tags"]
        if name in ("GET /health", "GET /ready"):
            assert "security" not in operation
            continue
        if name == "GET /metrics":
            assert operation["security"] == [{"bearer": []}]
            continue
        assert operation["security"] == [{"bearer": []}]
        declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", name)), name
        accepted = [code for code in operation["responses"] if code.startswith("2")]
        assert len(accepted) == 1 + ("202" in accepted)
        if name == "GET /v1/blobs/{sha256}":
            assert set(operation["responses"]["200"]["content"]) == {"application/octet-stream"}
            continue
        content = operation["responses"][accepted[0]]["content"]["application/json"]
        if name == withdrawals.NAME:
            assert content["example"] == withdrawals.EXAMPLE
        elif name in hearing.EXAMPLES:
            assert content["example"] == hearing.EXAMPLES[name]
        elif name == quotas.NAME:
            assert content["example"] == quotas.EXAMPLE
        elif name in (bill_files.IMPORT, bill_files.FETCH):
            assert content["example"]["result"] == bill_files.EXAMPLE
        elif name in (reconciliations.NAME, reconciliations.READ):
            assert content["example"]["result"] == reconciliations.EXAMPLE
        elif name in documents.OPERATIONS:
            assert content["example"] == documents.OPERATIONS[name][1]
        elif name in factors.OPERATIONS:
            assert content["example"] == factors.OPERATIONS[name].answer
        else:
            assert set(content["example"]) == {"result", "position", "replayed"}
        refused = set(operation["responses"]) - set(accepted)
        assert {str(status) for status in STATUS.values()} < refused, name


def test_bodies_are_closed_and_amounts_are_integers(document: dict[str, Any]) -> None:
    order = document["paths"]["/v1/orders"]["post"]
    body = order["requestBody"]["content"]["application/json"]
    assert body["schema"]["additionalProperties"] is False
    assert set(body["schema"]["required"]) == {"order_no", "buyer", "lines"}
    line = document["components"]["schemas"]["OrderLine"]
    assert line["additionalProperties"] is False
    assert line["properties"]["amount_fen"]["type"] == "integer"
    for name, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if name == bill_files.IMPORT:
                assert content.keys() == {BYTES}
                continue
            content = content["application/json"]
            given = set(content["example"])
            assert given <= set(content["schema"]["properties"]), name
            assert given >= set(content["schema"].get("required", [])), name


def test_the_example_of_a_document_plays_through(server: Server) -> None:
    for name, (_, example) in documents.OPERATIONS.items():
        method, path = name.split(" ")
        body = {"document": documents.TEXT} if method == "POST" else None
        answer = server.ok(method, path.format(document_id=documents.EXAMPLE["id"]), body)
        shown = answer["documents"][0] if "documents" in answer else answer
        expected = example["documents"][0] if "documents" in example else example
        assert set(shown) == set(expected)
        assert shown["id"] == documents.EXAMPLE["id"]


def test_the_problem_knows_every_code(document: dict[str, Any]) -> None:
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert set(codes) == {*Code, "internal_error"}


def test_the_header_is_required_where_a_request_has_no_number(document: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        (header,) = [one for one in operation["parameters"] if one["in"] == "header"]
        assert header["name"] == "Idempotency-Key"
        assert header["required"] is (endpoint.number is None)
