"""Commands of the payment core: the channel's answers, wallet recharges, internal transfers.

An order is paid through `order/commands.py`, which starts the payment here.
"""

from domain.accounting.chart import WALLET, account_id
from domain.accounting.commands import is_closed, refuse_unbookable
from domain.accounting.rules.purchase import payment_to_send_back
from domain.accounting.rules.purchase import recharge as recharge_entry
from domain.accounting.rules.refund import (
    refund_succeeded,
    refund_to_suspense,
    refund_to_wallet,
)
from domain.accounting.rules.transfer import internal_transfer
from domain.channel.port import Declined, Purpose, Result, Succeeded, Unknown
from domain.channel.routing import channel_for
from domain.fields import checked_member_id, checked_number, checked_text
from domain.kernel import Command, Entry, Reaction, Unit, category, key
from domain.member import member
from domain.money import fen
from domain.payment import instruction, payment, transfer
from domain.refusals import Code, Refused

# An instruction's id: a number of up to 64 characters behind `pay-`, `back-`, `refund-`, `payout-`.
LONGEST_ID = 80


class RecordOutcome(Command, frozen=True):
    """What the channel answered to an instruction: exactly one of the three is given."""

    instruction_id: str
    succeeded: str | None = None
    declined: str | None = None
    unknown: str | None = None


class RechargeWallet(Command, frozen=True):
    payment_no: str
    member_id: str
    method: str
    amount_fen: int


class TransferMoney(Command, frozen=True):
    transfer_no: str
    payer: str
    payee: str
    amount_fen: int


def outcome_command(instruction_id: str, result: Result) -> RecordOutcome:
    """The command that records a channel's answer."""
    if isinstance(result, Succeeded):
        return RecordOutcome(instruction_id, succeeded=result.serial)
    if isinstance(result, Unknown):
        return RecordOutcome(instruction_id, unknown=result.reason)
    return RecordOutcome(instruction_id, declined=result.reason)


