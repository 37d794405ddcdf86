"""WeChat Pay's API v3 against another author's client (`wechatpayv3`), over HTTP."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.simulator.outside import EPOCH, Outside, Receiver

Answer = tuple[int, Any]


def number() -> str:
    return "wx_" + secrets.token_hex(10)


class Merchant:
    """A merchant with the other author's client; `certificates`: it verifies by these."""

    def __init__(
        self, outside: Outside, *, partner: bool = False, certificates: bool = False
    ) -> None:
        keys = outside.keys["wechat"]
        self.outside, self.keys = outside, keys
        self.client = WeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=keys["mchid"],
            private_key=keys["merchant_private_pem"],
            cert_serial_no=keys["merchant_serial"],
            apiv3_key=keys["apiv3_key"],
            appid=keys["appid"],
            notify_url="http://127.0.0.1:9/nobody",
            partner_mode=partner,
            public_key=keys["public_key_pem"],
            public_key_id=keys["public_key_id"],
        )
        core = self.client._core
        core._gate_way = outside.base_url  # It has no option for that.
        if certificates:
            core._public_key = core._public_key_id = None
            core._init_certificates()

    def place(self, mine: str, total: int = 100, **other: Any) -> Answer:
        told = self.client.pay(
            description="nuts", out_trade_no=mine, amount={"total": total}, **other
        )
        return said(told)

    def query(self, mine: str, **other: Any) -> Answer:
        return said(self.client.query(out_trade_no=mine, **other))

    def until(self, ask: Any, field: str, *wanted: str) -> dict[str, Any]:
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            told: dict[str, Any] = said(ask())[1]
            if told.get(field) in wanted:
                return told
            time.sleep(0.02)
        raise AssertionError(told)

    def paid(self, mine: str, **other: Any) -> dict[str, Any]:
        self.place(mine, **other)
        return self.until(lambda: self.client.query(out_trade_no=mine), "trade_state", "SUCCESS")

    def refund(
        self, mine: str, refund_no: str, refund: int, total: int = 100, **other: Any
    ) -> Answer:
        amount = {"refund": refund, "total": total, "currency": "CNY"}
        told = self.client.refund(
            out_refund_no=refund_no, amount=amount, out_trade_no=mine, **other
        )
        return said(told)


def said(told: tuple[int, Any]) -> Answer:
    return told[0], json.loads(told[1]) if told[1] else None


@pytest.fixture(scope="module")
def merchant(outside: Outside) -> Merchant:
    return Merchant(outside)


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[Outside]:
    started = Outside(tmp_path, "--payer", "manual", "--epoch", EPOCH)
    yield started
    started.stop()


