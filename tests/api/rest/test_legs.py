"""Payments of several legs by REST: asked for, refused, refunded by parts; a recharge sent back."""

from typing import Any

import jsonschema_rs
import pytest

from api.rest.routes import ENDPOINTS
from domain.accounting import account
from domain.order import order
from domain.payment import payment
from domain.payment.protocol import PRODUCTS
from tests.api.conftest import Server, problem

PAY = "/v1/orders/JD1/payments"
LEGS = [
    {"method": "WALLET_BALANCE", "amount_fen": 3_000},
    {"method": "JD_PAY", "amount_fen": 4_000},
    {"method": "CLOUD_QUICKPASS", "amount_fen": 1_900},
]


def outcome(server: Server, instruction_id: str, **said: str) -> None:
    server.ok("POST", f"/v1/instructions/{instruction_id}/outcome", said, key=f"o-{instruction_id}")


def recharge(server: Server, payment_no: str, amount_fen: int) -> None:
    body = {
        "payment_no": payment_no,
        "member_id": "xiaoming",
        "method": "WECHAT_PAY",
        "amount_fen": amount_fen,
    }
    server.ok("POST", "/v1/recharges", body)
    outcome(server, f"pay-{payment_no}", succeeded=f"S-{payment_no}")


@pytest.fixture
def shop(market: Server) -> Server:
    """A buyer with 50.00 in the wallet, and an order of 89.00."""
    recharge(market, "W1", 5_000)
    market.sell("JD1")
    return market


def status(server: Server, payment_no: str) -> str:
    return server.context.ledger.state(payment.stream(payment_no)).status


def test_a_payment_by_legs_and_its_refund_by_parts(shop: Server) -> None:
    paid = shop.ok("POST", PAY, {"payment_no": "P1", "legs": LEGS})["result"]
    assert paid == {"payment_no": "P1", "instruction_ids": ["pay2-P1", "pay3-P1"]}
    again = shop.ok("POST", PAY, {"payment_no": "P1", "legs": LEGS})
    assert (again["replayed"], again["result"]) == (True, paid)
    outcome(shop, "pay3-P1", succeeded="C1")
    assert status(shop, "P1") == "paying"
    outcome(shop, "pay2-P1", succeeded="J1")
    assert status(shop, "P1") == "succeeded"
    refunds = "/v1/transactions/SQUIRRELS-JD1/refunds"
    part = shop.ok("POST", refunds, {"refund_no": "R1", "amount_fen": 4_500})["result"]
    assert part == {"refund_no": "R1", "instruction_ids": ["refund1-R1", "refund2-R1"]}
    rest = shop.ok("POST", refunds, {"refund_no": "R2", "amount_fen": 4_400})["result"]
    assert rest == {"refund_no": "R2", "instruction_ids": ["refund1-R2"]}
    wallet = shop.context.ledger.state(account.stream("2241.01.xiaoming"))
    assert wallet.balance_fen == 5_000  # What the wallet paid is in it again.


def test_the_wallet_alone_pays_at_once(shop: Server) -> None:
    recharge(shop, "W2", 4_000)
    paid = shop.ok("POST", PAY, {"payment_no": "P1", "method": "WALLET_BALANCE"})["result"]
    assert paid == {"payment_no": "P1", "instruction_ids": []}
    assert status(shop, "P1") == "succeeded"


def leg(method: str, amount_fen: Any = 8_900) -> dict[str, Any]:
    return {"method": method, "amount_fen": amount_fen}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "request_invalid", "method"),
        ({"legs": []}, "request_invalid", "method"),
        ({"legs": None}, "request_invalid", "legs"),
        ({"legs": LEGS, "method": "JD_PAY"}, "request_invalid", "method"),
        ({"legs": LEGS[:2]}, "legs_invalid", "legs"),
        ({"legs": [leg("JD_PAY", 4_450)] * 2}, "legs_invalid", "legs"),
        ({"legs": [leg("JD_PAY")] * 6}, "legs_invalid", "legs"),
        ({"legs": [leg("UNIONPAY_CARD")]}, "method_unknown", "legs[0].method"),
        ({"legs": [leg("JD_PAY", 0)]}, "amount_invalid", "legs[0].amount_fen"),
        ({"legs": [leg("JD_PAY", 8_900.0)]}, "amount_invalid", "legs[0].amount_fen"),
        ({"legs": [leg("JD_PAY", True)]}, "amount_invalid", "legs[0].amount_fen"),
        ({"legs": [leg("JD_PAY", 10**30)]}, "amount_too_large", "legs[0].amount_fen"),
        ({"legs": [{**leg("JD_PAY"), "more": 1}]}, "request_invalid", "legs[0].more"),
        ({"legs": [{"method": "JD_PAY"}]}, "request_invalid", "legs[0].amount_fen"),
        ({"method": "BANK_CARD"}, "channel_not_registered", "method"),
    ],
)
def test_a_plan_that_is_none(shop: Server, body: dict[str, Any], code: str, field: str) -> None:
    response = shop.send("POST", PAY, {"payment_no": "P1", **body})
    problem(response, response.status_code, code, field)
    assert 400 <= response.status_code < 500
    assert shop.context.ledger.state(order.stream("JD1")).status == "placed"


