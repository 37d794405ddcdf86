"""Commands of what is kept of a merchant's money: reserve is released, deposits are taken and given
back. What becomes the merchant's is paid out with its next batch, which is opened if there is none.
"""

from datetime import date

from domain.accounting import account, deposit, reserve
from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_DEPOSIT,
    account_id,
)
from domain.accounting.commands import open_accounts
from domain.accounting.owning import topped_up
from domain.accounting.rules import reserve as rules
from domain.fields import checked_member_id, checked_number, checked_reason
from domain.kernel import Command, Reaction, Unit, shanghai_date
from domain.member import member
from domain.money import fen
from domain.settlement import carry
from domain.settlement.opening import open_next


class ReleaseReserve(Command, frozen=True):
    """The date of a reserve has come."""

    member_id: str
    release_on: date


class ReleaseReserveEarly(Command, frozen=True):
    """All that is held of a reserve is the merchant's before its date."""

    member_id: str
    release_on: date
    reason: str


class TakeDeposit(Command, frozen=True):
    """Out of what is available to the merchant or, as the bank statement shows, paid in by it."""

    deposit_no: str
    member_id: str
    amount_fen: int
    source: deposit.Source
    reason: str


class ReturnDeposit(Command, frozen=True):
    """A deposit is given back, whole; what the merchant owes is taken out of it first."""

    deposit_no: str
    reason: str


def release_reserve(unit: Unit, command: ReleaseReserve) -> dict[str, object]:
    """Raises RESERVE_NOT_FOUND, RESERVE_NOT_DUE, and what posting raises."""
    return _release(unit, command.member_id, command.release_on)


def release_reserve_early(unit: Unit, command: ReleaseReserveEarly) -> dict[str, object]:
    """Raises RESERVE_NOT_FOUND, and what posting raises."""
    reason = checked_reason(command.reason)
    return _release(unit, command.member_id, command.release_on, reason)


def _release(
    unit: Unit, member_id: str, release_on: date, early: str | None = None
) -> dict[str, object]:
    """`early`: why it is released before its date."""
    merchant = checked_member_id(member_id)
    stream = reserve.stream(merchant, release_on)
    state, on = unit.load(stream), unit.accounting_date
    released_fen = 0
    if reserve.is_to_release(state, on, early=early is not None):
        released_fen = state.held_fen
        owed_fen = recovered_of(unit, merchant, released_fen)
        entry = rules.reserve_released(on, merchant, released_fen, owed_fen)
        by = "" if early is None else unit.actor
        unit.record(stream, reserve.release(state, owed_fen, by, early or "", entry))
        topped_up(unit, stream, -owed_fen)
        make_payable(unit, merchant, stream, released_fen - owed_fen)
    return {
        "member_id": merchant,
        "release_on": release_on.isoformat(),
        "released_fen": released_fen,
    }


def take_deposit(unit: Unit, command: TakeDeposit) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, DEPOSIT_EXISTS, TERMS_MISSING,
    BALANCE_INSUFFICIENT, and what else posting raises."""
    number = checked_number(command.deposit_no, "deposit_no")
    merchant = checked_member_id(command.member_id)
    amount_fen = fen(command.amount_fen, "amount_fen")
    reason = checked_reason(command.reason)
    owner = unit.load(member.stream(merchant))
    member.need_enterprise(owner)
    stream, source = deposit.stream(number), command.source
    state = unit.load(stream)
    if deposit.is_to_take(state, merchant, amount_fen, source):
        owner.settlement_terms_on(shanghai_date(unit.at_us))  # A batch is to pay it, given back.
        open_accounts(unit, (MERCHANT_DEPOSIT,), merchant)
        taken = rules.deposit_taken if source == "available" else rules.deposit_paid_in
        entry = taken(unit.accounting_date, merchant, amount_fen)
        facts = deposit.take(state, merchant, amount_fen, source, reason, unit.actor, entry)
        unit.record(stream, facts)
        if source == "available":
            taken_from_available(unit, merchant, stream, amount_fen)
    return {"deposit_no": number, "status": unit.load(stream).status}


def return_deposit(unit: Unit, command: ReturnDeposit) -> dict[str, object]:
    """Raises DEPOSIT_NOT_FOUND, and what posting raises."""
    number = checked_number(command.deposit_no, "deposit_no")
    reason = checked_reason(command.reason)
    stream = deposit.stream(number)
    state = unit.load(stream)
    if deposit.is_to_give_back(state):
        merchant, amount_fen = state.member_id, state.amount_fen
        owed_fen = recovered_of(unit, merchant, amount_fen)
        entry = rules.deposit_returned(unit.accounting_date, merchant, amount_fen, owed_fen)
        unit.record(stream, deposit.give_back(state, owed_fen, reason, unit.actor, entry))
        topped_up(unit, stream, -owed_fen)
        make_payable(unit, merchant, stream, amount_fen - owed_fen)
    return {"deposit_no": number, "status": unit.load(stream).status}


def recovered_of(unit: Unit, merchant: str, amount_fen: int) -> int:
    """What of an amount that becomes the merchant's covers what it owes."""
    debt = unit.load(account.stream(account_id(MERCHANT_DEBT, merchant)))
    return min(max(debt.available_fen, 0), amount_fen)


def make_payable(unit: Unit, merchant: str, of: str, amount_fen: int) -> None:
    """More of the available money is for a batch to pay; one is sure to come, now or with terms."""
    if not amount_fen:
        return
    stream = carry.stream(merchant)
    state = unit.load(stream)
    unit.record(stream, carry.make_payable(state, of, state.payable_fen + amount_fen))
    _open_for_payable(unit, merchant)


def terms_came(unit: Unit, reaction: Reaction[member.SettlementTermsSet, member.State]) -> None:
    """What was payable while there were no terms to open a batch under has one now."""
    _open_for_payable(unit, unit.load(reaction.stream).member_id)


def _open_for_payable(unit: Unit, merchant: str) -> None:
    """Older ledgers have deposits of merchants without terms: they are given back all the same."""
    terms = unit.load(member.stream(merchant)).settlement_terms_in_force(shanghai_date(unit.at_us))
    if terms is not None and unit.load(carry.stream(merchant)).payable_fen:
        open_next(unit, merchant)


def taken_from_available(unit: Unit, merchant: str, of: str, amount_fen: int) -> None:
    """An amount was taken out of the free available money: what no batch is to pay went first."""
    stream = carry.stream(merchant)
    state = unit.load(stream)
    if not state.payable_fen:
        return
    free_fen = unit.load(account.stream(account_id(MERCHANT_AVAILABLE, merchant))).available_fen
    gone_fen = carry.taken_fen(state, free_fen + amount_fen, amount_fen)
    unit.record(stream, carry.make_payable(state, of, state.payable_fen - gone_fen))
