"""Commands of the member system. A policy opens a new member's accounts by the chart."""

from datetime import date
from typing import Literal

from msgspec import UNSET, UnsetType

from domain.fields import checked_member_id, checked_text
from domain.kernel import Command, Unit, shanghai_date
from domain.member import agreement, api_access, card, member
from domain.member.agreement import Terms
from domain.member.terms import NOTICE_DAYS, Consent, Identity, SettlementTerms, Source
from domain.money import FeeRule
from domain.refusals import Code, Refused


class RegisterMember(Command, frozen=True):
    """An enterprise may bring its first terms and its agreement along; they take effect on the day
    it registers. Without an agreement it can be paid nothing until it has signed one."""

    member_id: str
    kind: Literal["personal", "enterprise"]
    name: str
    fee_rule: FeeRule | None = None
    settlement_cycle: str | None = None
    max_transfer_fen: int | None = None
    # Unset it is not written: requests of before have the digest they had.
    agreement: Terms | UnsetType | None = UNSET


class AddOperator(Command, frozen=True):
    member_id: str
    operator_id: str
    role: Literal["owner", "finance", "viewer"]


class RemoveOperator(Command, frozen=True):
    member_id: str
    operator_id: str


class SetFeeRule(Command, frozen=True, omit_defaults=True):
    """A change has the merchant's consent and begins after `notice_days`, which the door brings in
    from a setting; the first rule needs neither."""

    member_id: str
    effective_from: date
    rule: FeeRule
    consent: Consent | None = None
    notice_days: int = NOTICE_DAYS


class SetSettlementTerms(Command, frozen=True):
    """All terms of settlement from a date on: what is not said, there is none of from then on. The
    later fields are left out of a request that does not name them, so its digest is as it was."""

    member_id: str
    effective_from: date
    settlement_cycle: str
    max_transfer_fen: int | None = None
    min_payout_fen: int | UnsetType = UNSET
    reserve_bps: int | UnsetType = UNSET
    reserve_days: int | UnsetType = UNSET


class SignAgreement(Command, frozen=True):
    """For a product that a merchant may use only by agreement, from a date on."""

    member_id: str
    product: member.Product
    effective_from: date


class EndAgreement(Command, frozen=True):
    """From this date on the merchant may not use the product any more."""

    member_id: str
    product: member.Product
    effective_from: date


class SignMerchantAgreement(Command, frozen=True):
    """What a merchant may use from a date on; it replaces what was signed for that date."""

    member_id: str
    effective_from: date
    terms: Terms


class EndMerchantAgreement(Command, frozen=True):
    """From this date on the merchant may use nothing; what was accepted before goes on."""

    member_id: str
    effective_from: date


class SetDebtLimit(Command, frozen=True):
    """The most a merchant may owe for refunds that were advanced, in fen, from a date on; None: as
    much as there is."""

    member_id: str
    effective_from: date
    limit_fen: int | None


class SetApiCommands(Command, frozen=True):
    """The commands of the API that a merchant may call, from a date on; None: all there are."""

    member_id: str
    effective_from: date
    commands: api_access.Commands


class CertifyMember(Command, frozen=True, omit_defaults=True):
    """A person's identity was found right by these sources. `holder` and `particulars` are tokens
    of the vault; `customer` is what the vault calls this person, whichever member it is."""

    member_id: str
    level: int
    effective_from: date
    sources: tuple[Source, ...]
    holder: str
    particulars: str
    customer: str = ""


def register_member(unit: Unit, command: RegisterMember) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    today = shanghai_date(unit.at_us)
    name = checked_text(command.name, "name")
    state = unit.load(stream)
    unit.record(stream, member.register(state, command.member_id, command.kind, name))
    if command.fee_rule is not None:
        facts = member.set_fee_rule(unit.load(stream), today, command.fee_rule, today)
        unit.record(stream, facts)
    if command.settlement_cycle is not None:
        terms = SettlementTerms(command.settlement_cycle, command.max_transfer_fen)
        facts = member.set_settlement_terms(unit.load(stream), today, terms, today)
        unit.record(stream, facts)
    if isinstance(command.agreement, Terms):
        _sign(unit, command.member_id, today, command.agreement)
    return {"member_id": command.member_id, "kind": command.kind}


def _sign(unit: Unit, member_id: str, since: date, terms: Terms) -> None:
    owner, stream = unit.load(member.stream(member_id)), agreement.stream(member_id)
    today = shanghai_date(unit.at_us)
    unit.record(stream, agreement.sign(owner, unit.load(stream), since, terms, today))


