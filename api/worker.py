"""The worker: carries instructions out, asks after unknown ones, lets timers run out, ends days.

It reads what is to be done from the read models, and whatever it does is a command that may come
twice: two workers side by side, or one killed half-way, do no harm.
"""

import logging
import threading
from collections.abc import Callable
from datetime import date

from msgspec import Struct

from api.business_day import confirm_due, end_of_day
from api.desk import WORKER, Desk, outcomes, record_outcomes, request
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import MICROSECONDS, day_end_us, shanghai_date
from projections import instructions

log = logging.getLogger("zhangfang.worker")

POLL_SECONDS = 1
GATHER_SECONDS = 0.05  # After a hint: what is asked until then is one round, not fifty.
QUERY_EVERY_US = 30 * MICROSECONDS  # How often a channel is asked after an unknown outcome.
PAGE = 200
FEW_DAYS = 7  # A holiday week without a server; see `Worker`.


class WorkerStatus(Struct):
    """What operators see: rounds done, and the last trouble (UTC µs, text), kept until it ends."""

    rounds: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""
    waiting: str = ""  # Why days are not ended by the clock.


class Worker:
    """Runs in a thread of its own; `round` is one pass, for whoever wants to step it."""

    def __init__(
        self,
        desk: Desk,
        clock: Callable[[], int],
        *,
        auto_day: bool = True,
        days_behind: int = FEW_DAYS,
    ) -> None:
        """`auto_day`: open and end business days by the clock, if the books are at most
        `days_behind` days behind; books further back hold history, or wait for an import."""
        self._desk = desk
        self._clock = clock
        self._auto_day = auto_day
        self._days_behind = days_behind
        self._queried_us = 0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self.status = WorkerStatus()

    def start(self) -> None:
        self._desk.ledger.on_commit(lambda _: self._wake.set())
        self._thread.start()

    def stop(self) -> None:
        """Finish the round under way and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.round()
                self.status.trouble_at_us, self.status.trouble = None, ""
            except Exception as error:  # The day goes on; operators see what hinders it.
                self.status.trouble_at_us = self._clock()
                self.status.trouble = f"{type(error).__name__}: {error}"
                log.exception("the worker's round failed; it tries again")
            if self._wake.wait(POLL_SECONDS):
                self._stop.wait(GATHER_SECONDS)

    def round(self) -> None:
        """Do everything that is to be done now."""
        now_us = self._clock()
        if self._auto_day:
            self._roll_days(shanghai_date(now_us))
        self._carry_out(now_us)
        self._confirm_due(now_us)
        self.status.rounds += 1

    def _roll_days(self, today: date) -> None:
        """Open the first day if none is; end every day that is over."""
        state: day.State = self._desk.ledger.state(day.STREAM)
        if state.open_date is None:
            opening = request(f"books.open:{today}", self._clock(), OpenBooks(today), WORKER)
            self._desk.ledger.submit(opening).unwrap()
            return
        open_date: date | None = state.open_date
        if open_date is not None and (today - open_date).days > self._days_behind:
            self.status.waiting = f"the open business day is {open_date}; it is left to operators"
            return
        self.status.waiting = ""
        while open_date is not None and open_date < today and not self._stop.is_set():
            report = end_of_day(self._desk, open_date)
            for one in report.hindrances:
                log.warning("%s: %s: %s", open_date, one.subject, one.refusal)
            open_date = report.open_date

    def _confirm_due(self, now_us: int) -> None:
        """Timers run by the books, not ahead of them: what an import brings of a day long past
        stays in escrow for its seven days, however late it is by the clock."""
        state: day.State = self._desk.ledger.state(day.STREAM)
        if state.open_date is not None:
            confirm_due(self._desk, min(now_us, day_end_us(state.open_date) - 1))

    def _carry_out(self, now_us: int) -> None:
        self._desk.catch_up()
        ask_again = now_us - self._queried_us >= QUERY_EVERY_US
        after = 0
        while not self._stop.is_set():
            with self._desk.engine.connect() as connection:
                waiting = instructions.open_instructions(connection, PAGE, after)
            if not waiting:
                break
            after = waiting[-1].issued_position
            issued = [one.instruction_id for one in waiting if one.state == "issued"]
            record_outcomes(self._desk, outcomes(self._desk, issued), now_us)
            if ask_again:
                unknown = [one.instruction_id for one in waiting if one.state == "unknown"]
                answers = outcomes(self._desk, unknown, query=True)
                ended = [one for one in answers if one.unknown is None]
                record_outcomes(self._desk, ended, now_us)
        if ask_again:
            self._queried_us = now_us
