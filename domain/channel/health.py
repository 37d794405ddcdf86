"""How a channel has been doing lately: pure arithmetic over its last requests.

A request counts against a channel when nobody can say what became of it, or when the channel
declined for reasons of its own; what a payer's bank says against the payer does not. Who answers,
but slowly, is not well either. A channel of which little was seen lately is taken for well: so it
is tried again once a bad window is over, or nobody would ever find out.
"""

from collections.abc import Sequence

from msgspec import Struct

from domain.kernel import MICROSECONDS

WINDOW_US = 5 * 60 * MICROSECONDS
MOST = 200  # The newest requests of a channel that are looked at.
ENOUGH = 10  # Fewer say nothing.
WELL_BPS = 5_000  # Below half of the answers it is not well.


class Seen(Struct, frozen=True, gc=False):
    """One request: when it was made (UTC µs), whether it was answered for good or ill, and how long
    that took (µs; 0 when there was no answer)."""

    at_us: int
    answered: bool
    took_us: int


class Summary(Struct, frozen=True):
    """Over the window: how many requests, how many in 10000 were answered, and the median time of
    those (µs). `well`: no other channel need be preferred. `reachable`: something here can ask it
    at all."""

    requests: int
    answered_bps: int
    median_us: int
    well: bool
    reachable: bool = True


UNSEEN = Summary(0, 10_000, 0, well=True)


def summary(seen: Sequence[Seen], slow_us: int, *, reachable: bool = True) -> Summary:
    """What the requests of a window say; `slow_us`: a median above it is too slow."""
    if not seen:
        return Summary(0, 10_000, 0, well=True, reachable=reachable)
    took = sorted(one.took_us for one in seen if one.answered)
    bps = len(took) * 10_000 // len(seen)
    median_us = took[len(took) // 2] if took else 0
    well = len(seen) < ENOUGH or (bps >= WELL_BPS and median_us <= slow_us)
    return Summary(len(seen), bps, median_us, well, reachable)
