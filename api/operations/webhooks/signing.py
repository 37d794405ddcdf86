"""Signatures by Standard Webhooks (1.0): who has the secret knows that we sent it, and when.

    webhook-id          the event's id: the same at every try, so that a receiver knows it again
    webhook-timestamp   when this try was made, Unix seconds
    webhook-signature   v1,<Base64 of HMAC-SHA256 over id.timestamp.body>, one for each secret

A secret is `whsec_` and Base64 of random bytes. While one is rotated two secrets sign. Its bytes
lie in the vault, among the member's own items; facts know it by its number.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta

from standardwebhooks import Webhook

from api.operations.personal import Personal
from domain.kernel import EPOCH, MICROSECONDS

PREFIX = "whsec_"
SECRET_BYTES = 32  # The standard asks for 24 to 64.
KIND, FIELD = "webhook", "secret"  # Of items in the vault.


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(keys: Sequence[str], event_id: str, body: str, now_us: int) -> dict[str, str]:
    """The headers of a try. `now_us` is the wall's time (UTC µs): receivers compare it with theirs,
    and take what is at most five minutes off."""
    at_s = now_us // MICROSECONDS
    moment = EPOCH + timedelta(seconds=at_s)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, moment, body) for key in keys),
    }


class Secrets:
    """Secrets of endpoints in the vault. Each call raises Refused(VAULT_LOCKED) where there is no
    vault, and VAULT_DAMAGED for what its keys did not seal."""

    def __init__(self, personal: Personal) -> None:
        self._personal = personal

    def make(self, member_id: str, number: int) -> str:
        """A secret under a number that has none. Raises MEMBER_FORGOTTEN."""
        vault, made = self._personal.vault, new_secret()
        vault.keep(vault.key_of(member_id), KIND, str(number), {FIELD: made})
        return made

    def read(self, member_id: str, numbers: Sequence[int]) -> list[str]:
        """Those that are there, in the order of their numbers."""
        names = [str(number) for number in numbers]
        found = self._personal.vault.read_all(member_id, KIND, names)
        return [found[name][FIELD] for name in names if name in found]

    def drop(self, member_id: str, number: int) -> None:
        self._personal.vault.drop(member_id, KIND, str(number))
