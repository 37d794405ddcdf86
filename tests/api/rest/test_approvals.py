"""Two persons over HTTP: one proposes by the ordinary command, another one lets it happen."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

import pytest

from api.http.access import PERMISSIONS
from api.http.keys import create_key, revoke_key
from api.rest.routes import ENDPOINTS
from api.settings import Settings
from domain.accounting import account
from domain.approval import approval
from domain.commands import COMMANDS
from domain.kernel import DAY_US
from domain.member.api_access import ApiCommand
from tests.api.conftest import NOON, Server, problem
from tests.shops import USUAL_JSON

WALLET = "2241.01.xiaohong"
FREEZE = f"/v1/accounts/{WALLET}/freeze"
BODY = {"direction": "out", "reason": "a court order"}
REFUNDS = "/v1/transactions/SQUIRRELS-JD1001/refunds"


def decide(server: Server, what: str, approval_id: str, role: str, key: str, **body: Any) -> Any:
    path = f"/v1/approvals/{approval_id}/{what}"
    return server.send("POST", path, body, role=role, key=key)


def is_frozen(server: Server) -> bool:
    return server.context.ledger.state(account.stream(WALLET)).frozen_out


def test_what_one_proposes_another_lets_happen(market: Server) -> None:
    market.appoint()
    response = market.send("POST", FREEZE, BODY, role="cashier", key="f")
    assert response.status_code == 202
    result = response.json()["result"]
    assert (result["state"], result["kind"]) == ("proposed", "freeze")
    assert result["expires_at"] == "2026-11-26T12:00:00+08:00"
    assert not is_frozen(market)
    again = market.send("POST", FREEZE, BODY, role="cashier", key="f")
    assert (again.status_code, again.json()["replayed"]) == (202, True)
    approval_id = result["approval_id"]
    own = decide(market, "approve", approval_id, "cashier", "own")
    problem(own, 403, "not_allowed", "Authorization")
    done = decide(market, "approve", approval_id, "risk", "yes")
    assert done.json()["result"]["done"] == {"account": WALLET, "frozen": "out"}
    assert is_frozen(market)
    facts = {one.name: one.actor for one in market.context.ledger.history(f"account-{WALLET}")}
    assert facts["account.frozen.1"] == "staff:wu"


def test_two_keys_of_one_person_are_one_person(market: Server) -> None:
    """Who is both: the risk department may propose a freeze, and decide on one."""
    approval_id = market.propose("POST", FREEZE, BODY, role="risk", key="f")
    engine = market.context.writes
    market.keys["again"] = create_key(engine, "operator", None, lambda: NOON, operator="wu")
    for role in ("risk", "again"):
        for what, body in (("approve", {}), ("refuse", {"reason": "no"})):
            response = decide(market, what, approval_id, role, f"{role}-{what}", **body)
            problem(response, 409, "checker_is_maker", "actor")
    assert decide(market, "approve", approval_id, "reviewer", "yes").status_code == 200


def test_a_key_that_is_nobodys_neither_proposes_nor_decides(market: Server) -> None:
    response = market.send("POST", FREEZE, BODY, key="f")
    problem(response, 403, "person_unknown", "actor")
    approval_id = market.propose("POST", FREEZE, BODY, key="g")
    for what, body in (("approve", {}), ("refuse", {"reason": "no"})):
        response = decide(market, what, approval_id, "operator", what, **body)
        problem(response, 403, "person_unknown", "actor")
    assert not is_frozen(market)


def test_each_kind_has_those_who_decide_on_it(market: Server) -> None:
    consent = {"by": "li", "on": "2026-11-23", "document": "FEE-7"}
    rule = {"effective_from": "2026-12-23", "rule": {"rate_bps": 55}, "consent": consent}
    path = "/v1/members/SQUIRRELS/fee-rules"
    approval_id = market.propose("POST", path, rule, key="rule")
    response = decide(market, "approve", approval_id, "risk", "r")
    seen = problem(response, 403, "not_allowed", "Authorization")
    assert "fee_rule" in seen["detail"]
    assert decide(market, "approve", approval_id, "reviewer", "z").status_code == 200


def test_what_was_refused_or_withdrawn_is_over_and_may_be_proposed_again(market: Server) -> None:
    first = market.propose("POST", FREEZE, BODY, key="1")
    assert decide(market, "refuse", first, "risk", "no", reason="no order").status_code == 200
    late = decide(market, "approve", first, "reviewer", "yes")
    seen = problem(late, 409, "approval_state_wrong", "approval_id")
    assert "refused by staff:wu" in seen["detail"]
    second = market.propose("POST", FREEZE, BODY, key="2")
    assert second != first
    other = decide(market, "withdraw", second, "risk", "theirs")
    problem(other, 403, "not_allowed", "actor")
    assert decide(market, "withdraw", second, "cashier", "mine").status_code == 200
    third = market.propose("POST", FREEZE, BODY, key="3")
    market.now_us += 3 * DAY_US
    problem(
        decide(market, "approve", third, "risk", "late"), 409, "approval_expired", "approval_id"
    )
    assert not is_frozen(market)


def test_a_refund_above_the_limit_waits_and_one_below_does_not(market: Server) -> None:
    market.restart(Settings(refund_alone=5_000, approval_hours=1))
    market.sell("JD1001")
    market.pay("JD1001", "P9")
    small = {"refund_no": "R1", "amount_fen": 3_000}
    market.ok("POST", REFUNDS, small, role="merchant")
    large = {"refund_no": "R2", "amount_fen": 5_001}
    response = market.send("POST", REFUNDS, large, role="merchant")
    assert response.status_code == 202, response.text
    approval_id = response.json()["result"]["approval_id"]
    market.appoint()
    state = market.context.ledger.state(approval.stream(approval_id))
    assert state.proposed is not None
    told = (state.proposed.maker, state.proposed.member, state.proposed.amount_fen)
    assert told == ("merchant:SQUIRRELS", "SQUIRRELS", 5_001)
    market.ok("POST", REFUNDS, {"refund_no": "R3", "amount_fen": 900}, role="merchant")
    short = decide(market, "approve", approval_id, "reviewer", "yes")
    problem(short, 409, "refund_exceeds_paid", "amount_fen")  # Meanwhile there is less left.
    assert decide(market, "refuse", approval_id, "reviewer", "n", reason="x").status_code == 200


def test_a_refund_asked_for_in_time_is_in_time_on_the_day_it_is_approved(market: Server) -> None:
    market.restart(Settings(refund_alone=0))
    signed = {"effective_from": "2026-11-23", "terms": {**USUAL_JSON, "refund_days": 0}}
    market.agreed("POST", "/v1/members/SQUIRRELS/merchant-agreements", signed, key="s")
    market.sell("JD1001")
    market.pay("JD1001", "P9")
    asked = {"refund_no": "R1", "amount_fen": 3_000}
    approval_id = market.propose("POST", REFUNDS, asked, key="r1")
    market.now_us += DAY_US
    late = market.send("POST", REFUNDS, {**asked, "refund_no": "R2"}, role="cashier", key="r2")
    problem(late, 409, "refund_too_late", "transaction_id")
    assert decide(market, "approve", approval_id, "reviewer", "yes").status_code == 200
    again = market.ok("POST", REFUNDS, asked, role="cashier", key="r3")  # Under another key.
    assert again["result"]["refund_no"] == "R1"


def test_many_small_refunds_of_one_transaction_need_two_persons_as_one_large_one_does(
    market: Server,
) -> None:
    market.restart(Settings(refund_alone=5_000))
    market.sell("JD1001")
    market.pay("JD1001", "P9")
    first = {"refund_no": "R1", "amount_fen": 3_000}
    market.ok("POST", REFUNDS, first, role="merchant")
    second = {"refund_no": "R2", "amount_fen": 2_001}
    assert market.send("POST", REFUNDS, second, role="merchant").status_code == 202
    again = market.ok("POST", REFUNDS, first, role="merchant")  # What was done alone stays done.
    assert again["replayed"] is True
    assert again["result"]["refund_no"] == "R1"
    market.ok("POST", REFUNDS, {"refund_no": "R3", "amount_fen": 2_000}, role="merchant")


def test_of_two_refunds_at_the_same_moment_one_needs_two_persons(market: Server) -> None:
    """Together above the limit: whichever is decided first is done alone."""
    market.restart(Settings(refund_alone=5_000))
    market.sell("JD1001")
    market.pay("JD1001", "P9")
    bodies = [{"refund_no": f"R{n}", "amount_fen": 3_000} for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        sent = list(
            threads.map(lambda one: market.send("POST", REFUNDS, one, role="merchant"), bodies)
        )
    assert sorted(one.status_code for one in sent) == [201, 202, 202, 202]


def test_a_removed_operators_keys_stop_to_work(market: Server) -> None:
    market.employ()
    body = {"order_no": "JD7", "buyer": "xiaoming"}
    lines = [{"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts"}]
    market.ok("POST", "/v1/orders", {**body, "lines": lines}, role="finance")
    facts = list(market.context.ledger.history("order-JD7"))
    assert facts[0].actor == "merchant:SQUIRRELS/zhang"
    path = "/v1/members/SQUIRRELS/operators/zhang"
    market.ok("DELETE", path, role="owner", key="gone")
    market.restart()  # A server remembers a key for some seconds.
    response = market.send("POST", "/v1/orders", {**body, "lines": lines}, role="finance")
    problem(response, 401, "not_authenticated", "Authorization")


def test_a_key_of_a_person_that_is_nobody_there_does_not_work(market: Server) -> None:
    for role in ("cashier", "owner"):
        response = market.send("POST", FREEZE, BODY, role=role, key="f")
        problem(response, 401, "not_authenticated", "Authorization")
    market.appoint()
    assert market.propose("POST", FREEZE, BODY, key="f")
    key_id = market.keys["cashier"].split("_")[1]
    assert revoke_key(market.context.writes, key_id, lambda: NOON)
    market.restart()
    problem(
        market.send("POST", FREEZE, BODY, role="cashier", key="f2"),
        401,
        "not_authenticated",
        "Authorization",
    )


@pytest.mark.parametrize("role", ["merchant", "finance"])
def test_a_merchant_calls_what_it_has_been_given_from_its_date_on(
    market: Server, role: str
) -> None:
    market.employ()
    path = "/v1/members/SQUIRRELS/api-commands"
    given = {"effective_from": "2026-11-24", "commands": ["order.checkout"]}
    market.agreed("POST", path, given, key="give")
    market.restart()
    market.sell("JD1001")
    market.ok("POST", "/v1/orders/JD1001/close", {"reason": "x"}, role=role, key="c1")
    market.next_day()
    lines = [{"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts"}]
    body = {"order_no": "JD7", "buyer": "xiaoming", "lines": lines}
    market.ok("POST", "/v1/orders", body, role=role)
    response = market.send("POST", "/v1/orders/JD7/close", {"reason": "x"}, role=role, key="c2")
    seen = problem(response, 403, "not_allowed", "Authorization")
    assert seen["detail"] == "SQUIRRELS has not been given order.close"
    every = {"effective_from": "2026-11-24", "commands": None}
    market.agreed("POST", path, every, key="all")
    market.restart()
    market.ok("POST", "/v1/orders/JD7/close", {"reason": "x"}, role=role, key="c3")


def test_every_command_of_merchants_can_be_given() -> None:
    theirs = {
        COMMANDS[one.command].name for one in ENDPOINTS if "merchant" in PERMISSIONS[one.name].roles
    }
    assert theirs == set(get_args(ApiCommand))


def test_a_proposal_names_nothing_of_what_the_books_would_refuse(market: Server) -> None:
    market.appoint()
    head = market.context.ledger.head().position
    response = market.send("POST", "/v1/accounts/2241.01.no/freeze", BODY, role="risk", key="f")
    seen = problem(response, 404, "account_not_found", "account")
    assert "approval" not in json.dumps(seen)
    assert market.context.ledger.head().position == head
