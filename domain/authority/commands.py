"""Orders of authorities: placed, extended, lifted, ended by their date; and money taken by them.

An order names one account: a wallet, a merchant's available money, or its pending money, which then
does not fall due. What becomes of a deduction is in `outcomes.py`.
"""

from datetime import date

from domain.accounting import account
from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_PENDING,
    STOPPABLE_ACCOUNTS,
    split_id,
)
from domain.accounting.rules.deduction import deduction_asked
from domain.authority import deduction, order
from domain.channel.channels import PAYOUT_CHANNEL
from domain.fields import checked_number, checked_text
from domain.kernel import Command, Unit, shanghai_date
from domain.member import member
from domain.member.binding import checked_token
from domain.money import fen
from domain.payment.asked import Destination
from domain.payment.commands import issue
from domain.refusals import Code, Refused
from domain.settlement import carry
from domain.settlement.opening import open_next
from domain.settlement.reserving import make_payable, taken_from_available


class PlaceOrder(Command, frozen=True):
    """`document` is the authority's number (文号); `amount_fen` None: all there is, and all that
    comes; `ends`: the last date it is in force."""

    order_no: str
    authority: str
    document: str
    account: str
    amount_fen: int | None
    ends: date


class ExtendOrder(Command, frozen=True):
    """续冻, by a new document."""

    order_no: str
    document: str
    ends: date


class LiftOrder(Command, frozen=True):
    """解冻, by a document."""

    order_no: str
    document: str


class EndOrder(Command, frozen=True):
    """Of the timer: its last date is over."""

    order_no: str


class DeductMoney(Command, frozen=True):
    """扣划: pay an amount to the account the document names, tokens of the vault. Where nothing was
    stopped before, `authority` and `account` say whose document it is and what it takes from."""

    deduction_no: str
    order_no: str
    document: str
    amount_fen: int
    payee: str
    particulars: str
    tail: str
    authority: str = ""
    account: str = ""


def place_order(unit: Unit, command: PlaceOrder) -> dict[str, object]:
    """Stop money, at once. Raises AUTHORITY_ORDER_EXISTS, AUTHORITY_ORDER_INVALID,
    AUTHORITY_ORDER_LIMIT, ACCOUNT_NOT_FOUND, ACCOUNT_CLOSED, NOT_ALLOWED."""
    amount_fen = command.amount_fen
    if amount_fen is not None:
        fen(amount_fen, "amount_fen")
    _place(
        unit,
        command.order_no,
        command.authority,
        command.document,
        command.account,
        amount_fen,
        command.ends,
    )
    return _answer(unit, command.order_no)


def _place(
    unit: Unit,
    order_no: str,
    authority: str,
    document: str,
    leaf: str,
    amount_fen: int | None,
    ends: date | None,
) -> None:
    stream = order.stream(checked_number(order_no, "order_no"))
    member_id = _owner(unit, leaf)
    today = shanghai_date(unit.at_us)
    terms = order.Terms(authority, document, leaf, member_id, amount_fen, today, ends)
    facts = order.place(unit.load(stream), terms, today)
    unit.record(stream, facts)
    if facts:
        held = account.stream(leaf)
        unit.record(held, account.attach(unit.load(held), order_no, amount_fen))


def _owner(unit: Unit, leaf: str) -> str:
    """Whose account it is. Raises ACCOUNT_CODE_UNKNOWN, ACCOUNT_NOT_FOUND, NOT_ALLOWED."""
    if not isinstance(leaf, str) or unit.load(account.stream(leaf)).status == "none":
        raise Refused(Code.ACCOUNT_NOT_FOUND, "account", str(leaf)[:80])
    code, member_id = split_id(leaf)
    if code not in STOPPABLE_ACCOUNTS:
        detail = f"{leaf}: one of {', '.join(STOPPABLE_ACCOUNTS)} of a member is needed"
        raise Refused(Code.NOT_ALLOWED, "account", detail)
    return member_id


def extend_order(unit: Unit, command: ExtendOrder) -> dict[str, object]:
    """Raises what `order.extend` raises."""
    stream = order.stream(checked_number(command.order_no, "order_no"))
    today = shanghai_date(unit.at_us)
    facts = order.extend(unit.load(stream), command.document, command.ends, today)
    unit.record(stream, facts)
    return _answer(unit, command.order_no)


def lift_order(unit: Unit, command: LiftOrder) -> dict[str, object]:
    """Raises what `order.lift` raises."""
    stream = order.stream(checked_number(command.order_no, "order_no"))
    facts = order.lift(unit.load(stream), command.document, shanghai_date(unit.at_us))
    unit.record(stream, facts)
    if facts:
        let_go(unit, command.order_no)
    return _answer(unit, command.order_no)