def test_a_wallet_without_the_money(shop: Server) -> None:
    legs = [leg("WALLET_BALANCE", 5_001), leg("JD_PAY", 3_899)]
    response = shop.send("POST", PAY, {"payment_no": "P1", "legs": legs})
    told = problem(response, 409, "balance_insufficient", "legs")
    assert told["detail"] == "2241.01.xiaoming: 1 fen short"
    six = shop.send("POST", PAY, {"payment_no": "P2", "legs": [leg("JD_PAY")] * 6})
    told = problem(six, 422, "legs_invalid", "legs")
    assert told["detail"] == "ESCROW_PURCHASE has at most 5 legs, 6 were given"


def test_a_merchant_cannot_spend_a_buyers_wallet(shop: Server) -> None:
    """Nobody has asked the buyer; a channel would."""
    recharge(shop, "W2", 4_000)
    head = shop.context.ledger.head()
    for body in ({"method": "WALLET_BALANCE"}, {"legs": LEGS}):
        response = shop.send("POST", PAY, {"payment_no": "P1", **body}, role="merchant")
        problem(response, 403, "not_allowed", "Authorization")
    assert shop.context.ledger.head() == head
    by_channels = [leg("JD_PAY", 8_000), leg("CLOUD_QUICKPASS", 900)]
    shop.ok("POST", PAY, {"payment_no": "P1", "legs": by_channels}, role="merchant")


def test_a_recharge_goes_back_once(shop: Server) -> None:
    path, body = "/v1/recharges/W1/send-back", {"reason": "the wrong wallet"}
    first = shop.ok("POST", path, body, key="one")["result"]
    assert first == {"payment_no": "W1", "instruction_id": "back-W1"}
    assert shop.ok("POST", path, body, key="two")["result"] == first
    wallet = shop.context.ledger.state(account.stream("2241.01.xiaoming"))
    assert wallet.balance_fen == 0
    shop.pay("JD1", "P1")
    response = shop.send("POST", "/v1/recharges/P1/send-back", body, key="three")
    problem(response, 409, "payment_state_wrong", "payment_no")
    response = shop.send("POST", "/v1/recharges/NONE/send-back", body, key="four")
    problem(response, 404, "payment_not_found", "payment_no")


def schema_of(server: Server, path: str, *inside: str) -> Any:
    """A schema of the document, with what it refers to."""
    document = server.client.get("/openapi.json").json()
    found = document["paths"][path]["post"]
    for name in inside:
        found = found[name]
    return jsonschema_rs.Draft202012Validator({**found, "components": document["components"]})


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"method": "JD_PAY"}, True),
        ({"method": "JD_PAY", "legs": []}, True),
        ({"legs": LEGS}, True),
        ({}, False),
        ({"legs": []}, False),
        ({"method": "JD_PAY", "legs": LEGS}, False),
        ({"legs": [leg("UNIONPAY_CARD")]}, False),
        ({"legs": [leg("JD_PAY", 0)]}, False),
        ({"legs": [leg("JD_PAY", 1)] * 6}, False),
    ],
)
def test_the_document_says_what_a_plan_is(server: Server, body: Any, fits: bool) -> None:
    where = ("requestBody", "content", "application/json", "schema")
    schema = schema_of(server, "/v1/orders/{order_no}/payments", *where)
    assert schema.is_valid({"payment_no": "P1", **body}) is fits


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.also], ids=lambda e: e.name)
def test_the_document_knows_each_form_of_an_answer(server: Server, endpoint: Any) -> None:
    answer = ("responses", str(endpoint.status), "content", "application/json", "schema")
    schema = schema_of(server, endpoint.path, *answer)
    for result in (endpoint.result, *endpoint.also):
        assert schema.is_valid({"result": dict(result), "position": 1, "replayed": False})
    for result in ({}, {**endpoint.result, "more": "x"}, {"state": "requested"}):
        assert not schema.is_valid({"result": result, "position": 1, "replayed": False})


def test_both_purchases_take_the_same_methods() -> None:
    """The document names those of one; an order's mode is not in the request."""
    escrow, instant = PRODUCTS["ESCROW_PURCHASE"], PRODUCTS["INSTANT_PURCHASE"]
    assert (escrow.codes, escrow.most_legs) == (instant.codes, instant.most_legs)
