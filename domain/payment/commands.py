"""Commands of the payment core: the channel's answers, wallet recharges, internal transfers.

An order is paid through `order/commands.py`, which starts the payment here. What follows from a
channel's answer is in `outcomes.py`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Unpack

from msgspec import Struct

from domain.accounting import account, reversal
from domain.accounting.chart import PAYMENT_IN_TRANSIT, WALLET, account_id
from domain.accounting.commands import open_accounts
from domain.accounting.rules.composite import recharge_to_send_back
from domain.accounting.rules.transfer import internal_transfer
from domain.channel.port import Declined, Purpose, Result, Succeeded, Unknown
from domain.fields import checked_member_id, checked_number, checked_reason, checked_text
from domain.kernel import Command, Stream, Unit
from domain.money import fen
from domain.payment import combined, contradiction, instruction, payment, protocol, routes, transfer
from domain.payment.asked import Details, told_of
from domain.payment.combined import Sold
from domain.payment.plan import Leg
from domain.payment.proof import Out, Proof
from domain.payment.signed import known_as
from domain.payment.spent import spend
from domain.payment.tried import Told
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


class LegAsked(Struct, frozen=True):
    """One source of a payment: `method` is a payment code, the amount in fen."""

    method: str
    amount_fen: int


class SendBackRecharge(Command, frozen=True):
    """Undo a recharge: the whole of it goes back through its channel."""

    payment_no: str
    reason: str


class TransferMoney(Command, frozen=True, omit_defaults=True):
    """`proof`: how the payer agreed; `static`: by reading a code that does not change."""

    transfer_no: str
    payer: str
    payee: str
    amount_fen: int
    proof: Proof | None = None
    static: bool = False


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
    """Raises INSTRUCTION_NOT_FOUND, INSTRUCTION_ALREADY_ENDED. What a person says of money that a
    channel over a network was to pay is no proof: the channel is asked. So it is about a success
    under another serial than the first, which is a contradiction."""
    instruction_id = checked_number(command.instruction_id, "instruction_id", longest=LONGEST_ID)
    stream = instruction.stream(instruction_id)
    before, result = unit.load(stream), result_of(command)
    facts = instruction.conclude(before, result)
    unit.record(stream, facts)
    after, against = unit.load(stream), False
    if not facts and isinstance(result, Succeeded):
        against = _contradicts(unit, instruction_id, before, result.serial)
    doubtful = against or (facts and after.purpose != "payment")
    if doubtful and after.tried.attempt and after.status not in instruction.OPEN:
        unit.record(stream, instruction.ask(after, unit.at_us))
    return {"instruction_id": command.instruction_id, "status": unit.load(stream).status}


def _contradicts(unit: Unit, instruction_id: str, before: instruction.State, serial: str) -> bool:
    """Whether a success is another one than is on record, and none that was told before."""
    beside = contradiction.stream(instruction_id)
    told = Told(at_us=unit.at_us)
    facts = contradiction.told_by_a_person(unit.load(beside), before, serial, told)
    unit.record(beside, facts)
    return bool(facts)


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


def refuse_methods(method: str, asked: Sequence[LegAsked]) -> None:
    """What is wrong with the methods of a purchase whatever the books say: REQUEST_INVALID,
    METHOD_UNKNOWN."""
    product = protocol.PRODUCTS["ESCROW_PURCHASE"]
    if bool(method) == bool(asked):
        raise Refused(Code.REQUEST_INVALID, "method", "a method, or legs: one of them")
    for place, leg in enumerate(asked):
        protocol.payment_code(product, leg.method, f"legs[{place}].method")
    if method:
        protocol.payment_code(product, method)


def planned(
    unit: Unit, product: protocol.Product, method: str, asked: Sequence[LegAsked], amount_fen: int
) -> tuple[Leg, ...]:
    """The legs of a payment: one for a `method`, or those that are `asked` for.

    Raises REQUEST_INVALID, METHOD_UNKNOWN, AMOUNT_*, LEGS_INVALID, CHANNEL_NOT_REGISTERED,
    CHANNEL_UNAVAILABLE.
    """
    protocol.refuse_amount(product, amount_fen, "amount_fen")
    if not asked:
        return (_leg(unit, product, method, amount_fen, ""),)
    if len(asked) > product.most_legs:
        detail = f"{product.code} has at most {product.most_legs} legs, {len(asked)} were given"
        raise Refused(Code.LEGS_INVALID, "legs", detail)
    if len({leg.method for leg in asked}) != len(asked):
        raise Refused(Code.LEGS_INVALID, "legs", "a method stands in two legs")
    legs = tuple(
        _leg(unit, product, leg.method, fen(leg.amount_fen, f"{where}amount_fen"), where)
        for leg, where in ((leg, f"legs[{place}].") for place, leg in enumerate(asked))
    )
    total_fen = sum(leg.amount_fen for leg in legs)
    if total_fen != amount_fen:
        detail = f"they come to {total_fen} fen, {amount_fen} fen are to be paid"
        raise Refused(Code.LEGS_INVALID, "legs", detail)
    return legs


def _leg(unit: Unit, product: protocol.Product, method: str, amount_fen: int, where: str) -> Leg:
    code = protocol.payment_code(product, method, f"{where}method")
    protocol.refuse_amount(code, amount_fen, f"{where}amount_fen")
    channel = ""
    if code.channels:
        channel = routes.channel_for(unit, code, amount_fen, f"{where}method")
    return Leg(code.kind, code.code, channel, amount_fen)


def expiry_us(product: protocol.Product, at_us: int) -> int | None:
    """Until when a payer may act (UTC µs), None for no end."""
    return None if product.expiry_us is None else at_us + product.expiry_us


def start_payment(
    unit: Unit,
    payment_no: str,
    purpose: payment.Purpose,
    reference: str,
    payer: str,
    amount_fen: int,
    legs: tuple[Leg, ...],
    sold: Sequence[Sold] = (),
    **more: Unpack[Details],
) -> list[str]:
    """Start a payment: the wallet's leg is held, the channels' are instructed; `more` is told each
    of them. `sold`: the transactions it pays. The ids of its instructions; for orders and
    recharges.

    Raises PAYMENT_EXISTS, and what a hold raises.
    """
    stream = payment.stream(payment_no)
    facts = payment.start(unit.load(stream), purpose, reference, payer, amount_fen, legs)
    unit.record(stream, facts)
    if facts and len(legs) > 1:  # Books that were opened before plans had legs do not have it.
        open_accounts(unit, (PAYMENT_IN_TRANSIT,))
    ids = []
    for place, leg in enumerate(legs):
        if leg.kind == "wallet":
            if facts:
                _hold(unit, payment_no, payer, leg.amount_fen)
            continue
        wanted = payment.asks(unit.load(stream), payment_no, place)
        ids.append(wanted)
        if facts:
            choice = routes.choice_of(unit, leg)
            told: Details = {**told_of(leg.code, more), "code": leg.code, "choice": choice}
            if parts := combined.parts_of(wanted, place, legs, sold):
                told["parts"] = parts
            told = known_as(unit, leg.channel, told)
            issue(unit, wanted, "payment", stream, leg.channel, leg.amount_fen, payer, **told)
    return ids


def _hold(unit: Unit, payment_no: str, payer: str, amount_fen: int) -> None:
    stream = account.stream(account_id(WALLET, payer))
    state = unit.load(stream)
    if state.frozen_out:
        raise Refused(Code.ACCOUNT_FROZEN, "legs", f"{state.account}: out")
    try:
        facts = account.hold(state, _hold_id(payment_no), amount_fen, "a payment's leg")
    except Refused as no:  # Nobody has asked for a hold: it is about a leg.
        raise Refused(no.code, "legs", no.detail) from no
    unit.record(stream, facts)


def release_wallet(unit: Unit, payment_no: str, payer: str, *, taken: bool = False) -> None:
    """Give back what a wallet leg holds, if it does; or it is `taken` next, though money was
    stopped since."""
    stream = account.stream(account_id(WALLET, payer))
    state, held = unit.load(stream), _hold_id(payment_no)
    if any(hold_id == held for hold_id, _ in state.holds):
        let_go = account.take_hold if taken else account.release_hold
        unit.record(stream, let_go(state, held))


def _hold_id(payment_no: str) -> str:
    return f"pay-{payment_no}"


def send_back_recharge(unit: Unit, command: SendBackRecharge) -> dict[str, object]:
    """Undo a recharge (充值退款): its money leaves the wallet now, and goes back through its
    channel; once. What the channel does not take is the wallet's again.

    Raises PAYMENT_NOT_FOUND, PAYMENT_STATE_WRONG, BALANCE_INSUFFICIENT, ACCOUNT_*.
    """
    payment_no = checked_number(command.payment_no, "payment_no")
    reason = checked_reason(command.reason)
    stream = payment.stream(payment_no)
    for version in range(1, unit.version(stream) + 1):  # As operators could, until it had this way.
        if unit.version(reversal.stream(f"{stream}#{version}")):
            raise Refused(Code.PAYMENT_STATE_WRONG, "payment_no", "its entry was reversed")
    on = unit.accounting_date
    facts = _undone(unit.load(stream), reason, on)
    unit.record(stream, facts)
    issue_send_backs(unit, stream, facts)
    return {"payment_no": payment_no, "instruction_id": payment.send_back_id(payment_no)}


def _undone(state: payment.State, reason: str, on: date) -> list[payment.Event]:
    """A recharge goes back whole, out of the wallet. Undoing it again returns []."""
    started = payment.needed(state)
    if started.purpose == "recharge" and state.status in payment.GONE_BACK:
        return []
    if started.purpose != "recharge" or state.status != "succeeded":
        detail = f"it pays for an {started.purpose} and is {state.status}"
        if started.purpose == "recharge":
            detail = f"it is {state.status}"
        raise Refused(Code.PAYMENT_STATE_WRONG, "payment_no", detail)
    payer = started.payer
    return payment.send_back(
        state, reason, lambda leg: recharge_to_send_back(on, payer, leg.amount_fen)
    )


def issue_send_backs(
    unit: Unit, stream: "Stream[payment.State]", facts: Sequence[payment.Event]
) -> None:
    """Instruct the channels of the legs that are to go back."""
    state = unit.load(stream)
    started = state.started
    if started is None:
        return
    payment_no, legs = payment.number_of(stream), started.legs
    for fact in facts:
        if isinstance(fact, payment.SendBackStarted):
            leg, original = legs[fact.leg], payment.asks(state, payment_no, fact.leg)
            whole = (payment.send_back_id(payment_no, fact.leg, len(legs)), "", fact.amount_fen)
            by_part = [
                (payment.send_back_id(payment_no, fact.leg, len(legs), number), *part)
                for number, part in enumerate(payment_parts(unit, leg, original), 1)
            ]
            for wanted, part, amount_fen in by_part or [whole]:
                issue(
                    unit,
                    wanted,
                    "refund",
                    stream,
                    leg.channel,
                    amount_fen,
                    started.payer,
                    code=leg.code,
                    product="REFUND",
                    original=original,
                    original_fen=late_fen(unit, original, part),
                    part=part,
                )


def late_fen(unit: Unit, original: str, part: str) -> int:
    """What a payment moved that succeeded only after its instruction had been declined, or a `part`
    of it: channels want the true total with a refund. 0: its instruction says it."""
    asked = unit.load(instruction.stream(original))
    if asked.status != "declined" or asked.asked is None:
        return 0
    numbers = {one.transaction: one.number for one in asked.asked.parts}
    beside = unit.load(contradiction.stream(original))
    return contradiction.moved_late(beside, numbers.get(part, ""))


def payment_parts(unit: Unit, leg: Leg, instruction_id: str) -> list[Sold]:
    """The transactions of a combined order, [] of one that is none: it goes back by these."""
    if leg.channel not in protocol.COMBINES:
        return []
    asked = unit.load(instruction.stream(instruction_id)).asked
    return [Sold(one.transaction, one.amount_fen) for one in asked.parts] if asked else []


def transfer_money(unit: Unit, command: TransferMoney) -> dict[str, object]:
    transfer_no = checked_number(command.transfer_no, "transfer_no")
    payer = checked_member_id(command.payer, "payer")
    payee = checked_member_id(command.payee, "payee")
    if payer == payee:
        raise Refused(Code.REQUEST_INVALID, "payee", "payer and payee are the same member")
    amount_fen = fen(command.amount_fen, "amount_fen")
    stream = transfer.stream(transfer_no)
    entry = internal_transfer(unit.accounting_date, payer, payee, amount_fen)
    facts = transfer.transfer(unit.load(stream), payer, payee, amount_fen, entry)
    unit.record(stream, facts)
    if facts:
        out = Out("transfer", payer, transfer_no, payee, amount_fen)
        spend(unit, out, command.proof, static=command.static)
    return {"transfer_no": transfer_no}
