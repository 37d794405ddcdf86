"""What each resolution of a difference does: `resolutions.py` says which fits, and its entry."""

from collections.abc import Callable

from domain.accounting.chart import PAYOUT_IN_TRANSIT, REFUND_IN_TRANSIT, WALLET, account_id
from domain.accounting.commands import is_closed
from domain.accounting.entry import reversed_entry
from domain.accounting.owning import topped_up
from domain.accounting.rules import differences as rules
from domain.accounting.topup import moved_fen
from domain.fields import checked_member_id
from domain.kernel import Entry, Unit, category
from domain.member import member
from domain.money import round_half_up
from domain.payment import instruction
from domain.payment.asked import Details
from domain.payment.asking import RecordAnswer, record_answer
from domain.payment.commands import issue
from domain.payment.destination import bound_account, destination_of
from domain.reconciliation import difference
from domain.reconciliation.bills.line import MILLI
from domain.reconciliation.deals import (
    Deal,
    asked_of,
    named_cases,
    other_of,
    partner_of,
    reversal,
    unfit,
)
from domain.reconciliation.difference import A_BILL, Resolution
from domain.reconciliation.hindrances import hindrance
from domain.reconciliation.meeting import meet, unmeet
from domain.reconciliation.resolutions import sense_of
from domain.refusals import Code, Refused
from domain.settlement.reserving import make_payable, taken_from_available


def _adopt(unit: Unit, deal: Deal) -> None:
    """The bill's word is the channel's: the instruction hears a success, by the way a late one
    takes. The difference lets the money go, so that the next verdict takes the line."""
    about, state = deal.about, deal.state
    _refuse_hindered(unit, deal, "adopt")
    _at_once(unit, deal, reversal(state, unit.accounting_date))
    heard = RecordAnswer(
        about.instruction_id, "succeeded", serial=about.serial, amount_fen=about.bill_fen
    )
    record_answer(unit, heard)


def _refund_payer(unit: Unit, deal: Deal) -> None:
    about = deal.about
    _refuse_hindered(unit, deal, "refund_payer")
    asked = unit.load(instruction.stream(about.instruction_id)).asked
    told = Details(product="REFUND", serial=about.serial, original_fen=about.bill_fen)
    told["code"] = asked.code if asked is not None else about.channel
    if asked is not None:
        told["original"] = about.instruction_id
        told["merchant"] = asked.merchant
    _send_back(unit, deal, asked.party if asked is not None else "", told)


def _send_back(unit: Unit, deal: Deal, party: str, told: Details) -> None:
    """Through the channel, by an instruction of the difference's own."""
    state, number = deal.state, difference.instruction_id(deal.id, deal.state)
    entry = rules.surplus_to_refund(unit.accounting_date, state.account, state.waits_fen)
    unit.record(
        deal.stream, difference.approve(state, unit.actor, REFUND_IN_TRANSIT, number, entry)
    )
    channel, amount_fen = deal.about.channel, state.waits_fen
    issue(unit, number, "refund", deal.stream, channel, amount_fen, party, **told)


def _to_wallet(unit: Unit, deal: Deal) -> None:
    _give(unit, deal, checked_member_id(deal.to, "to"))


def _give(unit: Unit, deal: Deal, who: str) -> None:
    """To a personal member's wallet."""
    owner, wallet = unit.load(member.stream(who)), account_id(WALLET, who)
    member.need(owner, "to")
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "to", f"{who} has no wallet")
    if is_closed(unit, wallet):
        raise Refused(Code.ACCOUNT_CLOSED, "to", wallet)
    state = deal.state
    entry = rules.surplus_to_wallet(unit.accounting_date, state.account, who, state.waits_fen)
    _at_once(unit, deal, entry)


def _credit_payee(unit: Unit, deal: Deal) -> None:
    """Whose money it was when it left: a merchant's is payable again, and paid with its batch."""
    _refuse_hindered(unit, deal, "credit_payee")
    asked = asked_of(unit, deal)
    if not _is_merchants(asked):
        _give(unit, deal, asked.party)
        return
    state, merchant = deal.state, asked.party
    entry = rules.surplus_to_merchant(
        unit.accounting_date, state.account, merchant, state.waits_fen
    )
    _at_once(unit, deal, entry)
    make_payable(unit, merchant, deal.stream, state.waits_fen)


def _is_merchants(asked: instruction.Issued) -> bool:
    return asked.purpose == "payout" and category(asked.reference) == "settlement"


