"""Playing the second chapter: the day's bills.

Every step is over when what it wants is on record, and is then not done again: a chapter that was
broken off goes on. Needs the first part of the story (`api/operations/story.py`), told to its end.
"""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from sqlalchemy import Engine, select

from api.operations.bills.funds import Funds, reconcile_funds
from api.operations.bills.importing import Importer, Wanted
from api.operations.desk import Desk, operating
from api.operations.reconciling.running import Books, Reconciler
from api.operations.story import Told
from api.operations.story_bills.script import (
    HEADING,
    STEPS,
    Approve,
    BillStep,
    Bring,
    Compare,
    Propose,
    Quiet,
)
from api.operations.story_bills.seeded import WRITERS, statement, trade_bill
from domain.channel.channels import PAYOUT_CHANNEL
from domain.kernel import Command, Recorded, Request, to_us
from domain.ledger.ledger import Ledger
from domain.reconciliation import bill
from domain.reconciliation.bills.formats import format_for
from domain.reconciliation.bills.line import BillKind
from domain.reconciliation.resolving import ApproveResolution, ProposeResolution
from projections.models.differences import TABLE as DIFFERENCES

PAGE = 200
NOTHING = "the channel says that it has no bill of the day"


def play_bills(desk: Desk, writes: Engine, reached: int = 0) -> Iterator[Told]:
    """Play the chapter on a ledger that has the story up to it, step by step; what was played
    before is told again. `reached`: no fact of the chapter is before it; `writes`: where files and
    the lines of bills are kept. Raises Refused as the steps do."""
    with operating(desk):
        player = _Player(desk, writes)
        done = player.done()
        for number, step in enumerate(STEPS):
            if number >= done:
                player.do(step)
            facts = _facts_of(desk.ledger, step, reached)
            reached = facts[-1].position if facts else reached
            yield Told(HEADING, step, step.at, step.actor, facts)


class _Player:
    def __init__(self, desk: Desk, writes: Engine) -> None:
        self._desk, self._ledger, self._writes = desk, desk.ledger, writes

    def done(self) -> int:
        """How many steps are certainly over. A comparison says so by what came after it alone: one
        that was broken off is done again, and finds what is left."""
        over = [place for place, step in enumerate(STEPS, 1) if self._is_done(step)]
        return over[-1] if over else 0

    def _is_done(self, step: BillStep) -> bool:
        if isinstance(step, Bring):
            return self._versions(step.channel, _kind(step), step.date) >= step.version
        if isinstance(step, Quiet):
            return all(self._versions(one, "trade", step.date) for one in WRITERS)
        if isinstance(step, Compare):
            return False
        return bool(self._ledger.recorder.read_receipts([_number(step)]))

    def _versions(self, channel: str, kind: BillKind, day: date) -> int:
        return len(self._ledger.state(bill.stream(channel, kind, day)).versions)

    def do(self, step: BillStep) -> None:
        self._desk.catch_up()
        if isinstance(step, Bring):
            self._bring(step)
        elif isinstance(step, Quiet):
            importer = Importer(self._ledger, self._writes, step.actor)
            for channel in WRITERS:
                if not self._versions(channel, "trade", step.date):
                    importer.tell_no_trade(channel, "trade", step.date, NOTHING, to_us(step.at))
        elif isinstance(step, Compare):
            self._compare(step)
        else:
            self._decide(step)

    def _bring(self, step: Bring) -> None:
        ledger, kind = self._ledger, _kind(step)
        with self._desk.engine.connect() as connection:
            if kind == "bank":
                content = statement(ledger, connection, step.date)
            else:
                content = trade_bill(ledger, connection, step.channel, step.version)
        wanted = Wanted(step.channel, step.date, kind, format_for(step.channel, kind, None))
        importer = Importer(ledger, self._writes, step.actor)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "bill"
            path.write_bytes(content)
            importer.import_file(path, wanted, to_us(step.at))

    def _compare(self, step: Compare) -> None:
        at_us, desk = to_us(step.at), self._desk
        books = Books(desk.ledger, desk.engine, self._writes, desk.projector)
        Reconciler(books, step.actor, lambda: at_us).run(step.date)
        reconcile_funds(Funds(*books, step.actor, at_us), step.date)

    def _decide(self, step: Propose | Approve) -> None:
        named = self._difference(step.kind)
        wish: Command = ApproveResolution(named)
        if isinstance(step, Propose):
            to = self._difference(step.to) if step.resolution == "link" else step.to
            wish = ProposeResolution(named, step.resolution, step.reason, to)
        request = Request(_number(step), to_us(step.at), step.actor, wish)
        self._ledger.submit(request).unwrap()

    def _difference(self, kind: str) -> str:
        """The chapter's difference of a kind: the first that was found."""
        query = select(DIFFERENCES.c.difference_id).where(DIFFERENCES.c.kind == kind)
        first = query.order_by(DIFFERENCES.c.position).limit(1)
        with self._desk.engine.connect() as connection:
            found: str = connection.execute(first).scalars().one()
        return found


def _kind(step: Bring) -> BillKind:
    return "bank" if step.channel == PAYOUT_CHANNEL else "trade"


def _number(step: Propose | Approve) -> str:
    return f"demo:{'propose' if isinstance(step, Propose) else 'approve'}:{step.kind}"


def _facts_of(ledger: Ledger, step: BillStep, after: int) -> list[Recorded]:
    """The facts of a step: each has a minute of its own."""
    found: list[Recorded] = []
    at_us = to_us(step.at)
    while facts := ledger.facts(after, PAGE):
        for one in facts:
            if one.at_us > at_us:
                return found
            if one.at_us == at_us:
                found.append(one)
            after = one.position
    return found
