"""Keys and signatures of WeChat Pay API v3.

    request            METHOD\\nPATH[?QUERY]\\nTIMESTAMP\\nNONCE\\nBODY\\n   by the merchant's key
    answer, callback   TIMESTAMP\\nNONCE\\nBODY\\n                          by WeChat Pay's key

SHA-256 with RSA (PKCS#1 v1.5), Base64. WeChat Pay signs with its public key (`PUB_KEY_ID_…`) or
with a platform certificate; while a merchant changes from one to the other, messages come by
either, so a key is looked up by Wechatpay-Serial. The resource of a callback is sealed with
AES-256-GCM under the APIv3 key.

Now and then WeChat Pay sends traffic whose signature is wrong on purpose (`WECHATPAY/SIGNTEST/…`),
to see whether it is refused. It is.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from domain.channel.adapters.freshness import Forged, Nonces, at_second
from domain.channel.adapters.reading import Fields
from domain.kernel import EPOCH, MICROSECONDS

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"
CIPHER = "AEAD_AES_256_GCM"


class TheirKey(Struct, frozen=True):
    """A key WeChat Pay signs with: a public key, or a certificate's with the times it is good for
    (UTC µs)."""

    public: RSAPublicKey
    from_us: int | None = None
    until_us: int | None = None


class Keys(Struct, frozen=True):
    """The merchant's key and its certificate's serial; WeChat Pay's keys by their serial or id.

    `named` is the id that each request names, so that the answer comes signed by that key.
    Key objects, which show nothing when printed.
    """

    merchant_serial: str
    merchant_private: RSAPrivateKey
    theirs: Mapping[str, TheirKey]
    named: str
    resource: AESGCM


def authorization(
    keys: Keys, mchid: str, method: str, target: str, body: bytes, *, second: int, nonce: str
) -> str:
    """The Authorization header of a request."""
    message = f"{method}\n{target}\n{second}\n{nonce}\n".encode() + body + b"\n"
    signature = b64encode(keys.merchant_private.sign(message, PKCS1v15(), SHA256())).decode()
    return (
        f'{SCHEME} mchid="{mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{second}",serial_no="{keys.merchant_serial}"'
    )


def check(keys: Keys, nonces: Nonces, headers: Mapping[str, str], body: bytes, now_us: int) -> None:
    """An answer or a callback is WeChat Pay's, fresh, and the first of its nonce.

    Raises Forged or NotFresh. Header names are in small letters. Only what is rightly signed is
    remembered.
    """
    serial = headers.get("wechatpay-serial", "")
    timestamp = headers.get("wechatpay-timestamp", "")
    nonce = headers.get("wechatpay-nonce", "")
    signature = headers.get("wechatpay-signature", "")
    if signature.startswith(PROBE):
        raise Forged("a probe of WeChat Pay, whose signature is wrong on purpose")
    if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
        raise Forged("its signature is of another type")
    public = _public(keys, serial, now_us)
    second = at_second(timestamp, now_us)
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    try:
        public.verify(b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        raise Forged("its signature is wrong") from None
    nonces.take(serial, nonce, second, now_us)


def decrypted(keys: Keys, resource: Fields) -> bytes:
    """A callback's resource in the clear. Raises Wrong; Forged when it was tampered with."""
    resource.must_be("algorithm", CIPHER)
    nonce = resource.text("nonce", 32).encode()
    associated = resource.maybe("associated_data", 64).encode()
    sealed = resource.text("ciphertext", 1_048_576)
    try:
        return keys.resource.decrypt(nonce, b64decode(sealed, validate=True), associated)
    except (InvalidTag, binascii.Error, ValueError):
        raise Forged("its resource cannot be decrypted with the APIv3 key") from None


def us(at: datetime) -> int:
    """A certificate's time as UTC µs."""
    return int((at - EPOCH).total_seconds()) * MICROSECONDS


def _public(keys: Keys, serial: str, now_us: int) -> RSAPublicKey:
    key = keys.theirs.get(serial)
    if key is None:
        raise Forged("it is signed by a key that we do not know")
    if (key.from_us is not None and now_us < key.from_us) or (
        key.until_us is not None and now_us > key.until_us
    ):
        raise Forged("it is signed by a certificate that is not valid now")
    return key.public
