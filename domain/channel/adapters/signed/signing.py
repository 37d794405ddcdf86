"""Signatures of signed JSON: Ed25519 over the method, the path, the time, a nonce and the body.

    request, callback   METHOD\\nPATH[?QUERY]\\nTIMESTAMP\\nNONCE\\nBODY\\n
    answer              ANSWER\\nNONCE OF THE REQUEST\\nTIMESTAMP\\nNONCE\\nBODY\\n

An answer names its request's nonce, so the answer to one question cannot be given to another.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from domain.channel.adapters.freshness import Forged, Nonces, at_second


class Keys(Struct, frozen=True):
    """Ours to sign with, theirs to verify with. Key objects, which show nothing when printed."""

    our_id: str
    our_private: Ed25519PrivateKey
    their_id: str
    their_public: Ed25519PublicKey


def request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_message(request_nonce: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    return f"ANSWER\n{request_nonce}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def signed_headers(
    keys: Keys, method: str, target: str, body: bytes, *, second: int, nonce: str
) -> dict[str, str]:
    """The headers that make a request ours."""
    message = request_message(method, target, str(second), nonce, body)
    return {
        "Content-Type": "application/json",
        "X-Key-Id": keys.our_id,
        "X-Timestamp": str(second),
        "X-Nonce": nonce,
        "X-Signature": b64encode(keys.our_private.sign(message)).decode(),
    }


def check_answer(
    keys: Keys, headers: Mapping[str, str], body: bytes, request_nonce: str, now_us: int
) -> None:
    """Raises Forged or NotFresh. Header names are in small letters."""
    timestamp, nonce = headers.get("x-timestamp", ""), headers.get("x-nonce", "")
    _verify(keys, headers, answer_message(request_nonce, timestamp, nonce, body))
    at_second(timestamp, now_us)


def check_callback(
    keys: Keys,
    nonces: Nonces,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    now_us: int,
) -> None:
    """Raises Forged, or NotFresh. Only what is rightly signed is remembered."""
    timestamp, nonce = headers.get("x-timestamp", ""), headers.get("x-nonce", "")
    _verify(keys, headers, request_message(method, target, timestamp, nonce, body))
    nonces.take(keys.their_id, nonce, at_second(timestamp, now_us), now_us)


def _verify(keys: Keys, headers: Mapping[str, str], message: bytes) -> None:
    if headers.get("x-key-id", "") != keys.their_id:
        raise Forged("it is not signed by the channel's key")
    try:
        keys.their_public.verify(b64decode(headers.get("x-signature", ""), validate=True), message)
    except (InvalidSignature, binascii.Error, ValueError):
        raise Forged("its signature is wrong") from None
