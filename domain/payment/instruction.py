"""Payment instruction (支付指令): complete and self-contained, carried to one channel once.

    (none) ──issue──▶ issued ──▶ sent ──▶ awaiting_payer ──▶ succeeded | differs: another amount
                        │         │  ▲        │  ▲
                        ▼         ▼  │        ▼  ▼
                     declined   unknown ◀──▶ processing ──▶ declined

Over a network each request is an attempt, and an attempt is claimed before it is made: its number
is the lock against two workers. A channel in this process has no attempts: it is asked under a
lease and answers at once. A payment that is over (expired, or closed by an operator) is closed at
the channel first; refunds and payouts end by the channel's word alone.
A final outcome never changes: what a channel says against it later stands in `contradiction.py`.
Of what was closed or declined it is asked once more after a while, for it may not call us.
"""

from typing import Generic, Literal, NamedTuple, TypeVar, Unpack, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.channel import network
from domain.channel.port import Declined as ChannelDeclined
from domain.channel.port import Purpose, Result
from domain.channel.port import Succeeded as ChannelSucceeded
from domain.channel.routing import Choice
from domain.kernel import Fact, Stream, key
from domain.payment import combined, rhythm, tried
from domain.payment.asked import Destination, Details, Part
from domain.payment.tried import UNTRIED, AttemptKind, Said, Told, Tried
from domain.refusals import Code, Refused

OPEN = ("issued", "sent", "awaiting_payer", "processing", "unknown")
NO_SUCH_ORDER = "the channel has no such order, nor has had one for a while"


class Issued(Fact, frozen=True, omit_defaults=True):
    """`reference`: the stream that asked. `number`: what the channel knows it by, "" for its id;
    `choice`: why this channel; `merchant`: whose transaction it is, and its number there,
    `sub_mchid`. A refund names what it is of, `original`, of a combined order the transaction,
    `part`, and the charge, `serial` ("": the first), with what it moved (0: as the original).
    `payee`: what the money is for, a stream; `to`: a payout's account; `by`: a payment's card."""

    purpose: Purpose
    reference: str
    channel: str
    amount_fen: int
    party: str
    number: str = ""
    code: str = ""
    subject: str = ""
    expires_us: int | None = None
    original: str = ""
    part: str = ""
    parts: tuple[Part, ...] = ()
    choice: Choice | None = None
    merchant: str = ""
    serial: str = ""
    product: str = ""
    payee: str = ""
    original_fen: int = 0
    to: Destination | None = None
    sub_mchid: str = ""
    by: Destination | None = None


class Attempted(Fact, frozen=True, omit_defaults=True):
    """An attempt was claimed. `due_us`: when to ask again if nothing is heard of it (UTC µs);
    `number`: what the `channel` knows the instruction by from this send on."""

    attempt: int
    kind: AttemptKind
    at_us: int
    due_us: int
    number: str = ""
    channel: str = ""


class Answered(Fact, frozen=True, omit_defaults=True):
    """An answer that ends nothing; `text` is the url where the payer must act, or a reason. From
    here on `attempt` is the one answered (0: none, a callback), `exchange` the SHA-256 (hex) of
    what went over the wire, `due_us` when the channel is asked again."""

    said: Said
    text: str
    at_us: int
    due_us: int
    attempt: int = 0
    exchange: str = ""


class Unknown(Fact, frozen=True, omit_defaults=True):
    reason: str
    due_us: int = 0
    attempt: int = 0
    exchange: str = ""
    unsent: bool = False  # It is certain that nothing left.


class Succeeded(Fact, frozen=True, omit_defaults=True):
    """Exactly what was asked; of a combined order with a serial for each transaction."""

    serial: str
    attempt: int = 0
    exchange: str = ""
    parts: tuple[network.PaidPart, ...] = ()


class Differed(Fact, frozen=True, omit_defaults=True):
    """Succeeded with another amount than asked: what `serial` moved, or each part's."""

    serial: str
    asked_fen: int
    amount_fen: int
    attempt: int = 0
    exchange: str = ""
    parts: tuple[network.PaidPart, ...] = ()


