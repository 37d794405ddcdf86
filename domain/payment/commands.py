"""Commands of the payment core: the channel's answers, wallet recharges, internal transfers.

An order is paid through `order/commands.py`, which starts the payment here. What follows from a
channel's answer is in `outcomes.py`.
"""

from typing import Unpack

from domain.accounting.chart import WALLET, account_id
from domain.accounting.commands import refuse_unbookable
from domain.accounting.rules.transfer import internal_transfer
from domain.channel.commands import usable_channel
from domain.channel.port import Declined, Purpose, Result, Succeeded, Unknown
from domain.fields import checked_member_id, checked_number, checked_text
from domain.kernel import Command, Unit
from domain.member import member
from domain.money import fen
from domain.payment import instruction, payment, transfer
from domain.payment.asked import Details
from domain.refusals import Code, Refused

# An instruction's id: `pay-`, `back-`, `refund-` or `payout-`, and a number of up to 64 characters.
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
    **more: Unpack[Details],
) -> None:
    """Commit to asking a channel; whoever reads the log carries it out."""
    stream = instruction.stream(instruction_id)
    asked = (purpose, reference, channel, amount_fen, party)
    unit.record(stream, instruction.issue(unit.load(stream), *asked, **more))


def start_payment(
    unit: Unit,
    payment_no: str,
    purpose: payment.Purpose,
    reference: str,
    payer: str,
    channel: str,
    amount_fen: int,
) -> str:
    """Start a payment and issue its instruction, whose id is returned; for orders and recharges."""
    stream, wanted = payment.stream(payment_no), payment.instruction_id(payment_no)
    facts = payment.start(unit.load(stream), purpose, reference, payer, channel, amount_fen)
    unit.record(stream, facts)
    if facts:
        issue(unit, wanted, "payment", stream, channel, amount_fen, payer)
    return wanted


def recharge_wallet(unit: Unit, command: RechargeWallet) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, METHOD_UNKNOWN, AMOUNT_*, PAYMENT_EXISTS, and
    what crediting the wallet would: money that could not be booked is not asked for."""
    payment_no = checked_number(command.payment_no, "payment_no")
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    if owner.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    channel = usable_channel(unit, command.method)
    amount_fen = fen(command.amount_fen, "amount_fen")
    if not unit.version(payment.stream(payment_no)):
        refuse_unbookable(unit, account_id(WALLET, command.member_id), amount_fen)
    instruction_id = start_payment(
        unit, payment_no, "recharge", owner.member_id, owner.member_id, channel.name, amount_fen
    )
    return {"payment_no": payment_no, "instruction_id": instruction_id}


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
