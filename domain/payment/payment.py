"""Payment (支付): one attempt to pay one order, or to recharge one wallet, by a plan of legs.

    (none) ──start──▶ paying ──all legs in──▶ succeeded ──send back──▶ sending_back ──▶ sent_back
                       │  ▲                                                        └──▶ kept
                       ▼  │
                     unknown ──▶ succeeded | giving_up | declined     back: it is answered again

             a leg is declined ──▶ giving_up ──every leg has ended──▶ declined
             its channel would not carry it ──▶ rerouted: another one is asked for the leg

All or nothing for what it pays, but the books follow the money. A wallet leg is held first. A
channel leg is booked the moment its channel says so: it waits on 2241.09 unless it completes the
plan. When one is declined the others are undone: holds are released, what came in goes back, what
is not known yet is waited for and then goes back too. A plan of one leg merely never waits.

A payment that succeeds for an order that is closed or paid already, or for an account that was
closed meanwhile, is sent back whole the way it came (原路退回), each leg under its own
instruction. What a channel does not take back is kept: in the payer's wallet or, when that is
closed, in suspense.
"""

from collections.abc import Callable
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import PAYMENT_IN_TRANSIT, REFUND_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.payment import legs as leg_states
from domain.payment.legs import Gone, Legs, any_is, changed, first, released
from domain.payment.plan import Leg, alike, numbered, through
from domain.refusals import Code, Refused

Purpose = Literal["order", "recharge"]


class Started(Fact, frozen=True):
    """`reference` is the order number, or the member whose wallet is recharged."""

    purpose: Purpose
    reference: str
    payer: str
    amount_fen: int
    legs: tuple[Leg, ...]


class LegSucceeded(Fact, frozen=True):
    """A channel leg is in and waits for the others; `leg` is its place in the plan."""

    leg: int
    amount_fen: int
    entry: Entry


class LegDeclined(Fact, frozen=True):
    """The channel refused one of several legs: the plan is given up."""

    leg: int
    reason: str


class LegRerouted(Fact, frozen=True):
    """A channel would not carry a leg, for the `reason` it gave: another one is asked, by an
    instruction `instead_of` the one that is over. `legs` is the plan from here on."""

    leg: int
    legs: tuple[Leg, ...]
    instruction_id: str
    instead_of: str
    reason: str


class Succeeded(Fact, frozen=True):
    """All legs are in; `leg` came last and is not booked yet. None: it was paid by wallet alone."""

    purpose: Purpose
    reference: str
    amount_fen: int
    leg: int | None


class Reopened(Fact, frozen=True):
    """A leg that had ended without money has succeeded after all (serial of the channel)."""

    leg: int
    serial: str


class Captured(Fact, frozen=True):
    """The legs of a plan of several were taken for what they pay."""


class WalletRecharged(Fact, frozen=True):
    member_id: str
    amount_fen: int
    entry: Entry


class SendBackStarted(Fact, frozen=True):
    """Nothing takes a leg: it goes back to the payer. Without an entry its money was booked before
    and stays where it waits."""

    leg: int
    amount_fen: int
    reason: str
    entry: Entry | None


class SentBack(Fact, frozen=True, omit_defaults=True):
    """`whole`: what the payment came to with it, "" while other legs are under way, or when it was
    declined anyway; `leg_whole`: what the leg came to, "" while other parts of it are (a combined
    order goes back by its transactions)."""

    leg: int
    amount_fen: int
    whole: Gone
    entry: Entry
    leg_whole: Gone = "sent_back"


class SendBackFailed(Fact, frozen=True, omit_defaults=True):
    """The channel declined; its entry says where the money is kept."""

    leg: int
    amount_fen: int
    reason: str
    whole: Gone
    entry: Entry
    leg_whole: Gone = "kept"


class Declined(Fact, frozen=True):
    purpose: Purpose
    reference: str
    reason: str


class BecameUnknown(Fact, frozen=True):
    reason: str


class BecameKnown(Fact, frozen=True):
    """No leg is unknown any more: what is awaited is the payer, or the channel's work."""


Event = (
    Started | LegSucceeded | LegDeclined | LegRerouted | Succeeded | Reopened | Captured
    | WalletRecharged | SendBackStarted | SentBack | SendBackFailed | Declined | BecameUnknown
    | BecameKnown
)  # fmt: skip
Status = Literal[
    "none", "paying", "unknown", "giving_up", "succeeded", "sending_back", "sent_back", "kept",
    "declined",
]  # fmt: skip
_OPEN: tuple[Status, ...] = ("paying", "unknown", "giving_up")
GONE_BACK = ("sending_back", "sent_back", "kept")


