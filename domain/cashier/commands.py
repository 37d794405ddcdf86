"""Commands of the cashier: open a session, pay by one of its methods, cancel it."""

from domain.cashier import session
from domain.cashier.recharged import filled_by
from domain.cashier.session import LONGEST_NO, Choice, Opened, Wish
from domain.fields import checked_member_id, checked_number, checked_reason, is_web_address
from domain.kernel import Command, Stream, Unit, iso_time
from domain.member import member
from domain.money import fen
from domain.order import order
from domain.order.commands import PayOrder, pay_order
from domain.payment import payment
from domain.payment.commands import LegAsked, RechargeWallet, recharge_wallet
from domain.payment.protocol import PAYMENT_CODES
from domain.refusals import Code, Refused

TWO_HOURS_S = 7200
ENDED = frozenset({"declined", "sent_back", "kept"})  # Payments that leave the payer as it was.
MAX_URL = 400


class OpenSession(Command, frozen=True):
    """For an order that is placed (`order_no`), or to fill a member's wallet (`member_id`, with an
    amount or without: then the payer says it). `return_url`: where the payer goes back to."""

    session_no: str
    order_no: str = ""
    member_id: str = ""
    amount_fen: int | None = None
    return_url: str = ""
    seconds: int = TWO_HOURS_S


class PaySession(Command, frozen=True, omit_defaults=True):
    """The payer's n-th choice: a method, or legs that come to the amount."""

    session_no: str
    attempt: int
    method: str = ""
    legs: tuple[LegAsked, ...] = ()
    amount_fen: int | None = None


class CancelSession(Command, frozen=True):
    session_no: str
    reason: str


def open_session(unit: Unit, command: OpenSession) -> dict[str, object]:
    """Raises REQUEST_INVALID, SESSION_EXISTS, ORDER_NOT_FOUND, ORDER_NOT_PAYABLE,
    MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, AMOUNT_*."""
    number = checked_number(command.session_no, "session_no", longest=LONGEST_NO)
    if command.return_url and not is_web_address(command.return_url, MAX_URL):
        raise Refused(Code.REQUEST_INVALID, "return_url", "an address with http or https")
    if bool(command.order_no) == bool(command.member_id):
        raise Refused(Code.REQUEST_INVALID, "order_no", "an order, or a member: one of them")
    wish = _for_order(unit, command) if command.order_no else _for_wallet(unit, command)
    stream = session.stream(number)
    facts = session.open_for(unit.load(stream), wish, unit.at_us, command.seconds)
    unit.record(stream, facts)
    kept = session.needed(unit.load(stream))
    return {"session_no": number, "expires_at": iso_time(kept.expires_us)}


def _for_order(unit: Unit, command: OpenSession) -> Wish:
    if command.amount_fen is not None:
        raise Refused(Code.REQUEST_INVALID, "amount_fen", "an order has its own")
    state = unit.load(order.stream(checked_number(command.order_no, "order_no")))
    placed = order.needed(state)
    if state.status in ("paid", "closed") and not unit.version(session.stream(command.session_no)):
        raise Refused(Code.ORDER_NOT_PAYABLE, "order_no", f"it is {state.status}")
    return Wish(
        purpose="order",
        reference=command.order_no,
        payer=placed.buyer,
        amount_fen=placed.total_fen,
        return_url=command.return_url,
    )


def _for_wallet(unit: Unit, command: OpenSession) -> Wish:
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    if owner.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    if command.amount_fen is not None:
        fen(command.amount_fen, "amount_fen")
    return Wish(
        purpose="recharge",
        reference=command.member_id,
        payer=command.member_id,
        amount_fen=command.amount_fen,
        return_url=command.return_url,
    )


def pay_session(unit: Unit, command: PaySession) -> dict[str, object]:
    """Start the payment of a choice. Raises what `session.attempt` raises, and what paying an order
    or filling a wallet does: then the attempt was not made."""
    number = checked_number(command.session_no, "session_no", longest=LONGEST_NO)
    stream = session.stream(number)
    state = unit.load(stream)
    opened = session.needed(state)
    choice = Choice(command.method, command.legs, _amount(opened, command.amount_fen))
    for method in (*filter(None, [command.method]), *(leg.method for leg in command.legs)):
        code = PAYMENT_CODES.get(method)
        if code is not None and not code.proved_there:
            detail = "who has the link has not proved to be its owner"
            raise Refused(Code.METHOD_UNKNOWN, "method", detail)
    ended = _has_ended(unit, state)
    if command.attempt > state.attempts:
        _refuse_filled(unit, number, state)
    facts = session.attempt(state, number, command.attempt, choice, unit.at_us, ended=ended)
    unit.record(stream, facts)
    payment_no = session.payment_no(number, command.attempt)
    if facts:
        _start(unit, opened, payment_no, choice)
    return {"session_no": number, "attempt": command.attempt, "payment_no": payment_no}


def _amount(opened: Opened, said_fen: int | None) -> int:
    """What is to be paid: what the session says, and only where it says nothing the payer."""
    if opened.amount_fen is None:
        if said_fen is None:
            raise Refused(Code.AMOUNT_INVALID, "amount_fen", "how much is to be paid in?")
        return fen(said_fen, "amount_fen")
    if said_fen not in (None, opened.amount_fen):
        raise Refused(Code.REQUEST_INVALID, "amount_fen", "the session has its own")
    return opened.amount_fen


def _has_ended(unit: Unit, state: session.State) -> bool:
    if state.last is None:
        return True
    paid: Stream[payment.State] = payment.stream(state.last.payment_no)
    return unit.load(paid).status in ENDED


def _refuse_filled(unit: Unit, session_no: str, state: session.State) -> None:
    """A payment that had been declined may have filled the wallet since."""
    if session.needed(state).purpose == "recharge":
        filled = filled_by(unit.load, session_no, state)
        if filled:
            raise Refused(Code.SESSION_OVER, "session_no", f"payment {filled} filled the wallet")


def _start(unit: Unit, opened: Opened, payment_no: str, choice: Choice) -> None:
    if opened.purpose == "order":
        pay_order(unit, PayOrder(payment_no, opened.reference, choice.method, choice.legs))
        return
    if choice.legs:
        raise Refused(Code.LEGS_INVALID, "legs", "a wallet is filled by one method")
    recharge = RechargeWallet(payment_no, opened.reference, choice.method, choice.amount_fen)
    recharge_wallet(unit, recharge)


def cancel_session(unit: Unit, command: CancelSession) -> dict[str, object]:
    """Raises SESSION_NOT_FOUND."""
    number = checked_number(command.session_no, "session_no", longest=LONGEST_NO)
    stream = session.stream(number)
    unit.record(stream, session.cancel(unit.load(stream), checked_reason(command.reason)))
    return {"session_no": number, "state": "cancelled"}
