"""Which payment of a session fills the wallet: one, however many succeed.

An order sees to that itself: it is paid once. A wallet takes whatever comes, so a session does.
A payment that was declined and succeeds after all fills the wallet when no other one of the session
has done so and none is under way; else it goes back as it came, as an order's does.
"""

from collections.abc import Iterator

from domain.cashier import session
from domain.kernel import Reaction, States, Unit
from domain.payment import outcomes, payment

_UNDER_WAY = ("paying", "unknown", "giving_up")


def filled_by(states: States, session_no: str, state: session.State) -> str:
    """The number of the payment whose money the wallet has; "" while there is none."""
    for number, status in _others(states, session_no, state):
        if status == "succeeded":
            return number
    return ""


def recharge_paid(unit: Unit, reaction: Reaction[payment.Succeeded, payment.State]) -> None:
    """A recharge succeeded: its money is the wallet's, or goes back when its session's is another
    payment's."""
    number = payment.number_of(reaction.stream)
    session_no = session.session_of(number)
    state = unit.load(session.stream(session_no)) if session_no else session.State()
    if state.opened is not None and state.opened.purpose == "recharge":
        for other, status in _others(unit.load, session_no, state, but=number):
            if status == "succeeded" or status in _UNDER_WAY:
                outcomes.send_back(unit, reaction.stream, f"payment {other} is the session's")
                return
    outcomes.credit_recharged_wallet(unit, reaction)


def _others(
    states: States, session_no: str, state: session.State, but: str = ""
) -> Iterator[tuple[str, payment.Status]]:
    """Numbers and states of a session's payments, the newest first; none for a payment that is not
    the session's."""
    numbers = [session.payment_no(session_no, n) for n in range(state.attempts, 0, -1)]
    if not but or but in numbers:
        for number in numbers:
            if number != but:
                yield number, states(payment.stream(number)).status
