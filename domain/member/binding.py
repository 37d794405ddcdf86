"""Commands of cards: asked for, confirmed with a one-time code, chosen, unbound; and what the bank
says. They carry tokens of the vault, which the doors make: no digest and no fact of a command has
anything to do with a number or a name that somebody could try.
"""

import re

from domain.fields import checked_member_id, checked_reason
from domain.kernel import Command, Unit, shanghai_date
from domain.member import card, member
from domain.member.particulars import checked_document
from domain.member.signing import Relation, Said, Wish
from domain.refusals import Code, Refused

_is_token = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch
_is_tail = re.compile(r"[0-9]{4}", re.ASCII).fullmatch
_is_word = re.compile(r"[A-Z0-9_]{1,40}", re.ASCII).fullmatch


class BindCard(Command, frozen=True):
    """`card` stands for the number, `holder` for name and identity, `particulars` for all of it."""

    member_id: str
    card: str
    particulars: str
    holder: str
    tail: str
    same_name: bool = True
    relation: Relation = ""
    document: str = ""


class ConfirmCard(Command, frozen=True):
    """`code` stands for the one-time code."""

    member_id: str
    card: str
    code: str


class UnbindCard(Command, frozen=True):
    member_id: str
    card: str
    reason: str


class ChooseCard(Command, frozen=True):
    """The card that is used where none is named."""

    member_id: str
    card: str


class ClaimBinding(Command, frozen=True):
    """Of whoever asks the bank: this attempt is mine."""

    member_id: str
    binding: int
    attempt: int


class RecordBinding(Command, frozen=True):
    """What the bank said to an attempt."""

    member_id: str
    binding: int
    attempt: int
    said: Said


def bind_card(unit: Unit, command: BindCard) -> dict[str, object]:
    owner = _need_member(unit, command.member_id)
    for field in ("card", "particulars", "holder"):
        checked_token(getattr(command, field), field)
    if not _is_tail(command.tail):
        raise Refused(Code.IDENTIFIER_INVALID, "tail")
    wish = Wish(
        owner=owner.kind or "personal",
        card=command.card,
        particulars=command.particulars,
        holder=command.holder,
        tail=command.tail,
        same_name=command.same_name,
        relation=command.relation,
        document=checked_document(command.document),
    )
    stream = card.stream(command.member_id)
    certified = owner.certified_on(shanghai_date(unit.at_us))
    holder = "" if certified is None else certified.holder
    unit.record(stream, card.request(unit.load(stream), wish, holder, unit.at_us))
    state = unit.load(stream)
    found = state.open(command.card) or state.bound(command.card)
    assert found is not None
    return {
        "member_id": command.member_id,
        "card": command.card,
        "binding": found.binding,
        "state": found.status,
    }


def confirm_card(unit: Unit, command: ConfirmCard) -> dict[str, object]:
    _need_member(unit, command.member_id)
    checked_token(command.card, "card")
    checked_token(command.code, "code")
    stream = card.stream(command.member_id)
    unit.record(stream, card.give_code(unit.load(stream), command.card, command.code, unit.at_us))
    state = unit.load(stream)
    found = state.open(command.card) or state.bound(command.card)
    assert found is not None
    return {"member_id": command.member_id, "card": command.card, "state": found.status}


def unbind_card(unit: Unit, command: UnbindCard) -> dict[str, object]:
    _need_member(unit, command.member_id)
    checked_token(command.card, "card")
    reason = checked_reason(command.reason)
    stream = card.stream(command.member_id)
    unit.record(stream, card.unbind(unit.load(stream), command.card, reason))
    return {"member_id": command.member_id, "card": command.card, "state": "ending"}


def choose_card(unit: Unit, command: ChooseCard) -> dict[str, object]:
    _need_member(unit, command.member_id)
    checked_token(command.card, "card")
    stream = card.stream(command.member_id)
    unit.record(stream, card.set_default(unit.load(stream), command.card))
    return {"member_id": command.member_id, "card": command.card, "default": True}


def claim_binding(unit: Unit, command: ClaimBinding) -> dict[str, object]:
    stream = card.stream(checked_member_id(command.member_id))
    facts = card.claim(unit.load(stream), command.binding, command.attempt, unit.at_us)
    unit.record(stream, facts)
    asks = next((fact.ask for fact in facts if isinstance(fact, card.Attempted)), "")
    return {"member_id": command.member_id, "binding": command.binding, "ask": asks}


def record_binding(unit: Unit, command: RecordBinding) -> dict[str, object]:
    said = command.said
    for field in ("bank", "card_kind", "agreement", "reason"):
        word = getattr(said, field)
        if word and not _is_word(word):
            raise Refused(Code.IDENTIFIER_INVALID, field, "1-40 of A-Z 0-9 _ are needed")
    stream = card.stream(checked_member_id(command.member_id))
    state = unit.load(stream)
    facts = card.answered(state, command.binding, command.attempt, said, unit.at_us)
    unit.record(stream, facts)
    return {"member_id": command.member_id, "binding": command.binding, "news": bool(facts)}


def _need_member(unit: Unit, member_id: str) -> member.State:
    found = unit.load(member.stream(checked_member_id(member_id)))
    member.need(found)
    return found


def checked_token(value: str, field: str) -> None:
    """Raises Refused(IDENTIFIER_INVALID), which shows nothing: it may be a card's number instead.
    Such a refusal is kept under no request."""
    if not isinstance(value, str) or not _is_token(value):
        raise Refused(Code.IDENTIFIER_INVALID, field, "a token of 32 hexadecimal digits is needed")
