"""Commands of the accounting core: accounts are opened by the chart, held, frozen, closed; an entry
is reversed. Only operators send these; payments move money through the facts of their own systems.
"""

from collections.abc import Callable
from typing import Any, Literal

from domain.accounting import account, reversal
from domain.accounting.chart import (
    CHANNEL_ACCOUNTS,
    CHART,
    ENTERPRISE_ACCOUNTS,
    MEMBER_ACCOUNTS,
    PERSONAL_ACCOUNTS,
    account_id,
    split_id,
)
from domain.accounting.entry import reversed_entry
from domain.fields import checked_number, checked_reason
from domain.kernel import Command, Entry, Line, Reaction, Unit
from domain.money import CURRENCY, MAX_TAKEN_FEN, fen
from domain.refusals import Code, Refused


class FreezeAccount(Command, frozen=True):
    account: str
    direction: Literal["in", "out", "both"]
    reason: str


class UnfreezeAccount(Command, frozen=True):
    account: str
    reason: str


class HoldMoney(Command, frozen=True):
    account: str
    hold_id: str
    amount_fen: int
    reason: str


class ReleaseHold(Command, frozen=True):
    account: str
    hold_id: str


class CloseAccount(Command, frozen=True):
    """Any account of a member: they are closed all together."""

    account: str


class ReverseEntry(Command, frozen=True):
    reference: str
    reason: str


def open_accounts(unit: Unit, codes: tuple[str, ...], owner: str = "") -> None:
    """Open the leaves of these chart codes for an owner; those already open stay as they are."""
    for code in codes:
        leaf = account_id(code, owner)
        stream = account.stream(leaf)
        unit.record(stream, account.open_account(unit.load(stream), leaf, CURRENCY))


def open_institution_accounts(unit: Unit, channels: tuple[str, ...]) -> None:
    """Open every ownerless account of the chart, and each channel account for every channel."""
    open_accounts(unit, tuple(code for code, line in CHART.items() if line.owner == "none"))
    for channel in channels:
        open_accounts(unit, CHANNEL_ACCOUNTS, channel)


def open_member_accounts(unit: Unit, reaction: Reaction[Any, Any]) -> None:
    """A member was registered: open the accounts of its kind."""
    personal = reaction.fact.kind == "personal"
    codes = PERSONAL_ACCOUNTS if personal else ENTERPRISE_ACCOUNTS
    open_accounts(unit, codes, reaction.fact.member_id)


def open_channel_accounts(unit: Unit, reaction: Reaction[Any, Any]) -> None:
    """A channel was registered: open its accounts, before it can take anybody's money."""
    open_accounts(unit, CHANNEL_ACCOUNTS, reaction.fact.name)


def refuse_unbookable(unit: Unit, leaf: str, amount_fen: int) -> None:
    """Money that could not be booked is not asked for: raises what a credit of the account would,
    ACCOUNT_CLOSED, ACCOUNT_FROZEN, AMOUNT_TOO_LARGE, DAY_NOT_OPEN."""
    state = unit.load(account.stream(leaf))
    account.post(state, leaf, unit.accounting_date, "", Line(leaf, 0, amount_fen))


def is_closed(unit: Unit, leaf: str) -> bool:
    """Whether money that comes in now must find another place."""
    return unit.load(account.stream(leaf)).status == "closed"


def home_or_suspense(
    unit: Unit, home: str, booked: Callable[[], Entry], kept: Callable[[], Entry]
) -> Entry:
    """The entry for money that comes back: `booked` on its home account or, when that is closed,
    `kept` apart in suspense. An outcome is never refused for want of a place."""
    return kept() if is_closed(unit, home) else booked()


def freeze_account(unit: Unit, command: FreezeAccount) -> dict[str, object]:
    stream = account.stream(command.account)
    reason = checked_reason(command.reason)
    unit.record(stream, account.freeze(unit.load(stream), command.direction, reason))
    return {"account": command.account, "frozen": command.direction}


def unfreeze_account(unit: Unit, command: UnfreezeAccount) -> dict[str, object]:
    stream = account.stream(command.account)
    unit.record(stream, account.unfreeze(unit.load(stream), checked_reason(command.reason)))
    return {"account": command.account, "frozen": None}


def hold_money(unit: Unit, command: HoldMoney) -> dict[str, object]:
    stream = account.stream(command.account)
    hold_id = checked_number(command.hold_id, "hold_id")
    amount_fen = fen(command.amount_fen, "amount_fen", most=MAX_TAKEN_FEN)
    reason = checked_reason(command.reason)
    unit.record(stream, account.hold(unit.load(stream), hold_id, amount_fen, reason))
    return {"account": command.account, "hold_id": hold_id, "held_fen": amount_fen}


def release_hold(unit: Unit, command: ReleaseHold) -> dict[str, object]:
    stream = account.stream(command.account)
    unit.record(stream, account.release_hold(unit.load(stream), command.hold_id))
    return {"account": command.account, "hold_id": command.hold_id, "held_fen": 0}


def close_account(unit: Unit, command: CloseAccount) -> dict[str, object]:
    """Close all accounts of the member that the named one belongs to, each empty and without holds:
    together, because money moves on from one to the next. What institution and channels need every
    day stays open. Raises NOT_ALLOWED, ACCOUNT_NOT_FOUND, ACCOUNT_NOT_EMPTY (which names one)."""
    if unit.load(account.stream(command.account)).status == "none":
        raise Refused(Code.ACCOUNT_NOT_FOUND, "account", command.account[:80])
    code, owner = split_id(command.account)
    if code not in MEMBER_ACCOUNTS:
        detail = f"{command.account} belongs to the institution"
        raise Refused(Code.NOT_ALLOWED, "account", detail)
    leaves = []
    for leaf in (account_id(code, owner) for code in MEMBER_ACCOUNTS):
        stream = account.stream(leaf)
        state = unit.load(stream)
        if state.status != "none":
            unit.record(stream, account.close(state))
            leaves.append(leaf)
    return {"account": command.account, "status": "closed", "accounts": leaves}


def reverse_entry(unit: Unit, command: ReverseEntry) -> dict[str, object]:
    """Turn an entry round on the open business day. Raises ENTRY_NOT_FOUND, ENTRY_NOT_REVERSIBLE,
    ENTRY_ALREADY_REVERSED, and what posting raises (a floor, a freeze)."""
    reason = checked_reason(command.reason)
    entry = getattr(unit.fact(command.reference), "entry", None)
    if not isinstance(entry, Entry):
        raise Refused(Code.ENTRY_NOT_FOUND, "reference", command.reference[:120])
    reversal.refuse_reversal(entry)
    stream = reversal.stream(command.reference)
    turned = reversed_entry(entry, unit.accounting_date)
    unit.record(stream, reversal.reverse(unit.load(stream), command.reference, reason, turned))
    return {"reference": command.reference, "reversed_by": f"{stream}#1"}
