"""The worker: carries instructions out, asks after unknown ones, lets timers run out, ends days.

It reads what is to be done from the read models, and whatever it does is a command that may come
twice: one killed half-way does no harm. Of several workers on a ledger, and imports, one works at a
time. Books that lie far back hold history, or wait for an import: their days, their timers and
what was instructed then are left to whoever brings it.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date

from msgspec import Struct

from api.operations.desk import OPERATIONS, WORKER, Desk, outcomes, record_outcomes, request
from api.operations.end_of_day import confirm_due, end_of_day
from api.operations.expiring import expire_overdue
from api.operations.leaving import instruct_due
from api.operations.ordered import end_over
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US, MICROSECONDS, day_end_us, shanghai_date
from domain.payment.commands import RecordOutcome
from projections.engine.lease import LeaseTaken, lease
from projections.models import instructions

log = logging.getLogger("zhangfang.worker")

POLL_SECONDS = 1
TURN_SECONDS = (
    0.5  # The same where an outbox sends what is asked: what is left are days and timers.
)
GATHER_SECONDS = 0.05  # After a hint: what is asked until then is one round, not fifty.
QUERY_EVERY_US = 30 * MICROSECONDS  # How often a channel is asked after an unknown outcome.
REFUSED_FOR_US = 60 * MICROSECONDS  # How long an answer the books refused is not asked for again.
PAGE = 200
FEW_DAYS = 7  # A holiday week without a server; see `Worker`.


class WorkerStatus(Struct):
    """What operators see: rounds done, and the last trouble (UTC µs, text), kept until it ends."""

    rounds: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""
    waiting: str = ""  # Why it does not do all it could.
    beside: bool = False  # An import, or another worker, runs the operations.

    @property
    def state(self) -> str:
        """In a word, for those who must not see a customer's data."""
        return "trouble" if self.trouble else "waiting" if self.waiting else "working"


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
        """`auto_day`: open and end business days by the clock. Books more than `days_behind` days
        behind the clock are left alone, with or without it."""
        self._desk = desk
        self._clock = clock
        self._auto_day = auto_day
        self._days_behind = days_behind
        self._queried_us = 0
        self._screened_us = 0
        self._refused_us: dict[str, int] = {}  # Instruction -> when its answer was refused.
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
                self._stop.wait(GATHER_SECONDS if not self._desk.over_network else TURN_SECONDS)

    def round(self) -> None:
        """Do everything that is to be done now, unless somebody else runs the operations."""
        with ExitStack() as held:
            try:
                held.enter_context(lease(self._desk.engine, OPERATIONS))
            except LeaseTaken:
                self.status.waiting = "an import, or another worker, runs the operations"
                self.status.beside = True
                return
            self.status.beside = False
            now_us = self._clock()
            open_date = self._roll_days(now_us)
            far_back = open_date is not None and self._is_far_back(open_date, now_us)
            self.status.waiting = f"the books stand at {open_date}" if far_back else ""
            self._carry_out(now_us, now_us - self._days_behind * DAY_US if far_back else 0)
            expire_overdue(self._desk, now_us)
            end_over(self._desk, now_us)
            failed = self._screen(now_us)
            # By the books, not ahead of them: what a timer confirms on the open day must not run
            # before what an operator or an import still brings for the days up to today.
            if open_date is not None and open_date >= shanghai_date(now_us):
                at_us = min(now_us, day_end_us(open_date) - 1)
                confirm_due(self._desk, at_us)
                instruct_due(self._desk, open_date, at_us)
            self.status.rounds += 1
            if failed is not None:  # Told last: nobody's timers wait for it.
                raise failed

    def _screen(self, now_us: int) -> Exception | None:
        """Go on with what a load of lists has begun, and did not end; what hinders that. Members
        that cannot be looked up are told as what the worker waits for."""
        screening = self._desk.screening
        if screening is None:
            return None
        try:
            if now_us - self._screened_us >= REFUSED_FOR_US:
                self._screened_us = now_us
                screening.try_unseen(now_us)
            screening.scan_some(now_us)
        except Exception as error:
            return error
        finally:
            for member_id, why in list(screening.unseen.items())[:1]:
                many = f"{len(screening.unseen)} members cannot be looked up in the lists"
                told = (self.status.waiting, f"{many}, {member_id}: {why}")
                self.status.waiting = "; ".join(one for one in told if one)
        return None

    def _is_far_back(self, open_date: date, now_us: int) -> bool:
        return (shanghai_date(now_us) - open_date).days > self._days_behind

    def _roll_days(self, now_us: int) -> date | None:
        """Open the first day if none is; end every day that is over. The day that is open then."""
        today = shanghai_date(now_us)
        state = self._desk.ledger.state(day.STREAM)
        open_date: date | None = state.open_date
        if not self._auto_day:
            return open_date
        if open_date is None:
            opening = request(f"books.open:{today}", now_us, OpenBooks(today), WORKER)
            self._desk.ledger.submit(opening).unwrap()
            return today
        if self._is_far_back(open_date, now_us):
            return open_date
        while open_date is not None and open_date < today and not self._stop.is_set():
            report = end_of_day(self._desk, open_date)
            for one in report.hindrances:
                log.warning("%s: %s: %s", open_date, one.subject, one.refusal)
            open_date = report.open_date
        return open_date

    def _carry_out(self, now_us: int, since_us: int) -> None:
        """Carry out what was instructed at or after an instant, and ask after what is unknown; over
        a network an outbox does both."""
        self._desk.catch_up()
        if self._desk.over_network:
            return
        ask_again = now_us - self._queried_us >= QUERY_EVERY_US
        recent = now_us - REFUSED_FOR_US
        self._refused_us = {one: at for one, at in self._refused_us.items() if at > recent}
        after = 0
        while not self._stop.is_set():
            with self._desk.engine.connect() as connection:
                waiting = instructions.open_instructions(connection, PAGE, after)
            if not waiting:
                break
            after = waiting[-1].issued_position
            waiting = [one for one in waiting if one.instruction_id not in self._refused_us]
            issued = [
                one.instruction_id
                for one in waiting
                if one.state == "issued" and one.issued_at_us >= since_us
            ]
            self._record(outcomes(self._desk, issued), now_us)
            if ask_again:
                unknown = [one.instruction_id for one in waiting if one.state == "unknown"]
                answers = outcomes(self._desk, unknown, query=True)
                self._record([one for one in answers if one.unknown is None], now_us)
        if ask_again:
            self._queried_us = now_us

    def _record(self, commands: list[RecordOutcome], now_us: int) -> None:
        answers = record_outcomes(self._desk, commands, now_us)
        for one, answer in zip(commands, answers, strict=True):
            if answer.refused is not None:
                log.warning("%s: %s", one.instruction_id, answer.refused)
                self._refused_us[one.instruction_id] = now_us
