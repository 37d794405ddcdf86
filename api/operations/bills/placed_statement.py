"""Saying of each line of a statement what it is: by its number, some hundred looked up at once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from api.operations.bills import bank_lines, own_lines
from api.operations.bills.bank_lines import Row, Statement
from api.operations.bills.own_lines import Telling
from api.operations.bills.restored import owed
from domain.accounting.rules.chargeback import Way
from domain.authority.outcomes import ReturnDeduction
from domain.channel.channels import PAYOUT_CHANNEL
from domain.channel.costs import terms_of
from domain.fields import FIRST_DAY
from domain.kernel import Command, key
from domain.ledger.ledger import Ledger
from domain.payment import instruction
from domain.reconciliation import session
from domain.reconciliation.bills.line import Line
from domain.reconciliation.difference import About, Cause, difference_id
from domain.reconciliation.funding import CLEARING, MOST_ARRIVALS, session_id
from domain.reconciliation.meeting import channels_of
from domain.reconciliation.placing import (
    Booked,
    Part,
    Shown,
    in_doubt,
    place_batch,
    place_outgoing,
    session_of,
    session_part,
    with_rest,
)
from domain.reconciliation.session import Expected
from domain.reconciliation.statement import POSTED_BY_OWNERS, Group, Told, What
from domain.settlement import batch
from domain.settlement.commands import ReturnPayout
from domain.settlement.withdrawn import ReturnWithdrawal
from projections.models import business_days, chargebacks, outgoings
from projections.models.outgoings import Outgoing

SOME = 400
SESSIONS_MORE = 7  # A line may pay so many days before or after the one it names: a holiday's.
Attempt = Callable[[Sequence[Command]], set[Command]]


class Placed(Struct):
    """What the lines are. `doubts`: what differs, its cause, and what tells it apart; `late`:
    instructions that were paid before the statement's day; `sessions`: streams; `by_hand`: fen by
    line that operators have booked."""

    rows: list[Row] = []
    doubts: list[tuple[About, Cause, str]] = []
    late: list[str] = []
    sessions: list[str] = []
    by_hand: dict[int, int] = {}
    suggestions: list[dict[str, Any]] = []

    def groups(self) -> tuple[Group, ...]:
        """Their sums, by what they are and for which channel."""
        sums: defaultdict[tuple[What, str], list[int]] = defaultdict(lambda: [0, 0])
        for row in self.rows:
            what: Any = row.what
            one = sums[(what, row.of_channel)]
            one[0], one[1] = one[0] + 1, one[1] + row.amount_fen
        return tuple(Group(*at, *sums[at]) for at in sorted(sums))

    def told(self) -> tuple[Told, ...]:
        """What owners post of them; not what operators had booked."""
        sums: defaultdict[tuple[What, str, str, bool], int] = defaultdict(int)
        for row in self.rows:
            what: Any = row.what
            if what in POSTED_BY_OWNERS:
                about = (row.serial or row.about) if what == "top_up" else row.about
                came = row.kind == "in"
                told_fen = row.amount_fen - self.by_hand.get(row.line, 0)
                sums[what, row.of_channel, about, came] += told_fen if came else -told_fen
        return tuple(Told(*at[:3], sums[at]) for at in sorted(sums) if sums[at])

    def digest(self) -> str:
        """SHA-256 over each line and what it is."""
        digest, encoder = hashlib.sha256(), msgspec.json.Encoder()
        for row in self.rows:
            digest.update(encoder.encode(row))
        return digest.hexdigest()


class Waiting(Struct, frozen=True):
    """A line whose owners are to be told of it; `row`: which one of the rows it is."""

    line: Booked
    row: int
    part: Part
    told: tuple[Telling, ...]
    known: Outgoing | None


class Placing:
    """Takes the lines of one statement, in their order."""

    def __init__(self, ledger: Ledger, engine: Engine, statement: Statement) -> None:
        self._ledger, self._engine, self._statement = ledger, engine, statement
        self._shown: dict[str, Shown] = {}
        self._serials: set[str] = set()
        self._refunded: defaultdict[str, int] = defaultdict(int)
        self._dues: dict[tuple[str, date], tuple[Expected, ...]] = {}
        self._own = own_lines.OwnLines(ledger, statement)
        self._placed = Placed()
        self._opened: date | None = None
        self._waiting: list[Waiting] = []

    def placed(self) -> Placed:
        return self._placed

    def carry_out(self, attempt: Attempt) -> bool:
        """Tell the owners of what the statement alone shows; what they refuse is in doubt. False if
        there is nothing to tell. `attempt`: gives back what was refused."""
        commands = [told.command for one in self._waiting for told in one.told]
        refused = attempt(commands) if commands else set()
        for one in self._waiting:
            lost_fen = sum(told.amount_fen for told in one.told if told.command in refused)
            if not lost_fen:
                continue
            known = replace(one.part, amount_fen=one.part.amount_fen - lost_fen)
            parts = with_rest(one.line, [known] if known.amount_fen else [], one.part.cause)
            rows = [self._row(one.line, place, part, one.known) for place, part in enumerate(parts)]
            self._placed.rows[one.row] = rows[0]
            self._placed.rows += rows[1:]
        return bool(commands)

    def take(self, lines: Iterable[Line]) -> None:
        lines = iter(lines)
        with self._engine.connect() as connection:
            while some := list(islice(lines, SOME)):
                self._take_some(connection, some)

    def _take_some(self, connection: Connection, lines: Sequence[Line]) -> None:
        numbers = sorted({line.number for line in lines if line.number})
        known = outgoings.by_number(connection, numbers)
        batches: defaultdict[str, list[Outgoing]] = defaultdict(list)
        for one in outgoings.of_reference(connection, [batch.stream(number) for number in numbers]):
            batches[batch.id_of(one.reference)].append(one)
        every = [*known.values(), *(one for some in batches.values() for one in some)]
        self._look_up(connection, every)
        serials = [line.serial for line in lines if line.serial]
        again = bank_lines.serials_before(connection, self._statement, serials)
        self._own.look_up(connection, [*numbers, *serials])
        for line in lines:
            booked = self._booked(line, again)
            parts, told = self._parts(connection, booked, known, batches)
            self._keep(booked, parts, told, known)

    def _look_up(self, connection: Connection, every: Iterable[Outgoing]) -> None:
        new = sorted({one.instruction_id for one in every} - self._shown.keys())
        before = bank_lines.shown_before(connection, self._statement, new)
        for one in new:
            sums = before.get(one, {})
            self._shown[one] = Shown(
                sums.get("payout", 0), sums.get("returned", 0), sums.get("came_back", 0)
            )

    def _booked(self, line: Line, again: set[str]) -> Booked:
        came = line.kind == "in" or (line.kind == "fee" and line.fee_milli_fen < 0)
        repeated = bool(line.serial) and (line.serial in again or line.serial in self._serials)
        self._serials.add(line.serial)
        return Booked(
            line.line, "in" if came else "out", line.number, line.serial, line.amount_fen,
            line.at_us, repeated,
        )  # fmt: skip

    def _parts(
        self,
        connection: Connection,
        line: Booked,
        known: dict[str, Outgoing],
        batches: dict[str, list[Outgoing]],
    ) -> tuple[list[Part], tuple[Telling, ...]]:
        """What the line is, and what the owner of its first part is to be told."""
        if line.repeated:
            return [in_doubt(line.amount_fen)], ()
        if (found := session_of(line.number, CLEARING)) is not None:
            if not self._may_be_paid(connection, *found):
                return [in_doubt(line.amount_fen)], ()
            return self._sessions(connection, line, *found), ()
        if (one := known.get(line.number)) is not None:
            parts = place_outgoing(line, one, self._shown[one.instruction_id])
            back = [part for part in parts if part.to_return]
            return parts, tuple(Telling(_returning(one), part.amount_fen) for part in back)
        if (some := batches.get(line.number)) is not None:
            return place_batch(line, some, self._shown), ()
        if (refund := self._gross_refund(connection, line)) is not None:
            return [refund], ()
        own = self._own.place(connection, line)
        if own is None:
            return [in_doubt(line.amount_fen)], ()
        if own.by_hand_fen:
            self._placed.by_hand[line.line] = own.by_hand_fen
        return with_rest(line, [own.part]), own.told

    def _gross_refund(self, connection: Connection, line: Booked) -> Part | None:
        """A refund of a channel whose refunds leave the reserve one by one: as much of it as no
        line before this one has shown."""
        asked = self._ledger.state(instruction.stream(line.number)) if line.number else None
        if asked is None or asked.purpose != "refund":
            return None
        gross = terms_of(asked.channel, self._day).gross
        if not gross or line.way != "out" or asked.status == "declined":
            return None
        before = bank_lines.shown_before(connection, self._statement, [line.number])
        before_fen = before.get(line.number, {}).get("refund", 0) + self._refunded[line.number]
        if line.amount_fen + before_fen > asked.amount_fen:
            return None
        self._refunded[line.number] += line.amount_fen
        return Part("refund", asked.channel, line.number, line.amount_fen)

    def _may_be_paid(self, connection: Connection, clearing: str, day: date) -> bool:
        """Whether a session of that day can be paid on this one: not before the day has come, nor
        for one before the books, nor by more statements than a session has."""
        if self._opened is None:
            self._opened = business_days.first_day(connection) or FIRST_DAY
        if not self._opened <= day <= self._day:
            return False
        came = bank_lines.arrivals(connection, PAYOUT_CHANNEL, session.stream(clearing, day))
        return sum(one.day < self._day for one in came) < MOST_ARRIVALS

    def _sessions(
        self, connection: Connection, line: Booked, clearing: str, day: date
    ) -> list[Part]:
        """The session that it names; or with it those of the days before, else of the days after,
        that nothing was paid of, if together they are what came: a bank names the last of them or
        the first. What we owe of one is taken off what we have of another."""
        signed_fen = line.amount_fen if line.way == "in" else -line.amount_fen
        days = [day - timedelta(days=back) for back in range(SESSIONS_MORE + 1)]
        after = [day + timedelta(days=more) for more in range(SESSIONS_MORE + 1)]
        for run in (days, [one for one in after if one <= self._day]):
            if (dues := self._adding_up(connection, clearing, run, signed_fen)) is not None:
                return [session_part(stream, fen) for stream, fen in dues if fen]
        return [session_part(session.stream(clearing, day), signed_fen)]

    def _adding_up(
        self, connection: Connection, clearing: str, days: Sequence[date], signed_fen: int
    ) -> list[tuple[str, int]] | None:
        """The first of these days' sessions that come to the sum together, and what of each; the
        first day is the one that the line names."""
        dues: list[tuple[str, int]] = []
        for day in days:
            due_fen = self._lacking_fen(connection, clearing, day, first=day == days[0])
            if due_fen is None:
                break
            dues.append((session.stream(clearing, day), due_fen))
            if sum(fen for _, fen in dues) == signed_fen:
                return dues
        return None

    def _lacking_fen(
        self, connection: Connection, clearing: str, day: date, *, first: bool
    ) -> int | None:
        """What is due for a day and has not come by another statement; None if that is not known,
        or something of an earlier day has come."""
        shares = self._owed(clearing, day)
        if not shares or not all(one.version for one in shares):
            return None
        stream = session.stream(clearing, day)
        came = [
            one
            for one in bank_lines.arrivals(connection, PAYOUT_CHANNEL, stream)
            if one.day != self._statement.day
        ]
        if came and not first:
            return None
        return sum(one.due_fen for one in shares) - sum(one.amount_fen for one in came)

    def _owed(self, clearing: str, day: date) -> tuple[Expected, ...]:
        """Read once for all lines: a fund bill may be long."""
        if (clearing, day) not in self._dues:
            self._dues[clearing, day] = owed(self._ledger, self._engine, clearing, day)
        return self._dues[clearing, day]

    def _keep(
        self,
        line: Booked,
        parts: list[Part],
        told: tuple[Telling, ...],
        known: dict[str, Outgoing],
    ) -> None:
        placed, one = self._placed, known.get(line.number)
        if told:
            self._waiting.append(Waiting(line, len(placed.rows), parts[0], told, one))
        for place, part in enumerate(parts):
            if part.what == "session":
                placed.sessions.append(part.about)
            elif part.what == "payout" and one and one.paid_on and one.paid_on < self._day:
                placed.late.append(part.about)
            placed.rows.append(self._row(line, place, part, one))

    def _row(self, line: Booked, place: int, part: Part, known: Outgoing | None = None) -> Row:
        about = self._doubt(line, part, known) if part.what == "in_doubt" else part.about
        return Row(
            self._statement.channel, self._day, self._statement.version, line.line, place,
            part.way or line.way, line.number, line.serial, line.at_us, part.amount_fen, part.what,
            about, part.channel,
        )  # fmt: skip

    @property
    def _day(self) -> date:
        return self._statement.day

    def _doubt(self, line: Booked, part: Part, known: Outgoing | None) -> str:
        came = line.way == "in"
        place = line.serial if line.serial and not line.repeated else f"line {line.line}"
        about = About(
            kind="receipt_unknown" if came else "payout_missing_here",
            channel=PAYOUT_CHANNEL,
            number=line.number or line.serial or f"line {line.line}",
            on=self._day,
            flow="receipt" if came else "payout",
            lacks="here",
            ours_fen=line.amount_fen - part.amount_fen,
            bill_fen=line.amount_fen,
            amount_fen=part.amount_fen,
            serial=line.serial,
            bill=f"{self._statement.channel}.bank.{self._day}.{self._statement.version}",
            line=line.line,
            instruction_id=known.instruction_id if known is not None else "",
        )
        self._placed.doubts.append((about, part.cause, place))
        self._suggest(about)
        return difference_id(about.kind, about.channel, about.number, about.on, place)

    def _suggest(self, about: About) -> None:
        """A session of the day before of which exactly that much is due, or a chargeback whose
        money it may be: for whoever looks into it, no more."""
        signed_fen = about.amount_fen if about.flow == "receipt" else -about.amount_fen
        before = self._day - timedelta(days=1)
        for clearing in CLEARING:
            shares = self._owed(clearing, before)
            if shares and sum(one.due_fen for one in shares) == signed_fen:
                told = {"line": about.line, "suggests": session_id(clearing, before)}
                self._placed.suggestions.append(told)
        way: Way = "back" if about.flow == "receipt" else "off"
        with self._engine.connect() as connection:
            cases = chargebacks.to_meet(connection, way, channels_of(about), about.amount_fen)
        self._placed.suggestions += [{"line": about.line, "suggests": one} for one in cases]


def _returning(one: Outgoing) -> Command:
    """What tells the owner of a transfer that it came back."""
    reason = "the bank's statement shows that it came back"
    if one.kind == "payout":
        return ReturnPayout(key(one.reference), one.instruction_id, reason)
    if one.kind == "withdrawal":
        return ReturnWithdrawal(key(one.reference), reason)
    return ReturnDeduction(key(one.reference), reason)
