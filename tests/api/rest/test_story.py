"""The purchase of the house story through REST, and what makes a request idempotent."""

from datetime import timedelta

import pytest

from domain.kernel import shanghai_date
from tests.api.conftest import Server, problem

BATCH = "SQUIRRELS-2026-11-23"


def balance(server: Server, account: str) -> int:
    """The balance of an account, in fen."""
    return int(server.context.ledger.state(f"account-{account}").balance_fen)


def settle(server: Server) -> str:
    """Seal, review by another hand, and settle the batch of the first day; the payout's number."""
    server.ok("POST", "/v1/business-days/2026-11-23/close", key="close-1")
    server.ok("POST", f"/v1/settlement-batches/{BATCH}/seal", key="seal")
    own = server.send("POST", f"/v1/settlement-batches/{BATCH}/review", key="review-own")
    problem(own, 409, "checker_is_maker", "actor")
    server.ok("POST", f"/v1/settlement-batches/{BATCH}/review", role="checker", key="review")
    path = f"/v1/settlement-batches/{BATCH}/settle"
    settled = server.ok("POST", path, key="settle")["result"]
    assert settled["status"] == "instructed"
    (payout,) = settled["instruction_ids"]
    return str(payout)


def test_a_purchase_from_checkout_to_the_merchants_bank(market: Server) -> None:
    market.sell("JD1001")
    placed = market.context.ledger.state("order-JD1001")
    assert (placed.status, placed.placed.total_fen) == ("placed", 8_900)
    market.pay("JD1001", "P1001")
    assert balance(market, "2241.04.SQUIRRELS") == 8_900
    market.ok("POST", "/v1/transactions/SQUIRRELS-JD1001/confirm", key="confirm")
    assert balance(market, "2241.04.SQUIRRELS") == 0
    assert balance(market, "2241.02.SQUIRRELS") == 8_847  # 8,900 less a fee of 53.4, rounded.

    body = {"refund_no": "R1001", "amount_fen": 1_000}
    refund = "/v1/transactions/SQUIRRELS-JD1001/refunds"
    assert market.ok("POST", refund, body)["result"]["instruction_id"] == "refund-R1001"
    assert balance(market, "2241.02.SQUIRRELS") == 7_853  # 1,000 less the fee of 6 given back.
    outcome = {"succeeded": "JD-R-1"}
    market.ok("POST", "/v1/instructions/refund-R1001/outcome", outcome, key="refunded")

    market.next_day()
    payout = settle(market)
    assert balance(market, "2241.05") == 7_853
    outcome = {"succeeded": "BANK-1"}
    paid = market.ok("POST", f"/v1/instructions/{payout}/outcome", outcome, key="paid")
    assert paid["result"]["status"] == "succeeded"
    assert market.context.ledger.state(f"settlement-{BATCH}").status == "settled"
    assert [balance(market, f"2241.0{n}.SQUIRRELS") for n in (2, 3, 4)] == [0, 0, 0]


def test_a_payout_fails_is_retried_and_is_returned(market: Server) -> None:
    market.sell("JD1001")
    market.pay("JD1001", "P1001")
    market.ok("POST", "/v1/transactions/SQUIRRELS-JD1001/confirm", key="confirm")
    market.next_day()
    payout = settle(market)
    base = f"/v1/settlement-batches/{BATCH}/payouts"
    market.ok("POST", f"/v1/instructions/{payout}/outcome", {"declined": "closed"}, key="o1")
    again = market.agreed("POST", f"{base}/{payout}/retry", key="retry")["result"]["payout_no"]
    market.ok("POST", f"/v1/instructions/{again}/outcome", {"succeeded": "B2"}, key="o2")
    twice = market.agreed("POST", f"{base}/{payout}/retry", key="r2")["result"]
    assert twice["payout_no"] == again  # It was retried once, and is not paid twice.
    problem(
        market.send("POST", f"{base}/{again}/retry", key="r3"),
        404,
        "payout_not_found",
        "payout_no",
    )
    body = {"reason": "the account is closed"}
    returned = market.ok("POST", f"{base}/{again}/return", body, key="return")["result"]
    assert returned["status"] == "returned"
    assert balance(market, "2241.03.SQUIRRELS") == 8_847


