"""D7 and D8: mode instant by agreement only, and a debt that does not grow without an operator."""

from typing import Any

import pytest

from api.operations.worker import Worker
from domain.ledger.proof import verify_log
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS
from tests.api.conftest import Server, problem

TODAY, TOMORROW = "2026-11-23", "2026-11-24"
INSTANT = {
    "order_no": "JD1",
    "buyer": "xiaoming",
    "mode": "instant",
    "lines": [{"merchant": "SQUIRRELS", "amount_fen": 10_000, "subject": "nuts"}],
}
AGREEMENTS = "/v1/members/SQUIRRELS/agreements"
LIMITS = "/v1/members/SQUIRRELS/debt-limits"
REFUNDS = "/v1/transactions/SQUIRRELS-JD1/refunds"
DEBT = "account-1122.03.SQUIRRELS"


def sound(server: Server) -> None:
    """The books prove themselves, and every read model is what the facts give."""
    assert verify_log(server.context.ledger.recorder) == []
    context = server.context
    context.projector.catch_up()
    assert check(context.ledger.recorder, context.engine, list(READ_MODELS.values())) == []


def read(server: Server, query: str, role: str = "operator") -> Any:
    server.context.projector.catch_up()
    answer = server.send("POST", "/graphql", {"query": query}, role=role).json()
    assert "errors" not in answer, answer
    return answer["data"]


# D7.


def test_a_merchant_without_the_agreement_sells_nothing_in_mode_instant(market: Server) -> None:
    head = market.context.ledger.head().position
    response = market.send("POST", "/v1/orders", INSTANT, role="merchant")
    assert "SQUIRRELS" in problem(response, 409, "agreement_missing", "mode")["detail"]
    pay = {"payment_no": "P1", "method": "JD_PAY"}
    started = market.send("POST", "/v1/orders/JD1/payments", pay, role="merchant")
    assert started.status_code == 403  # There is no such order, of its own or otherwise.
    assert market.context.ledger.head().position == head
    again = market.send("POST", "/v1/orders", INSTANT, role="merchant")
    assert problem(again, 409, "agreement_missing", "mode")["replayed"]
    market.ok("POST", "/v1/orders", {**INSTANT, "mode": "escrow"}, role="merchant", key="another")


def test_a_merchant_does_not_sign_with_itself(market: Server) -> None:
    body = {"product": "instant", "effective_from": TODAY}
    for role in ("merchant", "stranger", "auditor"):
        response = market.send("POST", AGREEMENTS, body, role=role, key="k")
        problem(response, 403, "not_allowed", "Authorization")


def test_an_agreement_is_of_its_dates(market: Server) -> None:
    body = {"product": "instant", "effective_from": TOMORROW}
    market.agreed("POST", AGREEMENTS, body, key="sign")
    assert market.agreed("POST", AGREEMENTS, body, key="sign")["replayed"]
    early = market.send("POST", "/v1/orders", INSTANT, key="early")
    problem(early, 409, "agreement_missing", "mode")
    market.next_day()
    market.ok("POST", "/v1/orders", INSTANT, role="merchant", key="then")
    market.pay("JD1", "P1")
    assert market.context.ledger.state("transaction-SQUIRRELS-JD1").released
    market.agreed("POST", f"{AGREEMENTS}/instant/end", {"effective_from": TOMORROW}, key="end")
    late = market.send("POST", "/v1/orders", {**INSTANT, "order_no": "JD2"})
    problem(late, 409, "agreement_missing", "mode")
    query = '{ member(id: "SQUIRRELS") { agreements { product effectiveFrom inForce } } }'
    one = {"product": "instant", "effectiveFrom": TOMORROW, "inForce": False}
    assert read(market, query)["member"] == {"agreements": [one]}
    sound(market)


@pytest.mark.parametrize(
    "body",
    [
        {"product": "credit", "effective_from": TODAY},
        {"product": "instant", "effective_from": "2026-02-30"},
        {"product": "instant"},
        {"effective_from": TODAY},
        {"product": True, "effective_from": TODAY},
    ],
)
def test_a_malformed_agreement_is_refused(market: Server, body: dict[str, Any]) -> None:
    response = market.send("POST", AGREEMENTS, body, key="sign")
    assert response.status_code in (400, 422), response.text


# D8.


@pytest.fixture
def settled(market: Server) -> Server:
    """A sale that was released and settled: the merchant has nothing left here."""
    market.agreed("POST", AGREEMENTS, {"product": "instant", "effective_from": TODAY}, key="sign")
    market.ok("POST", "/v1/orders", INSTANT, role="merchant")
    market.pay("JD1", "P1")
    for day in (TODAY, TOMORROW):
        market.next_day()
        market.ok("POST", f"/v1/business-days/{day}/settle", key=f"end-{day}")
    assert market.context.ledger.state("account-2241.03.SQUIRRELS").balance_fen == 0
    return market


def refund(server: Server, refund_no: str, fen: int, role: str = "merchant") -> Any:
    body = {"refund_no": refund_no, "amount_fen": fen}
    return server.ok("POST", REFUNDS, body, role=role)["result"]


def owed(server: Server) -> int:
    return int(server.context.ledger.state(DEBT).balance_fen)


def set_limit(server: Server, fen: int | None, since: str = "2026-11-25") -> None:
    body = {"effective_from": since, "limit_fen": fen}
    server.agreed("POST", LIMITS, body, key=f"limit-{fen}-{since}")


