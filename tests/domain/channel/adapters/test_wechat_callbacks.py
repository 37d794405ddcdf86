"""Callbacks of WeChat Pay: only its own, fresh, once, untampered, and readable."""

import json

import pytest

from domain.channel.network import CallbackInvalid, Heard, PaidPart, Said
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import adapter_of
from tests.domain.channel.adapters.outside import NOW_US, Json, WeChatSide
from tests.domain.channel.adapters.wechat_words import (
    PARTNER,
    SERIAL,
    OtherKey,
    Platform,
    Probe,
    Skewed,
    UnknownKey,
    WrongPair,
    combined,
    single,
)

PAID = "TRANSACTION.SUCCESS"


def refunded(status: str, **changed: object) -> Json:
    return {
        "mchid": "1600000001",
        "out_trade_no": "pay-536365",
        "transaction_id": SERIAL,
        "out_refund_no": "refund-R1-1",
        "refund_id": "5000-1",
        "refund_status": status,
        "success_time": "2026-11-28T10:00:00+08:00",
        "user_received_account": "招商银行信用卡0403",
        "amount": {"total": 15_300, "refund": 5_000, "payer_total": 1, "payer_refund": 1},
    } | changed


def hear(
    side: WeChatSide, kind: str, resource: Json, now_us: int = NOW_US, **tampered: object
) -> Heard:
    headers, body = side.callback(kind, resource, **tampered)  # type: ignore[arg-type]
    return _heard(headers, body, now_us)


def _heard(headers: Json, body: bytes, now_us: int = NOW_US, **changed: object) -> Heard:
    adapter = adapter_of("WECHAT_PAY", **changed)
    return adapter.heard("POST", "/callbacks/WECHAT_PAY", _texts(headers), body, now_us)


def _texts(headers: Json) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items()}


@pytest.mark.parametrize("side", [WeChatSide, Platform], ids=["public key", "certificate"])
def test_a_callback_signed_by_either_key_says_what_a_query_would(side: type[WeChatSide]) -> None:
    heard = hear(side(), PAID, single())
    assert (heard.number, heard.purpose) == ("pay-536365", "payment")
    assert heard.event_id == "EV-2018022511223320873"
    assert heard.answer.said == Succeeded(SERIAL, 15_300)


def test_what_is_kept_is_the_resource_in_the_clear_and_masked() -> None:
    kept = hear(WeChatSide(), PAID, single()).answer.exchange
    assert kept is not None
    received = json.loads(kept.received)
    assert received["event_type"] == PAID
    assert received["resource"]["transaction_id"] == SERIAL
    assert received["resource"]["payer"] == {"openid": "***eS6o"}


def test_a_combined_order_is_heard_of_by_the_number_of_the_whole() -> None:
    heard = hear(WeChatSide(), PAID, combined())
    assert (heard.number, heard.answer.said) == ("pay-536365", Succeeded("4200-1", 15_300))
    assert PaidPart("part2-536365", "4200-2", 5_300) in heard.answer.parts


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("REFUND.SUCCESS", "SUCCESS", Succeeded("5000-1", 5_000)),
        (
            "REFUND.CLOSED",
            "CLOSED",
            Declined("refund closed by WeChat Pay: a new one needs a new number"),
        ),
        (
            "REFUND.ABNORMAL",
            "ABNORMAL",
            Unknown("abnormal: the payer's account did not take the refund"),
        ),
    ],
)
def test_refunds_are_heard_of(kind: str, status: str, said: Said) -> None:
    heard = hear(WeChatSide(), kind, refunded(status), associated="refund")
    assert (heard.number, heard.purpose, heard.answer.said) == ("refund-R1-1", "refund", said)


def test_a_partner_hears_of_its_merchants_only() -> None:
    order = single(sp_mchid="1600000001", sub_mchid="1900000022")
    del order["mchid"]
    headers, body = WeChatSide().callback(PAID, order)
    assert _heard(headers, body, **PARTNER).answer.said == Succeeded(SERIAL, 15_300)
    headers, body = WeChatSide().callback(PAID, order | {"sub_mchid": "1900000099"})
    with pytest.raises(CallbackInvalid, match="none of our merchants"):
        _heard(headers, body, **PARTNER)
    heard = _heard(headers, body, partner=True)  # Whose it is, the number of the order says.
    assert heard.answer.said == Succeeded(SERIAL, 15_300)


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (Probe, "probe"),
        (OtherKey, "signature is wrong"),
        (WrongPair, "signature is wrong"),
        (UnknownKey, "key that we do not know"),
        (Skewed, "timestamp is 300 seconds"),
    ],
)
def test_forged_and_stale_callbacks_and_probes_are_refused(
    side: type[WeChatSide], reason: str
) -> None:
    with pytest.raises(CallbackInvalid, match=reason):
        hear(side(), PAID, single())


