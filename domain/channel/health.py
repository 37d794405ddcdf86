"""How a channel has been doing lately: pure functions over a window of its last answers.

In memory, and of this process: what it saw itself. A channel of which nothing was seen lately is
taken for well, or it would never be tried again.
"""

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import MICROSECONDS

WINDOW_US = 5 * 60 * MICROSECONDS
MOST = 200  # Observations of a channel that are kept.
ENOUGH = 10  # Fewer say nothing.
WELL_BPS = 5_000  # Below half of the answers it is not well.


class Seen(Struct, frozen=True, gc=False):
    """One request: when it was answered (UTC µs), whether it was at all, how long it took (µs)."""

    at_us: int
    answered: bool
    took_us: int


class Health(Struct, frozen=True):
    """The last requests of one channel, the oldest first."""

    seen: tuple[Seen, ...] = ()


class Summary(Struct, frozen=True):
    """Over the window: how many requests, how many in 10000 were answered, and the median time
    (µs). `well`: another channel need not be preferred."""

    requests: int
    answered_bps: int
    median_us: int
    well: bool


def observe(health: Health, seen: Seen) -> Health:
    """The health after one more request."""
    since_us = seen.at_us - WINDOW_US
    kept = [one for one in health.seen[-(MOST - 1) :] if one.at_us > since_us]
    return replace(health, seen=(*kept, seen))


def summary(health: Health, now_us: int) -> Summary:
    """What the window says now."""
    seen = [one for one in health.seen if one.at_us > now_us - WINDOW_US]
    if not seen:
        return Summary(0, 10_000, 0, True)
    answered = sum(one.answered for one in seen)
    bps = answered * 10_000 // len(seen)
    took = sorted(one.took_us for one in seen)[len(seen) // 2]
    return Summary(len(seen), bps, took, len(seen) < ENOUGH or bps >= WELL_BPS)