def test_a_merchant_refunds_settled_sales_again_and_again(settled: Server) -> None:
    set_limit(settled, 2_000)
    answers = [refund(settled, f"R{n}", 1_000) for n in range(10)]
    assert ["state" in answer for answer in answers] == [False] * 2 + [True] * 8
    assert owed(settled) == 2 * 994
    too_much = settled.send("POST", REFUNDS, {"refund_no": "R99", "amount_fen": 1}, role="merchant")
    problem(too_much, 409, "refund_exceeds_paid", "amount_fen")
    sound(settled)


def test_an_operator_decides_and_the_desk_shows_what_waits(settled: Server) -> None:
    set_limit(settled, 0)
    for refund_no in ("R1", "R2"):
        assert refund(settled, refund_no, 1_000) == {"refund_no": refund_no, "state": "requested"}
    query = """{ desk { refunds { more items { maker debt { minor } limit { minor }
        refund { no state transactionId amount { minor } } } } } }"""
    listed = read(settled, query)["desk"]["refunds"]
    assert listed["more"] is False
    assert listed["items"][0] == {
        "maker": "merchant:SQUIRRELS",
        "debt": {"minor": "994"},
        "limit": {"minor": "0"},
        "refund": {
            "no": "R1",
            "state": "requested",
            "transactionId": "SQUIRRELS-JD1",
            "amount": {"minor": "1000"},
        },
    }
    assert [one["refund"]["no"] for one in listed["items"]] == ["R1", "R2"]
    settled.ok("POST", "/v1/refunds/R1/approve", key="approve")
    rejected = settled.ok("POST", "/v1/refunds/R2/reject", {"reason": "no"}, key="reject")
    assert rejected["result"] == {"refund_no": "R2", "state": "rejected", "reason": "no"}
    assert owed(settled) == 994
    assert read(settled, query)["desk"]["refunds"]["items"] == []
    done = {"succeeded": "B1"}
    settled.ok("POST", "/v1/instructions/refund-R1/outcome", done, key="done")
    states = read(settled, "{ refunds { edges { node { no state reason } } } }", "merchant")
    assert [edge["node"] for edge in states["refunds"]["edges"]] == [
        {"no": "R1", "state": "succeeded", "reason": None},
        {"no": "R2", "state": "rejected", "reason": "no"},
    ]
    sound(settled)


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_nobody_decides_who_may_not(settled: Server, step: str) -> None:
    set_limit(settled, 0)
    refund(settled, "R1", 1_000, role="operator")
    body = {"reason": "no"} if step == "reject" else {}
    for role in ("merchant", "stranger", "auditor"):
        response = settled.send("POST", f"/v1/refunds/R1/{step}", body, role=role, key=role)
        problem(response, 403, "not_allowed", "Authorization")
    mine = settled.send("POST", f"/v1/refunds/R1/{step}", body, key="mine")
    problem(mine, 409, "checker_is_maker", "actor")
    settled.ok("POST", f"/v1/refunds/R1/{step}", body, role="checker", key="other")
    again = settled.ok("POST", f"/v1/refunds/R1/{step}", body, role="checker", key="other")
    assert again["replayed"]
    other = "reject" if step == "approve" else "approve"
    code = "refund_state_wrong" if step == "approve" else "refund_rejected"
    late = settled.send(
        "POST",
        f"/v1/refunds/R1/{other}",
        {"reason": "x"} if step == "approve" else {},
        role="checker",
        key="late",
    )
    problem(late, 409, code, "refund_no")


def test_a_number_answers_for_ever(settled: Server) -> None:
    set_limit(settled, 0)
    first = refund(settled, "R1", 1_000)
    settled.ok("POST", "/v1/refunds/R1/reject", {"reason": "no"}, key="reject")
    assert refund(settled, "R1", 1_000) == first  # By its receipt.
    body = {"refund_no": "R1", "amount_fen": 1_000}
    again = settled.ok("POST", REFUNDS, body, role="merchant", key="a-new-key")["result"]
    assert again == {"refund_no": "R1", "state": "rejected", "reason": "no"}
    changed = settled.send("POST", REFUNDS, {**body, "amount_fen": 9}, role="merchant", key="c")
    problem(changed, 409, "refund_exists", "refund_no")
    assert refund(settled, "R2", 10_000)["state"] == "requested"  # The amount is free again.


def test_limits_are_read_like_other_terms(settled: Server) -> None:
    set_limit(settled, 700)
    set_limit(settled, None, "2026-12-01")
    query = '{ member(id: "SQUIRRELS") { debtLimits { effectiveFrom limit { minor } } } }'
    assert read(settled, query, "merchant")["member"]["debtLimits"] == [
        {"effectiveFrom": "2026-11-25", "limit": {"minor": "700"}},
        {"effectiveFrom": "2026-12-01", "limit": None},
    ]
    sound(settled)


@pytest.mark.parametrize("fen", [-1, 10**18, 1.0, "1", True, 2**80])
def test_a_malformed_limit_is_refused(settled: Server, fen: Any) -> None:
    body = {"effective_from": "2026-11-25", "limit_fen": fen}
    response = settled.send("POST", LIMITS, body, key="limit")
    assert response.status_code == 422, response.text


def test_days_end_with_refunds_that_wait(settled: Server) -> None:
    set_limit(settled, 0)
    refund(settled, "R1", 1_000)
    settled.next_day()
    report = settled.ok("POST", "/v1/business-days/2026-11-25/settle", key="end")["result"]
    assert (report["closed"], report["hindrances"]) == (True, [])
    settled.ok("POST", "/v1/refunds/R1/approve", key="approve")
    settled.next_day()
    report = settled.ok("POST", "/v1/business-days/2026-11-26/settle", key="end-2")["result"]
    assert report["closed"]
    Worker(settled.context.desk, lambda: settled.now_us).round()
    assert settled.context.ledger.state("refund-R1").status == "succeeded"
    sound(settled)
