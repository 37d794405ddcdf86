"""Chargeback (拒付) and retrieval request (调单): a payer's bank disputes a payment.

    (none) ──receive──▶ evidence_due ──represent──▶ represented ──▶ won
                          │   │   │                      └────────▶ lost
                          │   │   └──the bank's word: won, lost
                          │   └──accept──▶ accepted
                          └──represent a retrieval──▶ answered

A chargeback's money is held from the moment it is received: the channel takes it off what it pays.
Won, it is the merchant's again; lost or accepted, it is the payer's for good. A retrieval asks for
evidence only, and moves nothing. Evidence is a blob, named by its SHA-256.

Beside that its money is met: what was taken off ("off") and, once it is won, what came back
("back"), each by a difference that was linked to it. Won before it was met, it needs neither.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.rules.chargeback import Way
from domain.kernel import Entry, Fact, Stream, key
from domain.refusals import Code, Refused

Kind = Literal["chargeback", "retrieval"]
Status = Literal["none", "evidence_due", "represented", "answered", "accepted", "won", "lost"]
OPEN: tuple[Status, ...] = ("evidence_due", "represented")


class Shares(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where money is taken from or given to, in fen: escrow, pending, available; and the debt that
    is made or recovered. `batch` collects what is pending, on its clearing date; "": none does."""

    escrow_fen: int = 0
    pending_fen: int = 0
    available_fen: int = 0
    debt_fen: int = 0
    batch: str = ""
    clearing_date: date | None = None

    @property
    def released_fen(self) -> int:
        """What is not in escrow."""
        return self.pending_fen + self.available_fen + self.debt_fen


class Received(Fact, frozen=True, omit_defaults=True):
    """`number` and `serial` are the channel's, its own and the payment's; `due`: the last date for
    evidence. `reserved_fen` of the transaction can be neither released nor refunded meanwhile."""

    kind: Kind
    channel: str
    number: str
    serial: str
    transaction_id: str
    merchant: str
    amount_fen: int
    reason_code: str
    due: date
    reserved_fen: int = 0
    taken: Shares | None = None
    entry: Entry | None = None


class Represented(Fact, frozen=True):
    """`evidence`: the SHA-256 (hex) of what was handed in."""

    by: str
    evidence: str
    reason: str


class Accepted(Fact, frozen=True):
    """We do not dispute it."""

    by: str
    reason: str
    transaction_id: str
    merchant: str
    amount_fen: int


class Won(Fact, frozen=True):
    """The money is the merchant's again: `given` says where."""

    by: str
    reason: str
    transaction_id: str
    merchant: str
    given: Shares
    entry: Entry


class Lost(Fact, frozen=True):
    by: str
    reason: str
    transaction_id: str
    merchant: str
    amount_fen: int


class Met(Fact, frozen=True):
    """The money that was taken off, or came back, is that of a difference."""

    way: Way
    by: str
    difference: str
    entry: Entry


class Unmet(Fact, frozen=True):
    """It is not, after all: the link was undone. Its entry is reversed."""

    way: Way
    by: str
    reason: str
    difference: str
    entry: Entry


Event = Received | Represented | Accepted | Won | Lost | Met | Unmet


class State(Struct, frozen=True, gc=False):
    status: Status = "none"
    received: Received | None = None
    evidence: str = ""
    off: Met | None = None
    back: Met | None = None


def chargeback_id(channel: str, number: str) -> str:
    return f"{channel}-{number}"


def stream(chargeback: str) -> "Stream[State]":
    return Stream(f"chargeback-{chargeback}")


def id_of(stream: str) -> str:
    return key(stream)


def is_repeat(state: State, wanted: Received) -> bool:
    """Whether this very one is on record, whatever was taken for it. Raises
    CHARGEBACK_STATE_WRONG for another one under its number."""
    if state.received is None:
        return False
    known = replace(state.received, reserved_fen=0, taken=None, entry=None)
    if known == wanted:
        return True
    detail = f"another has it, about {known.amount_fen} fen of {known.transaction_id}"
    raise Refused(Code.CHARGEBACK_STATE_WRONG, "number", detail)


def receive(
    state: State,
    wanted: Received,
    reserved_fen: int = 0,
    taken: Shares | None = None,
    entry: Entry | None = None,
) -> list[Event]:
    """Again: []. Raises CHARGEBACK_STATE_WRONG."""
    if is_repeat(state, wanted):
        return []
    return [replace(wanted, reserved_fen=reserved_fen, taken=taken, entry=entry)]


def asked(
    kind: Kind,
    channel: str,
    number: str,
    serial: str,
    transaction_id: str,
    merchant: str,
    amount_fen: int,
    reason_code: str,
    due: date,
) -> Received:
    """What a channel says, before anything is taken."""
    told = (kind, channel, number, serial, transaction_id, merchant, amount_fen, reason_code, due)
    return Received(*told)


