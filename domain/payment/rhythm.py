"""When a channel is asked again: pure functions of how often it was asked, in µs.

Whoever asks is slow to repeat itself: a channel in trouble is not helped by a crowd. The tables are
counted from the answer; what is under way is left alone for `CLAIM_US`, longer than any deadline.
"""

from domain.kernel import MICROSECONDS

SECOND, MINUTE, HOUR = MICROSECONDS, 60 * MICROSECONDS, 3600 * MICROSECONDS

# After an answer that tells nothing, or work that is not done; the last one again and again.
BACK_OFF = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR)
# While a payer makes up his mind; his channel calls us when he does.
AWAITING = (15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE)
CLAIM_US = MINUTE  # How long an attempt may be under way before another one is made.

# After these a channel is asked once more whether its "closed" or "declined" has held.
CLOSED_AGAIN_US, DECLINED_AGAIN_US = HOUR, 24 * HOUR

# So many times in turn it was certain that nothing left: then another channel is tried.
UNSENT_TIMES = 2

# How long "no such order" has to hold before it is believed: a send may be on its way that long.
MISSING_TIMES, MISSING_US = 3, 10 * MINUTE


def claim_us(tries: int) -> int:
    """How long an attempt may be under way, after so many. Answers that cannot be booked (a frozen
    account) are not asked for every minute for ever."""
    return CLAIM_US if tries < 10 else HOUR


def back_off_us(tries: int) -> int:
    """How long to wait after the `tries`-th answer that told nothing (from 1)."""
    return BACK_OFF[min(max(tries, 1), len(BACK_OFF)) - 1]


def awaiting_us(tries: int) -> int:
    """How long to wait after having asked `tries` times what a payer does (from 0)."""
    return AWAITING[min(tries, len(AWAITING) - 1)]


def has_held(times: int, since_us: int, now_us: int) -> bool:
    """Whether "no such order", said so many times since an instant, is to be believed."""
    return times >= MISSING_TIMES and now_us - since_us >= MISSING_US
