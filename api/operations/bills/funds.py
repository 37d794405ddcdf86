"""The fund side of reconciliation: the bank's statements and the sessions, against what is owed.

Everything is found anew from what is on record: the newest versions of bills and statements, and
what was instructed. Commands then move what is recorded to what was found, so a run that was killed
is simply run again, and one that finds nothing new changes nothing.

A statement before or after the day may read differently with this one there: the days beside it are
looked at too.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine

from api.operations.bills import bank_lines, taken_back
from api.operations.bills.bank_lines import Statement
from api.operations.bills.placed_statement import Placed, Placing
from api.operations.bills.reading import lines_of
from api.operations.bills.restored import fund_bill, given_up
from api.operations.desk import CHUNK
from api.operations.reconciling import answers
from domain.channel.channels import PAYOUT_CHANNEL
from domain.fields import FIRST_DAY
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.reconciliation import bill, difference, session, statement
from domain.reconciliation.bills.line import Line
from domain.reconciliation.difference import About, difference_id
from domain.reconciliation.funding import (
    CLEARING,
    KINDS,
    STATEMENT_DAYS,
    ClearDifference,
    FindDifference,
    MatchStatement,
    SettleSession,
    channels_of,
    differences_of,
    session_id,
    statements_in,
)
from domain.reconciliation.statement import Told
from projections.engine.engine import Projector
from projections.models import outgoings
from projections.models.outgoings import Outgoing

BESIDE = STATEMENT_DAYS + 1  # Days before and after that are looked at with a day.


class Funds(Struct, frozen=True):
    """An open ledger, for one comparison: `at_us` is when, `actor` who wants it."""

    ledger: Ledger
    engine: Engine  # For reads.
    writes: Engine
    projector: Projector
    actor: str
    at_us: int

    def submit(self, commands: Sequence[Command], what: str) -> list[Answer]:
        """Raises Refused for the first that is refused."""
        answers = [answer for _, answer in self._answered(commands, what)]
        for answer in answers:
            answer.unwrap()
        return answers

    def attempt(self, commands: Sequence[Command], what: str) -> set[Command]:
        """Those that are refused, by whom they are for."""
        answered = self._answered(commands, what)
        return {one for one, answer in answered if answer.refused is not None}

    def _answered(self, commands: Sequence[Command], what: str) -> list[tuple[Command, Answer]]:
        """Some hundred to a commit, each under a number of its own for every state of the books it
        was found in."""
        answered: list[tuple[Command, Answer]] = []
        for start in range(0, len(commands), CHUNK):
            position = self.ledger.head().position
            some = list(dict.fromkeys(commands[start : start + CHUNK]))
            requests = [
                Request(f"funds:{what}:{position}:{_said(one)}", self.at_us, self.actor, one)
                for one in some
            ]
            answered += zip(some, self.ledger.submit_all(requests), strict=True)
        return answered


def _said(command: Command) -> str:
    return hashlib.sha256(msgspec.json.encode(command)).hexdigest()[:24]


class Compared(Struct):
    """What a comparison has found, while it goes on. `told`: what a day's statement tells owners;
    `paid`: instructions to be looked at once more; `sessions`: streams of those to be settled;
    `differences`: ids, in order."""

    statements: dict[date, dict[str, Any]] = {}
    told: dict[date, tuple[Told, ...]] = {}
    paid: dict[str, None] = {}
    sessions: dict[str, None] = {}
    differences: dict[str, None] = {}


def reconcile_funds(funds: Funds, day: date) -> dict[str, Any]:
    """Compare the bank's statement of a day, and the sessions around it. Raises BillChanged, and
    Refused as the commands do."""
    funds.projector.catch_up()
    found = Compared()
    around = [day + timedelta(days=away) for away in range(-BESIDE, BESIDE + 1)]
    for one in around:
        if funds.ledger.state(bill.stream(PAYOUT_CHANNEL, "bank", one)).newest is not None:
            _compare_statement(funds, one, found)
    funds.projector.catch_up()
    _compare_paid(funds, around[0], day, found)
    _compare_told(funds, day, found)
    before = [one for one in around[:-BESIDE] if one >= FIRST_DAY]
    found.sessions.update((session.stream(name, one), None) for one in before for name in CLEARING)
    settled = [_settle(funds, stream, found) for stream in sorted(found.sessions)]
    funds.projector.catch_up()
    return {
        "date": day.isoformat(),
        "statement": found.statements.get(day),
        "sessions": [one for one in settled if one is not None],
        "differences": _differences(funds, found.differences),
    }


def _compare_statement(funds: Funds, day: date, found: Compared) -> None:
    """Say of each line what it is, post their sums, and keep which is which."""
    newest = funds.ledger.state(bill.stream(PAYOUT_CHANNEL, "bank", day)).newest
    assert newest is not None
    one = Statement(PAYOUT_CHANNEL, day, newest.number)
    placing = Placing(funds.ledger, funds.engine, one)
    if newest.read is not None:
        items = lines_of(funds.engine, newest.read, day)
        placing.take(item for item in items if isinstance(item, Line))
    placed = placing.placed()
    with funds.engine.connect() as connection:
        before = bank_lines.doubts(connection, PAYOUT_CHANNEL, day)
        named = bank_lines.sessions(connection, PAYOUT_CHANNEL, day)
    if placing.carry_out(lambda commands: funds.attempt(commands, f"{day}:owners")):
        funds.projector.catch_up()  # The next statement does not show the same again.
    gap_fen = _gap_fen(funds, day, newest)
    groups, digest, told = placed.groups(), placed.digest(), placed.told()
    matched = MatchStatement(PAYOUT_CHANNEL, day, newest.number, groups, digest, gap_fen, told)
    doubts = [FindDifference(about, cause, place=place) for about, cause, place in placed.doubts]
    ids = {
        difference_id(about.kind, about.channel, about.number, about.on, place)
        for about, _, place in placed.doubts
    }
    gone = [ClearDifference(one_id, "matched") for one_id in sorted(before - ids)]
    funds.submit([matched, *doubts, *gone], f"{day}:{newest.number}:lines")
    with funds.writes.begin() as connection:
        bank_lines.keep(connection, one, placed.rows)
    found.paid.update(dict.fromkeys(placed.late))
    touched = [one for one in sorted(named) if FIRST_DAY <= session.of_stream(one)[1] <= day]
    found.sessions.update(dict.fromkeys([*touched, *placed.sessions]))
    found.differences.update(dict.fromkeys([*sorted(ids), *sorted(before - ids)]))
    found.told[day] = told
    found.statements[day] = _statement_told(one, newest, placed, gap_fen)


def _gap_fen(funds: Funds, day: date, newest: bill.Version) -> int | None:
    """By how much the opening balance is not the closing one of the statement before, which may be
    of an earlier day than the one before; None if there is none."""
    opening_fen = newest.read.opening_fen if newest.read is not None else None
    if opening_fen is None:
        return None
    for back in range(1, BESIDE + 1):
        stream = bill.stream(PAYOUT_CHANNEL, "bank", day - timedelta(days=back))
        before = funds.ledger.state(stream).newest
        if before is None:
            return None
        if before.read is not None and before.read.closing_fen is not None:
            return opening_fen - before.read.closing_fen
    return None


def _statement_told(
    one: Statement, newest: bill.Version, placed: Placed, gap_fen: int | None
) -> dict[str, Any]:
    read = newest.read
    return {
        "channel": one.channel,
        "date": one.day.isoformat(),
        "version": one.version,
        "lines": read.lines if read is not None else 0,
        "opening_fen": read.opening_fen if read is not None else None,
        "closing_fen": read.closing_fen if read is not None else None,
        "gap_fen": gap_fen,
        "found": [
            {
                "what": group.what,
                "channel": group.channel,
                "lines": group.lines,
                "amount_fen": group.amount_fen,
            }
            for group in placed.groups()
        ],
        "suggestions": placed.suggestions,
    }


def _compare_paid(funds: Funds, first: date, last: date, found: Compared) -> None:
    """What was paid and no statement shows: a difference once the days after are in without it."""
    with funds.engine.connect() as connection:
        recent = outgoings.paid_between(connection, first, last)
        wanted = list(dict.fromkeys([*recent, *found.paid]))
        commands: list[Command] = []
        for start in range(0, len(wanted), CHUNK):
            some = wanted[start : start + CHUNK]
            left = bank_lines.left(connection, some)
            for one in outgoings.outgoings(connection, some):
                shown_fen, until = left.get(one.instruction_id, (0, None))
                command = _missing(funds, one, shown_fen, until, found)
                if command is not None:
                    commands.append(command)
    funds.submit(commands, f"{last}:paid")


def _compare_told(funds: Funds, day: date, found: Compared) -> None:
    """What owners were told and no statement shows any more."""
    with funds.engine.connect() as connection:
        differ = list(taken_back.compared(funds.ledger, connection, found.told))
    found.differences.update((one.difference, None) for one in differ)
    funds.submit([one.command for one in differ], f"{day}:told")


def _missing(
    funds: Funds, one: Outgoing, shown_fen: int, until: date | None, found: Compared
) -> Command | None:
    paid_on = one.paid_on
    assert paid_on is not None
    name = difference_id("payout_missing_at_bank", one.channel, one.number, paid_on)
    lacking_fen = one.owed_fen - shown_fen
    if lacking_fen > 0:
        if not statements_in(funds.ledger.state, paid_on, 1):
            return None
        found.differences[name] = None
        about = About(
            kind="payout_missing_at_bank",
            channel=one.channel,
            number=one.number,
            on=paid_on,
            flow="payout",
            lacks="there",
            ours_fen=one.owed_fen,
            bill_fen=shown_fen,
            amount_fen=lacking_fen,
            instruction_id=one.instruction_id,
        )
        certain = statements_in(funds.ledger.state, paid_on, STATEMENT_DAYS + 1)
        return FindDifference(about, certain=certain)
    first = funds.ledger.state(bill.stream(one.channel, "bank", paid_on)).newest
    if until == paid_on and (first is None or first.number == 1):
        return None  # As a rule: it was never missed.
    if funds.ledger.state(difference.stream(name)).status == "none":
        return None
    found.differences[name] = None
    return ClearDifference(name, "matched")


def _settle(funds: Funds, stream: str, found: Compared) -> dict[str, Any] | None:
    """Settle a session; None for one of which nothing is due, and nothing came."""
    clearing, day = session.of_stream(stream)
    channels = channels_of(clearing, funds.ledger.state)
    with funds.engine.connect() as connection:
        arrived = bank_lines.arrivals(connection, PAYOUT_CHANNEL, stream)
    bills = [fund_bill(funds.ledger, funds.engine, channel, day) for channel in channels]
    (answer,) = funds.submit(
        [SettleSession(clearing, day, arrived, given_up(bills))], f"{clearing}:{day}:session"
    )
    told: dict[str, Any] = answer.unwrap()
    for kind in KINDS:
        chain = differences_of(funds.ledger.state, kind, clearing, day)
        found.differences.update((one.id, None) for one in chain)
    if not told["due_fen"] and not arrived:
        return None
    shares = {one.channel: one for one in _shares(funds, stream)}
    said = {one.channel: one.net_fen for one in bills if one is not None}
    return {
        "id": session_id(clearing, day),
        **told,
        "channels": [
            {"channel": name, "due_fen": shares[name].due_fen, "fund_bill_fen": said.get(name)}
            for name in shares
        ],
        "arrived": [
            {"date": one.day.isoformat(), "line": one.line, "amount_fen": one.amount_fen}
            for one in arrived
        ],
    }


def _shares(funds: Funds, stream: str) -> tuple[session.Expected, ...]:
    clearing, day = session.of_stream(stream)
    last = funds.ledger.state(session.stream(clearing, day)).last
    return last.shares if last is not None else ()


def _differences(funds: Funds, ids: Iterable[str]) -> list[dict[str, Any]]:
    """Those that are there, not those that were found to be none."""
    told = []
    for one in ids:
        state = funds.ledger.state(difference.stream(one))
        if state.about is None or state.status == "reversed":
            continue
        about = state.about
        told.append(
            {
                "id": one,
                "type": about.kind,
                "number": about.number,
                "channel": about.channel,
                "ours_fen": about.ours_fen,
                "bill_fen": about.bill_fen,
                "amount_fen": about.amount_fen,
                "state": state.status,
                "cause": state.cause,
                "date": about.on.isoformat(),
            }
        )
    return told


def statement_answer(ledger: Ledger, connection: Connection, day: date) -> dict[str, Any] | None:
    """The statement of a day in the form of the answer about a channel's bill: `paid_fen` came in
    by lines that are matched, `refunded_fen` went out. None if it was not compared yet."""
    last = ledger.state(statement.stream(PAYOUT_CHANNEL, day)).last
    if last is None:
        return None
    known = bank_lines.matched(connection, PAYOUT_CHANNEL, day)
    listed = answers.differences_of(connection, PAYOUT_CHANNEL, day)
    versions = ledger.state(bill.stream(PAYOUT_CHANNEL, "bank", day)).versions
    read = versions[last.version - 1].read
    return {
        "channel": PAYOUT_CHANNEL,
        "date": day.isoformat(),
        "bill_version": last.version,
        "lines": read.lines if read is not None else 0,
        "matched": {
            "count": known.lines,
            "paid_fen": known.in_fen,
            "refunded_fen": known.out_fen,
        },
        "pool": sum(one["state"] == "suspected" for one in listed),
        "differences": listed,
    }
