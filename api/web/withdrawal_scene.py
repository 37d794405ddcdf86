"""What the page of a withdrawal shows now, from the write side.

ask       the owner may say how much, and to which card
moving    it is on its way, or waits for its day or a person
arrived   the bank has paid it
back      the bank returned it days later: the wallet has it again
over      nothing can be withdrawn by the session any more
"""

from datetime import date
from typing import Literal, NamedTuple

from domain.cashier import session
from domain.kernel import States
from domain.member import card
from domain.payment import withdrawal
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused

Kind = Literal["ask", "moving", "arrived", "back", "over"]
_FAILED = ("failed", "turned_down")


class Card(NamedTuple):
    """A bound card in the owner's own name: `binding` is its number among the owner's."""

    binding: int
    card: str
    bank: str
    tail: str


class Made(NamedTuple):
    """The last withdrawal. Fen."""

    amount_fen: int
    fee_fen: int
    speed: Speed
    tail: str
    due: date
    approval: bool


class Leave(NamedTuple):
    """`attempt` is the number that the next withdrawal has; `failed`: the last one did not leave.
    `amount_fen` None: the owner says it."""

    session_no: str
    kind: Kind
    member_id: str
    amount_fen: int | None
    attempt: int
    expires_us: int
    return_url: str
    cards: tuple[Card, ...] = ()
    made: Made | None = None
    failed: bool = False


def leave(states: States, session_no: str, at_us: int) -> Leave:
    """Raises Refused(SESSION_NOT_FOUND), also for a session that is for no withdrawal. May read the
    ledger."""
    state = states(session.stream(session_no))
    if state.opened is None or state.opened.purpose != "withdrawal":
        raise Refused(Code.SESSION_NOT_FOUND, "session_no")
    opened, last = state.opened, withdrawal.State()
    if state.withdrew is not None:
        last = states(withdrawal.stream(state.withdrew.withdrawal_no))
    kind = _kind(state, last, at_us)
    return Leave(
        session_no=session_no,
        kind=kind,
        member_id=opened.payer,
        amount_fen=opened.amount_fen,
        attempt=state.attempts + 1,
        expires_us=opened.expires_us,
        return_url=opened.return_url,
        cards=own_cards(states, opened.payer) if kind == "ask" else (),
        made=_made(last),
        failed=last.status in _FAILED,
    )


def own_cards(states: States, member_id: str) -> tuple[Card, ...]:
    """The cards that are bound in the member's own name, the default first."""
    kept = states(card.stream(member_id))
    bound = [one for one in kept.bindings if one.status == "bound" and not one.relation]
    bound.sort(key=lambda one: (one.card != kept.default, one.binding))
    return tuple(Card(one.binding, one.card, one.bank, one.tail) for one in bound)


def _kind(state: session.State, last: withdrawal.State, at_us: int) -> Kind:
    if last.status == "succeeded":
        return "arrived"
    if last.status == "returned":
        return "back"
    if last.status in withdrawal.IN_TRANSIT:
        return "moving"
    return "over" if state.is_over(at_us) else "ask"


def _made(last: withdrawal.State) -> Made | None:
    asked = last.asked
    if asked is None:
        return None
    waits = last.status == "unapproved"
    return Made(asked.amount_fen, asked.fee_fen, asked.speed, asked.to.tail, asked.due, waits)
