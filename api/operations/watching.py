"""How channels are doing, for whoever chooses one or looks at them: from the attempts on record.

One source for all processes: who serves need not be who asks the channels. It is read when somebody
asks, at most once a second; a database that does not answer changes nothing that was known.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from domain.channel.channels import CHANNELS
from domain.channel.health import WINDOW_US, Seen, Summary, summary
from domain.ledger.ledger import utc_us
from domain.payment.rhythm import CLAIM_US
from projections.models import instruction_attempts

FRESH_NS = 1_000_000_000

log = logging.getLogger("zhangfang.watching")


class Watch(Struct, frozen=True):
    """By which time requests are judged: the books' clock (UTC µs), `factor` times as fast as the
    wall's, on which windows and answers are measured. `asked`: the channels that something here can
    ask, None for all."""

    clock: Callable[[], int] = utc_us
    factor: int = 1
    asked: frozenset[str] | None = None

    def values(self) -> dict[str, int]:
        """What `instruction_attempts.lately_query` is to be asked with, now."""
        return {"since_us": self.clock() - WINDOW_US * self.factor}

    def summaries(self, rows: Iterable[Any]) -> dict[str, Summary]:
        """What its rows say of each channel. What is under way is not judged yet."""
        seen: dict[str, list[Seen]] = {name: [] for name in CHANNELS}
        lost_us = self.clock() - CLAIM_US * self.factor
        for channel, at_us, answered_at_us, well in rows:
            if answered_at_us is not None:
                took_us = (answered_at_us - at_us) // self.factor
                seen[channel].append(Seen(at_us, bool(well), took_us))
            elif at_us <= lost_us:
                seen[channel].append(Seen(at_us, False, 0))
        return {
            name: summary(
                seen[name], row.slow_us, reachable=self.asked is None or name in self.asked
            )
            for name, row in CHANNELS.items()
        }


class Watched:
    """What a watch says of the channels of one ledger. For one thread."""

    def __init__(
        self, engine: Engine, watch: Watch, wall_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._engine = engine
        self._watch = watch
        self._wall_ns = wall_ns
        self._read_ns: int | None = None
        self._known: Mapping[str, Summary] = watch.summaries(())

    def __call__(self) -> Mapping[str, Summary]:
        """By channel, no older than a second."""
        now_ns = self._wall_ns()
        if self._read_ns is None or now_ns - self._read_ns >= FRESH_NS:
            self._read_ns = now_ns
            try:
                with self._engine.connect() as connection:
                    query = instruction_attempts.lately_query()
                    rows = connection.execute(query, self._watch.values()).all()
            except SQLAlchemyError as error:
                log.warning("how channels are doing cannot be read: %s", error)
            else:
                self._known = self._watch.summaries(rows)
        return self._known
