"""Withdrawals: shown, asked for, approved, and instructed when they are due.

They stand here and not with payments because working days decide when money leaves. What follows
from the bank's answers is in `withdrawn.py`.
"""

from datetime import date
from functools import partial

from msgspec import Struct

from domain.accounting import account
from domain.accounting.chart import WALLET, account_id
from domain.accounting.commands import home_or_suspense
from domain.accounting.rules import withdrawal as rules
from domain.channel.channels import PAYOUT_CHANNEL
from domain.fields import checked_member_id, checked_number, checked_reason
from domain.kernel import Command, Entry, States, Stream, Unit, shanghai_date
from domain.member import member
from domain.member.binding import checked_token
from domain.member.terms import parse_cycle
from domain.money import fen
from domain.payment import allowance, withdrawal
from domain.payment.asked import Destination
from domain.payment.commands import issue
from domain.payment.destination import bound_account, destination_of
from domain.payment.spent import give_back, withdraw
from domain.payment.withdrawal_terms import Speed, Terms, terms_on, withdrawal_fee_fen
from domain.refusals import Code, Refused
from domain.settlement import published
from domain.settlement.cycle import due_date

UNBOUND = "the card is not bound any more"


class RequestWithdrawal(Command, frozen=True):
    """`fee_fen` is the fee that was shown; `card` "": the member's default."""

    withdrawal_no: str
    member_id: str
    amount_fen: int
    fee_fen: int
    card: str = ""
    speed: Speed = "T+0"


class ApproveWithdrawal(Command, frozen=True):
    withdrawal_no: str


class TurnDownWithdrawal(Command, frozen=True):
    withdrawal_no: str
    reason: str


class InstructWithdrawal(Command, frozen=True):
    """Of the timer: it is due."""

    withdrawal_no: str


class Quote(Struct, frozen=True):
    """What a withdrawal would cost, and when it would arrive; `approval`: a second operator would
    have to let it leave. Fen."""

    amount_fen: int
    fee_fen: int
    speed: Speed
    arrives_on: date
    free: bool
    fee_back: bool
    approval: bool


def quoted(states: States, member_id: str, amount_fen: int, speed: Speed, today: date) -> Quote:
    """Pure but for the states it reads. Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN,
    MEMBER_KIND_WRONG, WITHDRAWAL_LIMIT, CALENDAR_UNPUBLISHED."""
    owner = states(member.stream(checked_member_id(member_id)))
    member.need(owner)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    terms, used = terms_on(today), states(allowance.stream(member_id))
    _refuse_beyond(terms, amount_fen, used.used_on(today))
    calendar = published.in_force(states(published.STREAM))
    arrives = today
    if speed != "T+0":
        arrives = due_date(parse_cycle(speed, "speed"), today, "speed", calendar)
    free_used = used.free_in(today)
    return Quote(
        amount_fen,
        withdrawal_fee_fen(terms, speed, amount_fen, free_used),
        speed,
        arrives,
        free_used < terms.free,
        terms.tariffs[speed].fee_back,
        amount_fen > terms.approved_above_fen,
    )


def _refuse_beyond(terms: Terms, amount_fen: int, used_fen: int) -> None:
    detail = ""
    if amount_fen < terms.least_fen:
        detail = f"at least {terms.least_fen} fen"
    elif amount_fen > terms.most_fen:
        detail = f"at most {terms.most_fen} fen at once"
    elif used_fen + amount_fen > terms.day_most_fen:
        left_fen = max(0, terms.day_most_fen - used_fen)
        detail = f"at most {terms.day_most_fen} fen in a day: {left_fen} fen are left of it"
    if detail:
        raise Refused(Code.WITHDRAWAL_LIMIT, "amount_fen", detail)


def request_withdrawal(unit: Unit, command: RequestWithdrawal) -> dict[str, object]:
    """Raises what `quoted` raises, FEE_DIFFERS, CARD_NOT_FOUND, HOLDER_DIFFERS, ACCOUNT_FROZEN,
    WALLET_CAP, WITHDRAWAL_EXISTS, and what posting raises."""
    number = checked_number(command.withdrawal_no, "withdrawal_no")
    member_id = checked_member_id(command.member_id)
    amount_fen = fen(command.amount_fen, "amount_fen")
    fee_fen = fen(command.fee_fen, "fee_fen", minimum=0)
    if command.card:
        checked_token(command.card, "card")
    stream = withdrawal.stream(number)
    state = unit.load(stream)
    if withdrawal.is_repeat(state, member_id, amount_fen, command.speed, command.card):
        return _answer(unit, number)
    today = shanghai_date(unit.at_us)
    quote = quoted(unit.load, member_id, amount_fen, command.speed, today)
    if fee_fen != quote.fee_fen:
        raise Refused(Code.FEE_DIFFERS, "fee_fen", f"it is {quote.fee_fen} fen")
    to = _destination(unit, member_id, command.card)
    _refuse_frozen(unit, member_id, both_ways=True)
    withdraw(unit, number, member_id, amount_fen)
    used = allowance.count(number, today, amount_fen, free=quote.free)
    unit.record(allowance.stream(member_id), used)
    wish = withdrawal.Wish(
        member_id,
        to,
        amount_fen,
        fee_fen,
        command.speed,
        today,
        quote.arrives_on,
        quote.free,
        quote.fee_back,
        quote.approval,
    )
    entry = rules.withdrawal_requested(unit.accounting_date, member_id, amount_fen, fee_fen)
    unit.record(stream, withdrawal.request(state, wish, unit.actor, entry))
    if withdrawal.is_due(unit.load(stream), unit.accounting_date):
        _instruct(unit, number)
    return _answer(unit, number)