def test_a_native_order_is_paid_asked_about_and_called_back(
    merchant: Merchant, receiver: Receiver
) -> None:
    mine = number()
    status, told = merchant.place(mine, notify_url=receiver.url, attach="shop 7")
    assert status == 200 and told["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    _, headers, body = receiver.next()
    event = merchant.client.callback(dict(headers), body)
    assert event["event_type"] == "TRANSACTION.SUCCESS"
    resource = event["resource"]
    status, order = merchant.query(mine)
    assert (status, order) == (200, resource)
    assert order["trade_state"] == "SUCCESS" and order["attach"] == "shop 7"
    assert order["amount"] == {
        "total": 100,
        "payer_total": 100,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    by_id = said(merchant.client.query(transaction_id=order["transaction_id"]))
    assert by_id == (200, order)
    assert said(merchant.client.close(mine))[1]["code"] == "ORDER_PAID"
    assert merchant.place(mine, notify_url=receiver.url, attach="shop 7")[1]["code"] == "ORDERPAID"
    assert merchant.outside.entry(mine)["charges"][0]["fee"] == 0  # 0.2 fen, rounded.


def test_a_changed_callback_is_not_taken_by_the_other_author(
    merchant: Merchant, receiver: Receiver
) -> None:
    merchant.place(number(), notify_url=receiver.url)
    _, headers, body = receiver.next()
    assert merchant.client.callback(dict(headers), body)
    assert not merchant.client.callback(dict(headers), body.replace(b"+08:00", b"+09:00", 1))
    probe = {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"}
    assert not merchant.client.callback(probe, body)
    keys = {**merchant.keys, "apiv3_key": "0" * 32}
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    resource = json.loads(body)["resource"]
    with pytest.raises(InvalidTag):
        AESGCM(keys["apiv3_key"].encode()).decrypt(
            resource["nonce"].encode(),
            base64.b64decode(resource["ciphertext"]),
            resource["associated_data"].encode(),
        )


def test_states_of_an_order_that_is_not_paid(by_hand: Outside) -> None:
    merchant, mine = Merchant(by_hand), number()
    assert merchant.query(mine)[1]["code"] == "ORDER_NOT_EXIST"
    first = merchant.place(mine)
    assert merchant.place(mine) == first, "the same wish gets the same code"
    assert merchant.place(mine, total=101)[1]["code"] == "OUT_TRADE_NO_USED"
    assert by_hand.post("/simulate/fail", {"network": "wechat", "number": mine})[0] == 200
    assert merchant.query(mine)[1]["trade_state"] == "NOTPAY", "a failed try leaves it as it is"
    assert merchant.client.close(mine)[0] == 204
    assert merchant.client.close(mine)[0] == 204
    assert merchant.query(mine)[1]["trade_state"] == "CLOSED"
    assert merchant.place(mine)[1]["code"] == "ORDER_CLOSED"
    assert merchant.refund(mine, number(), 1)[1]["code"] == "INVALID_REQUEST"
    act = {"network": "wechat", "number": mine}
    assert by_hand.post("/simulate/pay", act)[0] == 409
    assert by_hand.post("/simulate/pay-late", act)[0] == 200
    assert merchant.query(mine)[1]["trade_state"] == "SUCCESS"


def test_the_end_of_an_orders_time_ends_paying_and_closes_nothing(by_hand: Outside) -> None:
    merchant, mine, other = Merchant(by_hand), number(), number()
    soon = datetime.fromisoformat(by_hand.get("/health")["now"]) + timedelta(minutes=5)
    expiry = soon.isoformat(timespec="seconds")
    assert merchant.place(mine, time_expire=expiry)[0] == 200
    merchant.place(other)
    by_hand.post("/simulate/clock", {"seconds": 301})
    assert by_hand.post("/simulate/pay", {"network": "wechat", "number": mine})[0] == 409
    assert merchant.query(mine)[1]["trade_state"] == "NOTPAY"
    assert merchant.place(number(), time_expire=expiry)[1]["code"] == "PARAM_ERROR"
    by_hand.post("/simulate/clock", {"seconds": 7_200})
    late = by_hand.post("/simulate/pay", {"network": "wechat", "number": other})
    assert late[0] == 409, "a code_url lives for two hours"


def test_refunds_end_and_are_told(merchant: Merchant, receiver: Receiver) -> None:
    mine, refund_no = number(), number()
    order = merchant.paid(mine)
    told = merchant.refund(mine, refund_no, 30, notify_url=receiver.url, reason="sold out")[1]
    assert (told["status"], told["amount"]["payer_refund"]) == ("PROCESSING", 30)
    assert told["transaction_id"] == order["transaction_id"]
    _, headers, body = receiver.next()
    event = merchant.client.callback(dict(headers), body)
    assert event["event_type"] == "REFUND.SUCCESS"
    assert event["resource"]["refund_status"] == "SUCCESS"
    asked = said(merchant.client.query_refund(refund_no))[1]
    assert asked["status"] == "SUCCESS" and asked["success_time"]
    again = merchant.refund(mine, refund_no, 30, notify_url=receiver.url, reason="sold out")
    assert again == (200, asked), "the same number is the same refund"
    assert merchant.refund(mine, refund_no, 31)[1]["code"] == "INVALID_REQUEST"
    assert merchant.query(mine)[1]["trade_state"] == "REFUND"
    merchant.outside.post("/simulate/clock", {"seconds": 60})
    assert merchant.refund(mine, number(), 71)[1]["code"] == "INVALID_REQUEST"
    assert merchant.refund(mine, number(), 10, total=99)[1]["code"] == "INVALID_REQUEST"
    by_id = merchant.client.refund(
        out_refund_no=number(),
        amount={"refund": 70, "total": 100, "currency": "CNY"},
        transaction_id=order["transaction_id"],
    )
    assert by_id[0] == 200
    assert said(merchant.client.query_refund(number()))[1]["code"] == "RESOURCE_NOT_EXISTS"


def test_refunds_of_an_order_are_a_minute_apart_and_fifty(by_hand: Outside) -> None:
    merchant, mine = Merchant(by_hand), number()
    merchant.place(mine)
    by_hand.post("/simulate/pay", {"network": "wechat", "number": mine})
    assert merchant.refund(mine, number(), 1)[0] == 200
    status, told = merchant.refund(mine, number(), 1)
    assert (status, told["code"]) == (429, "FREQUENCY_LIMITED")
    for _ in range(49):
        by_hand.post("/simulate/clock", {"seconds": 60})
        assert merchant.refund(mine, number(), 1)[0] == 200
    by_hand.post("/simulate/clock", {"seconds": 60})
    assert merchant.refund(mine, number(), 1)[1]["code"] == "INVALID_REQUEST"


def combined(merchant: Merchant, mine: str, *parts: tuple[str, int], **other: Any) -> Answer:
    mchid = merchant.keys["mchid"]
    sub_orders = [
        {
            "mchid": mchid,
            "attach": "a",
            "amount": {"total_amount": total, "currency": "CNY"},
            "out_trade_no": part,
            "description": "nuts",
        }
        for part, total in parts
    ]
    told = merchant.client.combine_pay(combine_out_trade_no=mine, sub_orders=sub_orders, **other)
    return said(told)


def test_a_combined_order_is_paid_whole_and_refunded_per_sub_order(
    merchant: Merchant, receiver: Receiver
) -> None:
    mine, one, two = number(), number(), number()
    status, told = combined(merchant, mine, (one, 70), (two, 30), notify_url=receiver.url)
    assert status == 200 and told["code_url"]
    _, headers, body = receiver.next()
    event = merchant.client.callback(dict(headers), body)["resource"]
    assert event == said(merchant.client.combine_query(mine))[1]
    states = [(part["out_trade_no"], part["trade_state"]) for part in event["sub_orders"]]
    assert states == [(one, "SUCCESS"), (two, "SUCCESS")]
    assert len({part["transaction_id"] for part in event["sub_orders"]}) == 2
    assert merchant.refund(mine, number(), 1)[1]["code"] == "RESOURCE_NOT_EXISTS", "not as a whole"
    assert merchant.refund(two, number(), 30, total=30)[0] == 200
    states = [p["trade_state"] for p in said(merchant.client.combine_query(mine))[1]["sub_orders"]]
    assert states == ["SUCCESS", "REFUND"]
    named = [{"mchid": merchant.keys["mchid"], "out_trade_no": part} for part in (one, two)]
    assert said(merchant.client.combine_close(mine, named))[1]["code"] == "ORDERPAID"


def test_a_combined_order_is_closed_whole(by_hand: Outside) -> None:
    merchant = Merchant(by_hand)
    mine, one, two = number(), number(), number()
    assert combined(merchant, number(), (one, 1))[1]["code"] == "PARAM_ERROR", "two at least"
    assert combined(merchant, mine, (one, 70), (two, 30))[0] == 200
    other = combined(merchant, number(), (one, 70), (number(), 30))
    assert other[1]["code"] == "OUT_TRADE_NO_USED"
    mchid = merchant.keys["mchid"]
    named = [{"mchid": mchid, "out_trade_no": part} for part in (one, two)]
    assert said(merchant.client.combine_close(mine, named[:1]))[1]["code"] == "PARAM_ERROR"
    assert said(merchant.client.close(one))[1]["code"] == "INVALID_REQUEST"
    assert merchant.client.combine_close(mine, named)[0] == 204
    told = said(merchant.client.combine_query(mine))[1]
    assert [part["trade_state"] for part in told["sub_orders"]] == ["CLOSED", "CLOSED"]
    assert said(merchant.client.combine_query(number()))[1]["code"] == "ORDERNOTEXIST"


def test_a_partner_acts_for_a_merchant(outside: Outside) -> None:
    partner, mine, sub = Merchant(outside, partner=True), number(), "1900000109"
    assert partner.place(mine, sub_mchid=sub)[0] == 200
    ask = lambda: partner.client.query(out_trade_no=mine, sub_mchid=sub)  # noqa: E731
    told = partner.until(ask, "trade_state", "SUCCESS")
    assert (told["sp_mchid"], told["sub_mchid"]) == (partner.keys["mchid"], sub)
    refund_no = number()
    assert partner.refund(mine, refund_no, 100, sub_mchid=sub)[0] == 200
    again = lambda: partner.client.query_refund(refund_no, sub_mchid=sub)  # noqa: E731
    partner.until(again, "status", "SUCCESS")
    assert said(partner.client.close(mine, sub_mchid=sub))[1]["code"] == "ORDER_PAID"
    assert partner.query(mine, sub_mchid="1900000110")[1]["code"] == "ORDER_NOT_EXIST"


def test_certificates_and_the_public_key_stand_side_by_side(
    outside: Outside, merchant: Merchant, receiver: Receiver
) -> None:
    assert (
        said(merchant.client._core.request("/v3/certificates"))[1]["code"] == "RESOURCE_NOT_EXISTS"
    )
    with pytest.raises(Exception, match="platform certificate"):
        Merchant(outside, certificates=True)
    outside.post("/simulate/conduct", {"certificates": True, "callbacks_by": "certificate"})
    try:
        old = Merchant(outside, certificates=True)
        mine = number()
        assert old.place(mine, notify_url=receiver.url)[0] == 200
        _, headers, body = receiver.next()
        assert headers["Wechatpay-Serial"] == old.keys["platform_serial"]
        assert old.client.callback(dict(headers), body)["resource"]["out_trade_no"] == mine
        assert merchant.query(mine)[0] == 200, "verified by the public key, in the same time"
    finally:
        outside.post("/simulate/conduct", {"certificates": False, "callbacks_by": "public_key"})


def authorization(
    outside: Outside, path: str, method: str = "GET", body: bytes = b"", **other: str
) -> str:
    """An Authorization header signed with `cryptography` alone."""
    keys = outside.keys["wechat"]
    found = {
        "mchid": keys["mchid"],
        "nonce_str": secrets.token_hex(16),
        "timestamp": str(int(time.time())),
        "serial_no": keys["merchant_serial"],
        **other,
    }
    key = serialization.load_pem_private_key(keys["merchant_private_pem"].encode(), None)
    message = f"{method}\n{path}\n{found['timestamp']}\n{found['nonce_str']}\n".encode()
    signed = key.sign(message + body + b"\n", padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
    found.setdefault("signature", base64.b64encode(signed).decode())
    return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{k}="{v}"' for k, v in found.items())


@pytest.mark.parametrize(
    ("other", "status", "code"),
    [
        ({}, 404, "ORDER_NOT_EXIST"),
        ({"timestamp": str(int(time.time()) - 400)}, 401, "SIGN_ERROR"),
        ({"serial_no": "00"}, 401, "SIGN_ERROR"),
        ({"mchid": "1900000001"}, 401, "SIGN_ERROR"),
        ({"signature": "AAAA"}, 401, "SIGN_ERROR"),
        ({"signature": "WECHATPAY/SIGNTEST/AAAA"}, 401, "SIGN_ERROR"),
        ({"extra": "x"}, 401, "SIGN_ERROR"),
    ],
)
def test_requests_are_verified(
    outside: Outside, other: dict[str, str], status: int, code: str
) -> None:
    mchid = outside.keys["wechat"]["mchid"]
    path = f"/v3/pay/transactions/out-trade-no/{number()}?mchid={mchid}"
    headers = {"Authorization": authorization(outside, path, **other)}
    assert outside.raw("GET", path, headers=headers)[:2] == (
        status,
        {"code": code, "message": outside.raw("GET", path, headers=headers)[1]["message"]},
    )
    headers["Wechatpay-Serial"] = "PUB_KEY_ID_unknown"
    assert outside.raw("GET", path, headers=headers)[0] == 400


def test_another_merchants_order_is_not_ours_to_ask(outside: Outside) -> None:
    path = f"/v3/pay/transactions/out-trade-no/{number()}?mchid=1900000001"
    headers = {"Authorization": authorization(outside, path)}
    assert outside.raw("GET", path, headers=headers)[1]["code"] == "NO_AUTH"
