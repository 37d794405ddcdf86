"""Cashier session (收银台会话): one order to be paid, or one wallet to be filled or withdrawn from,
by who has its link.

    (none) ──open──▶ open ──attempt 1──▶ open ──attempt 2──▶ … ──cancel──▶ cancelled

An *attempt* is one choice of the payer: it starts a payment under the number `<session>-<n>`. What
became of it stands with the payment and the order, and nowhere twice: a session only sees to it
that attempts follow one another. The next one is made when the last has ended without money, before
the session's time is over. A page that was loaded before names an attempt that is over, so neither
a second click, another tab nor a page from the history can pay twice.

A session for a withdrawal has attempts likewise: each is a withdrawal of the number that a payment
would have, and the next one is made when the last has ended with the money in the wallet.
"""

from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import MICROSECONDS, Fact, Stream, iso_time
from domain.payment.caps import Factor
from domain.payment.commands import LegAsked
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused

Purpose = Literal["order", "recharge", "withdrawal"]
LONGEST_NO = 48  # So that an attempt's number is a payment's.
MOST_ATTEMPTS = 50
LEAST_S, MOST_S = 60, 24 * 3600


class Opened(Fact, frozen=True):
    """`reference` is the order's number, or the member whose wallet it is. `amount_fen`: of the
    order; of a wallet's None until its owner says it. `return_url`: where the payer goes back to,
    "" for nowhere. Who opened it is the fact's actor."""

    purpose: Purpose
    reference: str
    payer: str
    amount_fen: int | None
    return_url: str
    expires_us: int


class Attempted(Fact, frozen=True, omit_defaults=True):
    """The payer chose: a method, or legs of several. It is payment `payment_no` from here on.
    `card`: the bound card that is charged, as its token; `proof`: the proof that he agreed to what
    his wallet and card pay, and the `factors` it was given by."""

    attempt: int
    payment_no: str
    method: str
    legs: tuple[LegAsked, ...]
    amount_fen: int
    card: str = ""
    proof: str = ""
    factors: tuple[Factor, ...] = ()


class Withdrew(Fact, frozen=True):
    """The wallet's owner agreed, by a `proof` that was given by `factors`, to this withdrawal to a
    bound card. What becomes of it stands with the withdrawal."""

    attempt: int
    withdrawal_no: str
    amount_fen: int
    fee_fen: int
    speed: Speed
    card: str
    proof: str
    factors: tuple[Factor, ...]


class Cancelled(Fact, frozen=True):
    """Nothing is paid by this session any more; what is under way goes on."""

    reason: str


Event = Opened | Attempted | Withdrew | Cancelled


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
    card: str = ""
    proof: str = ""
    factors: tuple[Factor, ...] = ()

    def by(self, code: str) -> int:
        """What one payment code pays of it, in fen."""
        if self.method == code:
            return self.amount_fen
        return sum(leg.amount_fen for leg in self.legs if leg.method == code)


class Leaving(NamedTuple):
    """What a wallet's owner agreed to; the fields are those of `Withdrew`."""

    amount_fen: int
    fee_fen: int
    speed: Speed
    card: str
    proof: str
    factors: tuple[Factor, ...]


class State(Struct, frozen=True, gc=False):
    """`last` is the newest attempt, `withdrew` where it was a withdrawal; `attempts` how many there
    were."""

    status: Literal["none", "open", "cancelled"] = "none"
    opened: Opened | None = None
    attempts: int = 0
    last: Attempted | None = None
    withdrew: Withdrew | None = None

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
    return [] if _is_made(state, wanted, at_us, ended=ended) else [wanted]


def withdraw(
    state: State, session_no: str, number: int, leaving: Leaving, at_us: int, *, ended: bool
) -> list[Event]:
    """The owner's n-th withdrawal. `ended`: the wallet has the money of the last one again. The
    same again returns []. Raises as `attempt` does."""
    needed(state)
    wanted = Withdrew(number, payment_no(session_no, number), *leaving)
    return [] if _is_made(state, wanted, at_us, ended=ended) else [wanted]


def _is_made(state: State, wanted: Attempted | Withdrew, at_us: int, *, ended: bool) -> bool:
    """Whether this attempt was made before; else it is the next one. Raises as `attempt` does."""
    last: Attempted | Withdrew | None = state.last or state.withdrew
    number = wanted.attempt
    if last is not None and number == state.attempts:
        if wanted == last:
            return True
        raise Refused(Code.SESSION_STATE_WRONG, "attempt", "this attempt was made otherwise before")
    if number != state.attempts + 1:
        detail = f"attempt {state.attempts + 1} comes next: the page is an old one"
        raise Refused(Code.SESSION_STATE_WRONG, "attempt", detail)
    refuse_over(state, at_us)
    if last is not None and not ended:
        raise Refused(Code.PAYMENT_IN_PROGRESS, "attempt", f"attempt {last.attempt}")
    if number > MOST_ATTEMPTS:
        raise Refused(Code.SESSION_OVER, "attempt", f"{MOST_ATTEMPTS} attempts were made")
    return False


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
        case Withdrew(attempt=number):
            return replace(state, attempts=number, withdrew=event)
        case Cancelled():
            return replace(state, status="cancelled")
        case _:
            assert_never(event)
