"""A synthetic feed of any size: the same seed gives the same bytes, and memory stays flat.

Shaped like the real quarter: checkouts of 4.6 merchants on average, one merchant and some buyers
much busier than the rest, a day with an afternoon peak, small amounts with a long tail, refunds
from the first minute to twenty days later, some exactly when the buyer's receipt is confirmed.
"""

import gzip
import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import accumulate
from pathlib import Path
from typing import TextIO

from api.operations.feed.rejects import csv_row
from api.operations.feed.rows import MERCHANT_COLUMNS, ORDER_COLUMNS, REFUND_COLUMNS
from domain.fields import LATEST_US
from domain.kernel import DAY_US, MICROSECONDS, day_end_us, iso_time
from domain.refusals import Code, Refused

FIRST_DAY = date(2011, 1, 4)  # A working day.
REFUND_DAYS = 20  # The last refund may come so long after its order.
MOST_MERCHANTS = 1 << 20
MOST_ORDERS = 1 << 31

_DAY = 24 * 3600
_CONFIRMED = 7 * _DAY
_FEES_BPS = (38, 54, 60, 100)
_CYCLES = ("T+0", "T+1", "T+7", "D+1")
_METHODS = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS")
# Weights out of their sum: orders by hour of the day, merchants of a checkout from 1 on (mean 4.6).
_HOURS = (1, 1, 1, 1, 1, 1, 2, 5, 25, 70, 115, 125, 150, 138, 132, 130, 68, 35, 13, 7, 3, 2, 2, 1)
_SIZES = (139, 107, 148, 163, 133, 102, 74, 52, 30, 13, 8, 6, 4, 3, 4, 1, 2, 2, 1, 4, 1, 1)
# Amounts: weight, least, most, in fen.
_AMOUNTS = ((2, 1, 99), (18, 100, 999), (52, 1000, 4999), (26, 5000, 29_999), (2, 30_000, 499_999))
_SUBJECTS = (
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "三只松鼠 坚果礼盒 1.5kg",
    "JAM MAKING SET, WITH JARS",
    'RULER 12", WOODEN',
    "POPPY'S PLAYHOUSE BEDROOM",
    "LUNCH BAG CARS BLUE",
    "龙井茶 250g",
    "ASSORTED COLOUR BIRD ORNAMENT",
)


class _Dice:
    """Whole random numbers from `getrandbits` alone, which all versions of Python keep the same."""

    def __init__(self, seed: int) -> None:
        self._bits = random.Random(seed).getrandbits

    def below(self, bound: int) -> int:
        """0 … bound - 1, evenly to within 2^-32 of each other; bound up to 2^31."""
        return self._bits(64) * bound >> 64

    def skewed(self, bound: int) -> int:
        """0 … bound - 1, low numbers much more often."""
        return self.below(self.below(self.below(bound) + 1) + 1)

    def weighted(self, sums: tuple[int, ...]) -> int:
        """An index, by running sums of weights."""
        drawn = self.below(sums[-1])
        return next(index for index, total in enumerate(sums) if drawn < total)


_HOUR_SUMS = tuple(accumulate(_HOURS))
_SIZE_SUMS = tuple(accumulate(_SIZES))
_AMOUNT_SUMS = tuple(accumulate(weight for weight, _, _ in _AMOUNTS))


