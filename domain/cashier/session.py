"""Cashier session (收银台会话): one order to be paid, or one wallet to be filled, by who has its
link.

    (none) ──open──▶ open ──attempt 1──▶ open ──attempt 2──▶ … ──cancel──▶ cancelled

An *attempt* is one choice of the payer: it starts a payment under the number `<session>-<n>`. What
became of it stands with the payment and the order, and nowhere twice: a session only sees to it
that attempts follow one another. The next one is made when the last has ended without money, before
the session's time is over. A page that was loaded before names an attempt that is over, so neither
a second click, another tab nor a page from the history can pay twice.
"""

from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import MICROSECONDS, Fact, Stream, iso_time
from domain.payment.commands import LegAsked
from domain.refusals import Code, Refused

Purpose = Literal["order", "recharge"]
LONGEST_NO = 48  # So that an attempt's number is a payment's.
MOST_ATTEMPTS = 50
LEAST_S, MOST_S = 60, 24 * 3600


class Opened(Fact, frozen=True):
    """`reference` is the order's number, or the member whose wallet is filled. `amount_fen`: of the
    order; of a recharge None until its payer says it. `return_url`: where the payer goes back to,
    "" for nowhere. Who opened it is the fact's actor."""

    purpose: Purpose
    reference: str
    payer: str
    amount_fen: int | None
    return_url: str
    expires_us: int


class Attempted(Fact, frozen=True):
    """The payer chose: a method, or legs of several. It is payment `payment_no` from here on."""

    attempt: int
    payment_no: str
    method: str
    legs: tuple[LegAsked, ...]
    amount_fen: int


class Cancelled(Fact, frozen=True):
    """Nothing is paid by this session any more; what is under way goes on."""

    reason: str


Event = Opened | Attempted | Cancelled


class Wish(NamedTuple):
    """What a session is to be opened for; the fields are those of `Opened`."""

    purpose: Purpose
    reference: str
    payer: str
    amount_fen: int | None
    return_url: str


class Choice(NamedTuple):
    """How a payer wants to pay; the fields are those of `Attempted`."""

    method: str
    legs: tuple[LegAsked, ...]
    amount_fen: int


class State(Struct, frozen=True, gc=False):
    """`last` is the newest attempt; `attempts` how many there were."""

    status: Literal["none", "open", "cancelled"] = "none"
    opened: Opened | None = None
    attempts: int = 0
    last: Attempted | None = None

    def is_over(self, at_us: int) -> bool:
        """Whether it takes no attempt any more: its time is up, or it was cancelled."""
        return self.status == "cancelled" or (
            self.opened is not None and at_us >= self.opened.expires_us
        )


def stream(session_no: str) -> "Stream[State]":
    return Stream(f"cashier-{session_no}")


def payment_no(session_no: str, attempt: int) -> str:
    """The number of the payment that an attempt starts."""
    return f"{session_no}-{attempt}"


def session_of(payment_no: str) -> str:
    """The session whose attempt would have started a payment of this number, "" for none; whether
    it did, the session knows."""
    session_no, _, attempt = payment_no.rpartition("-")
    return session_no if attempt.isascii() and attempt.isdigit() else ""


def open_for(state: State, wish: Wish, at_us: int, seconds: int) -> list[Event]:
    """Open a session for so many seconds. The same again returns [].

    Raises SESSION_EXISTS, REQUEST_INVALID for a time that is too short or too long.
    """
    wanted = Opened(*wish, expires_us=at_us + seconds * MICROSECONDS)
    if state.opened is not None:
        if replace(wanted, expires_us=state.opened.expires_us) == state.opened:
            return []
        raise Refused(Code.SESSION_EXISTS, "session_no")
    if not LEAST_S <= seconds <= MOST_S:
        raise Refused(Code.REQUEST_INVALID, "seconds", f"{LEAST_S} to {MOST_S}")
    return [wanted]


def attempt(
    state: State, session_no: str, number: int, choice: Choice, at_us: int, *, ended: bool
) -> list[Event]:
    """The payer's choice. `ended`: the last attempt's payment is over without money. The same
    attempt again returns [].

    Raises SESSION_NOT_FOUND, SESSION_OVER, PAYMENT_IN_PROGRESS, SESSION_STATE_WRONG for an attempt
    that was made before with another choice.
    """
    needed(state)
    wanted = Attempted(number, payment_no(session_no, number), *choice)
    if state.last is not None and number == state.attempts:
        if wanted == state.last:
            return []
        raise Refused(Code.SESSION_STATE_WRONG, "attempt", "this attempt was made otherwise before")
    if number != state.attempts + 1:
        detail = f"attempt {state.attempts + 1} comes next: the page is an old one"
        raise Refused(Code.SESSION_STATE_WRONG, "attempt", detail)
    refuse_over(state, at_us)
    if state.last is not None and not ended:
        raise Refused(Code.PAYMENT_IN_PROGRESS, "attempt", f"payment {state.last.payment_no}")
    if number > MOST_ATTEMPTS:
        raise Refused(Code.SESSION_OVER, "attempt", f"{MOST_ATTEMPTS} attempts were made")
    return [wanted]


def cancel(state: State, reason: str) -> list[Event]:
    """End it before its time. Again: []. Raises SESSION_NOT_FOUND."""
    needed(state)
    return [] if state.status == "cancelled" else [Cancelled(reason)]


def refuse_over(state: State, at_us: int) -> None:
    """Raises SESSION_NOT_FOUND, SESSION_OVER."""
    opened = needed(state)
    if state.status == "cancelled":
        raise Refused(Code.SESSION_OVER, "session_no", "it was cancelled")
    if at_us >= opened.expires_us:
        raise Refused(Code.SESSION_OVER, "session_no", f"since {iso_time(opened.expires_us)}")


def needed(state: State) -> Opened:
    """What it was opened for. Raises SESSION_NOT_FOUND."""
    if state.opened is None:
        raise Refused(Code.SESSION_NOT_FOUND, "session_no")
    return state.opened


def evolve(state: State, event: Event) -> State:
    match event:
        case Opened():
            return State("open", event)
        case Attempted(attempt=number):
            return replace(state, attempts=number, last=event)
        case Cancelled():
            return replace(state, status="cancelled")
        case _:
            assert_never(event)
