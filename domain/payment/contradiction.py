"""What a channel said against what was asked, or against its own word: beside the instruction.

    (none) ──a callback says it──▶ suspected ──asked, confirmed──▶ certain ──booked──▶ ended
       │                              │ asked, not confirmed           ▲
       │                              ▼                                │
       │                           waiting ──(a bill, an operator)─────┤
       │          a decline that the channel refutes when asked: ended at once
       └──an answer to a query says it, or nothing can be doubted──────┘

One stream per instruction, under its id. A new serial may be the same money under another name, so
a callback alone never makes a second charge certain; nor that a payment, once there, was declined.
A success that comes late, or with another amount, is certain: the channel signed it.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.channel.network import Charge, NotFound, PaidPart, Returned, Said
from domain.channel.port import Declined, Succeeded
from domain.kernel import Fact, Stream, key
from domain.payment import combined, instruction
from domain.payment.tried import CONCLUSIVE, Told
from domain.refusals import Code, Refused

# second: another charge (重复扣款) · more, less: another amount than asked · late: a success after
# a decline or a close · declined: a decline after a success · returned: it came back (退汇).
Kind = Literal["second", "more", "less", "late", "declined", "returned"]
Stage = Literal["suspected", "waiting", "certain", "ended"]
STANDS = "asked again, the channel stands by its success"
MOST = 16  # Of one instruction; what comes after is refused, and its receipt kept.


class Suspected(Fact, frozen=True, omit_defaults=True):
    """Said once: to be asked about. `amount_fen` None: the channel did not say."""

    kind: Kind
    serial: str
    amount_fen: int | None
    reason: str
    exchange: str = ""


class Waits(Fact, frozen=True, omit_defaults=True):
    """The channel was asked about what is suspected and did not confirm it: a bill will tell."""

    attempt: int
    exchange: str = ""


class Established(Fact, frozen=True, omit_defaults=True):
    """Certain. `asked_fen` was asked; `amount_fen` is what `serial` moved. `outcome` is what the
    instruction had come to before."""

    kind: Kind
    serial: str
    asked_fen: int
    amount_fen: int
    outcome: instruction.Status
    reason: str = ""
    attempt: int = 0
    exchange: str = ""
    parts: tuple[PaidPart, ...] = ()  # By transaction, of a combined order.


class Ended(Fact, frozen=True):
    """Its money has its place in the books; `how` says which."""

    kind: Kind
    serial: str
    how: str


Event = Suspected | Waits | Established | Ended


class Item(Struct, frozen=True, gc=False):
    """One contradiction; `amount_fen` None: not known."""

    kind: Kind
    serial: str
    amount_fen: int | None
    stage: Stage


class State(Struct, frozen=True, gc=False):
    """`word` is what the channel said last about the first serial: "" for what the instruction
    has come to."""

    items: tuple[Item, ...] = ()
    word: Literal["", "succeeded", "declined", "returned"] = ""
    serial: str = ""  # Of a late success,
    moved_fen: int = 0  # what it moved, and of a combined order by transaction.
    paid: tuple[PaidPart, ...] = ()


class Against(NamedTuple):
    """What an instruction's owner is told: its id, what was asked and has come of it, and what the
    channel said against that."""

    instruction_id: str
    asked: instruction.State
    fact: Established


def stream(instruction_id: str) -> "Stream[State]":
    return Stream(f"contradiction-{instruction_id}")


def id_of(stream: str) -> str:
    """The instruction's id, from its contradictions' stream."""
    return key(stream)


def hear(
    state: State, before: instruction.State, said: Said, charges: Sequence[Charge], told: Told
) -> list[Event]:
    """What an answer says against what was asked and said. `before` is the instruction as it was
    when the answer came. The same again returns [].

    Raises INSTRUCTION_ALREADY_ENDED when more is on record already than is kept.
    """
    facts = _against(state, before, said, told)
    after, serial = state, before.answer if before.status in ("succeeded", "differs") else ""
    for fact in facts:
        after = evolve(after, fact)
    asked_about = told.attempt == before.tried.attempt and before.tried.phase == "doubt"
    if isinstance(said, Succeeded):
        serial = serial or after.serial or said.serial
        # A second charge is one beside the first: both are listed, or the channel was asked about
        # it and the first is its own word too. What somebody recorded may be the same money.
        certain = any(one.serial == serial for one in charges)
        certain = certain or (asked_about and not before.tried.by_hand)
        for charge in charges:
            facts += (more := _charged(after, before, charge, serial, told, certain=certain))
            for fact in more:
                after = evolve(after, fact)
    if asked_about and isinstance(said, CONCLUSIVE):
        facts += _cleared(after, said, told)
    if len(after.items) > MOST:
        detail = f"{MOST} contradictions are on record already"
        raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", detail)
    return facts


def told_by_a_person(
    state: State, before: instruction.State, serial: str, told: Told
) -> list[Event]:
    """Somebody records a success under another serial than the one on record: suspected to be a
    second charge, and to be asked about. The same again returns [].

    Raises INSTRUCTION_ALREADY_ENDED when the channel has taken that back, or when more is on record
    already than is kept.
    """
    if before.status not in ("succeeded", "differs") or serial == before.answer:
        return []
    if state.word in ("declined", "returned"):
        detail = f"its channel has said since that it was {state.word}"
        raise Refused(Code.INSTRUCTION_ALREADY_ENDED, "instruction_id", detail)
    return hear(state, before, Succeeded(serial), (), told)


def _cleared(state: State, said: Said, told: Told) -> list[Event]:
    """What is suspected and was asked about. That the channel stands by its success clears a
    decline up (most were on their way when the payer paid); what else it does not confirm waits."""
    suspected = [one for one in state.items if one.stage == "suspected"]
    facts: list[Event] = []
    if isinstance(said, Succeeded):
        # The question may have been about another charge.
        refuted = [one for one in suspected if (one.kind, one.serial) == ("declined", said.serial)]
        facts += [Ended(one.kind, one.serial, STANDS) for one in refuted]
        suspected = [one for one in suspected if one.kind != "declined"]
    return [*facts, Waits(told.attempt, told.exchange)] if suspected else facts


def _against(state: State, before: instruction.State, said: Said, told: Told) -> list[Event]:
    word = state.word or before.status
    asked_fen = before.amount_fen
    if isinstance(said, Returned):
        return _returned(state, before, said, told)
    if isinstance(said, Succeeded):
        moved_fen = asked_fen if said.amount_fen is None else said.amount_fen
        if word == "declined":
            if _known(state, "late", said.serial):
                return []
            return [_established(before, "late", said.serial, moved_fen, "", told)]
        if word in instruction.OPEN:
            wanted = before.asked.parts if before.asked else ()
            kind = combined.compared(asked_fen, moved_fen, wanted, told.parts)
            return [_established(before, kind, said.serial, moved_fen, "", told)] if kind else []
        first = state.serial or before.answer
        same = said.serial == first and (
            said.amount_fen in (None, before.moved_fen) or state.serial
        )
        if same or _known(state, "", said.serial):
            return []
        reason = f"another serial than {first}" if said.serial != first else "another amount"
        return [Suspected("second", said.serial, said.amount_fen, reason, told.exchange)]
    if isinstance(said, Declined) and word in ("succeeded", "differs"):
        return _declined(state, before, said, told)
    if isinstance(said, NotFound) and before.tried.by_hand and word == "succeeded":
        known = _known(state, "declined", before.answer)  # An operator said that it succeeded.
        doubt = Suspected("declined", before.answer, None, said.reason, told.exchange)
        return [] if known else [doubt]
    return []


def _declined(state: State, before: instruction.State, said: Declined, told: Told) -> list[Event]:
    """A callback may be an old one: it is asked about. A query's answer is certain."""
    been = before.tried
    queried = bool(told.attempt) and told.attempt == been.attempt and been.kind == "query"
    serial = state.serial or before.answer
    said_before = [one for one in state.items if (one.kind, one.serial) == ("declined", serial)]
    # One that ended without an amount was refuted: it may be said anew.
    stages = {
        one.stage for one in said_before if one.stage != "ended" or one.amount_fen is not None
    }
    if stages & {"certain", "ended"}:
        return []
    if queried:
        moved_fen = before.moved_fen or before.amount_fen
        return [_established(before, "declined", serial, moved_fen, said.reason, told)]
    if stages:
        return []
    return [Suspected("declined", serial, None, said.reason, told.exchange)]


