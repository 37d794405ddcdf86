"""Recharges (充值): a person's money comes through a channel into the wallet."""

from domain.accounting import account
from domain.accounting.chart import WALLET, account_id
from domain.accounting.commands import refuse_unbookable
from domain.fields import checked_member_id, checked_number
from domain.kernel import Unit
from domain.member import member
from domain.money import fen
from domain.payment import payment, protocol
from domain.payment.asked import Destination
from domain.payment.commands import RechargeWallet, expiry_us, planned, start_payment
from domain.refusals import Code, Refused


def recharge_wallet(unit: Unit, command: RechargeWallet) -> dict[str, object]:
    """Raises what `recharge` raises."""
    return recharge(unit, command, None)


def recharge(unit: Unit, command: RechargeWallet, by: Destination | None) -> dict[str, object]:
    """`by`: the bound card it is charged to, where that is known.

    Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, METHOD_UNKNOWN, AMOUNT_*, PAYMENT_EXISTS, and
    what crediting the wallet would: money that could not be booked is not asked for.
    """
    payment_no = checked_number(command.payment_no, "payment_no")
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    if owner.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    amount_fen = fen(command.amount_fen, "amount_fen")
    product = protocol.PRODUCTS["RECHARGE"]
    legs = planned(unit, product, command.method, (), amount_fen)
    if not unit.version(payment.stream(payment_no)):
        refuse_unbookable(unit, account_id(WALLET, command.member_id), amount_fen)
    wallet = account_id(WALLET, owner.member_id)
    (instruction_id,) = start_payment(
        unit,
        payment_no,
        "recharge",
        owner.member_id,
        owner.member_id,
        amount_fen,
        legs,
        product=product.code,
        payee=account.stream(wallet),
        by=by,
        expires_us=expiry_us(product, unit.at_us),
    )
    return {"payment_no": payment_no, "instruction_id": instruction_id}
