"""Signatures and secrets of WeChat Pay: WECHATPAY2-SHA256-RSA2048 and AEAD_AES_256_GCM.

A request is signed by the merchant's key, an answer or callback by WeChat Pay's: by the public key
(PUB_KEY_ID_…) or by the platform certificate, whichever the request's Wechatpay-Serial names.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simulator.clock import wall_seconds
from simulator.keys import Outside, WeChat
from simulator.problems import Problem

SCHEME = "WECHATPAY2-SHA256-RSA2048"
WINDOW = 300
PROBE = "WECHATPAY/SIGNTEST/"
_PART = re.compile(r'([a-z_]{1,20})="([^"]{0,1024})"')
_FIELDS = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}


class Seal:
    """WeChat Pay's side: both of its private keys, and the merchant's public one."""

    def __init__(self, member: WeChat, outside: Outside) -> None:
        self._member = member
        self._merchant = _private(member.merchant_private_pem).public_key()
        self._by_serial = {
            member.public_key_id: _private(outside.wechat_public_key_pem),
            member.platform_serial: _private(outside.wechat_platform_pem),
        }

    def knows(self, serial: str) -> bool:
        return serial in self._by_serial

    def verify(self, method: str, path: str, body: bytes, authorization: str) -> None:
        """Raises Problem(401, SIGN_ERROR)."""
        scheme, _, rest = authorization.partition(" ")
        found = dict(_PART.findall(rest))
        if scheme != SCHEME or found.keys() != _FIELDS:
            raise _refused(f"Authorization is {SCHEME} with {', '.join(sorted(_FIELDS))}")
        if found["mchid"] != self._member.mchid:
            raise _refused("mchid is not known")
        if found["serial_no"] != self._member.merchant_serial:
            raise _refused("serial_no is not a certificate of the merchant")
        stamp = found["timestamp"]
        good = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
        if not good or abs(wall_seconds() - int(stamp)) >= WINDOW:
            raise _refused("timestamp is not within 300 seconds of now")
        message = f"{method}\n{path}\n{stamp}\n{found['nonce_str']}\n".encode() + body + b"\n"
        try:
            signature = base64.b64decode(found["signature"], validate=True)
            self._merchant.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            raise _refused("the signature does not fit the request") from None

    def sign(self, serial: str, body: bytes, *, signtest: bool = False) -> dict[str, str]:
        """The headers of an answer or callback; `signtest`: with a signature to be refused."""
        timestamp, nonce = str(wall_seconds()), secrets.token_hex(16)
        message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
        signed = self._by_serial[serial].sign(message, padding.PKCS1v15(), hashes.SHA256())
        text = base64.b64encode(signed).decode()
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": PROBE + text[: -len(PROBE)] if signtest else text,
            "Wechatpay-Signature-Type": SCHEME,
            "Wechatpay-Serial": serial,
            "Request-ID": secrets.token_hex(20).upper(),
        }

    def encrypted(self, content: bytes, kind: str) -> dict[str, str]:
        """The `resource` of a callback, or an encrypted certificate."""
        nonce = secrets.token_hex(6)
        cipher = AESGCM(self._member.apiv3_key.encode())
        secret = cipher.encrypt(nonce.encode(), content, kind.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(secret).decode(),
            "associated_data": kind,
            "nonce": nonce,
        }

    def decrypted(self, serial: str, secret: str) -> str:
        """A field that the merchant encrypted for us (RSA-OAEP). Raises Problem 400."""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        try:
            return self._by_serial[serial].decrypt(base64.b64decode(secret), oaep).decode()
        except (ValueError, KeyError, UnicodeError):
            raise Problem(400, "PARAM_ERROR", "a secret field cannot be decrypted") from None


def serial_of(headers: Mapping[str, str], member: WeChat, certificates: bool) -> str:
    """The key an answer is signed by."""
    asked = headers.get("wechatpay-serial")
    return asked or (member.platform_serial if certificates else member.public_key_id)


def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _refused(said: str) -> Problem:
    return Problem(401, "SIGN_ERROR", said)
