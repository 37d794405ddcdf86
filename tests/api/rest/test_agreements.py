"""A merchant signs what it may use, by two persons; and a change of its fees has its notice."""

from typing import Any

import pytest

from api.settings import Settings
from tests.api.conftest import Server, problem
from tests.api.rest.test_limits import read, sound

TODAY, TOMORROW = "2026-11-23", "2026-11-24"
SHOP = {
    "member_id": "NEWSHOP",
    "kind": "enterprise",
    "name": "新店",
    "fee_rule": {"rate_bps": 60},
    "settlement_cycle": "T+1",
}
SIGN = "/v1/members/NEWSHOP/merchant-agreements"
FEES = "/v1/members/NEWSHOP/fee-rules"
TERMS = {
    "products": ["ESCROW_PURCHASE"],
    "methods": [{"code": "JD_PAY", "least_fen": 100, "most_fen": 5_000}],
    "sub_mchids": [{"channel": "WECHAT_PAY", "sub_mchid": "1900000022"}],
    "refund_days": 30,
    "cut_off": "22:30",
}


@pytest.fixture
def signing(market: Server) -> Server:
    """A merchant that has signed nothing."""
    market.ok("POST", "/v1/members", SHOP)
    return market


def order(server: Server, order_no: str, fen: int = 1_000, **how: Any) -> Any:
    line = {"merchant": "NEWSHOP", "amount_fen": fen, "subject": "nuts"}
    body = {"order_no": order_no, "buyer": "xiaoming", "lines": [line]}
    return server.send("POST", "/v1/orders", body, **how)


def pay(server: Server, order_no: str, method: str) -> Any:
    body = {"payment_no": f"P{order_no}", "method": method}
    return server.send("POST", f"/v1/orders/{order_no}/payments", body)


def test_a_merchant_is_paid_nothing_before_it_has_signed_and_then_what_it_has(
    signing: Server,
) -> None:
    problem(order(signing, "N1"), 409, "agreement_missing", "mode")
    signing.agreed("POST", SIGN, {"effective_from": TOMORROW, "terms": TERMS}, key="sign")
    problem(order(signing, "N1", key="early"), 409, "agreement_missing", "mode")
    signing.next_day()
    assert order(signing, "N2").status_code == 201
    problem(pay(signing, "N2", "WECHAT_PAY"), 409, "agreement_missing", "method")
    assert order(signing, "N3", 5_001).status_code == 201
    problem(pay(signing, "N3", "JD_PAY"), 409, "agreement_limit", "method")
    signing.pay("N2", "P2")
    signing.agreed("POST", f"{SIGN}/end", {"effective_from": TOMORROW}, key="end")
    problem(order(signing, "N4"), 409, "agreement_missing", "mode")
    refund = {"refund_no": "R1", "amount_fen": 100}
    signing.ok("POST", "/v1/transactions/NEWSHOP-N2/refunds", refund)
    for _ in range(31):
        signing.next_day()
    late = signing.send(
        "POST", "/v1/transactions/NEWSHOP-N2/refunds", {"refund_no": "R2", "amount_fen": 100}
    )
    problem(late, 409, "refund_too_late", "transaction_id")
    sound(signing)


def test_versions_are_read_by_who_may_see_the_merchant(signing: Server) -> None:
    signing.agreed("POST", SIGN, {"effective_from": TODAY, "terms": TERMS}, key="a")
    signing.agreed("POST", f"{SIGN}/end", {"effective_from": TOMORROW}, key="b")
    query = """{ agreements(memberId: "NEWSHOP") { effectiveFrom inForce products
      methods { code least { minor } most { minor } } subMchids { channel subMchid }
      refundDays debtLimit { minor } cutOff } }"""
    seen = read(signing, query)["agreements"]
    assert seen == [
        {
            "effectiveFrom": TODAY,
            "inForce": True,
            "products": ["ESCROW_PURCHASE"],
            "methods": [{"code": "JD_PAY", "least": {"minor": "100"}, "most": {"minor": "5000"}}],
            "subMchids": [{"channel": "WECHAT_PAY", "subMchid": "1900000022"}],
            "refundDays": 30,
            "debtLimit": None,
            "cutOff": "22:30",
        },
        {
            "effectiveFrom": TOMORROW,
            "inForce": False,
            "products": [],
            "methods": [],
            "subMchids": [],
            "refundDays": None,
            "debtLimit": None,
            "cutOff": None,
        },
    ]
    assert read(signing, query, "merchant")["agreements"] == []  # It is another's.