def _returned(state: State, before: instruction.State, said: Returned, told: Told) -> list[Event]:
    if before.purpose == "payment" or _known(state, "", said.serial):
        return []
    if state.word == "returned":  # A second return: of what?
        return [Suspected("second", said.serial, None, said.reason, told.exchange)]
    facts: list[Event] = []
    if (state.word or before.status) == "declined":  # It went out after all, and came back.
        facts.append(_established(before, "late", said.serial, before.amount_fen, "", told))
    return [
        *facts,
        _established(before, "returned", said.serial, before.amount_fen, said.reason, told),
    ]


def _charged(
    state: State,
    before: instruction.State,
    charge: Charge,
    first: str,
    told: Told,
    *,
    certain: bool,
) -> list[Event]:
    """A charge the channel lists beside the first one is a second one, whoever said so before."""
    serial, fen = charge.serial, charge.amount_fen
    known = any(one.serial == serial and one.stage in ("certain", "ended") for one in state.items)
    if serial == first or known:
        return []
    if certain:
        return [_established(before, "second", serial, fen, "", told)]
    reason = f"another serial than {first}"
    doubt = Suspected("second", serial, fen, reason, told.exchange)
    return [] if _known(state, "", serial) else [doubt]


def _established(
    before: instruction.State, kind: Kind, serial: str, fen: int, reason: str, told: Told
) -> Established:
    return Established(
        kind, serial, before.amount_fen, fen, before.status, reason, told.attempt, told.exchange,
        told.parts,
    )  # fmt: skip


