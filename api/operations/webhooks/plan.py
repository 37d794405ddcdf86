"""When it is tried again: 15 times within 24 h 4 min of the first, then the endpoint is paused.

The delays begin short, for a receiver that is started anew, and end long, for one whose people have
to wake up first. That an endpoint fails slows what is sent to it, event by event, so that one that
is dead costs next to nothing however much waits for it: at most one request at a time, and a pause
after it that grows with each failure in a row, up to `QUIET_MOST_US`.
"""

from domain.kernel import MICROSECONDS

_S, _M, _H = 1, 60, 3600
DELAYS_S = (
    15 * _S,
    15 * _S,
    30 * _S,
    3 * _M,
    10 * _M,
    20 * _M,
    30 * _M,
    30 * _M,
    30 * _M,
    60 * _M,
    3 * _H,
    3 * _H,
    3 * _H,
    6 * _H,
    6 * _H,
)
MOST_TRIES = 1 + len(DELAYS_S)  # The first, at once, and 15 more.
QUIET_MOST_US = 15 * MICROSECONDS


def next_try_us(tries: int, now_us: int) -> int | None:
    """When the next one is due after so many that failed; None: that was the last."""
    if tries >= MOST_TRIES:
        return None
    return now_us + DELAYS_S[tries - 1] * MICROSECONDS


def quiet_us(failures: int) -> int:
    """How long an endpoint is left alone after so many failures in a row."""
    return min(failures * MICROSECONDS, QUIET_MOST_US)
