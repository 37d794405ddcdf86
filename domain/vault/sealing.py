"""Ciphertext of the vault: AES-256-GCM under a key, bound to the place where it stands.

The place (member, kind, item, field) is authenticated with the text: a row that was moved to
another member, or to another field, cannot be opened. Nonces are random, 96 bits: a member's key
seals a few dozen texts, a key encryption key far fewer than the 2^32 that are safe.
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TOKEN_HEX = 32  # 128 bits: nobody meets another's by chance.
FORM = b"zhangfang-vault/1"


class Damaged(Exception):
    """Bytes that this key did not seal for this place. The text says where, and shows nothing."""


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def sealed(key: bytes, place: tuple[str, ...], plain: bytes) -> bytes:
    """Nonce and ciphertext."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _bound(place))


def opened(key: bytes, place: tuple[str, ...], content: bytes) -> bytes:
    """What was sealed for this place. Raises Damaged."""
    nonce, text = content[:NONCE_BYTES], content[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, text, _bound(place))
    except (InvalidTag, ValueError):
        raise Damaged("/".join(place)) from None


def token(key: bytes, what: str, *values: str) -> str:
    """A keyed digest (HMAC-SHA-256) that stands for values: the same for the same, and nothing to
    be guessed from without the key, however few values there may be."""
    inner = hmac.new(
        key, FORM + b"/token", hashlib.sha256
    ).digest()  # Never the sealing key itself.
    return hmac.new(inner, _bound((what, *values)), hashlib.sha256).hexdigest()[:TOKEN_HEX]


def _bound(parts: tuple[str, ...]) -> bytes:
    """Parts as bytes of which no other parts give the same: each with its length."""
    encoded = [part.encode() for part in parts]
    return FORM + b"".join(len(one).to_bytes(4, "big") + one for one in encoded)