def represent(state: State, by: str, evidence: str, reason: str) -> list[Event]:
    """Evidence is handed in; more may follow. The same again returns []. Raises
    CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG."""
    received = needed(state)
    if state.evidence == evidence:
        return []
    answered = received.kind == "retrieval" and state.status == "answered"
    if state.status not in OPEN and not answered:
        raise _wrong(state)
    return [Represented(by, evidence, reason)]


def accept(state: State, by: str, reason: str) -> list[Event]:
    """Again: []. Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG."""
    return _end(state, "accepted", Accepted(by, reason, *_about(state)))


def lose(state: State, by: str, reason: str) -> list[Event]:
    """Again: []. Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG."""
    return _end(state, "lost", Lost(by, reason, *_about(state)))


def is_to_win(state: State) -> bool:
    """False if it is won. Raises CHARGEBACK_NOT_FOUND, CHARGEBACK_STATE_WRONG."""
    return not _is_over(state, "won")


def win(state: State, by: str, reason: str, given: Shares, entry: Entry) -> list[Event]:
    """Raises as `is_to_win` does."""
    sold, merchant, _ = _about(state)
    return _end(state, "won", Won(by, reason, sold, merchant, given, entry))


def to_meet(state: State, way: Way) -> Received:
    """What is to be met. Raises CHARGEBACK_NOT_FOUND, and CHARGEBACK_STATE_WRONG for what has no
    money on its way so."""
    if state.received is None:
        raise Refused(Code.CHARGEBACK_NOT_FOUND, "to")
    known = state.off if way == "off" else state.back
    wrong = ""
    if state.received.kind == "retrieval":
        wrong = "a retrieval moves nothing"
    elif known is not None:
        wrong = f"its money is met by {known.difference} already"
    elif way == "back" and state.status != "won":
        wrong = f"nothing comes back of one that is {state.status}, not won"
    elif way == "back" and state.off is None:
        wrong = "what was taken off for it is not met yet: nothing has to come back"
    if wrong:
        raise Refused(Code.CHARGEBACK_STATE_WRONG, "to", wrong)
    return state.received


def meet(state: State, way: Way, by: str, difference: str, entry: Entry) -> list[Event]:
    """Raises what `to_meet` raises."""
    to_meet(state, way)
    return [Met(way, by, difference, entry)]


def met_by(state: State, difference: str) -> Met:
    """How a difference that is linked to it has met it."""
    return next(one for one in (state.off, state.back) if one and one.difference == difference)


def unmeet(state: State, known: Met, by: str, reason: str, entry: Entry) -> list[Event]:
    """What came back is unmet before what was taken off. Raises CHARGEBACK_STATE_WRONG."""
    if known.way == "off" and state.back is not None:
        detail = f"undo {state.back.difference} first: it is what came back of it"
        raise Refused(Code.CHARGEBACK_STATE_WRONG, "difference", detail)
    return [Unmet(known.way, by, reason, known.difference, entry)]


def _about(state: State) -> tuple[str, str, int]:
    received = needed(state)
    return received.transaction_id, received.merchant, received.amount_fen


def _end(state: State, status: Status, fact: Event) -> list[Event]:
    return [] if _is_over(state, status) else [fact]


def _is_over(state: State, status: Status) -> bool:
    """Whether it has ended so. Raises CHARGEBACK_NOT_FOUND, and CHARGEBACK_STATE_WRONG of one that
    cannot end so any more."""
    received = needed(state)
    if state.status == status:
        return True
    if state.status not in OPEN or received.kind == "retrieval":
        raise _wrong(state)
    return False


def _wrong(state: State) -> Refused:
    kind = state.received.kind if state.received else ""
    return Refused(Code.CHARGEBACK_STATE_WRONG, "chargeback", f"a {kind}, {state.status}")


def needed(state: State) -> Received:
    """What was received. Raises CHARGEBACK_NOT_FOUND."""
    if state.received is None:
        raise Refused(Code.CHARGEBACK_NOT_FOUND, "chargeback")
    return state.received


def _with(state: State, way: Way, met: Met | None) -> State:
    return replace(state, off=met) if way == "off" else replace(state, back=met)


def evolve(state: State, event: Event) -> State:
    match event:
        case Received():
            return State("evidence_due", event)
        case Represented(evidence=evidence):
            retrieval = state.received is not None and state.received.kind == "retrieval"
            status: Status = "answered" if retrieval else "represented"
            return replace(state, status=status, evidence=evidence)
        case Accepted():
            return replace(state, status="accepted")
        case Won():
            return replace(state, status="won")
        case Lost():
            return replace(state, status="lost")
        case Met(way=way):
            return _with(state, way, event)
        case Unmet(way=way):
            return _with(state, way, None)
        case _:
            assert_never(event)
