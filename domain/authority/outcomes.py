"""What becomes of deductions: what the bank answers, what it says against that later, and what it
returns: section 5a of the domain notes. What is not paid is stopped again, for the same order."""

from collections.abc import Callable
from functools import partial

from domain.accounting import account
from domain.accounting.chart import CHANNEL_SHORTAGE, account_id
from domain.accounting.commands import home_or_suspense
from domain.accounting.rules import deduction as rules
from domain.authority import deduction, order
from domain.authority.commands import carry_along, let_go, on_its_way
from domain.fields import checked_number, checked_reason
from domain.kernel import Command, Entry, Stream, Unit
from domain.payment import instruction
from domain.payment.asking import ask_whether_it_is_so
from domain.payment.contradicted import ended, opened, paid_out_above
from domain.payment.contradiction import Against
from domain.payment.instruction import Declined, Outcome, Succeeded


class ReturnDeduction(Command, frozen=True):
    """退汇: the statement shows that the bank returned a deduction."""

    deduction_no: str
    reason: str


def deduction_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The bank paid it."""
    stream, asked = _deduction(outcome), outcome.asked
    entry = rules.deduction_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
    facts = deduction.succeed(unit.load(stream), entry)
    unit.record(stream, facts)
    if facts:
        _no_more_on_its_way(unit, stream)
        _arrived(unit, stream)


def deduction_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The bank did not pay it: the account has it again, stopped; or suspense."""
    stream, on, channel = _deduction(outcome), unit.accounting_date, outcome.asked.channel
    state = unit.load(stream)
    asked = deduction.needed(state)
    entry = home_or_suspense(
        unit,
        asked.account,
        partial(rules.deduction_given_back, on, asked.account, asked.amount_fen),
        partial(rules.deduction_kept, on, channel, asked.amount_fen),
    )
    facts = deduction.fail(state, outcome.fact.reason, entry)
    unit.record(stream, facts)
    if facts:
        _no_more_on_its_way(unit, stream)
        _stopped_again(unit, stream, was_paid=False)


def deduction_late(unit: Unit, against: Against) -> None:
    """Paid after it was declined: what is there for the order is taken again, then what is free,
    and what is not there is missing. Where it is no decline that is contradicted, it was paid
    twice."""
    stream: Stream[deduction.State] = Stream(against.asked.reference)
    state, channel, on = unit.load(stream), against.asked.channel, unit.accounting_date
    asked = deduction.needed(state)
    if state.status != "failed":
        paid_out_above(unit, against)
        return
    amount_fen, order_no = asked.amount_fen, asked.order_no
    if state.suspense:
        kept = rules.deduction_succeeded_late_kept(on, channel, amount_fen)
        unit.record(stream, deduction.succeed_late(state, kept))
        _taken_again(unit, stream, 0, 0)
        ended(unit, against, "paid out of what was kept")
        return
    held = account.stream(asked.account)
    there = unit.load(held)
    mine_fen = there_fen = 0
    if there.status == "open" and not there.frozen_out:
        mine_fen = min(there.stopped_for(order_no), amount_fen)
        there_fen = min(mine_fen + max(there.available_fen, 0), amount_fen)
    unit.record(held, account.change_attached(there, order_no, -mine_fen))
    missing_fen = amount_fen - there_fen
    entry = rules.deduction_succeeded_late(
        on, channel, asked.account, there_fen=there_fen, missing_fen=missing_fen
    )
    waits_at = account_id(CHANNEL_SHORTAGE, channel) if missing_fen else ""
    opened(unit, against, missing_fen, waits_at, entry)
    unit.record(stream, deduction.succeed_late(state, None))
    _taken_again(unit, stream, mine_fen, there_fen)
    ended(unit, against, "taken from the account again, as far as it was there")


def deduction_returned(unit: Unit, against: Against) -> None:
    """退汇, as the bank tells it: it owes us the money, and the account has it again, stopped."""
    stream: Stream[deduction.State] = Stream(against.asked.reference)
    if unit.load(stream).status != "succeeded":
        return  # An operator has recorded it: it stays listed.
    reason = against.fact.reason or "returned"
    _come_back(unit, stream, against.asked.channel, reason, told=True)
    ended(unit, against, "the account has it again, stopped")


