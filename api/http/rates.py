"""How often a key may ask: so many requests in a second, minute or hour, whatever they are.

A GraphQL query counts as more requests the more it costs. The processes of one server count
together, so that a key has one limit however many they are.
"""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from api.http.counting import CountedTogether
from api.http.errors import Problem
from api.http.keys import Caller
from domain.refusals import Code, Refused

OFF = "off"
MOST_COUNTED = 10_000  # Keys; those whose window is over are forgotten before there are more.


class Counters(Storage):
    """Counts in the memory of one process. The library's own starts a thread for every window of a
    key, which takes longer than a query."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, list[float]] = {}  # What was counted, and when its window ends.

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def check(self) -> bool:
        return True

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        count = self._counts.get(key)
        if count is None or count[1] <= now:
            if len(self._counts) >= MOST_COUNTED:
                self._counts = {k: v for k, v in self._counts.items() if v[1] > now}
            count = self._counts[key] = [0, now + expiry]
        count[0] += amount
        return int(count[0])

    def get(self, key: str) -> int:
        count = self._counts.get(key)
        return int(count[0]) if count is not None and count[1] > time.time() else 0

    def get_expiry(self, key: str) -> float:
        count = self._counts.get(key)
        return count[1] if count is not None else time.time()

    def reset(self) -> int | None:
        counted = len(self._counts)
        self._counts.clear()
        return counted

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class _Together(Counters):
    """Counts that several processes share. Windows begin when the clock says so, for all alike."""

    def __init__(self, counted: CountedTogether, seconds: int) -> None:
        super().__init__()
        self._counted = counted
        self._seconds = seconds

    def _began(self) -> int:
        return int(time.time()) // self._seconds * self._seconds

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return self._counted.add(key, self._began(), amount)

    def get(self, key: str) -> int:
        return self._counted.add(key, self._began(), 0)

    def get_expiry(self, key: str) -> float:
        return self._began() + self._seconds


class Rates:
    """One limit for every key. `rate` is such as `1000/second`, or off; `together` is where several
    processes count."""

    def __init__(self, rate: str = OFF, together: CountedTogether | None = None) -> None:
        self._limit: RateLimitItem | None = None
        self._limiter: FixedWindowRateLimiter | None = None
        if rate != OFF:
            self._limit = limit = parse(rate)
            counters = _Together(together, limit.get_expiry()) if together else Counters()
            self._limiter = FixedWindowRateLimiter(counters)

    def charge(self, caller: Caller, requests: int = 1) -> None:
        """Count requests of a caller. Raises Problem 429, which says when to come back."""
        if self._limiter is None or self._limit is None or requests <= 0:
            return
        requests = min(requests, self._limit.amount)  # What costs more would never be let in.
        if self._limiter.hit(self._limit, caller.key_id, cost=requests):
            return
        reset_s = self._limiter.get_window_stats(self._limit, caller.key_id).reset_time
        wait_s = max(1, math.ceil(reset_s - time.time()))
        detail = f"above {self._limit}; try again in {wait_s} s"
        refused = Refused(Code.BUSY, "Authorization", detail)
        raise Problem(refused, status=429, headers={"Retry-After": str(wait_s)})
