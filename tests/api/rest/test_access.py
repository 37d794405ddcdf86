"""Every REST endpoint walked as every wrong caller: refused, the same way, and nothing recorded."""

import json
from typing import Any

import pytest

from api.http.access import PERMISSIONS
from api.http.keys import CAPACITIES
from api.rest import bill_files, documents, factors, hearing, quotas, withdrawals
from api.rest.cards import TOKEN
from api.rest.end_of_day import NAME as END_OF_DAY
from api.rest.reconciliations import NAME as RECONCILE
from api.rest.reconciliations import PATH
from api.rest.reconciliations import READ as RECONCILED
from api.rest.routes import ENDPOINTS
from api.settings import Settings
from domain.channel.adapters.simulated_cards import CODE
from tests.api.conftest import Server, problem

PERSONS_OF_STAFF = {"cashier", "reviewer", "risk"}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
FOR_MERCHANTS = [name for name, permission in PERMISSIONS.items() if "merchant" in permission.roles]
WITHDRAWING = "POST /v1/approvals/{approval_id}/withdraw"
# Whoever may call at all: the key of the conftest that each of them has.
KEYS: dict[str, str] = {one: one for one in CAPACITIES} | {"auditor": "inspector"}


def example(name: str, **path: str) -> tuple[str, str, dict[str, Any]]:
    """Method, path and body of an endpoint's example, with path parameters changed."""
    method, template = name.split(" ")
    if name == RECONCILE:
        return "POST", PATH, {"date": "2010-12-08"}
    if name == bill_files.IMPORT:
        return "POST", "/v1/bills?channel=JD_PAY&date=2010-12-08", {}
    if name == bill_files.FETCH:
        return "POST", "/v1/bills/fetch", {"channel": "JD_PAY", "date": "2010-12-08"}
    if name == END_OF_DAY:
        return method, template.format(date="2026-11-23"), {}
    if name in documents.OPERATIONS:
        body = {"document": documents.TEXT} if method == "POST" else {}
        return method, template.format(document_id=documents.EXAMPLE["id"]), body
    if name in factors.OPERATIONS:
        return method, template.format(**{**factors.MEMBER, **path}), factors.OPERATIONS[name].body
    endpoint = BY_NAME[name]
    return method, template.format(**{**endpoint.sample, **path}), dict(endpoint.body)


def test_every_endpoint_stands_in_the_table_and_no_other() -> None:
    assert set(PERMISSIONS) == {
        *BY_NAME, END_OF_DAY, RECONCILE, bill_files.IMPORT, bill_files.FETCH,
        *documents.OPERATIONS, *factors.OPERATIONS,
    }  # fmt: skip
    assert len(ENDPOINTS) == len(BY_NAME)
    for name, permission in PERMISSIONS.items():
        assert "operator" in permission.roles, name
        assert "auditor" not in permission.roles, f"{name}: an auditor changes nothing"
        assert "viewer" not in permission.roles, f"{name}: a viewer changes nothing"
        assert permission.roles & PERSONS_OF_STAFF, f"{name}: no person may do it"
        ours = {"owner", "finance"} & permission.roles
        assert bool(ours) == ("merchant" in permission.roles), name
        assert permission.roles <= set(CAPACITIES)
        assert ("merchant" in permission.roles) == (permission.own is not None), name


READ = (
    "GET /health",
    "GET /ready",
    "GET /metrics",
    "GET /v1/blobs/{sha256}",
    RECONCILED,
    quotas.NAME,
    withdrawals.NAME,
    *hearing.EXAMPLES,
)


def test_the_table_is_all_that_can_be_called(server: Server) -> None:
    """From outside: what the document offers is the table, and what needs no key."""
    paths = server.client.get("/openapi.json").json()["paths"]
    offered = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert offered == {*PERMISSIONS, *READ}
    documented = {path.split("{")[0] for path in paths} | {
        "/callbacks/",
        "/pay/",
        "/withdraw/",
        "/v1/cashier-keys",
    }
    known = {"/", "/openapi.json", "/docs", "/docs/refusals.md", "/graphql"}
    for route in server.client.app.routes:  # type: ignore[attr-defined]
        path = getattr(route, "path", None)
        if path is not None:
            assert path in known or path == "/static" or path.split("{")[0] in documented, path


