"""Commands of fund settlement: seal, review, settle; retry or take back a payout; and collecting.

What falls due of a batch is decided in `maturity.py`. Where no later batch is sure to come that
could pay what is carried, one is opened for the carry alone.
"""

from functools import partial

from domain.accounting import account
from domain.accounting.chart import (
    CHANNEL_SURPLUS,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_PENDING,
    account_id,
)
from domain.accounting.commands import home_or_suspense, is_closed
from domain.accounting.owning import topped_up
from domain.accounting.rules import settlement as rules
from domain.channel.channels import PAYOUT_CHANNEL
from domain.clearing import day, split
from domain.fields import checked_reason
from domain.kernel import Command, Reaction, Stream, Unit
from domain.member.terms import parse_cycle
from domain.payment import contradiction, instruction
from domain.payment.asked import Details
from domain.payment.asking import ask_whether_it_is_so
from domain.payment.commands import issue
from domain.payment.destination import bound_account, destination_of
from domain.payment.instruction import Declined, Outcome, Succeeded
from domain.refusals import Code, Refused
from domain.settlement import batch, carry, published
from domain.settlement.cycle import due_date
from domain.settlement.maturity import Maturity, mature, transfers
from domain.settlement.opening import open_batch, open_next
from domain.settlement.payouts import LivePayout
from domain.settlement.reserving import taken_from_available
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


def collect_cleared(
    unit: Unit,
    reaction: Reaction[transaction.Cleared | transaction.RefundCleared, transaction.State],
) -> None:
    """A transaction was cleared, or a refund taken back: its batch collects it."""
    fact, withheld_fen = reaction.fact, 0
    merchant = transaction.merchant_of(transaction.id_of(reaction.stream))
    if isinstance(fact, transaction.Cleared):
        withheld_fen = fact.withheld.amount_fen if fact.withheld is not None else 0
        net_fen = fact.net_fen - withheld_fen
        sums = batch.Sums(fact.gross_fen, fact.fee_fen, 0, net_fen, withheld_fen)
    else:
        fee_fen, unheld_fen = -fact.fee_returned_fen, -fact.reserve_returned_fen
        sums = batch.Sums(0, fee_fen, fact.amount_fen, -fact.from_pending_fen, unheld_fen)
        if fact.from_available_fen:
            taken_from_available(unit, merchant, reaction.reference, fact.from_available_fen)
    stream = batch.stream(fact.batch)
    if not unit.version(stream):
        open_batch(unit, stream, merchant, split.date_of_batch(fact.batch))
    unit.record(stream, batch.collect(unit.load(stream), reaction.reference, sums))


def seal_batch(unit: Unit, command: SealBatch) -> dict[str, object]:
    """Seal a batch whose clearing date was cut off; its due date comes from its cycle.

    Raises BATCH_NOT_FOUND, BATCH_STATE_WRONG, CALENDAR_UNPUBLISHED.
    """
    stream = batch.stream(command.batch_id)
    state = unit.load(stream)
    if batch.is_to_seal(state):
        assert state.clearing_date is not None
        current = unit.load(day.STREAM)
        if current.clearing_date is None or state.clearing_date >= current.clearing_date:
            raise Refused(Code.BATCH_STATE_WRONG, "batch_id", "its date is not cut off yet")
        calendar = published.in_force(unit.load(published.STREAM))
        cycle = parse_cycle(state.cycle, "cycle")
        due = due_date(cycle, state.clearing_date, calendar=calendar)
        unit.record(stream, batch.seal(state, due, calendar.version, unit.actor))
    sealed = unit.load(stream)
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
    state = unit.load(stream)
    if batch.is_to_settle(state, unit.accounting_date):
        _settle(unit, command.batch_id, state)
    settled = unit.load(stream)
    waiting = [payout.payout_no for payout in settled.payouts if payout.status == "instructed"]
    return {"batch_id": command.batch_id, "status": settled.status, "instruction_ids": waiting}