class Declined(Fact, frozen=True, omit_defaults=True):
    """`by_channel`: for reasons of its own, so that another channel may be tried."""

    reason: str
    by_channel: bool = False
    attempt: int = 0
    exchange: str = ""


class Confirmed(Fact, frozen=True, omit_defaults=True):
    """It had ended, and was asked about. `said`: "confirmed", or the word against it, and in
    `detail` its serial or reason; "": that was not kept yet."""

    attempt: int
    exchange: str = ""
    said: tried.Again = ""
    detail: str = ""


class AskWanted(Fact, frozen=True):
    """The channel is to be asked: an operator wants it, or what it said may not be all."""

    due_us: int


class CloseWanted(Fact, frozen=True):
    """A payment is to be closed at its channel, and only then here."""

    reason: str
    due_us: int


class Withheld(Fact, frozen=True):
    """It cannot be sent, and waits until somebody wants it asked."""

    reason: str


Event = (
    Issued | Attempted | Answered | Unknown | Succeeded | Differed | Declined | Confirmed
    | AskWanted | CloseWanted | Withheld
)  # fmt: skip
Status = Literal[
    "none", "issued", "sent", "awaiting_payer", "processing", "unknown",
    "succeeded", "differs", "declined",
]  # fmt: skip


class State(Struct, frozen=True, gc=False):
    """`due_us` is when the channel is to be asked (UTC µs; 0: at once), None: not by itself.
    `asked` holds everything that was asked for."""

    status: Status = "none"
    purpose: Purpose | None = None
    reference: str = ""
    channel: str = ""
    amount_fen: int = 0
    party: str = ""
    answer: str = ""  # The channel's serial or the reason it gave.
    number: str = ""
    due_us: int | None = None
    moved_fen: int = 0  # What `answer` moved, once it has succeeded.
    asked: Issued | None = None
    tried: Tried = UNTRIED
    paid: tuple[network.PaidPart, ...] = ()  # By transaction, of a combined order.


AnswerT = TypeVar("AnswerT", bound=Succeeded | Declined | Unknown | Answered, covariant=True)


class Outcome(NamedTuple, Generic[AnswerT]):
    """What an instruction's owner is told: its id, what was asked, and the channel's answer."""

    instruction_id: str
    asked: State
    fact: AnswerT


def stream(instruction_id: str) -> "Stream[State]":
    return Stream(f"instruction-{instruction_id}")


def id_of(stream: str) -> str:
    return key(stream)


def issue(
    state: State,
    purpose: Purpose,
    reference: str,
    channel: str,
    amount_fen: int,
    party: str,
    **more: Unpack[Details],
) -> list[Event]:
    """Commit to asking a channel. The same again returns []; another one: INSTRUCTION_EXISTS."""
    wanted = Issued(purpose, reference, channel, amount_fen, party, **more)
    if state.asked not in (None, wanted):
        raise Refused(Code.INSTRUCTION_EXISTS, "instruction_id")
    return [] if state.asked else [wanted]


def conclude(state: State, result: Result) -> list[Event]:
    """Record what a channel in this process, or an operator, said. The same answer again, or not
    knowing again, returns []. Raises INSTRUCTION_NOT_FOUND, INSTRUCTION_ALREADY_ENDED."""
    _need(state)
    if isinstance(result, ChannelSucceeded):
        if state.status == "declined":
            raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", "it was declined")
        return [Succeeded(result.serial)] if state.status in OPEN else []
    if isinstance(result, ChannelDeclined):
        if state.status in ("succeeded", "differs"):
            raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", "it succeeded")
        return [Declined(result.reason)] if state.status in OPEN else []
    return [Unknown(result.reason)] if state.status == "issued" else []