def end_order(unit: Unit, command: EndOrder) -> dict[str, object]:
    """Raises AUTHORITY_ORDER_NOT_FOUND."""
    stream = order.stream(checked_number(command.order_no, "order_no"))
    facts = order.end(unit.load(stream), shanghai_date(unit.at_us))
    unit.record(stream, facts)
    if facts:
        let_go(unit, command.order_no)
    return _answer(unit, command.order_no)


def let_go(unit: Unit, order_no: str) -> None:
    """Its money is free, or the next order's. A closed account stops nothing."""
    stream = account.stream(order.needed(unit.load(order.stream(order_no))).account)
    unit.record(stream, account.detach(unit.load(stream), order_no))


def deduct_money(unit: Unit, command: DeductMoney) -> dict[str, object]:
    """Take stopped money, and instruct the bank to pay it. Raises DEDUCTION_EXISTS,
    DEDUCTION_BEYOND, ACCOUNT_FROZEN, MEMBER_FORGOTTEN, and what placing and `order.ask` raise."""
    number = checked_number(command.deduction_no, "deduction_no")
    order_no = checked_number(command.order_no, "order_no")
    document = checked_text(command.document, "document", longest=order.LONGEST_DOCUMENT)
    amount_fen = fen(command.amount_fen, "amount_fen")
    to = _destination(command)
    stream, ordered_by = deduction.stream(number), order.stream(order_no)
    state = unit.load(stream)
    if deduction.is_repeat(state, order_no, document, amount_fen, to):
        return _deducted(unit, number)
    if command.authority or command.account:
        _place(unit, order_no, command.authority, document, command.account, amount_fen, None)
    terms = order.needed(unit.load(ordered_by))
    member.need(unit.load(member.stream(terms.member_id)))
    unit.record(ordered_by, order.ask(unit.load(ordered_by), number, amount_fen))
    held = account.stream(terms.account)
    there = unit.load(held)
    if there.frozen_in or there.frozen_out:  # What comes back must find its way in, too.
        raise Refused(Code.ACCOUNT_FROZEN, "account", terms.account)
    unit.record(held, account.change_attached(there, order_no, -amount_fen))
    wish = deduction.Wish(order_no, document, terms.account, terms.member_id, amount_fen, to)
    entry = deduction_asked(unit.accounting_date, terms.account, amount_fen)
    unit.record(stream, deduction.ask(state, wish, unit.actor, entry))
    unit.record(held, account.attach(unit.load(held), on_its_way(number), 0, always=True))
    carry_along(unit, number, terms, -amount_fen)
    issue(
        unit,
        deduction.instruction_id(number),
        "payout",
        stream,
        PAYOUT_CHANNEL,
        amount_fen,
        terms.member_id,
        product="DEDUCTION",
        code=PAYOUT_CHANNEL,
        to=to,
    )
    return _deducted(unit, number)


def on_its_way(deduction_no: str) -> str:
    """What notes on an account that money of it is on its way to an authority: it stops nothing,
    but its member is not forgotten meanwhile. No authority's order has such a number."""
    return f":{deduction_no}"


def _destination(command: DeductMoney) -> Destination:
    checked_token(command.payee, "payee")
    checked_token(command.particulars, "particulars")
    tail = command.tail
    if not isinstance(tail, str) or len(tail) > 4 or not (tail.isascii() and tail.isdigit()):
        raise Refused(Code.IDENTIFIER_INVALID, "tail", "the last four digits are needed")
    return Destination(command.payee, command.particulars, tail)


def carry_along(unit: Unit, reference: str, terms: order.Terms, by_fen: int) -> None:
    """Merchants' money that leaves, or comes back, is in no batch: the carry says so. What is back
    of pending money has a batch to fall due in; what is back of available money is payable."""
    code, merchant = split_id(terms.account)
    if code == MERCHANT_AVAILABLE and by_fen < 0:
        taken_from_available(unit, merchant, deduction.stream(reference), -by_fen)
    elif code == MERCHANT_AVAILABLE:
        make_payable(unit, merchant, deduction.stream(reference), by_fen)
    if code != MERCHANT_PENDING:
        return
    stream = carry.stream(merchant)
    state = unit.load(stream)
    unit.record(stream, carry.change(state, reference, state.carry_fen + by_fen))
    if by_fen > 0:
        open_next(unit, merchant)


def _answer(unit: Unit, order_no: str) -> dict[str, object]:
    state = unit.load(order.stream(order_no))
    terms = order.needed(state)
    there = unit.load(account.stream(terms.account))
    return {
        "order_no": order_no,
        "state": state.status,
        "account": terms.account,
        "amount_fen": state.left_fen,
        "stopped_fen": there.stopped_for(order_no),
        "ends": state.ends.isoformat() if state.ends else None,
    }


def _deducted(unit: Unit, number: str) -> dict[str, object]:
    state = unit.load(deduction.stream(number))
    asked = deduction.needed(state)
    return {
        "deduction_no": number,
        "order_no": asked.order_no,
        "state": state.status,
        "amount_fen": asked.amount_fen,
        "payee_tail": asked.to.tail,
    }
