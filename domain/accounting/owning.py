"""Commands of the institution's own books: capital, buffer, interest, sweeps, top-ups; and the one
opening set of a ledger from before. Only operators send these.

`post_sweep` and `show_top_up` are what a bank statement does, too: reconciliation calls them with
the line's reference.
"""

from collections.abc import Callable
from datetime import date
from typing import Literal

from domain.accounting import account, mirror, own_funds, topup
from domain.accounting.commands import open_institution_accounts
from domain.accounting.rules import own as rules
from domain.fields import checked_number, checked_reason, checked_text
from domain.kernel import Command, Entry, Unit
from domain.money import fen
from domain.refusals import Code, Refused

_ENTRIES: dict[own_funds.Posting, Callable[[date, int], Entry]] = {
    "capital": rules.capital_paid_in,
    "buffer": rules.buffer_put_in,
    "interest": rules.interest_credited,
}


class OpenMirror(Command, frozen=True):
    """Open the accounts that a ledger from before lacks, and post its opening set, once."""


class PostOwnFunds(Command, frozen=True):
    """The statement shows capital paid in (own account), a buffer put into the reserve, or interest
    credited to it."""

    movement_no: str
    kind: Literal["capital", "buffer", "interest"]
    amount_fen: int
    statement: str


class InstructSweep(Command, frozen=True):
    """The bank is asked to move fees from the reserve to the own account."""

    movement_no: str
    amount_fen: int
    reason: str


class CallOffSweep(Command, frozen=True):
    """The bank will not do it."""

    movement_no: str
    reason: str


class PostSweep(Command, frozen=True):
    """The statement shows it."""

    movement_no: str
    amount_fen: int
    statement: str


class ShowSweep(Command, frozen=True):
    """A line of the statement that was taken in shows it, instructed or not: by no door."""

    movement_no: str
    amount_fen: int
    statement: str


class ShowTopUp(Command, frozen=True):
    """The statement shows a top-up, or what was on its way out of the reserve."""

    reference: str
    statement: str


def open_mirror(unit: Unit, command: OpenMirror) -> dict[str, object]:
    """Books that are not open yet get all accounts with them: nothing is recorded."""
    if unit.load(mirror.OF).status == "none":
        return {"amount_fen": 0}
    open_institution_accounts(unit, ())
    earned_fen, state = unit.load(mirror.OF).balance_fen, unit.load(mirror.STREAM)
    if earned_fen and not state.opened and not unit.load(mirror.IN).balance_fen:
        entry = rules.mirror_opened(unit.accounting_date, earned_fen)
        unit.record(mirror.STREAM, mirror.open_set(state, earned_fen, entry))
    return {"amount_fen": earned_fen}


def post_own_funds(unit: Unit, command: PostOwnFunds) -> dict[str, object]:
    """Raises OWN_MOVEMENT_EXISTS."""
    number, amount_fen, statement = _fields(
        command.movement_no, command.amount_fen, command.statement
    )
    stream = own_funds.stream(number)
    state, kind = unit.load(stream), command.kind
    if own_funds.is_to_post(state, kind, amount_fen, statement):
        entry = _ENTRIES[kind](unit.accounting_date, amount_fen)
        unit.record(stream, own_funds.post(state, kind, amount_fen, statement, unit.actor, entry))
    return {"movement_no": number, "kind": kind, "status": "posted"}


def instruct_sweep(unit: Unit, command: InstructSweep) -> dict[str, object]:
    """Never more than lies on 2202.09: it is held there. Raises OWN_MOVEMENT_EXISTS,
    BALANCE_INSUFFICIENT, HOLD_LIMIT."""
    number = checked_number(command.movement_no, "movement_no")
    amount_fen, reason = fen(command.amount_fen, "amount_fen"), checked_reason(command.reason)
    stream = own_funds.stream(number)
    facts = own_funds.instruct_sweep(unit.load(stream), amount_fen, reason, unit.actor)
    if facts:
        held = account.hold(unit.load(mirror.OF), _hold_id(number), amount_fen, reason)
        unit.record(mirror.OF, held)
    unit.record(stream, facts)
    return {"movement_no": number, "kind": "sweep", "status": unit.load(stream).status}