def test_wallets_holds_freezes_and_reversal(market: Server) -> None:
    body = {
        "payment_no": "P2001",
        "member_id": "xiaoming",
        "method": "WECHAT_PAY",
        "amount_fen": 50_000,
    }
    market.ok("POST", "/v1/recharges", body)
    market.ok("POST", "/v1/instructions/pay-P2001/outcome", {"succeeded": "W1"}, key="w1")
    move = {"transfer_no": "X1", "payer": "xiaoming", "payee": "xiaohong", "amount_fen": 12_000}
    market.ok("POST", "/v1/transfers", move)
    assert balance(market, "2241.01.xiaohong") == 12_000

    wallet = "/v1/accounts/2241.01.xiaohong"
    hold = {"hold_id": "H1", "amount_fen": 11_000, "reason": "dispute"}
    market.ok("POST", f"{wallet}/holds", hold, key="hold")
    back = {"transfer_no": "X2", "payer": "xiaohong", "payee": "xiaoming", "amount_fen": 2_000}
    response = market.send("POST", "/v1/transfers", back)
    assert response.json()["code"] == "balance_insufficient"
    market.ok("DELETE", f"{wallet}/holds/H1", key="unhold")
    market.agreed("POST", f"{wallet}/freeze", {"direction": "out", "reason": "court"}, key="f")
    response = market.send("POST", "/v1/transfers", {**back, "transfer_no": "X3"})
    assert response.json()["code"] == "account_frozen"
    market.agreed("POST", f"{wallet}/unfreeze", {"reason": "lifted"}, key="u")

    turned = {"reference": "transfer-X1#1", "reason": "wrong wallet"}
    market.ok("POST", "/v1/entries/reverse", turned, key="reverse")
    assert balance(market, "2241.01.xiaohong") == 0
    problem(
        market.send("POST", "/v1/entries/reverse", turned, key="reverse-2"),
        409,
        "entry_already_reversed",
        "reference",
    )
    market.ok("POST", f"{wallet}/close", key="close")


def test_terms_and_operators_of_a_member(market: Server) -> None:
    base = "/v1/members/SQUIRRELS"
    added = {"operator_id": "liaoyuan", "role": "owner"}
    market.ok("POST", f"{base}/operators", added, role="merchant", key="a")
    assert market.context.ledger.state("member-SQUIRRELS").operators == (("liaoyuan", "owner"),)
    market.ok("DELETE", f"{base}/operators/liaoyuan", role="merchant", key="b")
    response = market.send("DELETE", f"{base}/operators/liaoyuan", role="merchant", key="c")
    problem(response, 404, "operator_not_found", "operator_id")
    tomorrow = shanghai_date(market.now_us) + timedelta(days=1)
    in_a_month = tomorrow + timedelta(days=29)
    consent = {"by": "liaoyuan", "on": str(tomorrow - timedelta(days=1)), "document": "FEE-7"}
    rule = {"effective_from": str(in_a_month), "rule": {"rate_bps": 55}, "consent": consent}
    market.agreed("POST", f"{base}/fee-rules", rule, key="d")
    terms = {"effective_from": str(tomorrow), "settlement_cycle": "D+1"}
    market.agreed("POST", f"{base}/settlement-terms", terms, key="e")
    state = market.context.ledger.state("member-SQUIRRELS")
    assert state.fee_rule_on(in_a_month).rate_bps == 55
    assert state.settlement_terms_on(tomorrow).cycle == "D+1"


def test_an_order_may_be_closed_until_it_is_paid(market: Server) -> None:
    market.sell("JD1")
    market.sell("JD2")
    body = {"reason": "changed their mind"}
    market.ok("POST", "/v1/orders/JD1/close", body, key="c1")
    market.pay("JD2", "P2")
    response = market.send("POST", "/v1/orders/JD2/close", body, key="c2")
    problem(response, 409, "order_not_payable", "order_no")