def test_a_merchant_signs_nothing_alone(signing: Server) -> None:
    body = {"effective_from": TODAY, "terms": TERMS}
    for role in ("merchant", "stranger", "auditor"):
        for path, sent in ((SIGN, body), (f"{SIGN}/end", {"effective_from": TODAY})):
            response = signing.send("POST", path, sent, role=role, key="k")
            problem(response, 403, "not_allowed", "Authorization")
    response = signing.send("POST", SIGN, body, key="nobody")
    problem(response, 403, "person_unknown", "actor")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"methods": [{"code": "CASH"}]}, 400, "request_invalid", "terms.methods[0].code"),
        ({"methods": []}, 422, "terms_invalid", "methods"),
        ({"products": ["REFUND"]}, 400, "request_invalid", "terms.products[0]"),
        ({"refund_days": 1.5}, 400, "request_invalid", "terms.refund_days"),
        ({"refund_days": -1}, 422, "terms_invalid", "refund_days"),
        ({"cut_off": "25:00"}, 422, "terms_invalid", "cut_off"),
        ({"sub_mchids": [{"channel": "JD_PAY", "sub_mchid": "1"}]}, 400, "request_invalid", None),
    ],
)
def test_terms_that_are_none_are_refused(
    signing: Server, change: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    signing.appoint()
    body = {"effective_from": TODAY, "terms": {**TERMS, **change}}
    response = signing.send("POST", SIGN, body, role="cashier", key="bad")
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    if field is not None:
        assert response.json()["field"] == field


def test_the_notice_of_a_fee_is_a_setting_that_no_caller_brings(signing: Server) -> None:
    consent = {"by": "zhang", "on": TODAY, "document": "FEE-7"}
    rule = {"effective_from": "2026-12-22", "rule": {"rate_bps": 55}}
    signing.appoint()
    missing = signing.send("POST", FEES, rule, role="cashier", key="1")
    problem(missing, 409, "consent_missing", "consent")
    rule["consent"] = consent
    short = signing.send("POST", FEES, rule, role="cashier", key="2")
    problem(short, 409, "notice_too_short", "effective_from")
    own = signing.send("POST", FEES, {**rule, "notice_days": 0}, role="cashier", key="3")
    problem(own, 400, "request_invalid", "notice_days")
    signing.agreed("POST", FEES, {**rule, "effective_from": "2026-12-23"}, key="4")
    signing.restart(Settings(fee_notice_days=7))
    signing.agreed("POST", FEES, {**rule, "effective_from": "2026-11-30"}, key="5")
    state = signing.context.ledger.state("member-NEWSHOP")
    assert [str(since) for since, _ in state.fee_rules] == [TODAY, "2026-11-30", "2026-12-23"]


def test_a_merchant_may_register_with_its_agreement(market: Server) -> None:
    bad = {**SHOP, "agreement": {**TERMS, "methods": [{"code": "JD_PAY", "least_fen": 0}]}}
    problem(market.send("POST", "/v1/members", bad, key="bad"), 422, "terms_invalid", "methods")
    market.ok("POST", "/v1/members", {**SHOP, "agreement": TERMS})
    assert order(market, "N1").status_code == 201
    market.pay("N1", "P1")
    sound(market)