def _settle(unit: Unit, batch_id: str, state: batch.State) -> None:
    stream, merchant, on = batch.stream(batch_id), state.merchant, unit.accounting_date
    carry_stream = carry.stream(merchant)
    carried = unit.load(carry_stream)
    pending = unit.load(account.stream(account_id(MERCHANT_PENDING, merchant)))
    debt = unit.load(account.stream(account_id(MERCHANT_DEBT, merchant)))
    available = unit.load(account.stream(account_id(MERCHANT_AVAILABLE, merchant)))
    share = mature(
        net_fen=state.net_fen,
        carry_fen=carried.carry_fen,
        # What an order stops of what is due waits here, as on hold: it would not leave there.
        pending_fen=pending.available_fen - available.wanted_fen,
        debt_fen=debt.available_fen,
        max_transfer_fen=state.max_transfer_fen,
        released_fen=min(carried.payable_fen, available.available_fen),
        min_payout_fen=state.min_payout_fen,
    )
    unit.record(carry_stream, carry.change(carried, batch_id, share.carry_out_fen))
    entry = None
    unit.record(
        account.stream(available.account), account.pass_through(available, share.payout_fen)
    )
    if share.due_fen:
        entry = rules.matured(on, merchant, share.due_fen, share.recovered_fen)
    unit.record(stream, batch.mature(state, share, entry))
    topped_up(unit, stream, -share.recovered_fen)
    if share.paid_fen:
        _pay_out(unit, batch_id, unit.load(stream), share)
    elif share.due_fen:
        unit.record(stream, batch.finish(unit.load(stream)))
    payable_fen = carried.payable_fen - share.released_fen
    unit.record(carry_stream, carry.make_payable(carried, batch_id, payable_fen))
    # All pending money is carry: the nets of the merchant's other batches sum to nothing, and there
    # may be none. Another batch will try again, empty or not.
    alone = share.carry_out_fen > 0 and pending.balance_fen - share.due_fen == share.carry_out_fen
    if alone or payable_fen:
        open_next(unit, merchant, in_a_month=share.below_least)


def _pay_out(unit: Unit, batch_id: str, state: batch.State, share: Maturity) -> None:
    stream, merchant = batch.stream(batch_id), state.merchant
    entry = rules.payout_instructed(unit.accounting_date, merchant, share.paid_fen)
    amounts_fen = transfers(share.paid_fen, state.max_transfer_fen)
    unit.record(stream, batch.instruct(batch_id, amounts_fen, entry, share.released_fen))
    for payout in unit.load(stream).payouts:
        _issue(unit, stream, merchant, payout.payout_no, payout.amount_fen)


def _issue(unit: Unit, stream: str, merchant: str, payout_no: str, amount_fen: int) -> None:
    details = Details(product="SETTLEMENT_PAYOUT", code=PAYOUT_CHANNEL, merchant=merchant)
    bound = bound_account(unit.load, merchant)
    if bound is not None:
        details["to"] = destination_of(bound)
    issue(unit, payout_no, "payout", stream, PAYOUT_CHANNEL, amount_fen, merchant, **details)


def payout_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel paid the merchant."""
    stream, asked = _batch(outcome), outcome.asked
    entry = rules.payout_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
    unit.record(stream, batch.payout_succeeded(unit.load(stream), outcome.instruction_id, entry))


def payout_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel did not pay: the money is the merchant's again and waits on hold, or in suspense,
    if the merchant's accounts were closed meanwhile."""
    stream, asked, payout_no = _batch(outcome), outcome.asked, outcome.instruction_id
    state, on, amount_fen = unit.load(stream), unit.accounting_date, asked.amount_fen
    entry = home_or_suspense(
        unit,
        account_id(MERCHANT_AVAILABLE, state.merchant),
        partial(rules.payout_failed, on, state.merchant, amount_fen),
        partial(rules.payout_failed_to_suspense, on, asked.channel, amount_fen),
    )
    unit.record(stream, batch.payout_failed(state, payout_no, outcome.fact.reason, entry))
    hold_returned(unit, state.merchant, payout_no, amount_fen)


def _batch(outcome: Outcome[Succeeded | Declined]) -> "Stream[batch.State]":
    return Stream(outcome.asked.reference)


