"""Rubbish at the door: whatever is sent, the answer is a problem that names the field, never 500.

After every table the ledger's head is where it was: rubbish leaves nothing behind.
"""

import json
from typing import Any

import pytest

from api.http.bodies import MAX_BODY
from api.rest.body import parse_json
from api.rest.routes import ENDPOINTS
from domain.refusals import Refused
from tests.api.conftest import Server, problem

ORDER: dict[str, Any] = {
    "order_no": "JD1",
    "buyer": "xiaoming",
    "lines": [{"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts", "items": 1}],
}
AMOUNT = "lines[0].amount_fen"

# What stands in the place of amount_fen in the raw JSON of an order; the code; what it shows.
AMOUNTS = [
    ("true", "amount_invalid"),
    ("1.0", "amount_invalid"),
    ("1.5", "amount_invalid"),
    ("1e2", "amount_invalid"),
    ("1e400", "amount_invalid"),
    ("-1e400", "amount_invalid"),
    ("NaN", "amount_invalid"),
    ("Infinity", "amount_invalid"),
    ("-Infinity", "amount_invalid"),
    ('"100"', "amount_invalid"),
    ('"１００"', "amount_invalid"),
    ("null", "amount_invalid"),
    ("[100]", "amount_invalid"),
    ('{"fen": 100}', "amount_invalid"),
    ("0", "amount_invalid"),
    ("-0", "amount_invalid"),
    ("-1", "amount_invalid"),
    ("-9223372036854775809", "amount_too_large"),
    ("1000000000001", "amount_too_large"),
    ("9223372036854775807", "amount_too_large"),
    ("9223372036854775808", "amount_too_large"),
    ("1" + "0" * 30, "amount_too_large"),
    ("1" + "0" * 100_000, "amount_too_large"),
]


def test_an_amount_is_a_whole_number_of_fen_or_nothing(
    market: Server, subtests: pytest.Subtests
) -> None:
    head = market.context.ledger.head().position
    for value, code in AMOUNTS:
        with subtests.test(value=value[:24]):
            raw = json.dumps(ORDER).replace(": 100,", f": {value},").encode()
            problem(market.send("POST", "/v1/orders", raw=raw), 422, code, AMOUNT)
            assert market.context.ledger.head().position == head


# Raw bytes, the status, and the field.
RAW: list[tuple[str, bytes, str]] = [
    ("empty", b"", "order_no"),
    ("a blank", b" ", "body"),
    ("no JSON", b"order", "body"),
    ("half of it", b'{"order_no": "JD1"', "body"),
    ("two of them", b"{} {}", "body"),
    ("a comma too many", b'{"order_no": "JD1",}', "body"),
    ("a list", b"[]", "body"),
    ("a number", b"1", "body"),
    ("null", b"null", "body"),
    ("NaN", b"NaN", "body"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "body"),
    ("not UTF-8", b'{"order_no": "\xff"}', "body"),
    ("overlong UTF-8", b'{"order_no": "\xc0\x80"}', "body"),
    ("a surrogate in UTF-8", b'{"order_no": "\xed\xa0\x80"}', "body"),
    ("UTF-16", '{"order_no": "JD1"}'.encode("utf-16"), "body"),
    ("a raw NUL", b'{"order_no": "JD\x001"}', "body"),
    ("unicode digits", '{"order_no": １}'.encode(), "body"),
    ("deep lists", b"[" * 100_000, "body"),
    ("deep objects", b'{"a":' * 100_000, "body"),
    ("deep inside", b'{"lines": ' + b"[" * 900 + b"]" * 900 + b"}", "body"),
    ("one too deep", b'{"lines": ' + b"[" * 64 + b"]" * 64 + b"}", "body"),
    ("as deep as can be", b'{"lines": ' + b"[" * 63 + b"]" * 63 + b"}", "lines[0]"),
    ("brackets in a text", b'{"lines": ["' + b"[" * 999 + b'"]}', "lines[0]"),
    ("a name twice", b'{"order_no": "JD1", "order_no": "JD2"}', "order_no"),
    ("a name twice inside", b'{"lines": [{"items": 1, "items": 2}]}', "items"),
    ("a long unknown name", b'{"' + b"x" * 1000 + b'": 1}', "x" * 60),
    ("a surrogate as a name", b'{"\\ud800": 1}', "\\ud800"),
    ("the empty name", b'{"": 1}', ""),
]


