"""Commands of chargebacks: received, evidence handed in, accepted, won or lost; and whose money
bears them, section 5a of the domain notes."""

import re
from datetime import date
from typing import Literal

from domain.accounting import account
from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_PENDING,
    account_id,
)
from domain.accounting.owning import topped_up
from domain.accounting.rules import chargeback as rules
from domain.clearing import split
from domain.fields import checked_day, checked_number, checked_reason, checked_text
from domain.kernel import Command, Stream, Unit
from domain.money import fen
from domain.payment import payment
from domain.reconciliation import chargeback
from domain.reconciliation.chargeback import Kind, Received, Shares, State
from domain.reconciliation.commands import checked_channel
from domain.refusals import Code, Refused
from domain.settlement import batch
from domain.settlement.opening import open_batch
from domain.settlement.reserving import make_payable, recovered_of, taken_from_available
from domain.transaction import transaction
from domain.transaction.charged import Charged, refuse_beyond_paid

LONGEST_NUMBER = 40  # With the channel's name it is the id.
_is_sha256 = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch


class ReceiveChargeback(Command, frozen=True, omit_defaults=True):
    """A channel disputes a payment of a transaction, whole or in part, or wants evidence of it
    (`kind` retrieval). `number`: the channel's for the case; `serial`: the payment's there."""

    channel: str
    number: str
    transaction_id: str
    amount_fen: int
    due: date
    serial: str = ""
    reason_code: str = ""
    kind: Kind = "chargeback"


class RepresentChargeback(Command, frozen=True):
    """Evidence was handed in: `evidence` is its SHA-256 in the blob store."""

    chargeback: str
    evidence: str
    reason: str


class AcceptChargeback(Command, frozen=True):
    """It is not disputed: the payer keeps the money."""

    chargeback: str
    reason: str


class EndChargeback(Command, frozen=True):
    """The channel's word: won or lost."""

    chargeback: str
    outcome: Literal["won", "lost"]
    reason: str


def receive_chargeback(unit: Unit, command: ReceiveChargeback) -> dict[str, object]:
    """Its money is held at once. The same again changes nothing.

    Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED, IDENTIFIER_INVALID, AMOUNT_*, TEXT_INVALID,
    TRANSACTION_NOT_FOUND, TRANSACTION_NOT_PAID, TRANSACTION_CLOSED, CHARGEBACK_EXCEEDS_PAID,
    REQUEST_INVALID, CHARGEBACK_STATE_WRONG, and what posting raises.
    """
    wanted = _wanted(unit, command)
    named = chargeback.chargeback_id(wanted.channel, wanted.number)
    stream = chargeback.stream(named)
    state = unit.load(stream)
    if not chargeback.is_repeat(state, wanted):
        _refuse_unpaid(unit, wanted)
        if wanted.kind == "retrieval":
            unit.record(stream, chargeback.receive(state, wanted))
        else:
            _take(unit, stream, wanted)
    return _answer(unit, named)


def represent_chargeback(unit: Unit, command: RepresentChargeback) -> dict[str, object]:
    """Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG, REQUEST_INVALID."""
    named, reason = _named(command.chargeback), checked_reason(command.reason)
    if not _is_sha256(command.evidence):
        raise Refused(Code.REQUEST_INVALID, "evidence", "a SHA-256 in hex is needed")
    stream = chargeback.stream(named)
    facts = chargeback.represent(unit.load(stream), unit.actor, command.evidence, reason)
    unit.record(stream, facts)
    return _answer(unit, named)


def accept_chargeback(unit: Unit, command: AcceptChargeback) -> dict[str, object]:
    """Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG."""
    named, reason = _named(command.chargeback), checked_reason(command.reason)
    stream = chargeback.stream(named)
    facts = chargeback.accept(unit.load(stream), unit.actor, reason)
    unit.record(stream, facts)
    if facts:
        _gone(unit, stream)
    return _answer(unit, named)