def result_of(command: RecordOutcome) -> Result:
    given = [
        kind(checked_text(value, name))
        for name, kind, value in (
            ("succeeded", Succeeded, command.succeeded),
            ("declined", Declined, command.declined),
            ("unknown", Unknown, command.unknown),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise Refused(Code.REQUEST_INVALID, "outcome", "exactly one of three must be given")
    result: Result = given[0]
    return result


def record_outcome(unit: Unit, command: RecordOutcome) -> dict[str, object]:
    instruction_id = checked_number(command.instruction_id, "instruction_id", longest=LONGEST_ID)
    stream = instruction.stream(instruction_id)
    unit.record(stream, instruction.conclude(unit.load(stream), result_of(command)))
    return {"instruction_id": command.instruction_id, "status": unit.load(stream).status}


def issue(
    unit: Unit,
    instruction_id: str,
    purpose: Purpose,
    reference: str,
    channel: str,
    amount_fen: int,
    party: str,
) -> None:
    """Commit to asking a channel; a worker that reads the log carries it out."""
    stream = instruction.stream(instruction_id)
    wanted = instruction.Issued(purpose, reference, channel, amount_fen, party)
    unit.record(stream, instruction.issue(unit.load(stream), wanted))


def start_payment(unit: Unit, payment_no: str, started: payment.Started) -> None:
    """Start a payment and issue its instruction; used by orders and recharges."""
    stream = payment.stream(payment_no)
    facts = payment.start(unit.load(stream), started)
    unit.record(stream, facts)
    if facts:
        issue(
            unit,
            f"pay-{payment_no}",
            "payment",
            stream,
            started.channel,
            started.amount_fen,
            started.payer,
        )


def recharge_wallet(unit: Unit, command: RechargeWallet) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, METHOD_UNKNOWN, AMOUNT_*, PAYMENT_EXISTS, and
    what crediting the wallet would: money that could not be booked is not asked for."""
    payment_no = checked_number(command.payment_no, "payment_no")
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    if owner.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    channel = channel_for(command.method)
    amount_fen = fen(command.amount_fen, "amount_fen")
    if not unit.version(payment.stream(payment_no)):
        refuse_unbookable(unit, account_id(WALLET, command.member_id), amount_fen)
    started = payment.Started(
        "recharge", command.member_id, command.member_id, channel.name, amount_fen
    )
    start_payment(unit, payment_no, started)
    return {"payment_no": payment_no, "instruction_id": f"pay-{payment_no}"}


def transfer_money(unit: Unit, command: TransferMoney) -> dict[str, object]:
    transfer_no = checked_number(command.transfer_no, "transfer_no")
    payer = checked_member_id(command.payer, "payer")
    payee = checked_member_id(command.payee, "payee")
    if payer == payee:
        raise Refused(Code.REQUEST_INVALID, "payee", "payer and payee are the same member")
    amount_fen = fen(command.amount_fen, "amount_fen")
    stream = transfer.stream(transfer_no)
    entry = internal_transfer(unit.accounting_date, payer, payee, amount_fen)
    unit.record(stream, transfer.transfer(unit.load(stream), payer, payee, amount_fen, entry))
    return {"transfer_no": transfer_no}


def payment_follows_instruction(unit: Unit, reaction: Reaction) -> None:
    """The instruction of a payment has an outcome: so has the payment."""
    state = unit.load(reaction.stream)
    if state.purpose != "payment":
        return
    stream = state.reference
    current = unit.load(stream)
    fact = reaction.fact
    if isinstance(fact, instruction.Succeeded):
        unit.record(stream, payment.succeed(current))
    elif isinstance(fact, instruction.Declined):
        unit.record(stream, payment.decline(current, fact.reason))
    else:
        unit.record(stream, payment.become_unknown(current, fact.reason))


def credit_recharged_wallet(unit: Unit, reaction: Reaction) -> None:
    """A recharge succeeded: the wallet gets the money, or the payer, if it was closed meanwhile."""
    fact: payment.Succeeded = reaction.fact
    if fact.purpose != "recharge":
        return
    wallet = account_id(WALLET, fact.reference)
    if is_closed(unit, wallet):
        send_back(unit, reaction.stream, f"{wallet} is closed")
        return
    entry = recharge_entry(unit.accounting_date, fact.channel, fact.reference, fact.amount_fen)
    recharged = payment.WalletRecharged(fact.reference, fact.amount_fen, entry)
    unit.record(reaction.stream, [recharged])


def send_back(unit: Unit, stream: str, reason: str) -> None:
    """A payment succeeded and nothing can take the money: the whole of it goes back as it came."""
    state: payment.State = unit.load(stream)
    assert state.started is not None
    channel, amount_fen = state.started.channel, state.started.amount_fen
    entry = payment_to_send_back(unit.accounting_date, channel, amount_fen)
    facts = payment.send_back(state, reason, entry)
    unit.record(stream, facts)
    if facts:
        wanted = f"back-{key(stream)}"
        issue(unit, wanted, "refund", stream, channel, amount_fen, state.started.payer)


def send_back_follows_instruction(unit: Unit, reaction: Reaction) -> None:
    """The channel took a payment back, or did not. Not knowing changes nothing."""
    asked: instruction.State = unit.load(reaction.stream)
    stream = asked.reference
    if asked.purpose != "refund" or category(stream) != "payment":
        return
    state: payment.State = unit.load(stream)
    if isinstance(reaction.fact, instruction.Succeeded):
        entry = refund_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
        unit.record(stream, payment.complete_send_back(state, entry))
    else:
        entry = refund_kept(unit, asked.channel, asked.party, asked.amount_fen)
        unit.record(stream, payment.fail_send_back(state, reaction.fact.reason, entry))


def refund_kept(unit: Unit, channel: str, buyer: str, amount_fen: int) -> Entry:
    """The entry for money that a channel could not give back: the buyer's wallet has it or, closed
    as that is, the suspense account. An outcome is never refused for want of a place."""
    on = unit.accounting_date
    if is_closed(unit, account_id(WALLET, buyer)):
        return refund_to_suspense(on, channel, amount_fen)
    return refund_to_wallet(on, buyer, amount_fen)