def test_the_wrong_caller_is_refused(market: Server, subtests: pytest.Subtests) -> None:
    market.sell("JD1001")
    market.pay("JD1001", "P9")
    head = market.context.ledger.head()
    for name in PERMISSIONS:
        with subtests.test(name):
            _refused_to_the_wrong(market, name)
            assert market.context.ledger.head() == head


def _refused_to_the_wrong(market: Server, name: str) -> None:
    method, path, body = example(name)
    how: dict[str, Any] = {"key": "walk"}
    field = "Authorization"
    problem(market.send(method, path, body, role=None, **how), 401, "not_authenticated", field)
    unknown = {"authorization": "Bearer zf_" + "a" * 12 + "_" + "b" * 43}
    response = market.send(method, path, body, role=None, headers=unknown, **how)
    problem(response, 401, "not_authenticated", field)
    wrong = ["auditor", "stranger"]
    if name not in FOR_MERCHANTS:
        wrong.append("merchant")
    for role in wrong:
        response = market.send(method, path, body, role=role, **how)
        problem(response, 403, "not_allowed", field)
        # Also before the body is looked at: the wrong role learns nothing from what it sends.
        if role == "auditor" or name not in FOR_MERCHANTS:
            response = market.send(method, path, role=role, raw=b"{", **how)
            problem(response, 403, "not_allowed", field)


def test_every_office_and_role_may_do_what_is_in_the_table_and_no_more(
    staffed: Server, subtests: pytest.Subtests
) -> None:
    """Also before the body is looked at. Who may call is told what is wrong with it."""
    head = staffed.context.ledger.head()
    for name, permission in PERMISSIONS.items():
        method, path, _ = example(name)
        with subtests.test(name):
            for capacity, key in KEYS.items():
                response = staffed.send(method, path, role=key, raw=b"{", key="walk")
                if capacity in permission.roles:
                    assert response.status_code != 403, capacity
                else:
                    seen = problem(response, 403, "not_allowed", "Authorization")
                    assert seen["detail"] == f"{capacity} keys may not do this"
            assert staffed.context.ledger.head() == head


@pytest.mark.parametrize("role", ["owner", "finance"])
@pytest.mark.parametrize("name", FOR_MERCHANTS)
def test_a_merchants_person_acts_for_it_alone(staffed: Server, name: str, role: str) -> None:
    """What is another's and what does not exist is refused, the same way."""
    foreign = {
        "member_id": "GREENTEA",
        "order_no": "JD404",
        "transaction_id": "GREENTEA-JD1",
        "approval_id": "A404",
        "session_no": "S404",
    }
    method, path, body = example(name, **foreign)
    if "lines" in body:
        body["lines"] = [{**body["lines"][0], "merchant": "GREENTEA"}]
    response = staffed.send(method, path, body, role=role, key="walk")
    problem(response, 403, "not_allowed", "Authorization")


@pytest.fixture
def staffed(market: Server) -> Server:
    """The market, with persons in every office and role."""
    market.appoint()
    market.employ()
    return market


@pytest.mark.parametrize("name", [one for one in FOR_MERCHANTS if one != WITHDRAWING])
def test_the_merchant_itself_gets_through(market: Server, name: str) -> None:
    market.sell("JD1001")
    market.sell("JD1002")
    if "transactions" in name:
        market.pay("JD1001", "P9")
    if name.endswith("/cancel"):
        market.ok("POST", *example("POST /v1/cashier-sessions")[1:])
    method, path, body = example(name)
    if method == "DELETE":
        added = {"operator_id": "liaoyuan", "role": "owner"}
        market.ok("POST", "/v1/members/SQUIRRELS/operators", added, key="first")
    if name == "POST /v1/orders":
        body["order_no"] = "JD7"
    if "{endpoint_id}" in name:
        added = BY_NAME["POST /v1/members/{member_id}/webhooks"]
        market.ok("POST", "/v1/members/SQUIRRELS/webhooks", dict(added.body), key="hook")
    if name.endswith("/cards"):
        body["name"] = "SQUIRRELS Ltd"
    if "/cards/" in name:
        account = {**example("POST /v1/members/{member_id}/cards")[2], "name": "SQUIRRELS Ltd"}
        cards = "/v1/members/SQUIRRELS/cards"
        token = market.ok("POST", cards, account, role="merchant", key="card")["result"]["card"]
        market.ask_banks()
        if not name.endswith("/confirm"):
            market.ok("POST", f"{cards}/{token}/confirm", {"code": CODE}, key="code")
            market.ask_banks()
        path = path.replace(TOKEN, token)
    assert market.ok(method, path, body, role="merchant", key="own")["replayed"] is False


