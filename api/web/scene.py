"""What a page of the cashier shows now: read from the write side, so a reload is never behind.

    choose    the payer may choose a method         waiting   the payer or the channel has it
    unknown   nobody can say what became of it      paid      the money is there
    over      nothing can be paid by it any more

The same for every device that has the session open: a page holds nothing of its own.
"""

from typing import Literal, NamedTuple

from domain.cashier import session
from domain.cashier.methods import Method, Part, methods
from domain.cashier.recharged import filled_by
from domain.kernel import States, shanghai_date
from domain.member import member
from domain.order import order
from domain.payment import instruction, payment
from domain.payment.class_left import ClassLeft, class_left
from domain.payment.protocol import PRODUCTS
from domain.refusals import Code, Refused

Kind = Literal["choose", "waiting", "unknown", "paid", "over"]
_FAILED = ("declined", "sent_back", "kept")


class Line(NamedTuple):
    """What one merchant sells; `merchant` is its name."""

    merchant: str
    subject: str
    items: int
    amount_fen: int


class Scene(NamedTuple):
    """`attempt` is the number that the next choice has; `url` where the payer goes on at the
    channel, and `code` whose channel that is; `failed`: the last attempt ended without money.
    `amount_fen` None: the payer says it. `left`: what the wallet that is filled may still pay."""

    session_no: str
    kind: Kind
    purpose: session.Purpose
    reference: str
    amount_fen: int | None
    lines: tuple[Line, ...]
    methods: tuple[Method, ...]
    attempt: int
    expires_us: int
    return_url: str
    url: str = ""
    code: str = ""
    failed: bool = False
    left: ClassLeft | None = None


def scene(states: States, session_no: str, at_us: int) -> Scene:
    """Raises Refused(SESSION_NOT_FOUND). May read the ledger."""
    state = states(session.stream(session_no))
    if state.opened is None:
        raise Refused(Code.SESSION_NOT_FOUND, "session_no")
    opened = state.opened
    placed = states(order.stream(opened.reference)) if opened.purpose == "order" else None
    last = states(payment.stream(state.last.payment_no)) if state.last is not None else None
    filled = filled_by(states, session_no, state) if opened.purpose == "recharge" else ""
    kind = "paid" if filled else _kind(state, placed, last, at_us)
    amount_fen = opened.amount_fen
    if filled:
        amount_fen = payment.needed(states(payment.stream(filled))).amount_fen
    elif amount_fen is None and state.last is not None and kind != "choose":
        amount_fen = state.last.amount_fen
    url, code = _asked(states, state, last) if kind == "waiting" else ("", "")
    offered: tuple[Method, ...] = ()
    left: ClassLeft | None = None
    if kind == "choose":
        if opened.purpose == "recharge":
            left = class_left(states, opened.reference, shanghai_date(at_us))
        mode = "INSTANT_PURCHASE" if placed and _is_instant(placed) else "ESCROW_PURCHASE"
        product = PRODUCTS[mode if opened.purpose == "order" else "RECHARGE"]
        offered = methods(states, product, _parts(placed), amount_fen or 1, at_us)
    return Scene(
        session_no=session_no,
        kind=kind,
        purpose=opened.purpose,
        reference=opened.reference,
        amount_fen=amount_fen,
        lines=_lines(states, placed),
        methods=offered,
        attempt=state.attempts + 1,
        expires_us=opened.expires_us,
        return_url=opened.return_url,
        url=url,
        code=code,
        failed=last is not None and last.status in _FAILED,
        left=left,
    )


def usable(found: Scene) -> set[str]:
    """The methods that may be chosen."""
    return {one.code for one in found.methods if not one.why}


def _parts(state: order.State | None) -> list[Part]:
    if state is None or state.placed is None:
        return []
    return [Part(one.merchant, one.amount_fen) for one in state.placed.lines]


def _is_instant(state: order.State) -> bool:
    return state.placed is not None and state.placed.mode == "instant"


def _lines(states: States, state: order.State | None) -> tuple[Line, ...]:
    if state is None or state.placed is None:
        return ()
    return tuple(
        Line(states(member.stream(one.merchant)).name, one.subject, one.items, one.amount_fen)
        for one in state.placed.lines
    )


def _kind(
    state: session.State, ordered: order.State | None, last: payment.State | None, at_us: int
) -> Kind:
    """By what is certain first: an order that is paid is paid, by whichever payment."""
    if ordered is not None and ordered.status == "paid":
        return "paid"
    if last is not None and last.status == "unknown":
        return "unknown"
    if last is not None and last.status not in _FAILED:
        return "waiting"
    if ordered is not None and ordered.status == "closed":
        return "over"
    if ordered is not None and ordered.status == "paying":  # By a payment of another door.
        return "waiting"
    return "over" if state.is_over(at_us) else "choose"


def _asked(states: States, state: session.State, last: payment.State | None) -> tuple[str, str]:
    """Where the payer goes on, at the channel of the leg that waits for it."""
    if last is None or last.started is None or state.last is None:
        return "", ""
    for place, leg in enumerate(last.started.legs):
        if leg.kind == "channel" and last.legs[place].status == "waiting":
            wanted = payment.asks(last, state.last.payment_no, place)
            asked = states(instruction.stream(wanted))
            if asked.tried.url:
                return asked.tried.url, leg.code
    return "", ""
