"""How often a key may ask: so many requests in a second, minute or hour, whatever they are.

A GraphQL query counts as more requests the more it costs. Each process counts for itself.
"""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from api.http.errors import Problem
from api.http.keys import Caller
from domain.refusals import Code, Refused

OFF = "off"


class Rates:
    """One limit for every key. `rate` is such as `1000/second`, or off."""

    def __init__(self, rate: str = OFF) -> None:
        self._limit: RateLimitItem | None = None if rate == OFF else parse(rate)
        self._limiter = None if rate == OFF else FixedWindowRateLimiter(MemoryStorage())

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