def test_a_malformed_body_is_refused(market: Server, subtests: pytest.Subtests) -> None:
    head = market.context.ledger.head()
    for name, raw, field in RAW:
        with subtests.test(name):
            problem(market.send("POST", "/v1/orders", raw=raw), 400, "request_invalid", field)
            assert market.context.ledger.head() == head


def line(**change: Any) -> dict[str, Any]:
    return {"lines": [{**ORDER["lines"][0], **change}]}


# What is changed in a good order, the status, the code, and the field.
SHAPES: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("unknown field", {"coupon": 1}, 400, "request_invalid", "coupon"),
    ("unknown inside", line(vip=True), 400, "request_invalid", "lines[0].vip"),
    ("order_no a number", {"order_no": 1}, 400, "request_invalid", "order_no"),
    ("order_no empty", {"order_no": ""}, 422, "identifier_invalid", "order_no"),
    ("order_no with a dot", {"order_no": "a.b"}, 422, "identifier_invalid", "order_no"),
    ("order_no too long", {"order_no": "a" * 65}, 422, "identifier_invalid", "order_no"),
    ("order_no far too long", {"order_no": "a" * 9000}, 422, "text_invalid", "order_no"),
    ("order_no with a NUL", {"order_no": "a\0"}, 422, "text_invalid", "order_no"),
    ("order_no in Chinese", {"order_no": "订单"}, 422, "identifier_invalid", "order_no"),
    ("order_no in wide digits", {"order_no": "１２"}, 422, "identifier_invalid", "order_no"),
    ("order_no half a pair", {"order_no": "\ud800"}, 422, "text_invalid", "order_no"),
    ("lines half a pair", {"lines": "\udc00"}, 422, "text_invalid", "lines"),
    ("buyer null", {"buyer": None}, 400, "request_invalid", "buyer"),
    ("buyer with SQL", {"buyer": "x' OR '1'='1"}, 422, "identifier_invalid", "buyer"),
    ("buyer nobody", {"buyer": "nobody"}, 404, "member_not_found", "buyer"),
    ("no lines", {"lines": []}, 422, "order_lines_invalid", "lines"),
    ("lines null", {"lines": None}, 400, "request_invalid", "lines"),
    ("lines an object", {"lines": {}}, 400, "request_invalid", "lines"),
    ("a line null", {"lines": [None]}, 400, "request_invalid", "lines[0]"),
    ("a line empty", {"lines": [{}]}, 400, "request_invalid", "lines[0].merchant"),
    ("101 lines", {"lines": ORDER["lines"] * 101}, 422, "order_lines_invalid", "lines"),
    ("a merchant twice", {"lines": ORDER["lines"] * 2}, 422, "order_lines_invalid", "lines"),
    ("a buyer sells", line(merchant="xiaohong"), 422, "member_kind_wrong", "merchant"),
    ("a stranger sells", line(merchant="nobody"), 404, "member_not_found", "merchant"),
    ("subject empty", line(subject=""), 422, "text_invalid", "lines[0].subject"),
    ("subject a tab", line(subject="a\tb"), 422, "text_invalid", "lines[0].subject"),
    ("subject half a pair", line(subject="\udfff"), 422, "text_invalid", "lines[0].subject"),
    ("no items", line(items=0), 422, "order_lines_invalid", "lines[0].items"),
    ("items true", line(items=True), 400, "request_invalid", "lines[0].items"),
    ("items huge", line(items=10**30), 400, "request_invalid", "lines[0].items"),
    ("mode unknown", {"mode": "gift` - at `$.x"}, 400, "request_invalid", "mode"),
    ("mode null", {"mode": None}, 400, "request_invalid", "mode"),
]


def test_an_order_of_the_wrong_shape_is_refused(market: Server, subtests: pytest.Subtests) -> None:
    head = market.context.ledger.head().position
    for number, (name, change, status, code, field) in enumerate(SHAPES):
        with subtests.test(name):
            order = {**ORDER, "order_no": f"JD{number}", **change}
            response = market.send("POST", "/v1/orders", order)
            problem(response, status, code, field)
            assert market.context.ledger.head().position == head


