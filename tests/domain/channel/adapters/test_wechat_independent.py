"""Our WeChat Pay against `wechatpayv3`, another author's: each takes what the other signs."""

import base64
import json
import re

import pytest
from cryptography.x509 import load_pem_x509_certificate
from wechatpayv3.core import Core
from wechatpayv3.utils import build_authorization, rsa_sign, rsa_verify

from domain.channel.adapters.freshness import Forged, Nonces
from domain.channel.adapters.loading import adapters_of
from domain.channel.adapters.reading import Fields
from domain.channel.adapters.wechat.adapter import WeChatPay
from domain.channel.adapters.wechat.keys import Keys, authorization, check, decrypted
from tests.domain.channel.adapters.orders import COMBINED, PAYMENT, ask, closes, queries, sends
from tests.domain.channel.adapters.orders import settings as file_of
from tests.domain.channel.adapters.outside import (
    APIV3_KEY,
    NOW_S,
    NOW_US,
    PUBLIC_KEY_ID,
    WeChatSide,
    certificate,
    private_pem,
    public_pem,
    rsa,
)
from tests.domain.channel.adapters.server import Asked, Reply
from tests.domain.channel.adapters.wechat_words import Platform, single

BODIES = [b"", b'{"a":1}', '{"description":"老字号　点心铺"}'.encode()]


def keys() -> Keys:
    raw = json.dumps(file_of("WECHAT_PAY", "http://127.0.0.1:1")).encode()
    adapter = adapters_of(raw)["WECHAT_PAY"]
    assert isinstance(adapter, WeChatPay)
    return adapter._settings.keys


def core() -> Core:
    made = Core(
        mchid="1600000001",
        cert_serial_no="AB12CD34",
        private_key=private_pem("merchant"),
        apiv3_key=APIV3_KEY,
        public_key=public_pem("wechat"),
        public_key_id=PUBLIC_KEY_ID,
    )
    made._certificates = [load_pem_x509_certificate(certificate()[0].encode())]
    return made


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("target", ["/v3/pay/transactions/native", "/v3/x/out-trade-no/a?mchid=1"])
def test_the_same_request_has_the_same_authorization(target: str, body: bytes) -> None:
    """PKCS#1 v1.5 is without chance: the whole header must be equal."""
    nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
    theirs = build_authorization(
        target, "POST", "1600000001", "AB12CD34", rsa("merchant"), body.decode(), nonce
    )
    second = re.search(r'timestamp="(\d+)"', theirs)
    assert second is not None
    ours = authorization(
        keys(), "1600000001", "POST", target, body, second=int(second[1]), nonce=nonce
    )
    assert ours == theirs


@pytest.mark.parametrize(
    "do", [sends(PAYMENT), sends(COMBINED), queries(PAYMENT), closes(COMBINED)]
)
def test_what_our_adapter_sends_verifies_with_theirs(do) -> None:  # type: ignore[no-untyped-def]
    class TheirEyes(WeChatSide):
        def check(self, asked: Asked) -> str:
            found = dict(re.findall(r'(\w+)="([^"]*)"', asked.headers["authorization"]))
            # Theirs puts a message of three lines together; a request's has two more before.
            first = f"{asked.method}\n{asked.target}\n{found['timestamp']}"
            right = rsa_verify(
                first,
                found["nonce_str"],
                asked.body.decode(),
                found["signature"],
                rsa("merchant").public_key(),
            )
            return "" if right else "signature"

    ask(TheirEyes(Reply(500)), "WECHAT_PAY", do)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("key", "serial"), [("wechat", PUBLIC_KEY_ID), ("platform", "5F001234ABCD")]
)
def test_what_they_sign_we_take_and_not_when_it_was_changed(
    body: bytes, key: str, serial: str
) -> None:
    nonce = "c5ac7061fccab6bf3e254dcf98995b8c"
    headers = {
        "wechatpay-serial": serial,
        "wechatpay-timestamp": str(NOW_S),
        "wechatpay-nonce": nonce,
        "wechatpay-signature": rsa_sign(rsa(key), f"{NOW_S}\n{nonce}\n{body.decode()}\n"),
    }
    check(keys(), Nonces(), headers, body, NOW_US)
    with pytest.raises(Forged):
        check(keys(), Nonces(), headers, body + b" ", NOW_US)


@pytest.mark.parametrize("side", [WeChatSide, Platform], ids=["public key", "certificate"])
def test_both_verify_and_open_the_same_callback(side: type[WeChatSide]) -> None:
    headers, body = side().callback("TRANSACTION.SUCCESS", single(description="点心"))
    theirs = core().callback(headers, body)
    small = {name.lower(): str(value) for name, value in headers.items()}
    check(keys(), Nonces(), small, body, NOW_US)
    ours = json.loads(decrypted(keys(), Fields(json.loads(body)["resource"])))
    assert ours == theirs["resource"] == single(description="点心")


def test_both_refuse_the_same_callback() -> None:
    headers, body = WeChatSide().callback("TRANSACTION.SUCCESS", single())
    signature = bytearray(base64.b64decode(str(headers["Wechatpay-Signature"])))
    signature[7] ^= 1
    headers["Wechatpay-Signature"] = base64.b64encode(signature).decode()
    assert core().callback(headers, body) is None
    small = {name.lower(): str(value) for name, value in headers.items()}
    with pytest.raises(Forged):
        check(keys(), Nonces(), small, body, NOW_US)
