"""Commands of fund settlement: seal, review, settle; retry or take back a payout; and collecting.

Why a batch's due money can differ from its net: pending money is one account for all open batches
of a merchant. A refund after a batch was sealed takes from it and stands, negative, in a later
batch; a hold may keep a part of it; and the transfers of one batch can carry only so much. So what
falls due is at most what is there and can be paid, and the difference is carried until a later
batch meets it: Σ net of open batches + carry = pending money, at every commit. Where no later batch
is sure to come, one is opened for the carry alone.
"""

from datetime import date

from domain.accounting import account
from domain.accounting.chart import (
    CHANNEL_SURPLUS,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    account_id,
)
from domain.accounting.commands import is_closed
from domain.accounting.rules import settlement as rules
from domain.channel.routing import PAYOUT_CHANNEL
from domain.clearing import day, split
from domain.fields import checked_text
from domain.kernel import Command, Reaction, Unit, key, shanghai_date
from domain.member import member
from domain.member.cycle import parse_cycle
from domain.payment import instruction
from domain.payment.commands import issue
from domain.refusals import Code, Refused
from domain.settlement import batch, carry, published
from domain.settlement.cycle import due_date
from domain.transaction import transaction


class SealBatch(Command, frozen=True):
    batch_id: str


class ReviewBatch(Command, frozen=True):
    batch_id: str


class SettleBatch(Command, frozen=True):
    batch_id: str


class RetryPayout(Command, frozen=True):
    batch_id: str
    payout_no: str


class ReturnPayout(Command, frozen=True):
    """退汇: the receiving bank sent a payout back."""

    batch_id: str
    payout_no: str
    reason: str


def collect_cleared(unit: Unit, reaction: Reaction) -> None:
    """A transaction was cleared, or a refund taken back: its batch collects it."""
    fact = reaction.fact
    if isinstance(fact, transaction.Cleared):
        gross_fen, fee, refund_fen = fact.gross_fen, fact.fee_fen, 0
        net_fen = fact.net_fen
    else:
        gross_fen, fee, refund_fen = 0, -fact.fee_returned_fen, fact.amount_fen
        net_fen = -fact.from_pending_fen
    stream = batch.stream(fact.batch)
    if not unit.version(stream):
        _open(unit, fact.batch, key(reaction.stream).partition("-")[0], fact.clearing_date)
    state: batch.State = unit.load(stream)
    item = f"{reaction.stream}#{reaction.version}"
    facts = batch.collect(
        state, item, gross_fen=gross_fen, fee_fen=fee, refund_fen=refund_fen, net_fen=net_fen
    )
    unit.record(stream, facts)


def _open(unit: Unit, batch_id: str, merchant: str, clearing_date: date) -> None:
    """A new batch, under the terms of today. Raises TERMS_MISSING."""
    terms = unit.load(member.stream(merchant)).settlement_terms_on(shanghai_date(unit.at_us))
    opened = batch.Opened(merchant, clearing_date, terms.cycle, terms.max_transfer_fen)
    unit.record(batch.stream(batch_id), [opened])


def seal_batch(unit: Unit, command: SealBatch) -> dict[str, object]:
    """Seal a batch whose clearing date was cut off; its due date comes from its cycle.

    Raises BATCH_NOT_FOUND, BATCH_STATE_WRONG, CALENDAR_UNPUBLISHED.
    """
    stream = batch.stream(command.batch_id)
    state: batch.State = unit.load(stream)
    if batch.is_to_seal(state):
        assert state.clearing_date is not None
        current: day.State = unit.load(day.STREAM)
        if current.clearing_date is None or state.clearing_date >= current.clearing_date:
            raise Refused(Code.BATCH_STATE_WRONG, "batch_id", "its date is not cut off yet")
        calendar = published.in_force(unit.load(published.STREAM))
        cycle = parse_cycle(state.cycle, "cycle")
        due = due_date(cycle, state.clearing_date, calendar=calendar)
        unit.record(stream, batch.seal(state, due, calendar.version, unit.actor))
    sealed: batch.State = unit.load(stream)
    assert sealed.due_date is not None
    return {"batch_id": command.batch_id, "due_date": sealed.due_date.isoformat()}