def retry_payout(unit: Unit, command: RetryPayout) -> dict[str, object]:
    """Pay a failed or returned payout again, under a new instruction; once, however often it is
    asked. Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND, PAYOUT_UNCONFIRMED, ACCOUNT_CLOSED,
    BALANCE_INSUFFICIENT.
    """
    stream = batch.stream(command.batch_id)
    state = unit.load(stream)
    if replaced_by := batch.replacement_of(state, command.payout_no):
        return _retried(command, replaced_by)
    payout = batch.payout_of(state, command.payout_no, "failed", "returned")
    _refuse_unconfirmed(unit, payout)
    available = account_id(MERCHANT_AVAILABLE, state.merchant)
    if is_closed(unit, available):
        detail = f"{available}: what came back since is in suspense, {CHANNEL_SURPLUS}"
        raise Refused(Code.ACCOUNT_CLOSED, "payout_no", detail)
    owner = account.stream(available)
    held = unit.load(owner)
    kept = any(hold_id == payout.payout_no for hold_id, _ in held.holds)
    if kept:
        unit.record(owner, account.release_hold(held, payout.payout_no))
    entry = rules.payout_instructed(unit.accounting_date, state.merchant, payout.amount_fen)
    unit.record(stream, batch.retry(state, command.batch_id, payout.payout_no, entry))
    if not kept:
        taken_from_available(unit, state.merchant, stream, payout.amount_fen)
    again = batch.replacement_of(unit.load(stream), payout.payout_no)
    _issue(unit, stream, state.merchant, again, payout.amount_fen)
    return _retried(command, again)


def _refuse_unconfirmed(unit: Unit, payout: LivePayout) -> None:
    """Money is paid a second time only once the bank itself has said that it was not, or is back;
    a channel in this process has nobody else to ask. Raises PAYOUT_UNCONFIRMED."""
    no = payout.payout_no
    tried = unit.load(instruction.stream(no)).tried
    said_so = not tried.by_hand
    if payout.status == "returned":
        said_so = contradiction.came_back(unit.load(contradiction.stream(no)))
    if tried.attempt and not said_so:
        detail = f"a person has recorded that {no} is {payout.status}; its bank, asked, has not"
        raise Refused(Code.PAYOUT_UNCONFIRMED, "payout_no", detail)


def _retried(command: RetryPayout, again: str) -> dict[str, object]:
    return {"batch_id": command.batch_id, "payout_no": again, "instruction_id": again}


def return_payout(unit: Unit, command: ReturnPayout) -> dict[str, object]:
    """Record that a paid payout came back, once: to the merchant, or to suspense, if the merchant's
    accounts were closed meanwhile. A bank over a network is asked whether it did. Raises
    BATCH_NOT_FOUND, PAYOUT_NOT_FOUND."""
    stream = batch.stream(command.batch_id)
    state = unit.load(stream)
    reason = checked_reason(command.reason)
    payout = batch.payout_of(state, command.payout_no, "succeeded", "returned")
    answer: dict[str, object] = {
        "batch_id": command.batch_id,
        "payout_no": payout.payout_no,
        "status": "returned",
    }
    if payout.status == "returned":
        return answer
    on, amount_fen = unit.accounting_date, payout.amount_fen
    asked_by = instruction.stream(payout.payout_no)
    asked = unit.load(asked_by)
    entry = home_or_suspense(
        unit,
        account_id(MERCHANT_AVAILABLE, state.merchant),
        partial(rules.payout_returned, on, state.merchant, amount_fen),
        partial(rules.payout_returned_to_suspense, on, asked.channel, amount_fen),
    )
    unit.record(stream, batch.payout_returned(state, payout.payout_no, reason, entry))
    hold_returned(unit, state.merchant, payout.payout_no, amount_fen)
    ask_whether_it_is_so(unit, asked_by)
    return answer


def hold_returned(unit: Unit, merchant: str, payout_no: str, amount_fen: int) -> None:
    """Reserve money that came back for its retry. Where there are too many holds already, or one
    under this id, it is simply available: an outcome must never be refused for want of a note. What
    is in suspense needs none."""
    owner = account.stream(account_id(MERCHANT_AVAILABLE, merchant))
    state = unit.load(owner)
    taken = any(hold_id == payout_no for hold_id, _ in state.holds)
    taken |= (
        state.available_fen < amount_fen
    )  # An order has stopped it, or has been waiting for it.
    if state.status == "open" and not taken and len(state.holds) < account.MAX_HOLDS:
        reason = "payout came back"
        unit.record(owner, account.hold(state, payout_no, amount_fen, reason))
