"""Commands of the transaction core: confirm receipt, refund, approve or reject a refund; and what a
refund's outcome does."""

from typing import Literal

from domain.accounting.open_items import suspense_of
from domain.accounting.rules import refund as refund_rules
from domain.channel.channels import PAYOUT_CHANNEL
from domain.fields import checked_number, checked_reason
from domain.kernel import Command, Stream, Unit, shanghai_date
from domain.money import MAX_TAKEN_FEN, fen
from domain.payment import instruction, payment
from domain.payment.asked import Details
from domain.payment.commands import issue, late_fen, payment_parts
from domain.payment.instruction import Answered, Declined, Outcome, Succeeded, Unknown
from domain.payment.outcomes import refund_kept
from domain.payment.plan import Share, carrier, place_of
from domain.payment.spent import give_back
from domain.transaction import refund, transaction
from domain.transaction.advance import above_limit


class ConfirmReceipt(Command, frozen=True):
    """By the buyer at any time after payment, by the timer when its time has come."""

    transaction_id: str
    by: Literal["buyer", "timer"]


class RefundTransaction(Command, frozen=True):
    refund_no: str
    transaction_id: str
    amount_fen: int


class ApproveRefund(Command, frozen=True):
    """By another one than who asked for it."""

    refund_no: str


class RejectRefund(Command, frozen=True):
    """By another one than who asked for it. Final; the amount may be refunded by another refund."""

    refund_no: str
    reason: str


def confirm_receipt(unit: Unit, command: ConfirmReceipt) -> dict[str, object]:
    stream = transaction.stream(command.transaction_id)
    facts = transaction.complete(unit.load(stream), command.by, unit.at_us)
    unit.record(stream, facts)
    return {"transaction_id": command.transaction_id, "completed_now": bool(facts)}


def refund_transaction(unit: Unit, command: RefundTransaction) -> dict[str, object]:
    """Accept a refund and send it out: transaction guards the sum, the instruction pays the buyer.
    One that would bring the merchant's debt above its limit waits for an approval instead.

    Raises what `transaction.refuse_refund` raises, REFUND_TOO_LATE, REFUND_EXISTS, AMOUNT_INVALID.
    """
    refund_no = checked_number(command.refund_no, "refund_no")
    amount_fen = fen(command.amount_fen, "amount_fen", most=MAX_TAKEN_FEN)
    refund_stream, stream = refund.stream(refund_no), transaction.stream(command.transaction_id)
    asked = unit.load(refund_stream)
    if refund.is_repeat(asked, command.transaction_id, amount_fen):
        return _answer(refund_no, asked)
    state = unit.load(stream)
    stage = transaction.refuse_refund(state, amount_fen)
    transaction.refuse_late(state, shanghai_date(unit.asked_at_us))
    sold, entry = state.created, None
    assert sold is not None
    parts = transaction.refund_parts(state, amount_fen)
    if stage == "escrow":
        on = unit.accounting_date
        entry = refund_rules.refund_from_escrow(on, sold.merchant, amount_fen)
    elif excess := above_limit(unit, state, amount_fen):
        unit.record(stream, transaction.reserve_refund(state, refund_no, amount_fen))
        waiting = refund.ask(
            asked,
            command.transaction_id,
            sold.buyer,
            carrier(parts),
            amount_fen,
            debt_fen=excess.debt_fen,
            limit_fen=excess.limit_fen,
            maker=unit.actor,
        )
        unit.record(refund_stream, waiting)
        return _answer(refund_no, unit.load(refund_stream))
    unit.record(stream, transaction.accept_refund(state, refund_no, amount_fen, entry))
    requested = refund.request(asked, command.transaction_id, sold.buyer, amount_fen, parts)
    unit.record(refund_stream, requested)
    _give_back(unit, refund_no)
    return _answer(refund_no, unit.load(refund_stream))


def _give_back(unit: Unit, refund_no: str) -> None:
    """Instruct the channels of a refund's parts; what the wallet paid is in it again at once."""
    stream = refund.stream(refund_no)
    wanted = refund.needed(unit.load(stream), stream)
    parts = wanted.parts
    sold = unit.load(transaction.stream(wanted.transaction_id))
    paid_by = unit.load(payment.stream(sold.payment_no))
    for place, part in enumerate(parts):
        if part.kind == "channel":
            instruction_id = refund.instruction_id(refund_no, place, len(parts))
            amount_fen = part.amount_fen
            told, to = _of(unit, paid_by, sold, wanted.transaction_id, part), wanted.buyer
            issue(unit, instruction_id, "refund", stream, part.channel, amount_fen, to, **told)
            continue
        back = "refunded to the wallet"
        give_back(unit, "payment", sold.payment_no, part.amount_fen, back)
        kept_at = next((one.channel for one in parts if one.channel), PAYOUT_CHANNEL)
        entry = refund_kept(unit, kept_at, wanted.buyer, part.amount_fen)
        if suspense_of(entry):
            facts = refund.fail(unit.load(stream), place, "the wallet is closed", entry)
        else:
            facts = refund.succeed(unit.load(stream), place, entry)
        unit.record(stream, facts)