def _reissue(unit: Unit, deal: Deal) -> None:
    asked, state = asked_of(unit, deal), deal.state
    if asked.purpose == "refund":
        told = Details(product=asked.product or "REFUND", code=asked.code)
        told |= Details(original=asked.original, part=asked.part, serial=asked.serial)
        told |= Details(original_fen=asked.original_fen, merchant=asked.merchant)
        _send_back(unit, deal, asked.party, told)
        return
    number = difference.instruction_id(deal.id, state)
    entry = rules.surplus_to_payout(unit.accounting_date, state.account, state.waits_fen)
    unit.record(
        deal.stream, difference.approve(state, unit.actor, PAYOUT_IN_TRANSIT, number, entry)
    )
    told = Details(product=asked.product, code=asked.code, merchant=asked.merchant)
    bound = bound_account(unit.load, asked.party) if asked.merchant else None
    to = destination_of(bound) if bound is not None else asked.to
    if to is not None:
        told["to"] = to
    channel, amount_fen = deal.about.channel, state.waits_fen
    issue(unit, number, "payout", deal.stream, channel, amount_fen, asked.party, **told)


def _write_off(unit: Unit, deal: Deal) -> None:
    state = deal.state
    entry = rules.written_off(unit.accounting_date, state.account, state.waits_fen)
    _at_once(unit, deal, entry)
    topped_up(unit, deal.stream, moved_fen(entry))


def _claim(unit: Unit, deal: Deal) -> None:
    facts = difference.approve(deal.state, unit.actor, deal.state.account, A_BILL)
    unit.record(deal.stream, facts)


def _link(unit: Unit, deal: Deal) -> None:
    """Both end by one entry, which stands on the one that was named: the other difference, or each
    chargeback that it is the money of."""
    if named_cases(deal.to):
        meet(unit, deal)
        _at_once(unit, deal, None, deal.to)
        return
    other = other_of(unit, deal)
    if other.state.proposed is None or other.state.proposed.to != deal.id:
        raise unfit(f"{other.id} is {other.state.status}: turn this down")
    ends = {sense_of(one.state.account): one.state.account for one in (deal, other)}
    if set(ends) != {"surplus", "shortage"} or deal.state.waits_fen != other.state.waits_fen:
        raise unfit("a surplus and a shortage of one amount are needed")
    amount_fen = deal.state.waits_fen
    entry = rules.linked(unit.accounting_date, ends["surplus"], ends["shortage"], amount_fen)
    _at_once(unit, deal, entry, other.id)
    _at_once(unit, other, None, deal.id)


def _correct_fee(unit: Unit, deal: Deal) -> None:
    _refuse_hindered(unit, deal, "correct_fee")
    about = deal.about
    less_milli = abs(about.bill_fen - about.ours_fen)
    more_fen = round_half_up(less_milli, MILLI)
    if about.bill_fen < about.ours_fen:
        more_fen = -more_fen
    _at_once(unit, deal, rules.fee_corrected(unit.accounting_date, about.channel, more_fen))


def _accept(unit: Unit, deal: Deal) -> None:
    _at_once(unit, deal, None)


def _refuse_hindered(unit: Unit, deal: Deal, resolution: Resolution) -> None:
    if wrong := hindrance(unit.load, deal.about, resolution):
        raise unfit(wrong)


DOES: dict[Resolution, Callable[[Unit, Deal], None]] = {
    "adopt": _adopt,
    "refund_payer": _refund_payer,
    "to_wallet": _to_wallet,
    "credit_payee": _credit_payee,
    "reissue": _reissue,
    "write_off": _write_off,
    "claim": _claim,
    "link": _link,
    "correct_fee": _correct_fee,
    "accept": _accept,
}


def _at_once(unit: Unit, deal: Deal, entry: Entry | None, linked: str = "") -> None:
    """Approved and resolved in one."""
    by, stream = unit.actor, deal.stream
    unit.record(stream, difference.approve(deal.state, by, deal.state.account))
    unit.record(stream, difference.resolve(unit.load(stream), by, entry, linked))


def undo(unit: Unit, deal: Deal, reason: str) -> None:
    """Back to confirmed: what the resolution posted is reversed."""
    unmeet(unit, deal, reason)
    other = partner_of(unit, deal)
    for one in (deal, other):
        if one is not None:
            state, entry = one.state, None
            if state.ending is not None:
                entry = reversed_entry(state.ending, unit.accounting_date)
            facts = difference.lead_back(state, unit.actor, reason, state.kept, entry)
            unit.record(one.stream, facts)
            topped_up(unit, one.stream, moved_fen(entry))
    if deal.state.proposed is not None and deal.state.proposed.resolution == "credit_payee":
        asked = asked_of(unit, deal)
        if _is_merchants(asked):
            taken_from_available(unit, asked.party, deal.stream, deal.about.amount_fen)