def claim(
    state: State, attempt: int, at_us: int, *, repeatable: bool, number: str, other_number: str
) -> list[Event]:
    """Take an attempt that is due, [] when it is not; a payment that is over and was never sent is
    declined at once. `number` is the channel's for it where nobody has given one; `other_number`
    for a send that must not be repeated under its own."""
    been = state.tried
    if state.due_us is None or at_us < state.due_us or attempt != been.attempt + 1:
        return []
    step: tried.Next = "query"
    if state.status in OPEN and state.asked is not None:
        purpose, expires_us = state.asked.purpose, state.asked.expires_us
        step = tried.next_step(been, purpose, expires_us, at_us, repeatable=repeatable)
    due_us = at_us + rhythm.claim_us(been.tries)
    if step == "decline":
        return [Declined(been.closing or "expired")]
    if step == "renumber":
        return [Attempted(attempt, "send", at_us, due_us, other_number, state.channel)]
    under = state.number or number if step == "send" else ""
    return [Attempted(attempt, step, at_us, due_us, under, state.channel)]


def hear(state: State, said: network.Said, told: Told) -> list[Event]:
    """What a channel over a network said, but not against an outcome. INSTRUCTION_NOT_FOUND."""
    _need(state)
    attempt, exchange = told.attempt, told.exchange
    if state.status not in OPEN:
        return _heard_again(state, said, told)
    if isinstance(said, network.Returned):
        return [Succeeded(said.serial, attempt, exchange)]  # It went out before it came back.
    if isinstance(said, ChannelSucceeded):
        asked_fen, moved_fen, paid = state.amount_fen, said.amount_fen, told.parts
        moved_fen = asked_fen if moved_fen is None else moved_fen
        wanted = state.asked.parts if state.asked else ()
        if not combined.compared(asked_fen, moved_fen, wanted, paid):
            return [Succeeded(said.serial, attempt, exchange, paid)]
        return [Differed(said.serial, asked_fen, moved_fen, attempt, exchange, paid)]
    if isinstance(said, ChannelDeclined):
        why = state.tried.closing or said.reason
        return _declined(state, Declined(why, said.by_channel, attempt, exchange), told.at_us)
    return _still_open(state, said, told)


def _declined(state: State, fact: Declined, at_us: int) -> list[Event]:
    """What a channel may yet do in spite of its word is asked about once more, later."""
    due_us = tried.looks_again_us(state.tried, state.purpose, at_us)
    return [fact] if due_us is None else [fact, AskWanted(due_us)]


def _still_open(state: State, answer: network.Said, told: Told) -> list[Event]:
    """News, which every answer to an attempt is, and of a callback what changes something."""
    assert state.asked is not None
    attempt, at_us, exchange = told.attempt, told.at_us, told.exchange
    said, text, after = tried.taken(state.tried, answer, told)
    if not tried.is_news(state.tried, state.status, said, text, attempt):
        return []
    if tried.is_gone(after, at_us):
        gone = Declined(after.closing or NO_SUCH_ORDER, False, attempt, exchange)
        return _declined(state, gone, at_us)
    due_us = tried.next_us(after, state.asked.purpose, state.asked.expires_us, at_us)
    if said == "unknown":
        return [Unknown(text, due_us, attempt, exchange, told.unsent)]
    return [Answered(said, text, at_us, due_us, attempt, exchange)]


def _heard_again(state: State, said: network.Said, told: Told) -> list[Event]:
    attempt, at_us, exchange = told.attempt, told.at_us, told.exchange
    if attempt <= state.tried.answered:
        return []
    if isinstance(said, tried.CONCLUSIVE):
        ended = (state.status, state.answer, state.moved_fen)
        return [Confirmed(attempt, exchange, *tried.said_again(ended, said))]
    due_us = state.due_us and at_us + rhythm.back_off_us(state.tried.tries)
    if due_us is None:
        return []  # The answer of an attempt that a callback has overtaken.
    return [Unknown(getattr(said, "reason", ""), due_us, attempt, exchange)]


