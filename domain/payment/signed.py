"""What merchants have signed (签约), asked of a payment: may these methods pay them, so much each;
and by which number a channel knows them.

An order of several merchants is paid by one plan: each of them must have signed every method of it,
and limits count for what a leg pays of the merchant's own transaction.
"""

from collections.abc import Sequence
from datetime import date

from msgspec.structs import replace

from domain.kernel import Unit, shanghai_date
from domain.member import agreement, member
from domain.payment import turnover
from domain.payment.asked import Details
from domain.payment.combined import Sold
from domain.payment.plan import Leg, merchant_of, shares
from domain.payment.turnover import Use


def refuse_unsigned(
    unit: Unit, legs: Sequence[Leg], sold: Sequence[Sold], *, by_legs: bool
) -> tuple[Use, ...]:
    """What the payment would use of days' limits. `by_legs`: it was asked for by its legs, not by
    one method.

    Raises Refused(AGREEMENT_MISSING | AGREEMENT_LIMIT) naming the method of the plan that a
    merchant has not signed for today, or not for so much.
    """
    today, uses = shanghai_date(unit.at_us), []
    for one, paid_by in zip(sold, shares(legs, [each.amount_fen for each in sold]), strict=True):
        merchant = merchant_of(one.transaction)
        owner = unit.load(member.stream(merchant))
        signed = unit.load(agreement.stream(merchant))
        for place, leg in enumerate(legs):
            field = f"legs[{place}].method" if by_legs else "method"
            agreed = agreement.need_method(owner, signed, leg.code, today, field)
            amount_fen = sum(share.amount_fen for share in paid_by if share.leg == place)
            if amount_fen:
                used_fen = 0
                if agreed.day_fen is not None:
                    used_fen = unit.load(turnover.stream(merchant)).used_fen(today, leg.code)
                    uses.append(Use(merchant, leg.code, amount_fen))
                agreement.refuse_amount(owner, agreed, amount_fen, field, used_fen)
    return tuple(uses)


def count(unit: Unit, payment_no: str, uses: Sequence[Use]) -> None:
    """A payment is started that uses so much of today."""
    today = shanghai_date(unit.at_us)
    for one in uses:
        unit.record(turnover.stream(one.merchant), turnover.count(payment_no, today, one))


def give_back(unit: Unit, payment_no: str, day: date, uses: Sequence[Use]) -> None:
    """It was declined, and had used so much of a day."""
    for one in uses:
        unit.record(turnover.stream(one.merchant), turnover.give_back(payment_no, day, one))


def known_as(unit: Unit, channel: str, told: Details) -> Details:
    """The same with the numbers by which the channel knows the merchants, where they have any."""
    if parts := told.get("parts"):
        numbered = tuple(
            replace(one, sub_mchid=_number(unit, merchant_of(one.transaction), channel))
            for one in parts
        )
        return {**told, "parts": numbered}
    number = _number(unit, told.get("merchant", ""), channel)
    return {**told, "sub_mchid": number} if number else told


def _number(unit: Unit, merchant: str, channel: str) -> str:
    if not merchant or channel not in agreement.PARTNERED:
        return ""
    owner, signed = unit.load(member.stream(merchant)), unit.load(agreement.stream(merchant))
    terms = agreement.terms_on(owner, signed, shanghai_date(unit.at_us))
    return "" if terms is None else terms.sub_mchid(channel)