def generate(
    directory: Path,
    orders: int,
    merchants: int,
    days: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write merchants.csv.gz, orders.csv.gz, refunds.csv.gz: `orders` checkouts over `days` days.

    Days count from 2011-01-04, Shanghai time. Refunds never exceed what was paid and come up to
    twenty days after their order. Each file replaces an old one when it is whole. `progress` is
    told the number of checkouts written. Raises Refused(REQUEST_INVALID) for sizes the format
    cannot carry, OSError if the files cannot be written.
    """
    _check(orders, merchants, days, seed)
    directory.mkdir(parents=True, exist_ok=True)
    with _zipped(directory / "merchants.csv.gz") as out:
        out.write(csv_row(MERCHANT_COLUMNS))
        for index in range(merchants):
            fee_bps = _FEES_BPS[(index + index // 4) % 4]
            out.write(
                csv_row((_shop(index), f"Shop {index + 1}", str(fee_bps), _CYCLES[index % 4]))
            )
    dice = _Dice(seed)
    refunds = _Refunds(dice)
    with _zipped(directory / "orders.csv.gz") as out, _zipped(directory / "refunds.csv.gz") as back:
        out.write(csv_row(ORDER_COLUMNS))
        back.write(csv_row(REFUND_COLUMNS))
        buyers = max(1, orders * 11 // 20)
        for index, at in enumerate(_moments(dice, orders, days)):
            refunds.write_until(back, at)
            head = f"{_order_no(index)},{_time(at)},C{100_000 + dice.skewed(buyers)}"
            method = _METHODS[dice.below(3)]
            for shop in _shops(dice, merchants):
                amount = _amount(dice)
                items = 1 + dice.skewed(12)
                subject = _QUOTED_SUBJECTS[dice.below(len(_SUBJECTS))]
                out.write(f"{head},{_shop(shop)},{amount},{items},{subject},{method}\n")
                refunds.plan(at, index, shop, amount)
            if index % 1000 == 999:
                progress(index + 1)
        refunds.write_until(back, None)
    progress(orders)


class _Refunds:
    """Refunds still to come, by time. Each is one packed int, so that a day of millions fits."""

    def __init__(self, dice: _Dice) -> None:
        self._dice = dice
        self._coming: list[int] = []  # seconds, order (31 bits), merchant (20), amount (20)
        self._written = 0

    def plan(self, at: int, order: int, shop: int, amount: int) -> None:
        """Perhaps refund a transaction of `amount` fen: in full, in part, or in several parts."""
        below = self._dice.below
        chance = below(1000)
        if chance >= 55:  # 5.5 % of transactions, 6.5 refunds on 100
            return
        if chance < 22:
            parts = [amount]
        else:
            left = amount
            parts = []
            for _ in range(1 if chance < 44 else 2 + below(2)):
                if left > 0:
                    parts.append(1 + below(left))
                    left -= parts[-1]
            if chance >= 50 and left:
                parts.append(left)  # In parts, and in the end everything.
        for part in parts:
            when = at + self._delay()
            heappush(self._coming, ((when << 31 | order) << 20 | shop) << 20 | part)

    def _delay(self) -> int:
        """Seconds from order to refund."""
        below = self._dice.below
        kind = below(20)
        if kind == 0:
            return _CONFIRMED  # At the very instant of the automatic confirmation.
        if kind < 11:
            return below(_CONFIRMED)
        return _CONFIRMED + below(REFUND_DAYS * _DAY - _CONFIRMED)

    def write_until(self, out: TextIO, at: int | None) -> None:
        """Write what is asked for before second `at`; everything if it is None."""
        limit = None if at is None else at << 71
        while self._coming and (limit is None or self._coming[0] < limit):
            packed = heappop(self._coming)
            part, shop = packed & 0xFFFFF, packed >> 20 & 0xFFFFF
            order, when = packed >> 40 & 0x7FFFFFFF, packed >> 71
            self._written += 1
            out.write(
                f"R{self._written:07d},{_time(when)},{_order_no(order)},{_shop(shop)},{part}\n"
            )


def _moments(dice: _Dice, orders: int, days: int) -> Iterator[int]:
    """When each order is placed, in seconds since 1970, ascending: slots of an hour, jittered."""
    midnight = (day_end_us(FIRST_DAY) - DAY_US) // MICROSECONDS
    for day in range(days):
        of_day = orders * (day + 1) // days - orders * day // days
        before = 0
        for hour, total in enumerate(_HOUR_SUMS):
            until = of_day * total // _HOUR_SUMS[-1]
            of_hour = until - before
            start = midnight + day * _DAY + hour * 3600
            for slot in range(of_hour):
                low, high = slot * 3600 // of_hour, (slot + 1) * 3600 // of_hour
                yield start + low + dice.below(max(1, high - low))
            before = until


def _shops(dice: _Dice, merchants: int) -> list[int]:
    """The distinct merchants of one checkout; merchant 0 is hot."""
    wanted = min(merchants, 1 + dice.weighted(_SIZE_SUMS))
    chosen: list[int] = []
    for _ in range(wanted):
        shop = 0 if dice.below(4) == 0 else dice.skewed(merchants)
        while shop in chosen:
            shop = (shop + 1) % merchants
        chosen.append(shop)
    return chosen


def _amount(dice: _Dice) -> int:
    _, least, most = _AMOUNTS[dice.weighted(_AMOUNT_SUMS)]
    return least + dice.below(most - least + 1)


def _shop(index: int) -> str:
    return f"SHOP{index + 1:03d}"


def _order_no(index: int) -> str:
    return str(1_000_000 + index)


def _time(seconds: int) -> str:
    return iso_time(seconds * MICROSECONDS)


_QUOTED_SUBJECTS = tuple(csv_row((subject,)).rstrip("\n") for subject in _SUBJECTS)


def _check(orders: int, merchants: int, days: int, seed: int) -> None:
    for field, value, least, most in (
        ("orders", orders, 0, MOST_ORDERS),
        ("merchants", merchants, 1, MOST_MERCHANTS),
        ("days", days, 1, 32_000),
        ("seed", seed, 0, 2**63),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Refused(Code.REQUEST_INVALID, field, f"{least} to {most} is needed")
    if day_end_us(FIRST_DAY + timedelta(days=days + REFUND_DAYS)) > LATEST_US:
        raise Refused(Code.REQUEST_INVALID, "days", "the feed would run beyond the year 2099")


@contextmanager
def _zipped(path: Path) -> Iterator[TextIO]:
    """A gzip file to write text to, without name or time inside; it replaces `path` at the end."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with (
            scratch.open("wb") as plain,
            gzip.GzipFile("", "wb", 6, plain, mtime=0) as zipped,
            io.TextIOWrapper(zipped, "utf-8", newline="\n") as out,
        ):
            yield out
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