def _of(
    unit: Unit,
    paid_by: payment.State,
    sold: transaction.State,
    transaction_id: str,
    part: Share,
) -> Details:
    """What a refund's instruction says of the payment it is of."""
    assert sold.created is not None
    details = Details(product="REFUND", merchant=sold.created.merchant)
    if paid_by.started is not None:  # Nothing is refunded that was not paid.
        leg = paid_by.started.legs[part.leg]
        original = payment.asks(paid_by, sold.payment_no, part.leg)
        details["code"], details["original"] = leg.code, original
        if payment_parts(unit, leg, original):
            details["part"] = transaction_id
        details["original_fen"] = late_fen(unit, original, details.get("part", ""))
    return details


def _answer(refund_no: str, state: refund.State) -> dict[str, object]:
    """A refund that is on its way has an instruction; one that is not says so."""
    if state.status == "requested":
        return {"refund_no": refund_no, "state": "requested"}
    if state.status == "rejected":
        return {"refund_no": refund_no, "state": "rejected", "reason": state.rejected}
    parts = state.requested.parts if state.requested else ()
    ids = refund.instruction_ids(refund_no, parts)
    if len(parts) == 1 and ids:
        return {"refund_no": refund_no, "instruction_id": ids[0]}
    return {"refund_no": refund_no, "instruction_ids": ids}


def approve_refund(unit: Unit, command: ApproveRefund) -> dict[str, object]:
    """Send a refund out that waited: it is decided anew, by the books as they stand now.

    Raises what `refund.approve` raises, and what posting raises (ACCOUNT_CLOSED, ACCOUNT_FROZEN …):
    the refund waits on then.
    """
    refund_no = checked_number(command.refund_no, "refund_no")
    refund_stream = refund.stream(refund_no)
    state = unit.load(refund_stream)
    asked = state.asked
    stream = transaction.stream(asked.transaction_id if asked else "")

    def parts() -> tuple[Share, ...]:
        assert asked is not None
        return transaction.refund_parts(unit.load(stream), asked.amount_fen)

    facts = refund.approve(state, unit.actor, parts)
    if facts:
        assert asked is not None
        amount_fen = asked.amount_fen
        unit.record(stream, transaction.end_reservation(refund_no, amount_fen))
        accepted = transaction.accept_refund(unit.load(stream), refund_no, amount_fen, None)
        unit.record(stream, accepted)
        unit.record(refund_stream, facts)
        _give_back(unit, refund_no)
    return _answer(refund_no, unit.load(refund_stream))


def reject_refund(unit: Unit, command: RejectRefund) -> dict[str, object]:
    """Turn a refund down that waits. Raises what `refund.reject` raises."""
    refund_no = checked_number(command.refund_no, "refund_no")
    reason = checked_reason(command.reason)
    refund_stream = refund.stream(refund_no)
    state = unit.load(refund_stream)
    facts = refund.reject(state, reason, unit.actor)
    if facts:
        asked = state.asked
        assert asked is not None
        stream = transaction.stream(asked.transaction_id)
        unit.record(stream, transaction.end_reservation(refund_no, asked.amount_fen))
        unit.record(refund_stream, facts)
    return _answer(refund_no, unit.load(refund_stream))


def refund_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel paid the buyer back."""
    stream, asked = _refund(outcome), outcome.asked
    state = unit.load(stream)
    refund.needed(state, stream)
    entry = refund_rules.refund_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
    unit.record(stream, refund.succeed(state, place_of(outcome.instruction_id), entry))
    _known_again(unit, stream)


def refund_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel could not pay the buyer back: the money is kept for the buyer."""
    stream, asked = _refund(outcome), outcome.asked
    state = unit.load(stream)
    wanted, place = refund.needed(state, stream), place_of(outcome.instruction_id)
    entry = refund_kept(unit, asked.channel, wanted.buyer, asked.amount_fen)
    unit.record(stream, refund.fail(state, place, outcome.fact.reason, entry))
    _known_again(unit, stream)


def refund_unknown(unit: Unit, outcome: Outcome[Unknown]) -> None:
    """Nobody can say yet: unknown is a state, never a guess."""
    stream = _refund(outcome)
    state = unit.load(stream)
    refund.needed(state, stream)
    unit.record(stream, refund.become_unknown(state, outcome.fact.reason))


def refund_known(unit: Unit, outcome: Outcome[Answered]) -> None:
    """A channel that could not say works on it: so the refund goes on."""
    _known_again(unit, _refund(outcome))


def _known_again(unit: Unit, stream: "Stream[refund.State]") -> None:
    """A refund is unknown as long as one of its parts is."""
    state = unit.load(stream)
    if state.status != "unknown":
        return
    refund_no, parts = refund.number_of(stream), len(state.waits)
    for part in range(parts):
        wanted = instruction.stream(refund.instruction_id(refund_no, part, parts))
        if refund.is_under_way(state, part) and unit.load(wanted).status == "unknown":
            return
    unit.record(stream, refund.become_known(state))


def _refund(outcome: Outcome[Succeeded | Declined | Unknown | Answered]) -> "Stream[refund.State]":
    return Stream(outcome.asked.reference)