# Other endpoints: path, body, status, code, field.
ELSEWHERE: list[tuple[str, Any, int, str, str | None]] = [
    ("/v1/business-days/2026-02-30/close", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/today/close", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/9999-12-31/close", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/0001-01-01/cut-off", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/2026-11-23T00:00:00/close", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/2026-11-23/close", {"date": "2026-11-24"}, 400, "request_invalid", "date"),
    ("/v1/business-days/2026-11-24/close", {}, 409, "day_not_begun", "date"),
    ("/v1/business-days/9999-12-31/settle", {}, 422, "date_invalid", "date"),
    ("/v1/business-days/2099-12-31/close", {}, 409, "day_not_begun", "date"),
    ("/v1/transactions/x%00y/confirm", {}, 422, "text_invalid", "transaction_id"),
    ("/v1/transactions/%ff/confirm", {}, 404, "transaction_not_found", "transaction_id"),
    ("/v1/transactions/" + "x" * 501 + "/confirm", {}, 422, "text_invalid", "transaction_id"),
    ("/v1/transactions/x/confirm", {"by": "me"}, 400, "request_invalid", "by"),
    ("/v1/accounts/9999.01/freeze", {"direction": "in", "reason": "x"}, 404, "", "account"),
    ("/v1/accounts/%20/close", {}, 404, "", "account"),
    ("/v1/accounts/2241.01.xiaoming/freeze", {"direction": "up", "reason": "x"},
     400, "request_invalid", "direction"),
    ("/v1/accounts/2241.01.xiaoming/holds", {"hold_id": "H"}, 400, "", "amount_fen"),
    ("/v1/entries/reverse", {"reference": "", "reason": "x"}, 404, "entry_not_found", "reference"),
    ("/v1/entries/reverse", {"reference": "a#1", "reason": "x"}, 404, "", "reference"),
    ("/v1/entries/reverse", {"reference": "a#" + "9" * 30, "reason": "x"}, 404, "", "reference"),
    ("/v1/entries/reverse", {"reference": "day-books#0", "reason": "x"}, 404, "", "reference"),
    ("/v1/instructions/pay-1/outcome", {}, 400, "request_invalid", "outcome"),
    ("/v1/instructions/pay-1/outcome", {"succeeded": "1", "unknown": "2"}, 400, "", "outcome"),
    ("/v1/instructions/pay-1/outcome", {"succeeded": "1"}, 404, "", "instruction_id"),
    ("/v1/settlement-batches/nothing/seal", {}, 404, "batch_not_found", "batch_id"),
    ("/v1/settlement-batches/nothing/review", {}, 404, "batch_not_found", "batch_id"),
    ("/v1/settlement-batches/nothing/settle", {}, 404, "batch_not_found", "batch_id"),
    ("/v1/settlement-batches/b/payouts/p/retry", {}, 404, "batch_not_found", "batch_id"),
    ("/v1/orders/JD1/close", {"reason": ""}, 422, "text_invalid", "reason"),
    ("/v1/orders/JD9/payments", {"payment_no": "P", "method": "CASH"}, 422, "", "method"),
    ("/v1/members/SQUIRRELS/fee-rules", {"effective_from": "1.12.2026", "rule": {"rate_bps": 1}},
     422, "date_invalid", "effective_from"),
    ("/v1/members/SQUIRRELS/fee-rules", {"effective_from": "2026-12-01", "rule": {"rate_bps": 0.6}},
     400, "request_invalid", "rule.rate_bps"),
    ("/v1/members/SQUIRRELS/fee-rules",
     {"effective_from": "2026-12-01", "rule": {"rate_bps": 1, "x": 1}}, 400, "", "rule.x"),
    ("/v1/members/SQUIRRELS/fee-rules",
     {"effective_from": "2026-12-01", "rule": {"rate_bps": 10**9}}, 422, "terms_invalid", None),
    ("/v1/members/SQUIRRELS/settlement-terms",
     {"effective_from": "2026-12-01", "settlement_cycle": "T+99999999999"}, 422, "", None),
    ("/v1/members", {"member_id": "a-b", "kind": "personal", "name": "x"}, 422, "", "member_id"),
    ("/v1/members", {"member_id": "ab", "kind": "robot", "name": "x"}, 400, "", "kind"),
    ("/v1/members", {"member_id": "ab", "kind": "personal", "name": "a\nb"}, 422, "", "name"),
    ("/v1/transfers", {"transfer_no": "1", "payer": "xiaoming", "payee": "xiaoming",
                       "amount_fen": 1}, 400, "request_invalid", "payee"),
    ("/v1/transfers", {"transfer_no": "1", "payer": "ghost", "payee": "xiaoming",
                       "amount_fen": 1}, 404, "account_not_found", None),
    ("/v1/recharges", {"payment_no": "1", "member_id": "SQUIRRELS", "method": "JD_PAY",
                       "amount_fen": 1}, 422, "member_kind_wrong", "member_id"),
]  # fmt: skip


def test_elsewhere_it_is_the_same(market: Server, subtests: pytest.Subtests) -> None:
    for index, (path, body, status, code, field) in enumerate(ELSEWHERE):
        with subtests.test(path=path, body=body):
            response = market.send("POST", path, body, key=f"k{index}")
            seen = response.json()
            wanted_field = seen["field"] if field is None else field
            problem(response, status, code or seen["code"], wanted_field)


def test_an_oversized_body_is_refused_before_it_is_read_whole(market: Server) -> None:
    raw = b'{"order_no": "' + b"x" * MAX_BODY + b'"}'
    problem(market.send("POST", "/v1/orders", raw=raw), 413, "request_invalid", "body")

    def endless() -> Any:
        for _ in range(3 * MAX_BODY // 65_536):
            yield b" " * 65_536

    headers = {
        "authorization": f"Bearer {market.keys['operator']}",
        "content-type": "application/json",
    }
    response = market.client.request("POST", "/v1/orders", content=endless(), headers=headers)
    problem(response, 413, "request_invalid", "body")
    just = json.dumps(ORDER).encode()
    just += b" " * (MAX_BODY - len(just))
    assert market.send("POST", "/v1/orders", raw=just).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_another_content_type_is_refused(market: Server, kind: str) -> None:
    response = market.send("POST", "/v1/orders", ORDER, headers={"content-type": kind})
    problem(response, 415, "request_invalid", "Content-Type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_called_a_little_differently(market: Server, kind: str) -> None:
    response = market.send("POST", "/v1/orders", ORDER, headers={"content-type": kind})
    assert response.status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "é".encode("latin-1"), "\x7f", "a\tb"])
def test_an_idempotency_key_is_visible_ascii(market: Server, key: str | bytes) -> None:
    headers: Any = {"idempotency-key": key}
    response = market.send("POST", "/v1/orders", ORDER, headers=headers)
    problem(response, 400, "request_invalid", "Idempotency-Key")


def test_two_idempotency_keys_are_none(market: Server) -> None:
    headers = [
        ("authorization", f"Bearer {market.keys['operator']}"),
        ("content-type", "application/json"),
        ("idempotency-key", "a"),
        ("idempotency-key", "b"),
    ]
    response = market.client.request("POST", "/v1/orders", json=ORDER, headers=headers)
    problem(response, 400, "request_invalid", "Idempotency-Key")


def test_without_a_number_of_its_own_a_request_needs_the_header(
    market: Server, subtests: pytest.Subtests
) -> None:
    for endpoint in (one for one in ENDPOINTS if one.number is None):
        with subtests.test(endpoint.name):
            path = endpoint.path.format(**endpoint.sample)
            response = market.send(endpoint.method, path, dict(endpoint.body))
            problem(response, 400, "request_invalid", "Idempotency-Key")


VALUES = [
    b"null", b"true", b"-1", b"1.5", b"1e999", b"9" * 200, b"NaN", b'""', b'"\\u0000"',
    b'"\\ud800"', b'"' + b"x" * 5000 + b'"', b"[]", b"[[[[]]]]", b"{}", b'{"a": {"b": []}}',
    b'"9999-12-31"', b'"../../etc/passwd"', '"１２３"'.encode(), b'"%s%n{0}"',
]  # fmt: skip


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body], ids=lambda e: e.name)
def test_no_value_in_any_field_makes_a_500(market: Server, endpoint: Any) -> None:
    """Every field of every body, one at a time, with every kind of rubbish."""
    path = endpoint.path.format(**endpoint.sample)
    for name in endpoint.body:
        for index, value in enumerate(VALUES):
            rest = {key: one for key, one in endpoint.body.items() if key != name}
            raw = json.dumps(rest).encode()[:-1] + (b", " if rest else b"")
            raw += json.dumps(name).encode() + b": " + value + b"}"
            response = market.send(endpoint.method, path, raw=raw, key=f"{name}-{index}")
            if response.status_code not in (200, 201):  # Some values are good ones for a field.
                body = response.json()
                assert 400 <= response.status_code < 500, (raw, body)
                assert response.headers["content-type"] == "application/problem+json"
                assert body["code"] and "field" in body


@pytest.mark.parametrize("raw", [row[1] for row in RAW[1:18]] + [b"[" * 10**6], ids=repr)
def test_the_parser_alone_refuses_or_gives_a_value(raw: bytes) -> None:
    try:
        parse_json(raw)
    except Refused as refused:
        assert refused.field