def _destination(unit: Unit, member_id: str, wanted: str) -> Destination:
    """A card that the member has bound in its own name."""
    bound = bound_account(unit.load, member_id, wanted)
    if bound is None:
        raise Refused(Code.CARD_NOT_FOUND, "card", "" if wanted else "no card is bound")
    if bound.relation:
        detail = "money is withdrawn to a card in the member's own name alone"
        raise Refused(Code.HOLDER_DIFFERS, "card", detail)
    return destination_of(bound)


def _refuse_frozen(unit: Unit, member_id: str, *, both_ways: bool) -> None:
    """What comes back must find its way in, too; what is on its way has left already. What has left
    the wallet and not been sent waits as long as an order wants more than is there."""
    wallet = unit.load(account.stream(account_id(WALLET, member_id)))
    wanted = not both_ways and wallet.wanted_fen > 0
    if wallet.frozen_out or wanted or (both_ways and wallet.frozen_in):
        raise Refused(Code.ACCOUNT_FROZEN, "member_id", wallet.account)


def approve_withdrawal(unit: Unit, command: ApproveWithdrawal) -> dict[str, object]:
    """Let a withdrawal leave that waits for a second operator: now, or when it is due.

    Raises what `withdrawal.approve` raises, and ACCOUNT_FROZEN: it waits on then.
    """
    number = checked_number(command.withdrawal_no, "withdrawal_no")
    stream = withdrawal.stream(number)
    facts = withdrawal.approve(unit.load(stream), unit.actor)
    unit.record(stream, facts)
    if facts and withdrawal.is_due(unit.load(stream), unit.accounting_date):
        _instruct(unit, number)
    return _answer(unit, number)


def turn_down_withdrawal(unit: Unit, command: TurnDownWithdrawal) -> dict[str, object]:
    """Give back what waits for a second operator, fee and all. Raises what `withdrawal.turn_down`
    raises, and what crediting the wallet raises."""
    number = checked_number(command.withdrawal_no, "withdrawal_no")
    reason = checked_reason(command.reason)
    stream = withdrawal.stream(number)
    state = unit.load(stream)
    entry = given_back(unit, withdrawal.needed(state), PAYOUT_CHANNEL)
    facts = withdrawal.turn_down(state, reason, unit.actor, entry)
    unit.record(stream, facts)
    if facts:
        over(unit, stream, given_back=True)
    return _answer(unit, number)


def instruct_withdrawal(unit: Unit, command: InstructWithdrawal) -> dict[str, object]:
    """Raises what `withdrawal.instruct` raises, and ACCOUNT_FROZEN: it waits on then."""
    number = checked_number(command.withdrawal_no, "withdrawal_no")
    _instruct(unit, number)
    return _answer(unit, number)


def _instruct(unit: Unit, number: str) -> None:
    """Ask the bank to pay it. Where its card is not bound any more, the money goes back."""
    stream = withdrawal.stream(number)
    state = unit.load(stream)
    facts = withdrawal.instruct(state, number, unit.accounting_date)
    if not facts:
        return
    asked = withdrawal.needed(state)
    bound = bound_account(unit.load, asked.member_id, asked.to.card)
    if bound is None or bound.particulars != asked.to.particulars:
        entry = given_back(unit, asked, PAYOUT_CHANNEL)
        unit.record(stream, withdrawal.fail(state, UNBOUND, entry))
        over(unit, stream, given_back=True)
        return
    _refuse_frozen(unit, asked.member_id, both_ways=False)
    unit.record(stream, facts)
    issue(
        unit,
        withdrawal.instruction_id(number),
        "payout",
        stream,
        PAYOUT_CHANNEL,
        asked.amount_fen,
        asked.member_id,
        product="WITHDRAWAL",
        code=PAYOUT_CHANNEL,
        to=asked.to,
    )


def given_back(unit: Unit, asked: withdrawal.Requested, channel: str) -> Entry:
    """The entry for money that did not leave: the wallet has it or, closed as that is, suspense."""
    on, amount_fen, fee_fen = unit.accounting_date, asked.amount_fen, asked.fee_fen
    return home_or_suspense(
        unit,
        account_id(WALLET, asked.member_id),
        partial(rules.withdrawal_given_back, on, asked.member_id, amount_fen, fee_fen),
        partial(rules.withdrawal_kept, on, channel, amount_fen, fee_fen),
    )


def over(unit: Unit, stream: "Stream[withdrawal.State]", *, given_back: bool) -> None:
    """A withdrawal is under way no more: its member's allowance knows, and the caps do."""
    asked = withdrawal.needed(unit.load(stream))
    facts = allowance.end(
        withdrawal.number_of(stream),
        asked.day,
        asked.amount_fen,
        free=asked.free,
        given_back=given_back,
    )
    unit.record(allowance.stream(asked.member_id), facts)
    if given_back:
        give_back(unit, "withdrawal", withdrawal.number_of(stream), None, "no money has left")


def _answer(unit: Unit, number: str) -> dict[str, object]:
    state = unit.load(withdrawal.stream(number))
    asked = withdrawal.needed(state)
    return {
        "withdrawal_no": number,
        "state": state.status,
        "amount_fen": asked.amount_fen,
        "fee_fen": asked.fee_fen,
        "arrives_on": asked.due.isoformat(),
        "card_tail": asked.to.tail,
    }
