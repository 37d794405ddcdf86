"""Authority order (司法冻结): money stopped by a court, the police, a tax office, on one account.

    (none) ──place──▶ in_force ──extend──▶ in_force        续冻, by a new document
                         ├──lift──▶ lifted                 解冻, by a document
                         ├──end───▶ ended                  its end date is over
                         └──paid out of it, all of it──▶ executed ──returned──▶ in_force

It stops an amount, or all there is (None), and what arrives later until the amount is there: no
entry, the account's attachment (`domain/accounting/attachment.py`). Several on one account stand in
a queue; one that waits (轮候) is in force too, and stops what those before it let go.

What is deducted (扣划) is on its way under its own number, `deduction.py`; here it is counted. An
order that ends while money is on its way takes nothing back: what comes back is free then.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.authority.authorities import AUTHORITIES, Authority
from domain.fields import checked_text
from domain.kernel import Fact, Stream, key
from domain.refusals import Code, Refused

Status = Literal["none", "in_force", "lifted", "ended", "executed"]
LONGEST_DOCUMENT = 64


class Terms(Struct, frozen=True):
    """What the document says: whose order, its number (文号), which account of which member, how
    much (fen; None: all there is), from when, and the last date it is in force; None: until it is
    lifted, for what is to be taken at once."""

    authority: str
    document: str
    account: str
    member_id: str
    amount_fen: int | None
    begins: date
    ends: date | None


class Placed(Fact, frozen=True):
    terms: Terms


class Extended(Fact, frozen=True):
    document: str
    ends: date


class Lifted(Fact, frozen=True):
    document: str
    on: date


class Ended(Fact, frozen=True):
    on: date


class Asked(Fact, frozen=True):
    """So much of it is on its way to the authority."""

    deduction_no: str
    amount_fen: int


class AskedLate(Fact, frozen=True):
    """It had come back, and was paid after all: `stopped_fen` of it out of what was stopped. The
    rest the order goes on stopping, until it is lifted."""

    deduction_no: str
    amount_fen: int
    stopped_fen: int


class Paid(Fact, frozen=True):
    """It arrived; `executed`: nothing is left to stop."""

    deduction_no: str
    amount_fen: int
    executed: bool


class CameBack(Fact, frozen=True):
    """It was not paid, or the bank returned it: the order wants it again."""

    deduction_no: str
    amount_fen: int
    was_paid: bool


Event = Placed | Extended | Lifted | Ended | Asked | AskedLate | Paid | CameBack


class State(Struct, frozen=True, gc=False):
    """`left_fen`: what it still stops at most, None: all there is; fen."""

    status: Status = "none"
    terms: Terms | None = None
    ends: date | None = None
    left_fen: int | None = None
    on_its_way_fen: int = 0
    paid_fen: int = 0
    documents: int = 0  # Extensions; each by a document of its own.
    last_document: str = ""


def stream(order_no: str) -> "Stream[State]":
    return Stream(f"authority-{order_no}")


def number_of(stream: str) -> str:
    return key(stream)


def place(state: State, terms: Terms, today: date) -> list[Event]:
    """Again: []. Raises AUTHORITY_ORDER_EXISTS, AUTHORITY_ORDER_INVALID."""
    if state.terms is not None:
        if _same(state.terms, terms):
            return []
        raise Refused(Code.AUTHORITY_ORDER_EXISTS, "order_no")
    checked_text(terms.document, "document", longest=LONGEST_DOCUMENT)
    authority = known(terms.authority)
    if terms.ends is None:
        need_to_deduct(authority)
    else:
        _refuse_dates(authority, terms.ends, today)
    return [Placed(terms)]


def _same(before: Terms, wanted: Terms) -> bool:
    """Whether it is the same document again: the day it came does not count."""
    return replace(before, begins=wanted.begins) == wanted


def known(code: str) -> Authority:
    """Raises AUTHORITY_ORDER_INVALID."""
    found = AUTHORITIES.get(code) if isinstance(code, str) else None
    if found is None:
        detail = f"one of {', '.join(AUTHORITIES)} is needed"
        raise Refused(Code.AUTHORITY_ORDER_INVALID, "authority", detail)
    return found


def need_to_deduct(authority: Authority) -> None:
    """Raises AUTHORITY_ORDER_INVALID for one that may stop money, and take none."""
    if not authority.deducts:
        detail = f"{authority.code} may stop money, not take it"
        raise Refused(Code.AUTHORITY_ORDER_INVALID, "authority", detail)


def _refuse_dates(authority: Authority, ends: date, today: date) -> None:
    latest = months_after(today, authority.freezes_months)
    if not today <= ends <= latest:
        detail = f"{authority.code}: from {today} to {latest}, {ends} was given"
        raise Refused(Code.AUTHORITY_ORDER_INVALID, "ends", detail)


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one: 31 August and six months are 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError(day)  # Every month has a 28th.


def extend(state: State, document: str, ends: date, today: date) -> list[Event]:
    """续冻: the money stays stopped, in its place, by a new document. Again: []. Raises
    AUTHORITY_ORDER_NOT_FOUND, AUTHORITY_ORDER_STATE_WRONG, AUTHORITY_ORDER_INVALID."""
    terms = needed(state)
    checked_text(document, "document", longest=LONGEST_DOCUMENT)
    if state.status == "in_force" and (state.last_document, state.ends) == (document, ends):
        return []
    _need_in_force(state)
    _refuse_dates(known(terms.authority), ends, today)
    if state.ends is None or ends <= state.ends:
        detail = f"it is in force until {state.ends or 'it is lifted'}"
        raise Refused(Code.AUTHORITY_ORDER_INVALID, "ends", detail)
    return [Extended(document, ends)]


def lift(state: State, document: str, today: date) -> list[Event]:
    """解冻. Again: []. Raises AUTHORITY_ORDER_NOT_FOUND, AUTHORITY_ORDER_STATE_WRONG."""
    needed(state)
    checked_text(document, "document", longest=LONGEST_DOCUMENT)
    if state.status == "lifted":
        return []
    _need_in_force(state)
    return [Lifted(document, today)]


def end(state: State, today: date) -> list[Event]:
    """Its last date is over. Before that, and again: []. Raises AUTHORITY_ORDER_NOT_FOUND."""
    needed(state)
    if state.status != "in_force" or state.ends is None or today <= state.ends:
        return []
    return [Ended(today)]


def ask(state: State, deduction_no: str, amount_fen: int) -> list[Event]:
    """Money leaves for the authority. Raises AUTHORITY_ORDER_NOT_FOUND,
    AUTHORITY_ORDER_STATE_WRONG, AUTHORITY_ORDER_INVALID, DEDUCTION_BEYOND."""
    terms = needed(state)
    _need_in_force(state)
    need_to_deduct(known(terms.authority))
    if state.left_fen is not None and amount_fen > state.left_fen:
        detail = f"{state.left_fen} fen are left of it"
        raise Refused(Code.DEDUCTION_BEYOND, "amount_fen", detail)
    return [Asked(deduction_no, amount_fen)]


def ask_late(state: State, deduction_no: str, amount_fen: int, stopped_fen: int) -> list[Event]:
    """The bank has paid what it had declined: nothing is asked whether it may."""
    needed(state)
    return [AskedLate(deduction_no, amount_fen, stopped_fen)]


def paid(state: State, deduction_no: str, amount_fen: int) -> list[Event]:
    """A deduction has arrived."""
    needed(state)
    rest_fen = state.on_its_way_fen - amount_fen
    executed = state.status == "in_force" and state.left_fen == 0 and rest_fen == 0
    return [Paid(deduction_no, amount_fen, executed)]


def came_back(state: State, deduction_no: str, amount_fen: int, *, was_paid: bool) -> list[Event]:
    """A deduction was not paid, or has come back days later."""
    needed(state)
    return [CameBack(deduction_no, amount_fen, was_paid)]


def needed(state: State) -> Terms:
    """Raises AUTHORITY_ORDER_NOT_FOUND."""
    if state.terms is None:
        raise Refused(Code.AUTHORITY_ORDER_NOT_FOUND, "order_no")
    return state.terms


def _need_in_force(state: State) -> None:
    if state.status != "in_force":
        raise Refused(Code.AUTHORITY_ORDER_STATE_WRONG, "order_no", f"it is {state.status}")


def evolve(state: State, event: Event) -> State:
    match event:
        case Placed(terms=terms):
            return State("in_force", terms, terms.ends, terms.amount_fen)
        case Extended(document=document, ends=ends):
            return replace(state, ends=ends, documents=state.documents + 1, last_document=document)
        case Lifted():
            return replace(state, status="lifted")
        case Ended():
            return replace(state, status="ended")
        case Asked(amount_fen=fen):
            return replace(_left(state, -fen), on_its_way_fen=state.on_its_way_fen + fen)
        case AskedLate(amount_fen=fen, stopped_fen=stopped_fen):
            return replace(_left(state, -stopped_fen), on_its_way_fen=state.on_its_way_fen + fen)
        case Paid(amount_fen=fen, executed=executed):
            on_its_way_fen, paid_fen = state.on_its_way_fen - fen, state.paid_fen + fen
            after = replace(state, on_its_way_fen=on_its_way_fen, paid_fen=paid_fen)
            return replace(after, status="executed") if executed else after
        case CameBack(amount_fen=fen, was_paid=True):
            back = replace(_left(state, fen), paid_fen=state.paid_fen - fen)
            return replace(back, status="in_force") if state.status == "executed" else back
        case CameBack(amount_fen=fen):
            return replace(_left(state, fen), on_its_way_fen=state.on_its_way_fen - fen)
        case _:
            assert_never(event)


def _left(state: State, by_fen: int) -> State:
    if state.left_fen is None:
        return state
    return replace(state, left_fen=state.left_fen + by_fen)
