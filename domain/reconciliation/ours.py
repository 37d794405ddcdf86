"""What of an instruction stands on our books with its channel, and so must be in a bill. Pure.

A payment that succeeded stands on 1122.01, a refund on 2202.01, each charge under its own serial:
what came late, a second charge and what was paid above stand there too, for the payment core has
posted them (`payment/contradicted.py`); what the channel took back does not. A refund in processing
stands nowhere yet, but a bill may have it: the channel takes its money when it accepts it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from domain.channel.numbers import NARROW, narrow_number, wide_number
from domain.kernel import MICROSECONDS, day_end_us, shanghai_date
from domain.payment import instruction, suspense
from domain.payment.contradiction import Kind
from domain.reconciliation.difference import Cause

Flow = Literal["payment", "refund"]
LATE_HOUR_US = 3600 * MICROSECONDS  # What comes so late may be in the next day's bill.
IN_PROCESS = ("sent", "awaiting_payer", "processing", "unknown")


class Asked(Struct, frozen=True, gc=False):
    """An instruction, as the read model has it. `parts`: number and fen of each transaction of a
    combined order."""

    instruction_id: str
    flow: Flow
    channel: str
    amount_fen: int
    state: str
    answer: str
    number: str | None
    over_network: bool
    ended_at_us: int | None
    issued_at_us: int
    parts: tuple[tuple[str, int], ...] = ()


class Against(Struct, frozen=True, gc=False):
    """What its channel said against it, once that is certain."""

    kind: Kind
    serial: str
    amount_fen: int
    at_us: int


class Stand(Struct, frozen=True, gc=False):
    """One movement that a bill must have, in fen, as of `at_us`. `sought`: by what its line is
    looked for; `number`: what the channel calls it. Not `expected`: a bill may have it, or not
    yet. `place` tells apart what has one number."""

    number: str
    sought: frozenset[str]
    serial: str
    amount_fen: int
    at_us: int
    expected: bool = True
    place: str = ""
    linked: str = ""


class Ours(Struct, frozen=True, gc=False):
    """An instruction and what stands of it. `sought`: by what a line of it is looked for, that is
    not for a part alone; `combined`: it has parts; `earlier`: numbers it once had. `there`, `here`:
    the cause, should a bill lack what stands, or have what does not."""

    instruction_id: str
    flow: Flow
    stands: tuple[Stand, ...]
    sought: frozenset[str]
    combined: bool = False
    earlier: frozenset[str] = frozenset()
    declined: bool = False
    ended_at_us: int | None = None
    there: Cause = ""
    here: Cause = ""


def numbers_of(channel: str, instruction_id: str) -> str:
    """What a channel calls an instruction that nobody has numbered: an imported one."""
    return (narrow_number if channel in NARROW else wide_number)(instruction_id)


def ours_of(
    asked: Asked,
    state: instruction.State | None,
    against: Sequence[Against] = (),
    earlier: Iterable[str] = (),
) -> Ours:
    """`state`: the aggregate's, needed for what differs, is combined, or went over a network."""
    number = asked.number or numbers_of(asked.channel, asked.instruction_id)
    sought = frozenset((asked.instruction_id, number, wide_number(asked.instruction_id)))
    stands = [*_first(asked, state, against, number, sought)]
    for one in against:
        if one.kind == "second":
            item = suspense.item_id(asked.instruction_id, one.kind, one.serial)
            place, linked = one.serial, suspense.stream(item)
            amount = (one.serial, one.amount_fen, one.at_us)
            stands.append(Stand(number, sought, *amount, place=place, linked=linked))
    return Ours(
        asked.instruction_id,
        asked.flow,
        tuple(stands),
        sought,
        bool(asked.parts),
        frozenset(earlier) - sought,
        asked.state == "declined",
        asked.ended_at_us,
        _cause_there(asked, state),
        _cause_here(asked, state),
    )


def _first(
    asked: Asked,
    state: instruction.State | None,
    against: Sequence[Against],
    number: str,
    sought: frozenset[str],
) -> list[Stand]:
    """What the instruction itself moved; nothing, when the channel took that back."""
    kinds = {one.kind: one for one in against}
    if "declined" in kinds:
        return []
    serial, at_us, moved_fen, expected = asked.answer, asked.ended_at_us, asked.amount_fen, True
    paid: Mapping[str, tuple[str, int]] = {}
    if state is not None:
        moved_fen = state.moved_fen or moved_fen
        paid = {one.number: (one.serial, one.amount_fen) for one in state.paid}
    if asked.state == "declined" and "late" in kinds:
        late = kinds["late"]
        serial, at_us, moved_fen = late.serial, late.at_us, late.amount_fen
    elif asked.flow == "refund" and asked.state in IN_PROCESS:
        serial, at_us, expected = "", asked.issued_at_us, False
    elif asked.state not in ("succeeded", "differs"):
        return []
    assert at_us is not None
    if not asked.parts:
        return [Stand(number, sought, serial, moved_fen, at_us, expected)]
    return [
        Stand(part, frozenset((part,)), *paid.get(part, ("", fen)), at_us, expected, place=part)
        for part, fen in asked.parts
    ]


def _cause_there(asked: Asked, state: instruction.State | None) -> Cause:
    """Why a bill may lack what stands."""
    at_us = asked.ended_at_us
    if at_us is not None and at_us >= day_end_us(shanghai_date(at_us)) - LATE_HOUR_US:
        return "cut_off"
    if state is None or not asked.over_network:
        return ""
    if not state.tried.sends:
        return "never_sent"
    return "callback_never_came" if state.tried.kind == "query" else ""


def _cause_here(asked: Asked, state: instruction.State | None) -> Cause:
    """Why the books may lack what a bill has."""
    if asked.state == "declined":
        return "declined_here"
    if asked.state == "issued" and (state is None or not state.tried.sends):
        return "never_sent"
    return "answer_lost"