def test_what_is_foreign_and_what_does_not_exist_look_the_same(market: Server) -> None:
    market.restart(Settings(refund_alone=1_000))
    market.sell("JD1001")
    opened = {"session_no": "S1", "order_no": "JD1001"}
    market.ok("POST", "/v1/cashier-sessions", opened, role="merchant")
    market.pay("JD1001", "P9")
    pairs = [
        ("POST /v1/members/{member_id}/operators", {"member_id": "SQUIRRELS"}, {"member_id": "NO"}),
        ("POST /v1/orders/{order_no}/payments", {"order_no": "JD1001"}, {"order_no": "JD404"}),
        ("POST /v1/orders/{order_no}/close", {"order_no": "JD1001"}, {"order_no": "JD404"}),
        (
            "POST /v1/transactions/{transaction_id}/refunds",
            {"transaction_id": "SQUIRRELS-JD1001"},
            {"transaction_id": "SQUIRRELS-JD404"},
        ),
        (
            "DELETE /v1/members/{member_id}/operators/{operator_id}",
            {"member_id": "SQUIRRELS", "operator_id": "a"},
            {"member_id": "NO", "operator_id": "a"},
        ),
        ("POST /v1/cashier-sessions", {"order_no": "JD1001"}, {"order_no": "JD404"}),
        (
            "POST /v1/cashier-sessions/{session_no}/cancel",
            {"session_no": "S1"},
            {"session_no": "S404"},
        ),
        (WITHDRAWING, {"approval_id": foreign_approval(market)}, {"approval_id": "A404"}),
        *(
            (name, {"member_id": "SQUIRRELS"}, {"member_id": "NO"})
            for name in FOR_MERCHANTS
            if "/v1/members/{member_id}/cards" in name or "{member_id}/webhooks" in name
        ),
    ]
    assert {name for name, _, _ in pairs} == set(FOR_MERCHANTS) - {"POST /v1/orders"}
    for name, foreign, missing in pairs:
        seen = []
        for path in (foreign, missing):
            method, url, body = example(name, **path)
            response = market.send(method, url, body, role="stranger", key="same")
            problem(response, 403, "not_allowed", "Authorization")
            seen.append((response.status_code, response.content, sorted(response.headers)))
        assert seen[0] == seen[1], name


def foreign_approval(market: Server) -> str:
    """What another merchant has proposed: a refund above the limit."""
    return market.propose(
        "POST",
        "/v1/transactions/SQUIRRELS-JD1001/refunds",
        {"refund_no": "R9", "amount_fen": 8_900},
        role="merchant",
        key="above",
    )


def lines(*merchants: str) -> list[dict[str, Any]]:
    return [{"merchant": one, "amount_fen": 100, "subject": "nuts"} for one in merchants]


def test_a_checkout_over_several_merchants_is_the_platforms(market: Server) -> None:
    body = {"order_no": "JD1", "buyer": "xiaoming", "lines": lines("SQUIRRELS", "GREENTEA")}
    for role in ("merchant", "stranger"):
        response = market.send("POST", "/v1/orders", body, role=role)
        problem(response, 403, "not_allowed", "Authorization")
    market.ok("POST", "/v1/orders", body)
    pay = {"payment_no": "P1", "method": "JD_PAY"}
    for role in ("merchant", "stranger"):
        response = market.send("POST", "/v1/orders/JD1/payments", pay, role=role)
        problem(response, 403, "not_allowed", "Authorization")