class State(Struct, frozen=True, gc=False):
    """`started` has the channels by which the legs go now; `reason`: why the plan was given up."""

    status: Status = "none"
    started: Started | None = None
    legs: Legs = ()
    reason: str = ""
    late: bool = False  # It has succeeded after it was declined.


def stream(payment_no: str) -> "Stream[State]":
    return Stream(f"payment-{payment_no}")


def number_of(stream: str) -> str:
    """The payment's number, from its stream."""
    return key(stream)


def instruction_id(payment_no: str, place: int = 0, legs: int = 1) -> str:
    """Of the first instruction that asks for the payer's money, by the leg's place."""
    return numbered("pay", payment_no, place, legs)


def asks(state: State, payment_no: str, place: int, more: int = 0) -> str:
    """Of the instruction that asks for a leg now; of the next one with `more` of 1."""
    times = len(state.legs[place].tried) + more
    return numbered("pay", payment_no, place, len(state.legs), again=times)


def send_back_id(payment_no: str, place: int = 0, legs: int = 1, part: int = 0) -> str:
    """Of the instruction that asks a channel to take a leg back, or a part of it (from 1)."""
    return numbered("back", payment_no, place, legs, part)


def start(
    state: State,
    purpose: Purpose,
    reference: str,
    payer: str,
    amount_fen: int,
    legs: tuple[Leg, ...],
) -> list[Event]:
    """The same payment again returns []. Another one under its number: PAYMENT_EXISTS.

    A plan that nobody outside is asked about has succeeded at once.
    """
    wanted = Started(purpose, reference, payer, amount_fen, legs)
    if state.started is None:
        if any(leg.kind == "channel" for leg in legs):
            return [wanted]
        return [wanted, Succeeded(purpose, reference, amount_fen, None)]
    if alike(state.started.legs, legs) and replace(state.started, legs=legs) == wanted:
        return []
    raise Refused(Code.PAYMENT_EXISTS, "payment_no")


def leg_succeeded(
    state: State,
    place: int,
    waits: Callable[[Leg], Entry],
    goes_back: Callable[[Leg], Entry],
) -> list[Event]:
    """A channel leg is in. `waits` makes its entry while others are awaited, `goes_back` the one
    when the plan was given up meanwhile. A leg that has ended before returns []."""
    started = needed(state)
    if state.status not in _OPEN or state.legs[place].status != "waiting":
        return []
    leg = started.legs[place]
    if state.status == "giving_up":
        back = SendBackStarted(place, leg.amount_fen, state.reason, goes_back(leg))
        return [back, *_declined_if_ended(state, place, state.reason)]
    if any_is(state.legs, "waiting", but=place):
        return [LegSucceeded(place, leg.amount_fen, waits(leg))]
    return [Succeeded(started.purpose, started.reference, started.amount_fen, place)]


def reopen(state: State, place: int, serial: str) -> list[Event]:
    """A leg that was declined is in after all. [] for one that was not. What follows is
    `leg_succeeded`: a plan of one leg goes on, a leg of several goes back."""
    needed(state)
    declined = state.status in ("declined", "giving_up") and state.legs[place].status == "declined"
    return [Reopened(place, serial)] if declined else []


def leg_declined(state: State, place: int, reason: str) -> list[Event]:
    """A channel refused a leg: what is in goes back, and the payment is declined once every leg has
    ended. A leg that has ended before returns []."""
    started = needed(state)
    if state.status not in _OPEN or state.legs[place].status != "waiting":
        return []
    if len(started.legs) == 1:
        return [Declined(started.purpose, started.reference, reason)]
    first = state.reason or reason
    facts: list[Event] = [LegDeclined(place, reason)]
    facts += [
        SendBackStarted(one, started.legs[one].amount_fen, first, None)
        for one, leg in enumerate(state.legs)
        if leg.status == "in"
    ]
    return facts + _declined_if_ended(state, place, first)


def _declined_if_ended(state: State, ending: int, reason: str) -> list[Event]:
    started = needed(state)
    if any_is(state.legs, "waiting", but=ending):
        return []
    return [Declined(started.purpose, started.reference, reason)]


def tried_by(state: State, place: int) -> tuple[str, ...] | None:
    """The channels that would not carry a leg for which another may be asked; None: none may."""
    waits = state.status in ("paying", "unknown") and state.legs[place].status == "waiting"
    return state.legs[place].tried if waits else None


def reroute(state: State, payment_no: str, place: int, channel: str, reason: str) -> list[Event]:
    """Another channel is asked for a leg that waits, by its next instruction; else []."""
    if tried_by(state, place) is None:
        return []
    legs = through(needed(state).legs, place, channel)
    over, wanted = (asks(state, payment_no, place, more) for more in (0, 1))
    return [LegRerouted(place, legs, wanted, over, reason)]


def become_unknown(state: State, reason: str) -> list[Event]:
    needed(state)
    return [BecameUnknown(reason)] if state.status == "paying" else []


