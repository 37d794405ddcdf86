"""Approval (审批): a command that one person wishes and another one lets happen, or does not.

    (none) ──propose──▶ proposed ──approve──▶ approved   the command is carried out in this commit
                           ├──────refuse────▶ refused
                           ├─────withdraw───▶ withdrawn  by who proposed it
                           └──────expire────▶ expired    nobody decided in time

What is proposed is kept as it was wished, word for word. Whether it may still be done is decided
when it is done, by the command's own decision: refused there, the approval has not happened, and
the proposal waits on.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream, iso_time
from domain.member import persons
from domain.refusals import Code, Refused

Status = Literal["none", "proposed", "approved", "refused", "withdrawn", "expired"]


class Proposed(Fact, frozen=True):
    """`kind` is a row of `kinds.py`; `subject` what it is about; `body` the command, as JSON;
    `member`: the merchant that proposes, "" for the institution; from `expires_us` on nobody can
    approve."""

    kind: str
    subject: str
    body: str
    maker: str
    expires_us: int
    member: str
    amount_fen: int | None


class Approved(Fact, frozen=True):
    checker: str


class TurnedDown(Fact, frozen=True):
    checker: str
    reason: str


class Withdrawn(Fact, frozen=True):
    """By its maker."""


class Expired(Fact, frozen=True):
    """Its time was over, and it was noted."""


Event = Proposed | Approved | TurnedDown | Withdrawn | Expired


class Wish(Struct, frozen=True):
    """What is proposed: as in the fact."""

    kind: str
    subject: str
    body: str
    member: str
    amount_fen: int | None


class State(Struct, frozen=True, gc=False):
    """`checker` is who decided."""

    status: Status = "none"
    proposed: Proposed | None = None
    checker: str = ""

    @property
    def kind(self) -> str:
        return self.proposed.kind if self.proposed else ""

    @property
    def member(self) -> str:
        return self.proposed.member if self.proposed else ""


def stream(approval_id: str) -> "Stream[State]":
    return Stream(f"approval-{approval_id}")


def propose(state: State, wish: Wish, maker: str, expires_us: int) -> list[Event]:
    """The same proposal again, at whatever time, returns []. Raises PERSON_UNKNOWN,
    APPROVAL_EXISTS."""
    persons.refuse_unnamed(maker)
    before = state.proposed
    if before is None:
        told = (wish.kind, wish.subject, wish.body, maker, expires_us)
        return [Proposed(*told, wish.member, wish.amount_fen)]
    if (before.kind, before.body, before.maker) == (wish.kind, wish.body, maker):
        return []
    raise Refused(Code.APPROVAL_EXISTS, "approval_id", f"it is a {before.kind} of {before.maker}")


def approve(state: State, checker: str, at_us: int) -> list[Event]:
    """Raises APPROVAL_NOT_FOUND, PERSON_UNKNOWN, CHECKER_IS_MAKER, APPROVAL_STATE_WRONG,
    APPROVAL_EXPIRED."""
    proposed = _need_other(state, checker)
    if (state.status, state.checker) == ("approved", checker):
        return []
    _need_open(state)
    if at_us >= proposed.expires_us:
        raise Refused(
            Code.APPROVAL_EXPIRED, "approval_id", f"since {iso_time(proposed.expires_us)}"
        )
    return [Approved(checker)]


def refuse(state: State, checker: str, reason: str) -> list[Event]:
    """Raises APPROVAL_NOT_FOUND, PERSON_UNKNOWN, CHECKER_IS_MAKER, APPROVAL_STATE_WRONG."""
    _need_other(state, checker)
    if (state.status, state.checker) == ("refused", checker):
        return []
    _need_open(state)
    return [TurnedDown(checker, reason)]


def withdraw(state: State, maker: str) -> list[Event]:
    """Raises APPROVAL_NOT_FOUND, NOT_ALLOWED, APPROVAL_STATE_WRONG."""
    proposed = _need(state)
    if maker != proposed.maker:
        raise Refused(Code.NOT_ALLOWED, "actor", f"{maker} has not proposed it")
    if state.status == "withdrawn":
        return []
    _need_open(state)
    return [Withdrawn()]


def expire(state: State, at_us: int) -> list[Event]:
    """What was decided, or has time left, returns []. Raises APPROVAL_NOT_FOUND."""
    proposed = _need(state)
    if state.status != "proposed" or at_us < proposed.expires_us:
        return []
    return [Expired()]


def _need(state: State) -> Proposed:
    if state.proposed is None:
        raise Refused(Code.APPROVAL_NOT_FOUND, "approval_id")
    return state.proposed


def _need_other(state: State, checker: str) -> Proposed:
    proposed = _need(state)
    persons.refuse_other_than_staff(checker)
    persons.refuse_same(proposed.maker, checker)
    return proposed


def _need_open(state: State) -> None:
    if state.status != "proposed":
        by = f" by {state.checker}" if state.checker else ""
        raise Refused(Code.APPROVAL_STATE_WRONG, "approval_id", f"it is {state.status}{by}")


def evolve(state: State, event: Event) -> State:
    match event:
        case Proposed():
            return State("proposed", event)
        case Approved(checker=checker):
            return replace(state, status="approved", checker=checker)
        case TurnedDown(checker=checker):
            return replace(state, status="refused", checker=checker)
        case Withdrawn():
            return replace(state, status="withdrawn")
        case Expired():
            return replace(state, status="expired")
        case _:
            assert_never(event)
