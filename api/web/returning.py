"""Where a payer goes back to when a session has ended, signed: a shop can tell it from an address
that somebody typed.

    https://shop.example/o/1?session_no=S1&state=paid&at=1795940000&key=1&signature=<Base64url>

Signed (Ed25519) is `session_no`, `state` and `at` (Unix seconds), with line ends between. The keys
are derived from the vault's, as those of links are; `GET /v1/cashier-keys` gives the public ones.
It is for showing: what has happened to an order says a webhook, or a query.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.kernel import MICROSECONDS

LABEL = "cashier returns"
# What a scene's kind is called outside; the others are over.
STATES = {"paid": "paid", "moving": "moving", "arrived": "arrived", "back": "returned"}


class Ended(Protocol):
    """A session that has ended, as its page knows it."""

    @property
    def session_no(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def return_url(self) -> str: ...


class Returns:
    """Signs; `keys` are 32 bytes by version. Printed, it shows versions alone."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = {one: Ed25519PrivateKey.from_private_bytes(key) for one, key in keys.items()}

    def __repr__(self) -> str:
        return f"Returns({sorted(self._keys)})"

    def public(self) -> dict[str, str]:
        """The public keys, raw and in Base64url, by version."""
        return {
            str(one): _encoded(key.public_key().public_bytes_raw())
            for one, key in sorted(self._keys.items())
        }

    def address(self, found: Ended, at_us: int) -> str:
        """The session's own address with what became of it, signed; "" when it has none."""
        if not found.return_url:
            return ""
        state = STATES.get(found.kind, "over")
        version, at = max(self._keys), str(at_us // MICROSECONDS)
        signature = self._keys[version].sign("\n".join((found.session_no, state, at)).encode())
        said = {
            "session_no": found.session_no,
            "state": state,
            "at": at,
            "key": str(version),
            "signature": _encoded(signature),
        }
        parts = urlsplit(found.return_url)
        query = f"{parts.query}&{urlencode(said)}" if parts.query else urlencode(said)
        return urlunsplit(parts._replace(query=query))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
