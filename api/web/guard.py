"""What holds back who has a link: how often a session's forms are sent, how many messages they
cause, and one at a time of those that try a factor.

One for all pages of a process, whatever a session is for.
"""

import asyncio
from weakref import WeakValueDictionary

from limits import parse
from limits.strategies import FixedWindowRateLimiter

from api.http.rates import Counters

TRIES = parse("30/minute")  # Forms of one session; whoever has the link may send them.
TEXTS = parse("10/hour")  # Messages to one telephone that who has a link may cause.


class Guard:
    def __init__(self) -> None:
        self._tries = FixedWindowRateLimiter(Counters())
        self._texts = FixedWindowRateLimiter(Counters())
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def may_try(self, session_no: str) -> bool:
        return self._tries.hit(TRIES, session_no)

    def may_text(self, session_no: str) -> bool:
        return self._texts.hit(TEXTS, session_no)

    def turn(self, session_no: str) -> asyncio.Lock:
        """A second click waits for the first: a code is good for one of them."""
        return self._turns.setdefault(session_no, asyncio.Lock())