REQUESTS = [
    pytest.param(None, id="by the order's own number"),
    pytest.param("k-1", id="by an Idempotency-Key"),
]


@pytest.mark.parametrize("key", REQUESTS)
def test_a_repeated_request_gets_the_same_answer_also_after_a_restart(
    market: Server, key: str | None
) -> None:
    body = {
        "order_no": "JD1",
        "buyer": "xiaoming",
        "lines": [{"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts"}],
    }
    first = market.send("POST", "/v1/orders", body, key=key)
    assert first.status_code == 201
    assert first.json()["replayed"] is False
    assert "idempotent-replayed" not in first.headers
    head = market.context.ledger.head()
    for _ in range(2):
        again = market.send("POST", "/v1/orders", body, key=key)
        assert again.status_code == 201
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json() == {**first.json(), "replayed": True}
        assert market.context.ledger.head() == head
        market.restart()


@pytest.mark.parametrize("key", REQUESTS)
def test_a_number_with_another_body_is_a_conflict_with_both_digests(
    market: Server, key: str | None
) -> None:
    line = {"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts"}
    body = {"order_no": "JD1", "buyer": "xiaoming", "lines": [line]}
    market.ok("POST", "/v1/orders", body, key=key)
    other = {**body, "lines": [{**line, "amount_fen": 101}]}
    seen = problem(
        market.send("POST", "/v1/orders", other, key=key), 409, "request_conflict", "request"
    )
    assert len(seen["digest"]) == len(seen["recorded_digest"]) == 64
    assert seen["digest"] != seen["recorded_digest"]
    third = {**body, "order_no": "JD2"} if key else {**body, "buyer": "xiaohong"}
    other_seen = market.send("POST", "/v1/orders", third, key=key).json()
    assert other_seen["recorded_digest"] == seen["recorded_digest"]
    assert other_seen["digest"] != seen["digest"]


def test_a_refusal_is_kept_with_its_number_too(market: Server) -> None:
    body = {"payment_no": "P1", "method": "JD_PAY"}
    path = "/v1/orders/JD1/payments"
    first = problem(market.send("POST", path, body), 404, "order_not_found", "order_no")
    market.sell("JD1")
    again = market.send("POST", path, body)
    assert again.headers["idempotent-replayed"] == "true"
    repeated = problem(again, 404, "order_not_found", "order_no")
    assert repeated == {**first, "replayed": True}
    market.ok("POST", path, body, key="another-attempt")


def test_two_callers_may_use_the_same_key(market: Server) -> None:
    for role, member in (("merchant", "SQUIRRELS"), ("stranger", "GREENTEA")):
        added = {"operator_id": "boss", "role": "owner"}
        answer = market.ok("POST", f"/v1/members/{member}/operators", added, role=role, key="1")
        assert answer["replayed"] is False


def test_the_answers_position_is_where_its_facts_stand(market: Server) -> None:
    market.sell("JD1")
    body = {"payment_no": "P1", "method": "JD_PAY"}
    answer = market.ok("POST", "/v1/orders/JD1/payments", body)
    facts = market.context.ledger.facts(answer["position"] - 1, 10)
    assert [fact.position for fact in facts] == [answer["position"]]
    assert facts[0].command == "pay:P1"


def test_facts_name_who_asked_and_when(market: Server) -> None:
    market.now_us += 1_234
    added = {"operator_id": "boss", "role": "owner"}
    market.ok("POST", "/v1/members/SQUIRRELS/operators", added, role="merchant", key="1")
    fact = list(market.context.ledger.history("member-SQUIRRELS"))[-1]
    assert (fact.actor, fact.at_us) == ("merchant:SQUIRRELS", market.now_us)
    assert fact.command == "key:SQUIRRELS:1"
