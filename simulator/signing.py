"""Ed25519 signatures of the signed-JSON networks, in both directions.

Request and callback: `METHOD\\nPATH[?QUERY]\\nTIMESTAMP\\nNONCE\\nBODY\\n`.
Answer: `ANSWER\\nREQUEST_NONCE\\nTIMESTAMP\\nNONCE\\nBODY\\n`.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from simulator.clock import wall_seconds
from simulator.problems import Problem

WINDOW = 300  # Seconds of the wall that a signature is good for.
_NONCE = re.compile(r"[0-9A-Za-z]{32}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Nonces:
    """The nonces of the last minutes, each accepted once. A restart forgets them."""

    def __init__(self) -> None:
        self._older: set[tuple[str, str]] = set()
        self._newer: set[tuple[str, str]] = set()
        self._since = wall_seconds()

    def fresh(self, key_id: str, nonce: str) -> bool:
        now = wall_seconds()
        if now - self._since > 2 * WINDOW:  # What is older than that fails by its time.
            self._older, self._newer, self._since = self._newer, set(), now
        used = (key_id, nonce) in self._newer or (key_id, nonce) in self._older
        self._newer.add((key_id, nonce))
        return not used


class Signer:
    """One side of one network: its own private key, and the other side's public key."""

    def __init__(self, private: str, key_id: str, other_public: str, other_key_id: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
        self._other = Ed25519PublicKey.from_public_bytes(base64.b64decode(other_public))
        self.key_id, self.other_key_id = key_id, other_key_id

    def sign(self, first: str, second: str, body: bytes) -> dict[str, str]:
        """The headers of a request (`METHOD`, path) or of an answer ("ANSWER", its nonce)."""
        timestamp, nonce = str(wall_seconds()), secrets.token_hex(16)
        signature = self._private.sign(_message(first, second, timestamp, nonce, body))
        return {
            "X-Key-Id": self.key_id,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature": base64.b64encode(signature).decode(),
        }

    def verify(
        self, first: str, second: str, body: bytes, headers: Mapping[str, str], nonces: Nonces
    ) -> str:
        """The request's nonce. Raises Problem(401, SIGN_INVALID)."""
        timestamp, nonce = headers.get("x-timestamp", ""), headers.get("x-nonce", "")
        if headers.get("x-key-id") != self.other_key_id:
            raise _refused("X-Key-Id is not the key of this network")
        if not _NONCE.fullmatch(nonce):
            raise _refused("X-Nonce is 32 letters and digits")
        if not _SECONDS.fullmatch(timestamp) or abs(wall_seconds() - int(timestamp)) >= WINDOW:
            raise _refused("X-Timestamp is not within 300 seconds of now")
        try:
            signature = base64.b64decode(headers.get("x-signature", ""), validate=True)
            self._other.verify(signature, _message(first, second, timestamp, nonce, body))
        except (InvalidSignature, binascii.Error, ValueError):
            raise _refused("X-Signature does not fit the request") from None
        if not nonces.fresh(self.other_key_id, nonce):
            raise _refused("X-Nonce was used before")
        return nonce


def _message(first: str, second: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    return (
        "\n".join((first, second, timestamp, nonce, "")).encode("latin-1", "replace") + body + b"\n"
    )


def _refused(said: str) -> Problem:
    return Problem(401, "SIGN_INVALID", said)
