"""What becomes of withdrawals: what the bank answers, what it says against that later, and what it
returns: section 5a of the domain notes."""

from functools import partial

from domain.accounting import account
from domain.accounting.chart import CHANNEL_SHORTAGE, WALLET, account_id
from domain.accounting.commands import home_or_suspense
from domain.accounting.owning import there_of, topped_up
from domain.accounting.rules import withdrawal as rules
from domain.fields import checked_number, checked_reason
from domain.kernel import Command, Stream, Unit
from domain.payment import instruction, withdrawal
from domain.payment.asking import ask_whether_it_is_so
from domain.payment.contradicted import ended, opened, paid_out_above
from domain.payment.contradiction import Against
from domain.payment.instruction import Declined, Outcome, Succeeded
from domain.payment.spent import give_back, withdrawn_late
from domain.settlement.withdrawing import given_back, over


class ReturnWithdrawal(Command, frozen=True):
    """退汇: the statement shows that the bank returned a withdrawal."""

    withdrawal_no: str
    reason: str


def withdrawal_succeeded(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The bank paid it."""
    stream, asked = _withdrawal(outcome), outcome.asked
    state = unit.load(stream)
    wanted, on = withdrawal.needed(state), unit.accounting_date
    entry = rules.withdrawal_succeeded(on, asked.channel, asked.amount_fen, wanted.fee_fen)
    facts = withdrawal.succeed(state, entry)
    unit.record(stream, facts)
    if facts:
        over(unit, stream, given_back=False)


def withdrawal_declined(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The bank did not pay it: the wallet has it again, fee and all, or suspense."""
    stream, asked = _withdrawal(outcome), outcome.asked
    state = unit.load(stream)
    entry = given_back(unit, withdrawal.needed(state), asked.channel)
    facts = withdrawal.fail(state, outcome.fact.reason, entry)
    unit.record(stream, facts)
    if facts:
        over(unit, stream, given_back=True)


def withdrawal_late(unit: Unit, against: Against) -> None:
    """Paid after it was declined: what is left in the wallet is taken again, and what is not is
    missing; the fee as well, if there is enough for it. What was kept in suspense is there. Where
    it is no decline that is contradicted, it was paid twice."""
    stream: Stream[withdrawal.State] = Stream(against.asked.reference)
    state, channel, on = unit.load(stream), against.asked.channel, unit.accounting_date
    asked = withdrawal.needed(state)
    if state.status != "failed":
        paid_out_above(unit, against)
        return
    withdrawn_late(unit, withdrawal.number_of(stream))
    amount_fen, fee_fen = asked.amount_fen, asked.fee_fen
    if state.suspense:
        kept = rules.withdrawal_succeeded_late_kept(on, channel, amount_fen, fee_fen)
        unit.record(stream, withdrawal.succeed_late(state, fee_fen, kept))
        ended(unit, against, "paid out of what was kept")
        return
    wallet = unit.load(account.stream(account_id(WALLET, asked.member_id)))
    there_fen = 0
    if wallet.status == "open" and not wallet.frozen_out:
        there_fen = max(wallet.available_fen, 0)
    wallet_fen = min(there_fen, amount_fen)
    missing_fen = amount_fen - wallet_fen
    taken_fen = fee_fen if there_fen >= amount_fen + fee_fen else 0
    entry = rules.withdrawal_succeeded_late(
        on,
        channel,
        asked.member_id,
        wallet_fen=wallet_fen,
        missing_fen=missing_fen,
        fee_fen=taken_fen,
    )
    waits_at = account_id(CHANNEL_SHORTAGE, channel) if missing_fen else ""
    opened(unit, against, missing_fen, waits_at, entry)
    unit.record(stream, withdrawal.succeed_late(state, taken_fen, None))
    ended(unit, against, "taken from the wallet again, as far as it was there")


def withdrawal_returned(unit: Unit, against: Against) -> None:
    """退汇, as the bank tells it: it owes us the money, and the wallet has it again."""
    stream: Stream[withdrawal.State] = Stream(against.asked.reference)
    if unit.load(stream).status != "succeeded":
        return  # An operator has recorded it: it stays listed.
    _come_back(unit, stream, against.asked.channel, against.fact.reason or "returned", told=True)
    ended(unit, against, "the wallet has it again")


def return_withdrawal(unit: Unit, command: ReturnWithdrawal) -> dict[str, object]:
    """Record that a paid withdrawal came back, once; a bank over a network is asked whether it did.
    Raises WITHDRAWAL_NOT_FOUND, WITHDRAWAL_STATE_WRONG, and what crediting the wallet raises."""
    number = checked_number(command.withdrawal_no, "withdrawal_no")
    reason = checked_reason(command.reason)
    stream = withdrawal.stream(number)
    state = unit.load(stream)
    withdrawal.needed(state)
    asked_by = instruction.stream(withdrawal.instruction_id(number))
    _come_back(unit, stream, unit.load(asked_by).channel, reason, told=False)
    if state.status != "returned":
        ask_whether_it_is_so(unit, asked_by)
    return {"withdrawal_no": number, "state": unit.load(stream).status}


def _come_back(
    unit: Unit, stream: "Stream[withdrawal.State]", channel: str, reason: str, *, told: bool
) -> None:
    """To the wallet, or to suspense where that is closed; with the fee where its tariff says so. Of
    a fee that is not in the reserve any more own funds pay what is missing."""
    state = unit.load(stream)
    asked, on = withdrawal.needed(state), unit.accounting_date
    fee_fen = state.fee_fen if asked.fee_back else 0
    earned_fen = there_of(unit, fee_fen)
    whole = {
        "amount_fen": asked.amount_fen,
        "fee_earned_fen": earned_fen,
        "fee_own_fen": fee_fen - earned_fen,
    }
    home = partial(rules.withdrawal_returned_by_statement, on, asked.member_id, **whole)
    kept = partial(rules.withdrawal_returned_by_statement_kept, on, channel, **whole)
    if told:
        home = partial(rules.withdrawal_returned, on, channel, asked.member_id, **whole)
        kept = partial(rules.withdrawal_returned_kept, on, channel, **whole)
    entry = home_or_suspense(unit, account_id(WALLET, asked.member_id), home, kept)
    facts = withdrawal.come_back(state, reason, fee_fen, entry)
    unit.record(stream, facts)
    if facts:
        topped_up(unit, stream, fee_fen - earned_fen)
        give_back(unit, "withdrawal", withdrawal.number_of(stream), None, "it came back")


def _withdrawal(outcome: Outcome[Succeeded | Declined]) -> "Stream[withdrawal.State]":
    return Stream(outcome.asked.reference)