def end_chargeback(unit: Unit, command: EndChargeback) -> dict[str, object]:
    """Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG, and what posting raises."""
    named, reason = _named(command.chargeback), checked_reason(command.reason)
    stream = chargeback.stream(named)
    state = unit.load(stream)
    if command.outcome == "won":
        if chargeback.is_to_win(state):
            _give_back(unit, stream, reason)
        return _answer(unit, named)
    facts = chargeback.lose(state, unit.actor, reason)
    unit.record(stream, facts)
    if facts:
        _gone(unit, stream)
    return _answer(unit, named)


def _wanted(unit: Unit, command: ReceiveChargeback) -> Received:
    channel = checked_channel(command.channel, unit.load)
    number = checked_number(command.number, "number", longest=LONGEST_NUMBER)
    sold = checked_number(command.transaction_id, "transaction_id", longest=100)
    serial = command.serial and checked_text(command.serial, "serial", longest=64)
    code = command.reason_code and checked_text(command.reason_code, "reason_code", longest=64)
    checked_day(command.due, "due")
    amount_fen, merchant = fen(command.amount_fen, "amount_fen"), transaction.merchant_of(sold)
    return chargeback.asked(
        command.kind, channel, number, serial, sold, merchant, amount_fen, code, command.due
    )


def _refuse_unpaid(unit: Unit, wanted: Received) -> None:
    """What was never paid, or not through this channel, or for less, is another's payment. All
    chargebacks of it that are not won are no more than it, either; a retrieval takes nothing."""
    sold = unit.load(transaction.stream(wanted.transaction_id))
    transaction.refuse_unpaid(sold)
    before_fen = 0 if wanted.kind == "retrieval" else _charged_before(unit, wanted, sold.charged)
    assert sold.created is not None
    refuse_beyond_paid(sold.created.amount_fen, before_fen, wanted.amount_fen)
    started = unit.load(payment.stream(sold.payment_no)).started
    channels = sorted({one.channel for one in started.legs if one.channel} if started else ())
    if wanted.channel not in channels:
        by = ", ".join(channels) or "the wallet alone"
        raise Refused(Code.REQUEST_INVALID, "channel", f"it was paid through {by}")


def _charged_before(unit: Unit, wanted: Received, charged: Charged) -> int:
    """Older facts of a reservation after release do not say whose it is: its chargeback does."""
    before_fen = charged.whole_fen
    for by in charged.unsaid:
        received = unit.load(chargeback.stream(by)).received
        if received is not None and received.transaction_id == wanted.transaction_id:
            before_fen += received.amount_fen
    return before_fen


def _take(unit: Unit, stream: "Stream[State]", wanted: Received) -> None:
    """Hold its money: what is in escrow or, after release, what the merchant has, and a debt. What
    was refunded before is out of escrow already."""
    sold_by = transaction.stream(wanted.transaction_id)
    sold, merchant = unit.load(sold_by), wanted.merchant
    reserved_fen = min(wanted.amount_fen, max(sold.refundable_fen, 0))
    escrow_fen = 0 if sold.released else reserved_fen
    taken = _shares(unit, merchant, wanted.amount_fen - escrow_fen, escrow_fen)
    entry = rules.charged_back(
        unit.accounting_date,
        wanted.channel,
        merchant,
        escrow_fen=taken.escrow_fen,
        pending_fen=taken.pending_fen,
        available_fen=taken.available_fen,
        advanced_fen=taken.debt_fen,
    )
    named, whole_fen = chargeback.id_of(stream), wanted.amount_fen
    unit.record(sold_by, transaction.reserve_charged_back(named, reserved_fen, whole_fen))
    facts = chargeback.receive(unit.load(stream), wanted, reserved_fen, taken, entry)
    unit.record(stream, facts)
    topped_up(unit, stream, taken.debt_fen)
    if taken.available_fen:
        taken_from_available(unit, merchant, stream, taken.available_fen)
    _collect(unit, stream, merchant, taken, -1)


