"""Groups: all lines in force and all of ours that can have to do with each other, judged whole.

Most lines need none of this (`finding.py`). What does is gathered a few hundred at a time: whose a
number is, what stands of that instruction, and every line that may be for it, whatever day's bill
has it. A channel's serial is asked only for what no number tells, within the days of the pool.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.operations.reconciling import queries
from domain.channel.costs import pool_days, terms_of
from domain.channel.numbers import sought_by
from domain.kernel import DAY_US, day_end_us, shanghai_date
from domain.ledger.ledger import Ledger
from domain.money import CURRENCY
from domain.payment import instruction
from domain.reconciliation import difference
from domain.reconciliation.ended import Ended
from domain.reconciliation.match import BillLine, Judged, Rules, judge
from domain.reconciliation.ours import Against, Asked, Flow, Ours, numbers_of, ours_of

FLOWS: tuple[Flow, ...] = ("payment", "refund")
NOTHING: Mapping[str, Collection[str]] = {}


class Group(NamedTuple):
    """What was gathered and what came of it; `instruction_id` "" where nobody knows the number."""

    instruction_id: str
    lines: tuple[BillLine, ...]
    judged: Judged


class Groups:
    """Gathers and judges, for one channel, in one view of the tables."""

    def __init__(
        self,
        ledger: Ledger,
        connection: Connection,
        channel: str,
        complete: Callable[[date], bool],
    ) -> None:
        self._ledger = ledger
        self._connection = connection
        self._channel = channel
        self._days = timedelta(days=pool_days(channel))
        self._rules = Rules(channel, lambda on: terms_of(channel, on), complete)

    def of_lines(self, lines: Sequence[BillLine]) -> list[Group]:
        """The groups of some lines (at most a few thousand), each once."""
        owned: list[tuple[BillLine, str]] = []
        names: defaultdict[tuple[Flow, str], set[str]] = defaultdict(set)
        for flow in FLOWS:
            mine = [one for one in lines if one.flow == flow]
            owners = self._owners(mine, by_serial=True)
            owned += [(one, owners.get(one.sought, "")) for one in mine]
        numbers: defaultdict[str, set[str]] = defaultdict(set)
        for one, owner in owned:
            numbers[owner].add(one.number)
        numbers.pop("", None)
        groups = self.of_instructions(set(numbers), numbers)
        taken = {(one.bill, one.line) for group in groups for one in group.lines}
        for one, owner in owned:  # What no instruction could take, whoever seemed to know it.
            if not owner or (one.bill and (one.bill, one.line) not in taken):
                names[one.flow, one.sought].add(one.number)
        return groups + self._of_nobody(names, taken)

    def of_ended(self, rows: Iterable[Any]) -> list[Group]:
        """The groups that some ended differences are of, whether they have lines or not."""
        seen = []
        for row in rows:
            about = difference.needed(self._ledger.state(difference.stream(row.difference_id)))
            sought = sought_by(self._channel, row.number)
            said = (row.number, sought, row.serial, about.amount_fen, 0, "succeeded", CURRENCY)
            seen.append(BillLine("", row.on_date, 0, _flow_of(about), *said))
        return self.of_lines(seen)

    def _of_nobody(
        self, names: Mapping[tuple[Flow, str], set[str]], taken: Collection[tuple[str, int]]
    ) -> list[Group]:
        """Lines, and ended differences, of numbers that nobody here knows; `names`: numbers by what
        they are looked for by; `taken`: bill and line of what somebody knows by its serial."""
        found: defaultdict[tuple[Flow, str], list[BillLine]] = defaultdict(list)
        for line in self._lines("sought", {sought for _, sought in names}):
            if (line.bill, line.line) not in taken:
                found[line.flow, line.sought].append(line)
        all_of = {one: {line.number for line in found[one]} | names[one] for one in names}
        ended = self._ended({number for several in all_of.values() for number in several})
        groups = []
        for key, numbers in sorted(all_of.items()):
            mine = [one for number in sorted(numbers) for one in ended.get(number, ())]
            same = [one for one in mine if _flow_of(one.about) == key[0]]
            judged = judge(found[key], None, same, self._rules)
            groups.append(Group("", tuple(found[key]), judged))
        return groups

    def of_instructions(
        self, ids: Collection[str], numbers: Mapping[str, Collection[str]] = NOTHING
    ) -> list[Group]:
        """The groups of some instructions. `numbers`: more by which differences of theirs may have
        been ended."""
        ours = self._ours(ids)
        seekers = {name: one for one in ours for name in self._names(one)}
        serials = {stand.serial: one for one in ours for stand in one.stands if stand.serial}
        lines: dict[str, dict[tuple[date, int, str], BillLine]] = defaultdict(dict)
        for line in self._lines("sought", seekers):
            lines[seekers[line.sought].instruction_id][line.day, line.line, line.bill] = line
        others = [one for one in self._lines("serial", serials) if one.sought not in seekers]
        owned = self._owners(others, by_serial=False)
        for line in others:
            mine = serials[line.serial]
            if line.sought not in owned and self._near(line, mine):
                lines[mine.instruction_id][line.day, line.line, line.bill] = line
        ended = self._ended(
            {stand.number for one in ours for stand in one.stands}
            | {line.number for several in lines.values() for line in several.values()}
            | {number for several in numbers.values() for number in several}
        )
        groups = []
        for one in ours:
            several = tuple(lines[one.instruction_id].values())
            flow = tuple(line for line in several if line.flow == one.flow)
            names = {line.number for line in flow} | {stand.number for stand in one.stands}
            names |= set(numbers.get(one.instruction_id, ()))
            mine_ended = [end for name in sorted(names) for end in ended.get(name, ())]
            same = [end for end in mine_ended if end.about.flow == one.flow]
            judged = judge(flow, one, same, self._rules)
            groups.append(Group(one.instruction_id, flow, judged))
        return groups

    def _names(self, one: Ours) -> set[str]:
        """Everything that a line of it may be looked for by."""
        names = set(one.sought)
        for stand in one.stands:
            names |= stand.sought
        names |= {sought_by(self._channel, number) for number in one.earlier}
        return names

    def _near(self, line: BillLine, one: Ours) -> bool:
        return any(abs(line.day - shanghai_date(stand.at_us)) <= self._days for stand in one.stands)

    def _owners(self, lines: Sequence[BillLine], *, by_serial: bool) -> dict[str, str]:
        """Whose lines are: instruction ids by what the lines are looked for by."""
        flows = {one.sought: one.flow for one in lines}
        owners: dict[str, str] = {}
        for row in queries.asked(self._connection, flows):
            if row.channel == self._channel and row.purpose == flows[row.instruction_id]:
                owners[row.instruction_id] = row.instruction_id
        left = [one for one in lines if one.sought not in owners]
        parts = {one.sought for one in left}
        for number, owner in queries.owners_of_parts(self._connection, parts):
            owners[number] = owner
        left = [one for one in left if one.sought not in owners]
        numbers = {one.number: one.sought for one in left}
        for number, owner in queries.owners_of_numbers(self._connection, self._channel, numbers):
            owners.setdefault(numbers[number], owner)
        left = [one for one in left if one.sought not in owners]
        hashed = {one.number: one for one in left if one.number.startswith("z")}
        if hashed:
            owners |= self._hashed(hashed)
            left = [one for one in left if one.sought not in owners]
        if by_serial and left:
            owners |= self._by_serial(left)
        return owners

    def _hashed(self, lines: dict[str, BillLine]) -> dict[str, str]:
        """Instructions that nobody has numbered, and whose ids no number can be read as."""
        query = queries.unnumbered(self._channel, *self._span(lines.values()))
        found = {}
        for name in self._connection.execute(query).scalars():
            number = numbers_of(self._channel, name)
            if number in lines:
                found[lines[number].sought] = name
        return found

    def _by_serial(self, lines: Sequence[BillLine]) -> dict[str, str]:
        serials: dict[str, list[BillLine]] = defaultdict(list)
        for line in lines:
            if line.serial:
                serials[line.serial].append(line)
        if not serials:
            return {}
        span = self._span(lines)
        found: dict[str, str] = {}
        for serial, owner in queries.answered(self._connection, self._channel, *span, serials):
            for line in serials[serial]:
                found.setdefault(line.sought, owner)
        return found

    def _span(self, lines: Iterable[BillLine]) -> tuple[int, int]:
        days = [one.day for one in lines]
        first, last = min(days) - self._days, max(days) + self._days
        return day_end_us(first) - DAY_US, day_end_us(last)

    def _lines(self, column: str, names: Iterable[str]) -> list[BillLine]:
        rows = queries.in_force(self._connection, self._channel, column, names)
        return [line_of(row) for row in rows]

    def _ended(self, numbers: Iterable[str]) -> dict[str, list[Ended]]:
        found: defaultdict[str, list[Ended]] = defaultdict(list)
        for row in queries.ended(self._connection, self._channel, numbers):
            about = difference.needed(self._ledger.state(difference.stream(row.difference_id)))
            one = Ended(row.difference_id, about, row.resolution, row.position)
            found[row.number].append(one)
        return found

    def _ours(self, ids: Collection[str]) -> list[Ours]:
        parts: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for row in queries.parts(self._connection, ids):
            parts[row.instruction_id].append((row.number, row.amount_fen))
        against: defaultdict[str, list[Against]] = defaultdict(list)
        for row in queries.against(self._connection, ids):
            said = Against(row.kind, row.serial, row.amount_fen or 0, row.at_us)
            against[row.instruction_id].append(said)
        return [
            self._one(row, parts[row.instruction_id], against[row.instruction_id])
            for row in queries.asked(self._connection, ids)
            if row.channel == self._channel
        ]

    def _one(self, row: Any, parts: Sequence[tuple[str, int]], against: Sequence[Against]) -> Ours:
        over_network = row.attempts is not None
        asked = Asked(
            row.instruction_id,
            row.purpose,
            row.channel,
            row.amount_fen,
            row.state,
            row.answer,
            row.number,
            over_network,
            row.ended_at_us,
            row.issued_at_us,
            tuple(parts) if over_network else (),
        )
        state, earlier = None, []
        if over_network or against or asked.state == "differs":
            stream = instruction.stream(row.instruction_id)
            state = self._ledger.state(stream)
            if state.tried.renumbered:
                facts = [one.fact for one in self._ledger.history(stream)]
                sent = [one for one in facts if isinstance(one, instruction.Attempted)]
                earlier = [one.number for one in sent if one.number]
        return ours_of(asked, state, against, earlier)


def line_of(row: Any) -> BillLine:
    """A row of a line in force, with its bill's day first."""
    day, bill, line, kind, *rest, at_us = row
    number, sought, serial, amount_fen, fee_milli_fen, state, currency = rest
    said = (amount_fen, fee_milli_fen, state, currency, at_us)
    return BillLine(bill, day, line, kind, number, sought, serial, *said)


def _flow_of(about: difference.About) -> Flow:
    return "refund" if about.flow == "refund" else "payment"