def call_off_sweep(unit: Unit, command: CallOffSweep) -> dict[str, object]:
    """Raises OWN_MOVEMENT_NOT_FOUND, OWN_MOVEMENT_STATE_WRONG."""
    number = checked_number(command.movement_no, "movement_no")
    stream = own_funds.stream(number)
    reason = checked_reason(command.reason)
    facts = own_funds.call_off_sweep(unit.load(stream), reason, unit.actor)
    if facts:
        unit.record(mirror.OF, account.release_hold(unit.load(mirror.OF), _hold_id(number)))
    unit.record(stream, facts)
    return {"movement_no": number, "kind": "sweep", "status": unit.load(stream).status}


def record_sweep(unit: Unit, command: PostSweep) -> dict[str, object]:
    """One that was instructed, by two persons: what nobody instructed only a statement's own line
    can show. Raises OWN_MOVEMENT_NOT_FOUND, and what `post_sweep` raises."""
    fields = _fields(command.movement_no, command.amount_fen, command.statement)
    if unit.load(own_funds.stream(fields[0])).status == "none":
        raise Refused(Code.OWN_MOVEMENT_NOT_FOUND, "movement_no")
    return post_sweep(unit, *fields)


def show_sweep(unit: Unit, command: ShowSweep) -> dict[str, object]:
    """Raises as `post_sweep` does."""
    return post_sweep(unit, command.movement_no, command.amount_fen, command.statement)


def post_sweep(unit: Unit, number: str, amount_fen: int, statement: str) -> dict[str, object]:
    """The statement shows a sweep: of that number, instructed, or done without us. What it took is
    never more than lies on 2202.09: a line that shows more is no sweep.

    Raises OWN_MOVEMENT_EXISTS, OWN_MOVEMENT_STATE_WRONG, BALANCE_INSUFFICIENT."""
    number, amount_fen, statement = _fields(number, amount_fen, statement)
    stream = own_funds.stream(number)
    state = unit.load(stream)
    if own_funds.is_to_post(state, "sweep", amount_fen, statement):
        if state.status == "none":
            held = account.hold(unit.load(mirror.OF), _hold_id(number), amount_fen, statement)
            unit.record(mirror.OF, held)
        unit.record(mirror.OF, account.release_hold(unit.load(mirror.OF), _hold_id(number)))
        entry = rules.swept(unit.accounting_date, amount_fen)
        unit.record(stream, own_funds.sweep(state, amount_fen, statement, unit.actor, entry))
    return {"movement_no": number, "kind": "sweep", "status": "posted"}


def show_top_up(unit: Unit, command: ShowTopUp) -> dict[str, object]:
    """Raises TOP_UP_NOT_FOUND, TOP_UP_STATE_WRONG."""
    reference = checked_text(command.reference, "reference")
    statement = checked_text(command.statement, "statement", longest=64)
    stream = topup.stream(reference)
    state = unit.load(stream)
    if topup.is_to_arrive(state, statement):
        moved = rules.top_up_arrived if state.direction == "in" else rules.take_out_left
        entry = moved(unit.accounting_date, state.amount_fen)
        unit.record(stream, topup.arrive(state, statement, unit.actor, entry))
    return {"reference": reference, "status": unit.load(stream).status}


def there_of(unit: Unit, fee_fen: int) -> int:
    """What of a fee that is given back still lies in the reserve; the rest comes from own funds."""
    return min(fee_fen, max(unit.load(mirror.OF).available_fen, 0))


def topped_up(unit: Unit, stream: str, amount_fen: int) -> None:
    """The last fact of a stream moved own funds: into the reserve, or below zero out of it."""
    if amount_fen:
        wanted = topup.stream(f"{stream}#{unit.version(stream)}")
        unit.record(wanted, topup.decide(unit.load(wanted), amount_fen))


def _hold_id(number: str) -> str:
    return f"sweep-{number}"


def _fields(number: str, amount_fen: int, statement: str) -> tuple[str, int, str]:
    return (
        checked_number(number, "movement_no"),
        fen(amount_fen, "amount_fen"),
        checked_text(statement, "statement", longest=64),
    )
