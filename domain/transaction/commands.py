"""Commands of the transaction core: confirm receipt, refund."""

from typing import Literal

from domain.accounting.rules import refund as refund_rules
from domain.fields import checked_number
from domain.kernel import Command, Reaction, Unit, category, key
from domain.money import fen
from domain.payment import instruction
from domain.payment.commands import issue, refund_kept
from domain.refusals import Code, Refused
from domain.transaction import refund, transaction


class ConfirmReceipt(Command, frozen=True):
    """By the buyer at any time after payment, by the timer when its time has come."""

    transaction_id: str
    by: Literal["buyer", "timer"]


class RefundTransaction(Command, frozen=True):
    refund_no: str
    transaction_id: str
    amount_fen: int


def confirm_receipt(unit: Unit, command: ConfirmReceipt) -> dict[str, object]:
    stream = transaction.stream(command.transaction_id)
    facts = transaction.complete(unit.load(stream), command.by, unit.at_us)
    unit.record(stream, facts)
    return {"transaction_id": command.transaction_id, "completed_now": bool(facts)}


def refund_transaction(unit: Unit, command: RefundTransaction) -> dict[str, object]:
    """Accept a refund and send it out: transaction guards the sum, the instruction pays the buyer.

    Raises what `transaction.refuse_refund` raises, REFUND_EXISTS, AMOUNT_INVALID.
    """
    refund_no = checked_number(command.refund_no, "refund_no")
    amount_fen = fen(command.amount_fen, "amount_fen")
    answer: dict[str, object] = {
        "refund_no": refund_no,
        "instruction_id": f"refund-{refund_no}",
    }
    refund_stream = refund.stream(refund_no)
    if refund.is_repeat(unit.load(refund_stream), command.transaction_id, amount_fen):
        return answer
    stream = transaction.stream(command.transaction_id)
    state = unit.load(stream)
    stage = transaction.refuse_refund(state, amount_fen)
    sold = state.created
    entry = None
    if stage == "escrow":
        on = unit.accounting_date
        entry = refund_rules.refund_from_escrow(on, sold.merchant, amount_fen)
    unit.record(stream, [transaction.RefundAccepted(refund_no, amount_fen, stage, entry)])
    requested = refund.Requested(command.transaction_id, sold.buyer, state.channel, amount_fen)
    unit.record(refund_stream, [requested])
    issue(
        unit,
        f"refund-{refund_no}",
        "refund",
        refund_stream,
        state.channel,
        amount_fen,
        sold.buyer,
    )
    return answer


def refund_follows_instruction(unit: Unit, reaction: Reaction) -> None:
    """The instruction of a refund has an outcome: so has the refund."""
    state = unit.load(reaction.stream)
    if state.purpose != "refund" or category(state.reference) != "refund":
        return  # Not a refund's, or that of a payment which is sent back.
    stream = state.reference
    current: refund.State = unit.load(stream)
    if current.requested is None:
        raise Refused(Code.REFUND_NOT_FOUND, "refund_no", key(stream))
    wanted, fact = current.requested, reaction.fact
    if isinstance(fact, instruction.Unknown):
        unit.record(stream, refund.become_unknown(current, fact.reason))
        return
    if isinstance(fact, instruction.Succeeded):
        on = unit.accounting_date
        entry = refund_rules.refund_succeeded(on, wanted.channel, wanted.amount_fen)
        unit.record(stream, refund.succeed(current, entry))
    else:
        entry = refund_kept(unit, wanted.channel, wanted.buyer, wanted.amount_fen)
        unit.record(stream, refund.fail(current, fact.reason, entry))
