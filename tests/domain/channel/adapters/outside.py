"""The other side of each protocol, written once more from its description, on `cryptography` alone.

Nothing of our adapters is used here: what our side signs is checked by other code, and what it
verifies was signed by other code.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.domain.channel.adapters.server import Asked, Raw, Reply, Silence

NOW_S = 1_795_860_000  # 2026-11-28 18:00 in Shanghai.
NOW_US = NOW_S * 1_000_000
Json = dict[str, object]


class Scripted:
    """Answers the replies it was given, one after another, and notes wrong signatures."""

    def __init__(self, *replies: object) -> None:
        self._replies = list(replies)
        self.signatures_wrong: list[str] = []

    async def __call__(self, asked: Asked) -> Reply | Raw | Silence:
        if wrong := self.check(asked):
            self.signatures_wrong.append(wrong)
        reply = self._replies.pop(0) if self._replies else Reply(599)
        if isinstance(reply, tuple):
            status, body = reply
            content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
            return Reply(status, self.signed(asked, content), content)
        assert isinstance(reply, Reply | Raw | Silence)
        return reply

    def check(self, asked: Asked) -> str:
        raise NotImplementedError

    def signed(self, asked: Asked, body: bytes) -> Mapping[str, str]:
        raise NotImplementedError


class SignedSide(Scripted):
    """A network that speaks signed JSON. `skew_s` puts its clock wrong; `key` is another's key."""

    ours = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    theirs = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
    skew_s = 0
    key_id = "net-1"
    key = theirs
    answers_nonce = ""  # Instead of the request's.

    @classmethod
    def settings(cls) -> Json:
        return {
            "merchant": "M-1",
            "our_key_id": "zf-1",
            "our_private": _b64(cls.ours.private_bytes_raw()),
            "their_key_id": "net-1",
            "their_public": _b64(cls.theirs.public_key().public_bytes_raw()),
        }

    def check(self, asked: Asked) -> str:
        headers = asked.headers
        message = "\n".join(
            (
                asked.method,
                asked.target,
                headers["x-timestamp"],
                headers["x-nonce"],
                asked.body.decode(),
                "",
            )
        )
        if headers["x-key-id"] != "zf-1" or len(headers["x-nonce"]) != 32:
            return "key or nonce"
        if headers["x-timestamp"] != str(NOW_S):
            return "time"
        try:
            signature = base64.b64decode(headers["x-signature"])
            self.ours.public_key().verify(signature, message.encode())
        except InvalidSignature:
            return "signature"
        return ""

    def signed(self, asked: Asked, body: bytes) -> Mapping[str, str]:
        request = self.answers_nonce or asked.headers["x-nonce"]
        stamp, nonce = str(NOW_S + self.skew_s), "n" * 32
        message = f"ANSWER\n{request}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
        return self._headers(stamp, nonce, message)

    def callback(self, target: str, body: Json, nonce: str = "c" * 32) -> tuple[Json, bytes]:
        """Headers and body of a callback to a path of ours."""
        content = json.dumps(body).encode()
        stamp = str(NOW_S + self.skew_s)
        message = f"POST\n{target}\n{stamp}\n{nonce}\n".encode() + content + b"\n"
        return dict(self._headers(stamp, nonce, message)), content

    def _headers(self, stamp: str, nonce: str, message: bytes) -> Mapping[str, str]:
        return {
            "X-Key-Id": self.key_id,
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Signature": _b64(self.key.sign(message)),
        }


APIV3_KEY = "0123456789abcdef0123456789ABCDEF"
PUBLIC_KEY_ID = "PUB_KEY_ID_0116000000012026"
_authorization = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(?P<mchid>[^"]+)",nonce_str="(?P<nonce>[^"]{32})",'
    r'signature="(?P<signature>[^"]+)",timestamp="(?P<timestamp>\d+)",serial_no="(?P<serial>[^"]+)"'
).fullmatch


@cache
def rsa(which: str) -> RSAPrivateKey:
    """A key of 2048 bits, the same for the whole run; `which` names it."""
    return generate_private_key(65537, 2048)


@cache
def certificate() -> tuple[str, str]:
    """WeChat Pay's platform certificate, and its serial."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com sign")])
    now = datetime.fromtimestamp(NOW_S, timezone.utc)  # noqa: UP017
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa("platform").public_key())
        .serial_number(0x5F00_1234_ABCD)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(rsa("platform"), SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode(), "5F001234ABCD"


class WeChatSide(Scripted):
    """WeChat Pay. `key` and `serial` say which of its keys it signs with."""

    skew_s = 0
    key = "wechat"
    serial = PUBLIC_KEY_ID
    probe = False
    nonce = ""  # The same one in every message, instead of a new one.
    _count = 0

    @classmethod
    def settings(cls) -> Json:
        pem, serial = certificate()
        return {
            "mchid": "1600000001",
            "appid": "wx0123456789abcdef",
            "merchant_serial": "AB12CD34",
            "merchant_private_pem": private_pem("merchant"),
            "public_key_id": PUBLIC_KEY_ID,
            "public_key_pem": public_pem("wechat"),
            "platform_serial": serial,
            "platform_certificate_pem": pem,
            "apiv3_key": APIV3_KEY,
        }

    def check(self, asked: Asked) -> str:
        found = _authorization(asked.headers["authorization"])
        if found is None:
            return "authorization"
        if (found["mchid"], found["serial"]) != ("1600000001", "AB12CD34"):
            return "merchant or serial"
        if asked.headers["wechatpay-serial"] != PUBLIC_KEY_ID or int(found["timestamp"]) != NOW_S:
            return "serial or time"
        message = (
            f"{asked.method}\n{asked.target}\n{found['timestamp']}\n{found['nonce']}\n"
            f"{asked.body.decode()}\n"
        )
        signature = base64.b64decode(found["signature"])
        try:
            public = rsa("merchant").public_key()
            public.verify(signature, message.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "signature"
        return ""

    def signed(self, asked: Asked | None, body: bytes) -> Mapping[str, str]:
        WeChatSide._count += 1
        stamp, nonce = str(NOW_S + self.skew_s), self.nonce or f"{WeChatSide._count:032d}"
        message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        signature = _b64(rsa(self.key).sign(message, PKCS1v15(), SHA256()))
        return {
            "Wechatpay-Serial": self.serial,
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{signature}" if self.probe else signature,
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    def callback(
        self, kind: str, resource: Json, *, associated: str = "transaction", **changed: object
    ) -> tuple[Json, bytes]:
        """Headers and body of a callback; `changed` fields of the sealed resource are tampered."""
        nonce = "0123456789ab"
        clear = json.dumps(resource, ensure_ascii=False).encode()
        sealed = AESGCM(APIV3_KEY.encode()).encrypt(nonce.encode(), clear, associated.encode())
        body = {
            "id": "EV-2018022511223320873",
            "create_time": "2026-11-28T10:00:00+08:00",
            "event_type": kind,
            "resource_type": "encrypt-resource",
            "summary": "done",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": _b64(sealed),
                "nonce": nonce,
                "associated_data": associated,
                "original_type": associated,
            }
            | changed,
        }
        content = json.dumps(body).encode()
        return dict(self.signed(None, content)), content


def private_pem(which: str) -> str:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return rsa(which).private_bytes(*form).decode()


def public_pem(which: str) -> str:
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return rsa(which).public_key().public_bytes(*form).decode()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
