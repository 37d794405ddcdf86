"""Signed links to cashier sessions, and what their pages carry to prove that they are ours.

Nothing of it is stored: all is HMAC-SHA-256 under a key that is derived from the vault's key
encryption keys, so every process of a server knows it, and no backup of the ledger does. A link
reads `<version>.<mac>`, `version` being that of the key; after a rotation older links work as long
as the older key is given.
"""

import hmac
from collections.abc import Mapping

LABEL = "cashier links"


class Links:
    """Makes and checks links; `keys` by their version. Printed, it shows versions alone."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"Links({sorted(self._keys)})"

    def token(self, session_no: str) -> str:
        """What opens a session, in a link or a cookie."""
        version = max(self._keys)
        return f"{version}.{self._mac(version, 'link', session_no)}"

    def opens(self, session_no: str, token: str) -> bool:
        """Whether a token is one of this session."""
        return self._is_ours(token, "link", session_no)

    def form(self, session_no: str, attempt: int, nonce: str) -> str:
        """What the form of a page carries that pays by an attempt of a session: no other page's
        does."""
        version = max(self._keys)
        return f"{version}.{self._mac(version, 'form', f'{session_no} {attempt} {nonce}')}"

    def sent(self, session_no: str, attempt: int, nonce: str, token: str) -> bool:
        """Whether a form is one that we made, for this attempt."""
        return self._is_ours(token, "form", f"{session_no} {attempt} {nonce}")

    def made(self, use: str, of: str) -> str:
        """What proves later that we said `of`, for a use of its own; a line has no end in it."""
        version = max(self._keys)
        return f"{version}.{self._mac(version, use, of)}"

    def is_made(self, use: str, of: str, token: str) -> bool:
        return self._is_ours(token, use, of)

    def _is_ours(self, token: str, use: str, of: str) -> bool:
        version, _, mac = token.partition(".")
        if not (version.isascii() and version.isdigit() and len(version) < 10 and mac.isascii()):
            return False
        if int(version) not in self._keys:
            return False
        return hmac.compare_digest(mac, self._mac(int(version), use, of))

    def _mac(self, version: int, use: str, of: str) -> str:
        return hmac.digest(self._keys[version], f"{use} {of}".encode(), "sha256").hex()