def review_batch(unit: Unit, command: ReviewBatch) -> dict[str, object]:
    stream = batch.stream(command.batch_id)
    unit.record(stream, batch.review(unit.load(stream), unit.actor))
    return {"batch_id": command.batch_id, "status": unit.load(stream).status}


def settle_batch(unit: Unit, command: SettleBatch) -> dict[str, object]:
    """Make a reviewed, due batch's money available, recover a debt, instruct the payout.

    Raises BATCH_NOT_FOUND, BATCH_STATE_WRONG, BATCH_NOT_DUE, and what posting raises.
    """
    stream = batch.stream(command.batch_id)
    state: batch.State = unit.load(stream)
    if batch.is_to_settle(state, unit.accounting_date):
        _settle(unit, command.batch_id, state)
    settled: batch.State = unit.load(stream)
    waiting = [payout.payout_no for payout in settled.payouts if payout.status == "instructed"]
    return {"batch_id": command.batch_id, "status": settled.status, "instruction_ids": waiting}


def _settle(unit: Unit, batch_id: str, state: batch.State) -> None:
    stream, merchant = batch.stream(batch_id), state.merchant
    carried: carry.State = unit.load(carry.stream(merchant))
    pending: account.State = unit.load(account.stream(account_id(MERCHANT_PENDING, merchant)))
    debt: account.State = unit.load(account.stream(account_id(MERCHANT_DEBT, merchant)))
    wanted_fen = state.net_fen + carried.carry_fen
    there_fen = max(min(wanted_fen, pending.available_fen), 0)
    recovered_fen = min(max(debt.available_fen, 0), there_fen)  # A debt on hold is not recovered.
    payout_fen = batch.payable_fen(state, there_fen - recovered_fen)
    due_fen = recovered_fen + payout_fen
    carry_out_fen = wanted_fen - due_fen
    unit.record(
        carry.stream(merchant),
        carry.change(carried, batch_id, carry_out_fen),
    )
    if due_fen == 0:
        unit.record(stream, [batch.CarriedForward(carried.carry_fen, carry_out_fen)])
    else:
        entry = rules.matured(unit.accounting_date, merchant, due_fen, recovered_fen)
        matured = batch.Matured(carried.carry_fen, due_fen, recovered_fen, carry_out_fen, entry)
        unit.record(stream, [matured])
        _pay_out(unit, batch_id, payout_fen)
    if carry_out_fen > 0 and pending.balance_fen - due_fen == carry_out_fen:
        _open_for_carry(unit, merchant)


def _pay_out(unit: Unit, batch_id: str, payout_fen: int) -> None:
    stream = batch.stream(batch_id)
    state: batch.State = unit.load(stream)
    if payout_fen == 0:
        unit.record(stream, batch.finish(state))
        return
    payouts = batch.split_payout(state, batch_id, payout_fen)
    entry = rules.payout_instructed(unit.accounting_date, state.merchant, payout_fen)
    unit.record(stream, [batch.Instructed(payouts, entry)])
    for payout in payouts:
        _issue(unit, stream, state.merchant, payout.payout_no, payout.amount_fen)


def _open_for_carry(unit: Unit, merchant: str) -> None:
    """All pending money is carry: the nets of the merchant's other batches sum to nothing, and
    there may be none. The batch of the current clearing date will try again, empty or not."""
    on = split.clearing_date(unit)
    batch_id = split.batch_id(merchant, on)
    if not unit.version(batch.stream(batch_id)):
        _open(unit, batch_id, merchant, on)


def _issue(unit: Unit, stream: str, merchant: str, payout_no: str, amount_fen: int) -> None:
    issue(unit, payout_no, "payout", stream, PAYOUT_CHANNEL, amount_fen, merchant)