def ask(state: State, at_us: int) -> list[Event]:
    """The channel is to be asked now. [] when it is, or is due anyway. INSTRUCTION_NOT_FOUND."""
    _need(state)
    due = state.due_us is not None and state.due_us <= at_us
    return [] if due or _is_busy(state) else [AskWanted(at_us)]


def close(state: State, reason: str, at_us: int, *, by_channel: bool = False) -> list[Event]:
    """Close a payment: at its channel first, unless nothing was sent. Again, or declined already:
    []. Raises INSTRUCTION_NOT_FOUND, INSTRUCTION_ALREADY_ENDED, INSTRUCTION_NOT_CLOSABLE."""
    _need(state)
    if state.status in ("succeeded", "differs"):
        raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", "it succeeded")
    if state.purpose != "payment":
        raise Refused(Code.INSTRUCTION_NOT_CLOSABLE, "instruction_id")
    if state.status == "declined" or state.tried.closing:
        return []
    if not state.tried.sends:
        return [Declined(reason, by_channel)]
    return [CloseWanted(reason, (_is_busy(state) and state.due_us) or at_us)]


def withhold(state: State, reason: str) -> list[Event]:
    """What cannot be sent waits. [] when it does, or something was sent."""
    _need(state)
    unsent = state.status == "issued" and not state.tried.attempt
    return [Withheld(reason)] if unsent and state.due_us is not None else []


def _is_busy(state: State) -> bool:
    return state.tried.under_way and state.due_us is not None


def _need(state: State) -> None:
    if state.status == "none":
        raise Refused(Code.INSTRUCTION_NOT_FOUND, "instruction_id")


def evolve(state: State, event: Event) -> State:
    been = state.tried
    match event:
        case Issued(purpose=purpose, reference=reference, channel=channel):
            whom = (event.amount_fen, event.party, "", event.number, 0, 0, event)
            return State("issued", purpose, reference, channel, *whom)
        case Succeeded() | Differed() | Declined():
            return _ended(state, event)
        case Unknown(reason=reason):
            been = tried.unanswered(been, event.attempt, unsent=event.unsent)
            after = replace(state, due_us=event.due_us, tried=been)
            going_on = state.status in OPEN
            return replace(after, status="unknown", answer=reason) if going_on else after
        case Attempted(kind=kind):
            ended = state.status not in OPEN
            status = "sent" if state.status == "issued" else state.status
            number = event.number or state.number
            if been.sent_us and number != state.number:
                been = tried.renumbered(been)
            been = tried.attempted(been, event.attempt, kind, event.at_us, ended=ended)
            return replace(state, status=status, due_us=event.due_us, number=number, tried=been)
        case Answered(said=said, text=text):
            status, answer = ("unknown", text) if said == "not_found" else (said, state.answer)
            been = tried.heard(been, said, text, Told(event.attempt, event.at_us))
            after = replace(state, due_us=event.due_us, tried=been)
            return replace(after, status=status, answer=answer)
        case Confirmed(attempt=attempt, said=said):
            return replace(state, due_us=None, tried=tried.confirmed(been, attempt, said))
        case AskWanted():
            return replace(state, due_us=event.due_us, tried=tried.wanted(been, state.due_us))
        case CloseWanted(reason=reason):
            return replace(state, due_us=event.due_us, tried=replace(been, closing=reason))
        case Withheld(reason=reason):
            return replace(state, due_us=None, tried=replace(been, withheld=reason))
        case _:
            assert_never(event)


def _ended(state: State, event: Succeeded | Differed | Declined) -> State:
    been = tried.ended(state.tried, event.attempt, event.exchange)
    ended = replace(state, due_us=None, tried=been)
    match event:
        case Declined(reason=reason):
            return replace(ended, status="declined", answer=reason)
        case Succeeded():
            ended = replace(ended, status="succeeded", moved_fen=state.amount_fen)
        case Differed(amount_fen=fen):
            ended = replace(ended, status="differs", moved_fen=fen)
    return replace(ended, answer=event.serial, paid=event.parts)