def become_known(state: State) -> list[Event]:
    return [BecameKnown()] if state.status == "unknown" else []


def capture(state: State) -> list[Event]:
    """What the payment is for takes its money. One leg needs no fact of its own."""
    return [Captured()] if len(needed(state).legs) > 1 else []


def recharge_wallet(state: State, entry: Entry) -> list[Event]:
    """The wallet that a recharge was for has the money. It follows the success, in its commit."""
    started = needed(state)
    return [WalletRecharged(started.reference, started.amount_fen, entry)]


def send_back(state: State, reason: str, goes_back: Callable[[Leg], Entry]) -> list[Event]:
    """Every channel leg, once, and only of what has succeeded. `goes_back` makes the entry of a leg
    that no account waits with."""
    started = needed(state)
    if state.status != "succeeded":
        return []
    return [
        SendBackStarted(
            place, leg.amount_fen, reason, None if state.legs[place].account else goes_back(leg)
        )
        for place, leg in enumerate(started.legs)
        if leg.kind == "channel"
    ]


def complete_send_back(state: State, place: int, amount_fen: int, entry: Entry) -> list[Event]:
    """A channel took a leg back, or so much of it."""
    started = needed(state)
    if state.legs[place].status != "sending_back":
        return []
    leg_whole = leg_states.comes_to(started.legs, state.legs, place, amount_fen, "sent_back")
    return [SentBack(place, amount_fen, _whole(state, place, leg_whole), entry, leg_whole)]


def fail_send_back(state: State, place: int, fen: int, reason: str, entry: Entry) -> list[Event]:
    started = needed(state)
    if state.legs[place].status != "sending_back":
        return []
    leg_whole = leg_states.comes_to(started.legs, state.legs, place, fen, "kept")
    whole = _whole(state, place, leg_whole)
    return [SendBackFailed(place, fen, reason, whole, entry, leg_whole)]


def _whole(state: State, ending: int, as_: Gone) -> Gone:
    """What a payment that goes back whole comes to with this leg."""
    return leg_states.all_come_to(state.legs, ending, as_) if state.status == "sending_back" else ""


def open_items(state: State) -> OpenItems:
    """Money that waits for its plan, is on its way back, or lies in suspense."""
    if state.started is None:
        return NONE
    return leg_states.waiting(state.started.legs, state.legs) or NONE


def needed(state: State) -> Started:
    """What was started. Raises PAYMENT_NOT_FOUND."""
    if state.started is None:
        raise Refused(Code.PAYMENT_NOT_FOUND, "payment_no")
    return state.started


def evolve(state: State, event: Event) -> State:
    legs = state.legs
    match event:
        case Started(legs=planned):
            return State("paying", event, tuple(map(first, planned)))
        case LegSucceeded(leg=place):
            return replace(state, legs=changed(legs, place, "in", PAYMENT_IN_TRANSIT))
        case LegDeclined(leg=place, reason=reason):
            given_up = released(changed(legs, place, "declined"))
            return replace(state, status="giving_up", legs=given_up, reason=state.reason or reason)
        case LegRerouted(leg=place, legs=planned):
            before = needed(state)
            now = replace(before, legs=planned)
            legs = leg_states.again(legs, place, before.legs[place].channel)
            return replace(state, status="paying", started=now, legs=legs)
        case Succeeded(leg=place):
            came = legs if place is None else changed(legs, place, "in")
            return replace(state, status="succeeded", legs=came)
        case Reopened(leg=place):
            late = replace(state, legs=changed(legs, place, "waiting"), late=True)
            return replace(late, status="paying" if len(legs) == 1 else "giving_up")
        case Captured():
            return replace(state, legs=leg_states.captured(legs))
        case Declined(reason=reason):
            ended = changed(legs, 0, "declined") if len(legs) == 1 else legs
            return replace(state, status="declined", legs=ended, reason=reason)
        case BecameUnknown() | BecameKnown():
            unknown = isinstance(event, BecameUnknown)
            return replace(state, status="unknown" if unknown else "paying")
        case WalletRecharged():
            return state
        case SendBackStarted(leg=place, entry=entry):
            waits = REFUND_IN_TRANSIT if entry else legs[place].account
            if state.status == "succeeded":
                state, legs = replace(state, status="sending_back"), released(legs)
            return replace(state, legs=changed(legs, place, "sending_back", waits))
        case SentBack(leg=place, amount_fen=fen) | SendBackFailed(leg=place, amount_fen=fen):
            kept = suspense_of(event.entry) if isinstance(event, SendBackFailed) else None
            legs = leg_states.gone(legs, place, fen, kept, event.leg_whole)
            return replace(state, status=event.whole or state.status, legs=legs)
        case _:
            assert_never(event)
