"""Commands of forgetting: a member's accounts are closed, empty, and its personal data may go.

What a fact says stays true for ever; what stood in the vault is erased after the commit, by whoever
sent the command (`api/operations/forgetting.py`).
"""

from datetime import date

from domain.accounting import account
from domain.accounting.chart import MEMBER_ACCOUNTS, account_id
from domain.fields import checked_member_id, checked_reason
from domain.kernel import Command, Unit, shanghai_date
from domain.member import card, member
from domain.payment import allowance
from domain.refusals import Code, Refused


class ForgetMember(Command, frozen=True):
    """`last_known`: the date of the last thing that is on record of it beside postings; `years`:
    how long data must be kept after that, and after the last posting."""

    member_id: str
    last_known: date
    years: int
    reason: str


class ForgetAgain(Command, frozen=True):
    """The vault has forgotten a member that this ledger, restored from before, still knows."""

    member_id: str
    at: date
    years: int


def forget_member(unit: Unit, command: ForgetMember) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, RETENTION_NOT_OVER, CARD_STATE_WRONG while a card is bound,
    ACCOUNT_FROZEN and ACCOUNT_NOT_EMPTY while anything stands on an account, is stopped, or is on
    its way to a card."""
    stream = member.stream(checked_member_id(command.member_id))
    reason = checked_reason(command.reason)
    state = unit.load(stream)
    leaves = [account_id(code, command.member_id) for code in MEMBER_ACCOUNTS]
    owned = [one for one in (unit.load(account.stream(leaf)) for leaf in leaves) if one.account]
    last = max([command.last_known, *(one.day for one in owned if one.day is not None)])
    today = shanghai_date(unit.at_us)
    facts = member.forget(state, last, command.years, reason, today)
    if facts:
        _refuse_what_stands(unit, command.member_id, owned)
        for one in owned:
            unit.record(account.stream(one.account), account.close(one))
    unit.record(stream, facts)
    return {"member_id": command.member_id, "state": "forgotten"}


def _refuse_what_stands(unit: Unit, member_id: str, owned: list[account.State]) -> None:
    if unit.load(card.stream(member_id)).bindings:
        detail = "cards are bound, or the bank is yet to be told: unbind them first"
        raise Refused(Code.CARD_STATE_WRONG, "member_id", detail)
    if unit.load(allowance.stream(member_id)).open:
        raise Refused(Code.ACCOUNT_NOT_EMPTY, "member_id", "a withdrawal is on its way")
    stopped = (one for one in owned if one.frozen_in or one.frozen_out or one.attached)
    frozen = next(stopped, None)
    if frozen is not None:
        raise Refused(Code.ACCOUNT_FROZEN, "account", frozen.account)


def forget_again(unit: Unit, command: ForgetAgain) -> dict[str, object]:
    """Whatever the law, a balance or a card would say: it was decided, and cannot be undone."""
    stream = member.stream(checked_member_id(command.member_id))
    facts = member.forget_again(unit.load(stream), command.at, command.years)
    unit.record(stream, facts)
    return {"member_id": command.member_id, "news": bool(facts)}
