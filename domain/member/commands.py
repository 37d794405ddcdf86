"""Commands of the member system. A policy opens a new member's accounts by the chart."""

from datetime import date
from typing import Literal

from domain.fields import checked_member_id, checked_text
from domain.kernel import Command, Unit, shanghai_date
from domain.member import api_access, card, member
from domain.member.terms import Identity, Source
from domain.money import FeeRule
from domain.refusals import Code, Refused


class RegisterMember(Command, frozen=True):
    """An enterprise may bring its first terms along; they take effect on the day it registers."""

    member_id: str
    kind: Literal["personal", "enterprise"]
    name: str
    fee_rule: FeeRule | None = None
    settlement_cycle: str | None = None
    max_transfer_fen: int | None = None


class AddOperator(Command, frozen=True):
    member_id: str
    operator_id: str
    role: Literal["owner", "finance", "viewer"]


class RemoveOperator(Command, frozen=True):
    member_id: str
    operator_id: str


class SetFeeRule(Command, frozen=True):
    member_id: str
    effective_from: date
    rule: FeeRule


class SetSettlementTerms(Command, frozen=True):
    member_id: str
    effective_from: date
    settlement_cycle: str
    max_transfer_fen: int | None = None


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
        terms = member.SettlementTerms(command.settlement_cycle, command.max_transfer_fen)
        facts = member.set_settlement_terms(unit.load(stream), today, terms, today)
        unit.record(stream, facts)
    return {"member_id": command.member_id, "kind": command.kind}


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
    unit.record(stream, member.set_fee_rule(state, command.effective_from, command.rule, today))
    return {"member_id": command.member_id, "effective_from": command.effective_from.isoformat()}


def set_settlement_terms(unit: Unit, command: SetSettlementTerms) -> dict[str, object]:
    stream = member.stream(checked_member_id(command.member_id))
    today = shanghai_date(unit.at_us)
    terms = member.SettlementTerms(command.settlement_cycle, command.max_transfer_fen)
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