def payout_follows_instruction(unit: Unit, reaction: Reaction) -> None:
    """The instruction of a payout has an outcome: paid, or the money is the merchant's again and
    waits on hold, or in suspense, if the merchant's accounts were closed meanwhile. Not knowing
    changes nothing: it stays in transit."""
    asked: instruction.State = unit.load(reaction.stream)
    if asked.purpose != "payout" or isinstance(reaction.fact, instruction.Unknown):
        return
    stream, payout_no, amount_fen = asked.reference, key(reaction.stream), asked.amount_fen
    state: batch.State = unit.load(stream)
    batch.payout_of(state, payout_no, "instructed")
    on = unit.accounting_date
    if isinstance(reaction.fact, instruction.Succeeded):
        entry = rules.payout_succeeded(on, asked.channel, amount_fen)
        unit.record(stream, [batch.PayoutSucceeded(payout_no, amount_fen, entry)])
        unit.record(stream, batch.finish(unit.load(stream)))
        return
    if is_closed(unit, account_id(MERCHANT_AVAILABLE, state.merchant)):
        entry = rules.payout_failed_to_suspense(on, asked.channel, amount_fen)
    else:
        entry = rules.payout_failed(on, state.merchant, amount_fen)
    reason = reaction.fact.reason
    unit.record(stream, [batch.PayoutFailed(payout_no, amount_fen, reason, entry)])
    _hold(unit, state.merchant, payout_no, amount_fen)


def retry_payout(unit: Unit, command: RetryPayout) -> dict[str, object]:
    """Pay a failed or returned payout again, under a new instruction; once, however often it is
    asked. Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND, ACCOUNT_CLOSED, BALANCE_INSUFFICIENT.
    """
    stream = batch.stream(command.batch_id)
    state: batch.State = unit.load(stream)
    if replaced_by := batch.replacement_of(state, command.payout_no):
        return _retried(command, replaced_by)
    payout = batch.payout_of(state, command.payout_no, "failed", "returned")
    again = batch.next_payout_no(state, command.batch_id)
    available = account_id(MERCHANT_AVAILABLE, state.merchant)
    if is_closed(unit, available):
        detail = f"{available}: what came back since is in suspense, {CHANNEL_SURPLUS}"
        raise Refused(Code.ACCOUNT_CLOSED, "payout_no", detail)
    owner = account.stream(available)
    held: account.State = unit.load(owner)
    if any(hold_id == payout.payout_no for hold_id, _ in held.holds):
        unit.record(owner, account.release_hold(held, payout.payout_no))
    amount_fen = payout.amount_fen
    entry = rules.payout_instructed(unit.accounting_date, state.merchant, amount_fen)
    unit.record(stream, [batch.PayoutRetried(payout.payout_no, again, amount_fen, entry)])
    _issue(unit, stream, state.merchant, again, amount_fen)
    return _retried(command, again)


def _retried(command: RetryPayout, again: str) -> dict[str, object]:
    return {"batch_id": command.batch_id, "payout_no": again, "instruction_id": again}


def return_payout(unit: Unit, command: ReturnPayout) -> dict[str, object]:
    """Record that a paid payout came back, once: to the merchant, or to suspense, if the merchant's
    accounts were closed meanwhile. Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND."""
    stream = batch.stream(command.batch_id)
    state: batch.State = unit.load(stream)
    reason = checked_text(command.reason, "reason")
    payout = batch.payout_of(state, command.payout_no, "succeeded", "returned")
    answer: dict[str, object] = {
        "batch_id": command.batch_id,
        "payout_no": payout.payout_no,
        "status": "returned",
    }
    if payout.status == "returned":
        return answer
    on, amount_fen = unit.accounting_date, payout.amount_fen
    if is_closed(unit, account_id(MERCHANT_AVAILABLE, state.merchant)):
        asked: instruction.State = unit.load(instruction.stream(payout.payout_no))
        entry = rules.payout_returned_to_suspense(on, asked.channel, amount_fen)
    else:
        entry = rules.payout_returned(on, state.merchant, amount_fen)
    unit.record(stream, [batch.PayoutReturned(payout.payout_no, amount_fen, reason, entry)])
    _hold(unit, state.merchant, payout.payout_no, amount_fen)
    return answer


def _hold(unit: Unit, merchant: str, payout_no: str, amount_fen: int) -> None:
    """Reserve money that came back for its retry. Where there are too many holds already, or one
    under this id, it is simply available: an outcome must never be refused for want of a note. What
    is in suspense needs none."""
    owner = account.stream(account_id(MERCHANT_AVAILABLE, merchant))
    state: account.State = unit.load(owner)
    taken = any(hold_id == payout_no for hold_id, _ in state.holds)
    if state.status == "open" and not taken and len(state.holds) < account.MAX_HOLDS:
        reason = "payout came back"
        unit.record(owner, account.hold(state, payout_no, amount_fen, reason))
