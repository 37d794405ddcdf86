"""A bank in this process that signs every card: for serving without channels, and for tests.

Its code is always CODE. Its book is in memory: a code or an end for a signing it has never seen
(this process started anew) is taken as one that it holds would have been. Of messages to telephones
it keeps the last ones.
"""

import threading
from collections import deque
from collections.abc import Callable

from domain.channel.cards import Particulars, Reply
from domain.kernel import MICROSECONDS

CODE = "246810"
TRIES, MESSAGES = 3, 50
GOOD_FOR_US = 300 * MICROSECONDS


class SimulatedCardBank:
    """Implements `CardBank`. Thread-safe. `clock` is the books', UTC µs; `refuses`: accounts it
    does not sign, and why."""

    def __init__(self, clock: Callable[[], int], refuses: dict[str, str] | None = None) -> None:
        self._clock = clock
        self.refuses = refuses or {}
        self._lock = threading.Lock()
        self._wrong: dict[str, set[int]] = {}
        self._people: dict[str, str] = {}
        self.messages: deque[tuple[str, str]] = deque(maxlen=MESSAGES)  # Telephone, words.

    async def sign(self, number: str, what: Particulars, now_us: int) -> Reply:
        reason = self.refuses.get(what.account)
        if reason:
            return Reply("refused", reason=reason)
        kind = "DEBIT" if what.owner == "personal" else "CORPORATE"
        return Reply("code_sent", "ICBC", kind, self._clock() + GOOD_FOR_US)

    async def confirm(self, number: str, entry: int, code: str, now_us: int) -> Reply:
        if code == CODE:
            agreement = number.upper().replace("-", "_")[-40:]
            return Reply("signed", "ICBC", agreement=agreement)
        with self._lock:
            wrong = self._wrong.setdefault(number, set())
            wrong.add(entry)
            return Reply("code_wrong", tries_left=max(0, TRIES - len(wrong)))

    async def end(self, number: str, now_us: int) -> Reply:
        return Reply("ended")

    async def identify(self, name: str, identity: str, now_us: int) -> bool | None:
        """Who is seen first is right."""
        with self._lock:
            return self._people.setdefault(identity, name) == name

    async def text(self, number: str, phone: str, words: str, now_us: int) -> bool:
        self.messages.append((phone, words))
        return True

    async def aclose(self) -> None:
        """There is nothing to close."""


class NoCardBank:
    """Where channels are named and none of them signs cards: nobody is asked, nobody answers."""

    async def sign(self, number: str, what: Particulars, now_us: int) -> Reply:
        return Reply("unknown", reason="NO_BANK")

    async def confirm(self, number: str, entry: int, code: str, now_us: int) -> Reply:
        return Reply("unknown", reason="NO_BANK")

    async def end(self, number: str, now_us: int) -> Reply:
        return Reply("unknown", reason="NO_BANK")

    async def identify(self, name: str, identity: str, now_us: int) -> bool | None:
        return None

    async def text(self, number: str, phone: str, words: str, now_us: int) -> bool:
        return False

    async def aclose(self) -> None:
        """There is nothing to close."""