def add_operator(unit: Unit, command: AddOperator) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    operator_id = checked_member_id(command.operator_id, "operator_id")
    unit.record(stream, member.add_operator(unit.load(stream), operator_id, command.role))
    return {"member_id": command.member_id, "operator_id": operator_id, "role": command.role}


def remove_operator(unit: Unit, command: RemoveOperator) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    unit.record(stream, member.remove_operator(unit.load(stream), command.operator_id))
    return {"member_id": command.member_id, "operator_id": command.operator_id}


def set_fee_rule(unit: Unit, command: SetFeeRule) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    today = shanghai_date(unit.at_us)
    state = unit.load(stream)
    since, notice_days = command.effective_from, command.notice_days
    facts = member.set_fee_rule(state, since, command.rule, today, command.consent, notice_days)
    unit.record(stream, facts)
    return {"member_id": command.member_id, "effective_from": command.effective_from.isoformat()}


def set_settlement_terms(unit: Unit, command: SetSettlementTerms) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    today = shanghai_date(unit.at_us)
    terms = SettlementTerms(
        command.settlement_cycle,
        command.max_transfer_fen,
        command.min_payout_fen or 0,
        command.reserve_bps or 0,
        command.reserve_days or 0,
    )
    state = unit.load(stream)
    facts = member.set_settlement_terms(state, command.effective_from, terms, today)
    unit.record(stream, facts)
    return {"member_id": command.member_id, "effective_from": command.effective_from.isoformat()}


def sign_agreement(unit: Unit, command: SignAgreement) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    product, since = command.product, command.effective_from
    today = shanghai_date(unit.at_us)
    unit.record(stream, member.sign_agreement(unit.load(stream), product, since, today))
    return _agreement(command)


def end_agreement(unit: Unit, command: EndAgreement) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    product, since = command.product, command.effective_from
    today = shanghai_date(unit.at_us)
    unit.record(stream, member.end_agreement(unit.load(stream), product, since, today))
    return _agreement(command)


def _agreement(command: SignAgreement | EndAgreement) -> dict[str, object]:
    return {
        "member_id": command.member_id,
        "product": command.product,
        "effective_from": command.effective_from.isoformat(),
    }


def sign_merchant_agreement(unit: Unit, command: SignMerchantAgreement) -> dict[str, object]:
    _sign(unit, checked_member_id(command.member_id), command.effective_from, command.terms)
    return {"member_id": command.member_id, "effective_from": command.effective_from.isoformat()}


def end_merchant_agreement(unit: Unit, command: EndMerchantAgreement) -> dict[str, object]:
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    stream, since = agreement.stream(command.member_id), command.effective_from
    today = shanghai_date(unit.at_us)
    unit.record(stream, agreement.end(owner, unit.load(stream), since, today))
    return {"member_id": command.member_id, "effective_from": since.isoformat()}


def set_debt_limit(unit: Unit, command: SetDebtLimit) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    since, limit_fen = command.effective_from, command.limit_fen
    today = shanghai_date(unit.at_us)
    unit.record(stream, member.set_debt_limit(unit.load(stream), since, limit_fen, today))
    return {"member_id": command.member_id, "effective_from": since.isoformat()}


def set_api_commands(unit: Unit, command: SetApiCommands) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, and what `api_access.give` raises."""
    member.need_enterprise(unit.load(member.stream(checked_member_id(command.member_id))))
    stream, since = api_access.stream(command.member_id), command.effective_from
    today = shanghai_date(unit.at_us)
    unit.record(stream, api_access.give(unit.load(stream), since, command.commands, today))
    return {"member_id": command.member_id, "effective_from": since.isoformat()}


def certify_member(unit: Unit, command: CertifyMember) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    who = Identity(command.holder, command.particulars, command.customer)
    since, level, sources = command.effective_from, command.level, command.sources
    today = shanghai_date(unit.at_us)
    facts = member.certify(unit.load(stream), since, level, sources, who, today)
    if facts and _other_holder(unit.load(card.stream(command.member_id)), who.holder):
        detail = "a card in another name is bound, or under way: unbind it first"
        raise Refused(Code.HOLDER_DIFFERS, "name", detail)
    unit.record(stream, facts)
    return {"member_id": command.member_id, "level": level, "effective_from": since.isoformat()}


def _other_holder(state: card.State, holder: str) -> bool:
    """Whether a card that is bound or under way, by no legal relation, is in another's name."""
    return any(
        one.holder != holder
        for one in state.bindings
        if not one.relation and one.owner == "personal" and one.status != "ending"
    )