def test_a_taken_number_does_not_say_what_it_was_taken_for(market: Server) -> None:
    for order_no, merchant in (("JD1", "SQUIRRELS"), ("JD2", "GREENTEA")):
        market.sell(order_no, merchant, 77_700)
        market.pay(order_no, f"P-{order_no}")
    refund = {"refund_no": "R1", "amount_fen": 12_345}
    market.ok("POST", "/v1/transactions/SQUIRRELS-JD1/refunds", refund, role="merchant")
    mine = {"refund_no": "R1", "amount_fen": 500}
    path = "/v1/transactions/GREENTEA-JD2/refunds"
    response = market.send("POST", path, mine, role="stranger")
    seen = problem(response, 409, "refund_exists", "refund_no")
    assert "12345" not in json.dumps(seen) and "SQUIRRELS" not in json.dumps(seen)
    order = {"order_no": "JD1", "buyer": "xiaoming", "lines": lines("GREENTEA")}
    response = market.send("POST", "/v1/orders", order, role="stranger")
    seen = problem(response, 409, "order_exists", "order_no")
    assert "77700" not in json.dumps(seen) and "SQUIRRELS" not in json.dumps(seen)


def test_a_merchants_request_is_not_answered_with_another_callers_receipt(market: Server) -> None:
    """The same order checked out by the platform is known, but its kept answer is its own."""
    body = {"order_no": "JD1", "buyer": "xiaoming", "lines": lines("SQUIRRELS")}
    market.ok("POST", "/v1/orders", body)
    again = market.ok("POST", "/v1/orders", body, role="merchant")
    assert again["replayed"] is False
    assert len(list(market.context.ledger.history("order-JD1"))) == 1


def test_confirming_is_not_the_merchants_to_do(market: Server) -> None:
    market.sell("JD1")
    market.pay("JD1", "P1")
    path = "/v1/transactions/SQUIRRELS-JD1/confirm"
    response = market.send("POST", path, {"by": "buyer"}, role="merchant", key="c")
    problem(response, 403, "not_allowed", "Authorization")
    assert market.context.ledger.state("transaction-SQUIRRELS-JD1").status == "paid"


def test_a_merchant_does_not_learn_who_is_a_member(market: Server) -> None:
    """Another enterprise, itself, nobody as buyer: one answer, also when it is asked again."""
    answers = set()
    for buyer in ("GREENTEA", "SQUIRRELS", "NOBODY", "xiaomin"):
        body = {"order_no": "JD1", "buyer": buyer, "lines": lines("SQUIRRELS")}
        for _ in range(2):
            response = market.send("POST", "/v1/orders", body, role="merchant", key=f"to-{buyer}")
            seen = problem(response, 404, "member_not_found", "buyer")
            assert buyer not in json.dumps(seen)
            seen.pop("replayed")
            answers.add(json.dumps(seen))
    assert len(answers) == 1, answers
    for line in ("GREENTEA", "NOBODY", "xiaoming"):
        body = {"order_no": "JD1", "buyer": "xiaoming", "lines": lines(line)}
        response = market.send("POST", "/v1/orders", body, role="merchant", key=f"of-{line}")
        answers.add(json.dumps(problem(response, 403, "not_allowed", "Authorization")))
    assert len(answers) == 2, answers
    told = market.send(
        "POST", "/v1/orders", {**body, "buyer": "GREENTEA", "lines": lines("SQUIRRELS")}
    )
    problem(told, 422, "member_kind_wrong", "buyer")  # The operator is told what is so.


def test_a_taken_payment_number_tells_no_more_than_that(market: Server) -> None:
    market.sell("JD1", "SQUIRRELS", 77_700)
    market.pay("JD1", "P1")
    market.sell("JD2", "GREENTEA")
    body = {"payment_no": "P1", "method": "JD_PAY"}
    response = market.send("POST", "/v1/orders/JD2/payments", body, role="stranger")
    seen = problem(response, 409, "payment_exists", "payment_no")
    assert "SQUIRRELS" not in json.dumps(seen) and "JD1" not in json.dumps(seen)
