"""Payment instruction (支付指令): complete and self-contained, carried to one channel once.

    (none) ──issue──▶ issued ──▶ succeeded
                        │  ▲
                        ▼  │ (a query still cannot say)
                      unknown ──▶ succeeded | declined
                        │
                      declined ◀── issued

A final outcome never changes. What a different answer means after that (a late success) is the
business of reconciliation.
"""

from typing import Generic, Literal, NamedTuple, TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.channel.port import ChannelRequest, Purpose, Result
from domain.channel.port import Declined as ChannelDeclined
from domain.channel.port import Succeeded as ChannelSucceeded
from domain.kernel import Fact, Stream, key
from domain.refusals import Code, Refused


class Issued(Fact, frozen=True):
    """`reference` is the stream that asked for it; the outcome goes back there."""

    purpose: Purpose
    reference: str
    channel: str
    amount_fen: int
    party: str


class Succeeded(Fact, frozen=True):
    serial: str


class Declined(Fact, frozen=True):
    reason: str


class Unknown(Fact, frozen=True):
    reason: str


Event = Issued | Succeeded | Declined | Unknown


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "issued", "unknown", "succeeded", "declined"] = "none"
    purpose: Purpose | None = None
    reference: str = ""
    channel: str = ""
    amount_fen: int = 0
    party: str = ""
    answer: str = ""  # The channel's serial or the reason it gave.


AnswerT = TypeVar("AnswerT", bound=Succeeded | Declined | Unknown, covariant=True)


class Outcome(NamedTuple, Generic[AnswerT]):
    """What an instruction's owner is told: its id, what was asked, and the channel's answer."""

    instruction_id: str
    asked: State
    fact: AnswerT


def stream(instruction_id: str) -> "Stream[State]":
    return Stream(f"instruction-{instruction_id}")


def id_of(stream: str) -> str:
    """The instruction's id, from its stream."""
    return key(stream)


def issue(
    state: State, purpose: Purpose, reference: str, channel: str, amount_fen: int, party: str
) -> list[Event]:
    """Commit to asking a channel. The same instruction again returns []; another one under its id
    is refused: INSTRUCTION_EXISTS."""
    wanted = (purpose, reference, channel, amount_fen, party)
    if state.status == "none":
        return [Issued(*wanted)]
    if (state.purpose, state.reference, state.channel, state.amount_fen, state.party) == wanted:
        return []
    raise Refused(Code.INSTRUCTION_EXISTS, "instruction_id")


def conclude(state: State, result: Result) -> list[Event]:
    """Record what the channel said. The same answer again, or not knowing again, returns [].

    Raises INSTRUCTION_NOT_FOUND, INSTRUCTION_ALREADY_ENDED.
    """
    if state.status == "none":
        raise Refused(Code.INSTRUCTION_NOT_FOUND, "instruction_id")
    if isinstance(result, ChannelSucceeded):
        if state.status == "succeeded":
            return []
        if state.status == "declined":
            raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", "it was declined")
        return [Succeeded(result.serial)]
    if isinstance(result, ChannelDeclined):
        if state.status == "declined":
            return []
        if state.status == "succeeded":
            raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", "it succeeded")
        return [Declined(result.reason)]
    return [Unknown(result.reason)] if state.status == "issued" else []


def channel_request(instruction_id: str, state: State) -> ChannelRequest:
    """What to send to the channel."""
    assert state.purpose is not None
    return ChannelRequest(
        instruction_id, state.purpose, state.channel, state.amount_fen, state.party
    )


def evolve(state: State, event: Event) -> State:
    match event:
        case Issued():
            return State(
                "issued",
                event.purpose,
                event.reference,
                event.channel,
                event.amount_fen,
                event.party,
            )
        case Succeeded(serial=serial):
            return replace(state, status="succeeded", answer=serial)
        case Declined(reason=reason):
            return replace(state, status="declined", answer=reason)
        case Unknown(reason=reason):
            return replace(state, status="unknown", answer=reason)
        case _:
            assert_never(event)