def test_a_certificate_is_good_for_its_time_only() -> None:
    class Later(Platform):
        skew_s = 2 * 86_400

    with pytest.raises(CallbackInvalid, match="not valid now"):
        hear(Later(), PAID, single(), now_us=NOW_US + 2 * 86_400_000_000)


def test_a_replay_is_refused_and_a_repetition_is_not() -> None:
    adapter, side = adapter_of("WECHAT_PAY"), WeChatSide()
    headers, body = side.callback(PAID, single())
    first = adapter.heard("POST", "/", _texts(headers), body, NOW_US)
    with pytest.raises(CallbackInvalid, match="seen before"):
        adapter.heard("POST", "/", _texts(headers), body, NOW_US + 299_000_000)
    headers, body = side.callback(PAID, single())
    assert adapter.heard("POST", "/", _texts(headers), body, NOW_US) == first


def test_a_changed_body_is_refused() -> None:
    headers, body = WeChatSide().callback(PAID, single())
    with pytest.raises(CallbackInvalid, match="signature is wrong"):
        _heard(headers, body.replace(b"EV-2018", b"EV-2019"))


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        ({"associated_data": "refund"}, "cannot be decrypted"),
        ({"nonce": "ba9876543210"}, "cannot be decrypted"),
        ({"nonce": "0"}, "cannot be decrypted"),
        ({"ciphertext": "AAAA"}, "cannot be decrypted"),
        ({"ciphertext": "not base64!"}, "cannot be decrypted"),
        ({"ciphertext": None}, "resource.ciphertext: a text"),
        ({"algorithm": "NONE"}, "resource.algorithm: NONE instead of"),
    ],
)
def test_a_tampered_resource_is_refused_even_under_a_right_signature(
    tampered: Json, reason: str
) -> None:
    with pytest.raises(CallbackInvalid, match=reason):
        hear(WeChatSide(), PAID, single(), **tampered)


@pytest.mark.parametrize(
    ("kind", "resource", "reason"),
    [
        ("COUPON.USE", single(), "event_type: none that we know"),
        (PAID, single(mchid="1"), "mchid: 1 instead of"),
        (PAID, combined(combine_mchid="1"), "combine_mchid: 1 instead of"),
        (PAID, single(amount={"total": 153.0, "currency": "CNY"}), "amount.total: a whole"),
        ("REFUND.SUCCESS", refunded("SUCCESS", mchid="1"), "mchid: 1 instead of"),
        ("REFUND.SUCCESS", refunded("SUCCESS", out_refund_no=""), "out_refund_no: a text"),
    ],
)
def test_what_cannot_be_read_is_refused(kind: str, resource: Json, reason: str) -> None:
    with pytest.raises(CallbackInvalid, match=reason):
        hear(WeChatSide(), kind, resource)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<xml/>", b"\xff"])
def test_rubbish_is_refused_even_under_a_right_signature(body: bytes) -> None:
    with pytest.raises(CallbackInvalid):
        _heard(dict(WeChatSide().signed(None, body)), body)


@pytest.mark.parametrize("missing", ["Serial", "Timestamp", "Nonce", "Signature"])
def test_every_header_is_needed_in_any_spelling(missing: str) -> None:
    headers, body = WeChatSide().callback(PAID, single())
    small: Json = {name.lower(): value for name, value in headers.items()}
    assert _heard(small, body).number == "pay-536365"
    del small[f"wechatpay-{missing.lower()}"]
    with pytest.raises(CallbackInvalid):
        _heard(small, body)


def test_a_callback_that_is_too_large_is_not_even_verified() -> None:
    with pytest.raises(CallbackInvalid, match="above 262144 bytes"):
        _heard({}, b"x" * 262_145)


def test_what_was_not_taken_is_sent_again() -> None:
    adapter = adapter_of("WECHAT_PAY")
    assert adapter.acknowledgement(taken=True) == (204, b"")
    status, body = adapter.acknowledgement(taken=False)
    assert status == 503
    assert json.loads(body)["code"] == "FAIL"
