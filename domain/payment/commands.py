"""Commands of the payment core: the channel's answers, wallet recharges, internal transfers.

An order is paid through `order/commands.py`, which starts the payment here.
"""

from domain.accounting.rules.purchase import recharge as recharge_entry
from domain.accounting.rules.transfer import internal_transfer
from domain.channel.port import Declined, Purpose, Result, Succeeded, Unknown
from domain.channel.routing import channel_for
from domain.kernel import Command, Reaction, Unit, key, member_id, number, text
from domain.member import member
from domain.money import fen
from domain.payment import instruction, payment, transfer
from domain.refusals import Code, Refused

# An instruction's id is a number of up to 64 characters behind `pay-`, `refund-` or `payout-`.
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
        kind(text(value, name))
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
    instruction_id = number(command.instruction_id, "instruction_id", longest=LONGEST_ID)
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
    payment_no = number(command.payment_no, "payment_no")
    owner = unit.load(member.stream(member_id(command.member_id)))
    if owner.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    channel = channel_for(command.method)
    amount_fen = fen(command.amount_fen, "amount_fen")
    started = payment.Started(
        "recharge", command.member_id, command.member_id, channel.name, amount_fen
    )
    start_payment(unit, payment_no, started)
    return {"payment_no": payment_no, "instruction_id": f"pay-{payment_no}"}


def transfer_money(unit: Unit, command: TransferMoney) -> dict[str, object]:
    transfer_no = number(command.transfer_no, "transfer_no")
    payer = member_id(command.payer, "payer")
    payee = member_id(command.payee, "payee")
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
    """A recharge succeeded: the wallet gets the money."""
    fact: payment.Succeeded = reaction.fact
    if fact.purpose != "recharge":
        return
    entry = recharge_entry(unit.accounting_date, fact.channel, fact.reference, fact.amount_fen)
    recharged = payment.WalletRecharged(fact.reference, fact.amount_fen, entry)
    unit.record(reaction.stream, [recharged])


def payment_no_of(stream: str) -> str:
    """`payment-P1` -> `P1`."""
    return key(stream)