def return_deduction(unit: Unit, command: ReturnDeduction) -> dict[str, object]:
    """Record that a paid deduction came back, once; a bank over a network is asked whether it did.
    Raises DEDUCTION_NOT_FOUND, DEDUCTION_STATE_WRONG, and what crediting the account raises."""
    number = checked_number(command.deduction_no, "deduction_no")
    reason = checked_reason(command.reason)
    stream = deduction.stream(number)
    state = unit.load(stream)
    deduction.needed(state)
    asked_by = instruction.stream(deduction.instruction_id(number))
    _come_back(unit, stream, unit.load(asked_by).channel, reason, told=False)
    if state.status != "returned":
        ask_whether_it_is_so(unit, asked_by)
    return {"deduction_no": number, "state": unit.load(stream).status}


def _come_back(
    unit: Unit, stream: "Stream[deduction.State]", channel: str, reason: str, *, told: bool
) -> None:
    state, on = unit.load(stream), unit.accounting_date
    asked = deduction.needed(state)
    leaf, amount_fen = asked.account, asked.amount_fen
    home: Callable[[], Entry] = partial(rules.deduction_returned_by_statement, on, leaf, amount_fen)
    kept: Callable[[], Entry] = partial(
        rules.deduction_returned_by_statement_kept, on, channel, amount_fen
    )
    if told:
        home = partial(rules.deduction_returned, on, channel, leaf, amount_fen)
        kept = partial(rules.deduction_returned_kept, on, channel, amount_fen)
    facts = deduction.come_back(state, reason, home_or_suspense(unit, leaf, home, kept))
    unit.record(stream, facts)
    if facts:
        _stopped_again(unit, stream, was_paid=True)


def _no_more_on_its_way(unit: Unit, stream: "Stream[deduction.State]") -> None:
    asked = deduction.needed(unit.load(stream))
    held, note = account.stream(asked.account), on_its_way(deduction.number_of(stream))
    unit.record(held, account.detach(unit.load(held), note))


def _arrived(unit: Unit, stream: "Stream[deduction.State]") -> None:
    """The order counts it; with nothing left to stop, it is executed and stands no more."""
    asked, number = deduction.needed(unit.load(stream)), deduction.number_of(stream)
    ordered_by = order.stream(asked.order_no)
    unit.record(ordered_by, order.paid(unit.load(ordered_by), number, asked.amount_fen))
    if unit.load(ordered_by).status == "executed":
        let_go(unit, asked.order_no)


def _stopped_again(unit: Unit, stream: "Stream[deduction.State]", *, was_paid: bool) -> None:
    """The order wants it again: in its place, or at the end of the queue if it had been executed.
    One that is over wants nothing."""
    state = unit.load(stream)
    asked, number = deduction.needed(state), deduction.number_of(stream)
    ordered_by, held = order.stream(asked.order_no), account.stream(asked.account)
    before = unit.load(ordered_by)
    back = order.came_back(before, number, asked.amount_fen, was_paid=was_paid)
    unit.record(ordered_by, back)
    if state.suspense:
        return  # The account is closed.
    there = unit.load(held)
    if before.status == "executed":
        unit.record(held, account.attach(there, asked.order_no, asked.amount_fen, always=True))
    else:
        unit.record(held, account.change_attached(there, asked.order_no, asked.amount_fen))
    carry_along(unit, number, order.needed(before), asked.amount_fen)


def _taken_again(
    unit: Unit, stream: "Stream[deduction.State]", mine_fen: int, there_fen: int
) -> None:
    """A decline was none: the order is paid after all. `there_fen` left the account, `mine_fen` of
    it what was stopped for the order."""
    asked, number = deduction.needed(unit.load(stream)), deduction.number_of(stream)
    ordered_by = order.stream(asked.order_no)
    state = unit.load(ordered_by)
    unit.record(ordered_by, order.ask_late(state, number, asked.amount_fen, mine_fen))
    carry_along(unit, number, order.needed(state), -there_fen)
    _arrived(unit, stream)


def _deduction(outcome: Outcome[Succeeded | Declined]) -> "Stream[deduction.State]":
    return Stream(outcome.asked.reference)
