"""Commands of approvals: propose, approve, refuse, withdraw; and note what nobody decided in time.

A proposal is tried first, on a copy: who wishes what the books would refuse anyway hears it at
once. When it is approved the command is decided anew, by the books as they stand then, in the
commit of the approval: so nothing is half done.
"""

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.approval import approval
from domain.approval.kinds import BY_NAME, KINDS, Kind, Limits, may_need_two
from domain.fields import checked_instant, checked_number, checked_reason
from domain.kernel import Command, Unit, iso_time
from domain.refusals import Code, Refused
from domain.transaction.commands import RefundTransaction


class Propose(Command, frozen=True):
    """A command that needs a second person, as it was wished: `kind` and the command's JSON. It
    stands for that command: under one number they are one request.

    `alone_fen`: up to there it needs nobody, and is done at once. None: it always needs two. It is
    looked at where it is decided, so that two at the same moment cannot both stay below."""

    approval_id: str
    kind: str
    body: str
    open_us: int
    member: str = ""
    alone_fen: int | None = None


class ApproveProposal(Command, frozen=True):
    """By another one than who proposed it."""

    approval_id: str


class RefuseProposal(Command, frozen=True):
    """By another one than who proposed it. Final; the same may be proposed again."""

    approval_id: str
    reason: str


class WithdrawProposal(Command, frozen=True):
    """By who proposed it."""

    approval_id: str


class ExpireProposal(Command, frozen=True):
    """Its time is over."""

    approval_id: str


def wish(number: str, command: Command, limits: Limits, member: str) -> Command:
    """What is to be submitted for a command that came under a request number: itself, or its
    proposal where it needs a second person, or may."""
    if not may_need_two(command, limits):
        return command
    alone_fen = limits.refund_fen if isinstance(command, RefundTransaction) else None
    return replace(proposal(number, command, limits.open_us, member), alone_fen=alone_fen)


def proposal(number: str, command: Command, open_us: int, member: str) -> Propose:
    """The proposal of a command that came under a request number, from which it has its id."""
    approval_id = "A" + hashlib.sha256(number.encode()).hexdigest()[:20]
    body = msgspec.json.encode(command).decode()
    return Propose(approval_id, KINDS[type(command)].name, body, open_us, member)


def propose(unit: Unit, command: Propose) -> dict[str, object]:
    """Raises what `approval.propose` raises, and what the command wished for raises now."""
    stream = approval.stream(checked_number(command.approval_id, "approval_id"))
    kind, wished = _wished(command.kind, command.body)
    alone = None if command.alone_fen is None else Limits(command.alone_fen)
    if alone is not None and not kind.needed(wished, alone, unit.load):
        return kind.handler(unit, wished)
    subject, amount_fen = kind.subject(wished), kind.fen(wished)
    wish = approval.Wish(command.kind, subject, command.body, command.member, amount_fen)
    until_us = checked_instant(unit.at_us + command.open_us, "open_us")
    state = unit.load(stream)
    if state.proposed is None:
        unit.rehearse(lambda copy: kind.handler(copy, wished))
    unit.record(stream, approval.propose(state, wish, unit.actor, until_us))
    kept = unit.load(stream).proposed
    assert kept is not None
    return {
        "approval_id": command.approval_id,
        "state": "proposed",
        "kind": kept.kind,
        "expires_at": iso_time(kept.expires_us),
    }


def approve_proposal(unit: Unit, command: ApproveProposal) -> dict[str, object]:
    """Let it happen, now; what was proposed in time is in time. Raises what `approval.approve`
    raises, and what the command itself does: the proposal waits on then."""
    stream = approval.stream(command.approval_id)
    state = unit.load(stream)
    facts = approval.approve(state, unit.actor, unit.at_us)
    answer: dict[str, object] = {"approval_id": command.approval_id, "state": "approved"}
    if not facts:
        return answer
    assert state.proposed is not None
    unit.record(stream, facts)
    kind, wished = _wished(state.proposed.kind, state.proposed.body)
    unit.decide_what_was_asked(f"{stream}#1")  # It was proposed by its first fact.
    return {**answer, "done": kind.handler(unit, wished)}


def refuse_proposal(unit: Unit, command: RefuseProposal) -> dict[str, object]:
    stream = approval.stream(command.approval_id)
    reason = checked_reason(command.reason)
    unit.record(stream, approval.refuse(unit.load(stream), unit.actor, reason))
    return {"approval_id": command.approval_id, "state": "refused"}


def withdraw_proposal(unit: Unit, command: WithdrawProposal) -> dict[str, object]:
    stream = approval.stream(command.approval_id)
    unit.record(stream, approval.withdraw(unit.load(stream), unit.actor))
    return {"approval_id": command.approval_id, "state": "withdrawn"}


def expire_proposal(unit: Unit, command: ExpireProposal) -> dict[str, object]:
    stream = approval.stream(command.approval_id)
    unit.record(stream, approval.expire(unit.load(stream), unit.at_us))
    return {"approval_id": command.approval_id, "state": unit.load(stream).status}


def _wished(name: str, body: str) -> tuple[Kind, Any]:
    """The kind and the command. Raises Refused(REQUEST_INVALID) for what is none."""
    found = BY_NAME.get(name)
    if found is None:
        raise Refused(Code.REQUEST_INVALID, "kind", f"{name} is no kind of proposal")
    command, kind = found
    try:
        return kind, msgspec.json.decode(body, type=command)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Refused(Code.REQUEST_INVALID, "body", str(error)) from None