def _known(state: State, kind: str, serial: str) -> bool:
    return any(one.serial == serial and kind in ("", one.kind) for one in state.items)


def end(state: State, kind: Kind, serial: str, how: str) -> list[Event]:
    """The money of a contradiction has its place. Once; [] when it has it, or there is none."""
    found = any((one.kind, one.serial) == (kind, serial) for one in state.items)
    ended = any((one.kind, one.serial, one.stage) == (kind, serial, "ended") for one in state.items)
    return [Ended(kind, serial, how)] if found and not ended else []


def doubted_serial(state: State) -> str:
    """The charge that is to be asked about; "" for the first one."""
    doubts = (one for one in state.items if (one.kind, one.stage) == ("second", "suspected"))
    return next((one.serial for one in doubts), "")


def moved_late(state: State, number: str) -> int:
    """What a late success moved in fen: of the transaction that has this number at the channel, or
    the whole. 0: there was none."""
    by_part = {one.number: one.amount_fen for one in state.paid}
    return by_part.get(number, 0 if by_part else state.moved_fen)


def came_back(state: State) -> bool:
    """Whether the channel itself has said that what it had paid came back."""
    return any(one.kind == "returned" and one.stage in ("certain", "ended") for one in state.items)


def is_doubted(state: State) -> bool:
    """Whether something is suspected that the channel was not asked about yet."""
    return any(one.stage == "suspected" for one in state.items)


def evolve(state: State, event: Event) -> State:
    match event:
        case Suspected(kind=kind, serial=serial, amount_fen=fen):
            kept = [one for one in state.items if (one.kind, one.serial) != (kind, serial)]
            return replace(state, items=(*kept, Item(kind, serial, fen, "suspected")))
        case Waits():
            return replace(state, items=_staged(state, "suspected", "waiting"))
        case Established(kind=kind, serial=serial, amount_fen=fen):
            kept = [one for one in state.items if (one.kind, one.serial) != (kind, serial)]
            after = replace(state, items=(*kept, Item(kind, serial, fen, "certain")))
            if kind == "late":
                late = replace(after, moved_fen=fen, paid=event.parts)
                return replace(late, word="succeeded", serial=serial)
            if kind == "declined" or kind == "returned":
                return replace(after, word=kind)
            return after
        case Ended(kind=kind, serial=serial):
            kept = [one for one in state.items if (one.kind, one.serial) != (kind, serial)]
            fen = next(one.amount_fen for one in state.items if one not in kept)
            return replace(state, items=(*kept, Item(kind, serial, fen, "ended")))
        case _:
            assert_never(event)


def _staged(state: State, before: Stage, after: Stage) -> tuple[Item, ...]:
    return tuple(replace(one, stage=after) if one.stage == before else one for one in state.items)
