"""Finding: what a verdict on one bill must say, and which differences there are on its day.

First the bill's lines, a chunk at a time: most are a payment or refund of the same number and
amount, and nothing speaks against them. Then what stands of ours on that day and has no line. What
is not so plain is judged as a group. Nothing is written here, and no more than a chunk is held.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.operations.reconciling import queries
from api.operations.reconciling.groups import Groups
from domain.channel.costs import terms_of
from domain.ledger.ledger import Ledger
from domain.money import CURRENCY
from domain.reconciliation.ended import is_made_up
from domain.reconciliation.judging import Finding
from domain.reconciliation.match import BillLine, fee_differs
from domain.reconciliation.verdict import Found

LINE, KIND, NUMBER, FEN = 0, 1, 2, 5  # Columns of `lines_with_ours`.
CAREFULLY = 500  # Instructions or lines that are judged at once.


class Bill(NamedTuple):
    """The bill in force of a channel's day."""

    bill_id: str
    channel: str
    day: date
    version: int


class Finder:
    """Finds for one bill. `complete`: whether all bills are in that may bring what a day lacks;
    `progress` is told how many lines are done."""

    def __init__(
        self,
        ledger: Ledger,
        connection: Connection,
        bill: Bill,
        complete: Callable[[date], bool],
        progress: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._bill = bill
        self._groups = Groups(ledger, connection, bill.channel, complete)
        self._progress = progress
        self._terms = terms_of(bill.channel, bill.day)
        self._matched = self._paid_fen = self._refunded_fen = 0
        self._digest = hashlib.sha256()

    def differences(self) -> Iterator[Finding]:
        """Every difference of the day, one by one. Read to the end, `found` is whole."""
        yield from self._of_lines()
        yield from self._of_ours()
        yield from self._of_ended()

    def found(self, lines: int, fee_milli_fen: int) -> Found:
        """What a verdict says of the whole bill, which has so many lines and such fees."""
        sums = (self._matched, self._paid_fen, self._refunded_fen, fee_milli_fen)
        return Found(self._bill.version, lines, *sums, self._digest.hexdigest())

    def _of_lines(self) -> Iterator[Finding]:
        bill, last = self._bill, 0
        while True:
            query = queries.lines_with_ours(bill.bill_id, bill.channel, last)
            rows: Sequence[Any] = self._connection.execute(query).all()
            if not rows:
                return
            first, last = rows[0][LINE], rows[-1][LINE]
            bounds = (bill.bill_id, bill.channel, first, last)
            doubled = queries.doubled(self._connection, *bounds)
            pairs: dict[int, tuple[str, int]] = {}
            rest: list[BillLine] = []
            for row in rows:
                owner = self._plainly(row, doubled)
                if owner:
                    pairs[row[LINE]] = (owner, row[FEN])
                else:
                    rest.append(self._line(row))
            for part in queries.chunks(rest, CAREFULLY):
                yield from self._carefully(part, pairs)
            self._count(rows, pairs)
            self._progress(len(rows))

    def _plainly(self, row: Any, doubled: Collection[str]) -> str:
        """The instruction that a line is of, when nothing speaks against it; else ""."""
        (_, kind, number, sought, _, fen, _, state, currency, _, name, purpose, channel, asked_fen,
         status, numbered, part_of, part_fen, part_channel, part_status, doubted, ended,
         parted) = row  # fmt: skip
        if name is None:
            name, purpose, channel, status = part_of, "payment", part_channel, part_status
            asked_fen, numbered, parted = part_fen, None, False
        plain = (
            name is not None
            and channel == self._bill.channel
            and purpose == kind
            and status == "succeeded"
            and asked_fen == fen
            and currency == CURRENCY
            and (state == "succeeded" or (state == "processing" and kind == "refund"))
            and numbered in (None, number)
            and not (doubted or ended or parted)
            and sought not in doubled
        )
        return name if plain and not fee_differs(self._line(row), self._terms) else ""

    def _line(self, row: Any) -> BillLine:
        return BillLine(self._bill.bill_id, self._bill.day, *row[:10])

    def _carefully(
        self, lines: Sequence[BillLine], pairs: dict[int, tuple[str, int]]
    ) -> Iterator[Finding]:
        bill_id, wanted = self._bill.bill_id, {one.line for one in lines}
        for group in self._groups.of_lines(lines):
            for line, _stand, taken_fen in group.judged.pairs:
                if line.bill == bill_id and line.line in wanted:
                    pairs[line.line] = (group.instruction_id, taken_fen)
            for one in group.judged.found:
                if one.about.bill == bill_id and one.about.line in wanted:
                    yield one

    def _count(self, rows: Sequence[Any], pairs: dict[int, tuple[str, int]]) -> None:
        said = []
        for row in rows:
            pair = pairs.get(row[LINE])
            if pair is None:
                continue
            owner, taken_fen = pair
            said.append(f"{row[LINE]} {row[NUMBER]} {owner} {taken_fen}\n")
            self._matched += 1
            if row[KIND] == "payment":
                self._paid_fen += taken_fen
            else:
                self._refunded_fen += taken_fen
        self._digest.update("".join(said).encode())

    def _of_ours(self) -> Iterator[Finding]:
        channel, day = self._bill.channel, self._bill.day
        against = queries.contradicted_on(self._connection, channel, day)
        for part in queries.chunks(against, CAREFULLY):
            yield from self._missing(part)
        after, told = (0, ""), set(against)
        while True:
            query = queries.without_line(channel, day, after)
            rows: Sequence[Any] = self._connection.execute(query).all()
            if not rows:
                return
            after = (rows[-1].ended_at_us, rows[-1].instruction_id)
            left = [row.instruction_id for row in rows if row.instruction_id not in told]
            for part in queries.chunks(left, CAREFULLY):
                yield from self._missing(part)

    def _missing(self, ids: Sequence[str]) -> Iterator[Finding]:
        """What stands of some instructions on the day, and no bill has."""
        for group in self._groups.of_instructions(ids):
            for one in group.judged.found:
                made_up = is_made_up(one)
                if not one.about.bill and not made_up and one.about.on == self._bill.day:
                    yield one

    def _of_ended(self) -> Iterator[Finding]:
        """What persons have ended on the day, and is not there any more."""
        ended = queries.ended_on(self._connection, self._bill.channel, self._bill.day)
        told: set[str] = set()
        for part in queries.chunks(ended, CAREFULLY):
            for group in self._groups.of_ended(part):
                for one in group.judged.found:
                    mine = is_made_up(one) and one.about.on == self._bill.day
                    if mine and one.id not in told:
                        told.add(one.id)
                        yield one