def _shares(unit: Unit, merchant: str, owed_fen: int, escrow_fen: int) -> Shares:
    """Who bears what is not in escrow: what is not yet due first, then what is available."""
    pending = unit.load(account.stream(account_id(MERCHANT_PENDING, merchant)))
    available = unit.load(account.stream(account_id(MERCHANT_AVAILABLE, merchant)))
    batch_id, on = _batch(unit, merchant) if owed_fen else ("", None)
    pending_fen = min(owed_fen, max(pending.available_fen, 0)) if batch_id else 0
    available_fen = min(owed_fen - pending_fen, max(available.available_fen, 0))
    debt_fen = owed_fen - pending_fen - available_fen
    return Shares(escrow_fen, pending_fen, available_fen, debt_fen, batch_id, on)


def _give_back(unit: Unit, stream: "Stream[State]", reason: str) -> None:
    """The same set reversed, debt first. What was in escrow is there again, unless the rest of the
    transaction was released since: then it is available."""
    received = chargeback.needed(unit.load(stream))
    taken, merchant = received.taken or Shares(), received.merchant
    sold_by = transaction.stream(received.transaction_id)
    named = chargeback.id_of(stream)
    if received.reserved_fen or unit.load(sold_by).charged.has(named):
        unit.record(sold_by, transaction.end_reservation(named, received.reserved_fen))
    escrow_fen = 0 if unit.load(sold_by).released else taken.escrow_fen
    left_fen = received.amount_fen - escrow_fen
    recovered_fen = recovered_of(unit, merchant, left_fen)
    left_fen -= recovered_fen
    batch_id, on = _batch(unit, merchant) if taken.batch else ("", None)
    pending_fen = min(taken.pending_fen, left_fen) if batch_id else 0
    available_fen = left_fen - pending_fen
    given = Shares(escrow_fen, pending_fen, available_fen, recovered_fen, batch_id, on)
    entry = rules.won_back(
        unit.accounting_date,
        received.channel,
        merchant,
        escrow_fen=escrow_fen,
        pending_fen=pending_fen,
        available_fen=available_fen,
        recovered_fen=recovered_fen,
    )
    unit.record(stream, chargeback.win(unit.load(stream), unit.actor, reason, given, entry))
    topped_up(unit, stream, -recovered_fen)
    make_payable(unit, merchant, stream, available_fen)
    _collect(unit, stream, merchant, given, 1)


def _gone(unit: Unit, stream: "Stream[State]") -> None:
    """The payer has it for good: of its transaction so much is refunded."""
    received = chargeback.needed(unit.load(stream))
    if received.reserved_fen:
        sold_by = transaction.stream(received.transaction_id)
        named, whole_fen = chargeback.id_of(stream), received.amount_fen
        facts = transaction.lose_charged_back(named, received.reserved_fen, whole_fen)
        unit.record(sold_by, facts)


def _batch(unit: Unit, merchant: str) -> tuple[str, date | None]:
    """What collects it now; "" where the merchant has no terms to be settled by."""
    if split.terms_now(unit, merchant) is None:
        return "", None
    on = split.clearing_date(unit, merchant)
    return split.batch_for(unit, merchant, on), on


def _collect(unit: Unit, stream: "Stream[State]", merchant: str, shares: Shares, sign: int) -> None:
    """The batch counts what is taken out of its merchant's money, or given back."""
    if not shares.batch or not shares.released_fen:
        return
    collected_by = batch.stream(shares.batch)
    if not unit.version(collected_by):
        open_batch(unit, collected_by, merchant, split.date_of_batch(shares.batch))
    sums = batch.Sums(0, 0, -sign * shares.released_fen, sign * shares.pending_fen)
    item = f"{stream}#{unit.version(stream)}"
    unit.record(collected_by, batch.collect(unit.load(collected_by), item, sums))


def _named(chargeback_id: str) -> str:
    return checked_number(chargeback_id, "chargeback")


def _answer(unit: Unit, named: str) -> dict[str, object]:
    state = unit.load(chargeback.stream(named))
    answer: dict[str, object] = {"chargeback": named, "state": state.status}
    if state.off is not None:
        answer["met_by"] = state.off.difference
    if state.back is not None:
        answer["returned_by"] = state.back.difference
    return answer
