"""What makes a signed message good: the right key, within 300 seconds, and once.

A message that is older, or from the future, is stale. One whose nonce was seen within the window
is a replay. What was seen is in this process's memory: after a restart, or in another process, a
replay is caught by what it says, which is on record already.
"""

import re
from hashlib import sha256

from domain.kernel import MICROSECONDS

WINDOW_S = 300
REMEMBERED = 100_000  # Nonces; some 15 MB. Above, the oldest is forgotten.

_is_second = re.compile(r"[0-9]{1,12}", re.ASCII).fullmatch
_is_nonce = re.compile(r"[\x21-\x7e]{8,64}").fullmatch


class Forged(Exception):
    """A message whose signature is missing, wrong, or not by a key that it may be by."""


class NotFresh(Exception):
    """A message that is stale, from the future, or seen before. The text says which."""


def at_second(timestamp: str, now_us: int) -> int:
    """The second a message says it is of, when it lies within the window. Raises NotFresh."""
    if not _is_second(timestamp):
        raise NotFresh("its timestamp is not in seconds")
    if abs(now_us - int(timestamp) * MICROSECONDS) >= WINDOW_S * MICROSECONDS:
        raise NotFresh(f"its timestamp is {WINDOW_S} seconds or more away")
    return int(timestamp)


class Nonces:
    """The nonces of a channel's messages, each kept for as long as its message would be fresh."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._until: dict[bytes, int] = {}  # Digest → the second it may be forgotten, oldest first.

    def __len__(self) -> int:
        return len(self._until)

    def take(self, key_id: str, nonce: str, second: int, now_us: int) -> None:
        """Note the nonce of a rightly signed message. Raises NotFresh when it was seen."""
        if not _is_nonce(nonce):
            raise NotFresh("its nonce is not 8 to 64 printable characters")
        self._forget(now_us // MICROSECONDS)
        digest = sha256(f"{key_id}\n{nonce}".encode()).digest()[:16]
        if digest in self._until:
            raise NotFresh("its nonce was seen before")
        self._until[digest] = second + WINDOW_S

    def _forget(self, now_s: int) -> None:
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] >= now_s and len(self._until) < self._most:
                break
            del self._until[oldest]
