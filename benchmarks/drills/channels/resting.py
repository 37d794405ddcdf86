"""The end of a drill: time goes on until neither side has anything to do, whole days of it.

When nothing is due for a while the clock is advanced to what comes next: a refund that takes two
days, a payout that returns after four, the end of a business day. What waits for a person is done
by one: that an abnormal refund goes elsewhere, half of what came back is paid out again, half of
what is in suspense is given to its payer.
"""

import random
import time
from collections.abc import Callable
from datetime import date

from sqlalchemy import Connection, func, select

from benchmarks.drills.channels.clocked import Hands
from benchmarks.drills.channels.outside import Outside
from domain.accounting.chart import CHANNEL_SURPLUS, split_id
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import DAY_US, MICROSECONDS, day_end_us, shanghai_date
from projections.models import business_days, instructions, settlement_payouts, withdrawals
from projections.models.suspense_items import waiting

LOOK_S = 0.1
CALM = 2  # So many looks in a row found nothing to do: it is at rest.
HOUR_US = 3_600 * MICROSECONDS
LEAST_US, MOST_US = HOUR_US // 2, 8 * HOUR_US  # By so much the clock is advanced at least.
GROWS = 1.25  # Each time by more: what is asked about every hour for days is not, here.
DAYS = 2  # Business days that are ended after the traffic: what was sold is paid out.
MOST, HALF = 10_000, 0.5
WAITING = withdrawals.Wanted(state="waiting")

Post = Callable[[str, dict[str, object]], None]


class Resting:
    """`post` sends a command over REST, as an operator."""

    def __init__(self, url: str, outside: Outside, hands: Hands, post: Post, seed: int) -> None:
        self._engine = sqlalchemy_engine(parse_database_url(url), read_only=True)
        self._outside, self._hands, self._post, self._seed = outside, hands, post, seed
        self._done: set[str] = set()
        self._least_us = LEAST_US
        self._stopped = False

    def stop(self) -> None:
        """Whoever waits for rest in another thread waits no longer."""
        self._stopped = True

    def close(self) -> None:
        self._engine.dispose()

    def rests(self, seconds: float) -> bool:
        """False when something was still going on after so long, by the wall; or it was stopped."""
        until, calm = time.monotonic() + seconds, 0
        last = shanghai_date(self._hands.now_us() + (DAYS - 1) * DAY_US)
        soon_us = int(LOOK_S * self._hands.clock.factor * MICROSECONDS)
        while time.monotonic() < until and not self._stopped:
            now_us, next_us = self._hands.now_us(), self._next_us()
            if (next_us is not None and next_us <= now_us + soon_us) or self._acted():
                calm = 0
            elif calm < CALM:
                calm += 1
            elif next_us is None and self._open_date() > last and not self._leaving():
                return True
            else:
                ends_us = day_end_us(self._open_date()) + MICROSECONDS
                self._advance(min(next_us or ends_us, ends_us) - now_us)
                calm = 0
            time.sleep(LOOK_S)
        return False

    def _advance(self, by_us: int) -> None:
        seconds = max(by_us, self._least_us) // MICROSECONDS
        self._least_us = min(int(self._least_us * GROWS), MOST_US)
        self._outside.act("clock", {"seconds": seconds})
        self._hands.advance(seconds * MICROSECONDS)

    def _next_us(self) -> int | None:
        """When something is due on either side, None: never."""
        with self._engine.connect() as view:
            ours = view.execute(select(func.min(instructions.TABLE.c.due_us))).scalar()
            over = self._ended(view) < shanghai_date(self._hands.now_us())
        if over:
            return 0  # The worker ends a day.
        both = [one for one in (ours, self._outside.next_us()) if one is not None]
        return min(both, default=None)

    def _leaving(self) -> bool:
        """Whether withdrawals wait for a working day."""
        with self._engine.connect() as view:
            return bool(withdrawals.withdrawals(view, WAITING, first=1).items)

    def _open_date(self) -> date:
        with self._engine.connect() as view:
            return self._ended(view)

    @staticmethod
    def _ended(view: Connection) -> date:
        """The open business day: all before it are ended."""
        query = select(func.max(business_days.TABLE.c.accounting_date))
        found: date = view.execute(query).scalar_one()
        return found

    def _acted(self) -> bool:
        """What people have to do and have not done yet."""
        with self._engine.connect() as view:
            abnormal = [
                one.number or one.instruction_id
                for one in instructions.open_instructions(view, MOST)
                if one.state == "unknown" and one.answer.startswith("abnormal")
            ]
            paths = [
                f"/v1/settlement-batches/{one.batch_id}/payouts/{one.payout_no}/retry"
                for one in settlement_payouts.came_back(view, MOST)
            ]
            paths += [
                f"/v1/suspense-items/{one.item}/place"
                for one in waiting(view, MOST)
                if split_id(one.account)[0] == CHANNEL_SURPLUS
            ]
        new = [one for one in (*abnormal, *paths) if one not in self._done]
        for one in new:
            self._done.add(one)
            if one in abnormal:
                wish = {"network": "wechat", "kind": "refund", "number": one}
                self._outside.act("send-elsewhere", wish)
            elif random.Random(f"{self._seed}/{one}").random() < HALF:
                self._post(one, {})
        return bool(new)
