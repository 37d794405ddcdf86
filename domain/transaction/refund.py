"""Refund (退款): money on its way back to the buyer, through the channel it came from.

(none) ──request──▶ processing ──▶ succeeded        each part by itself; the whole when all have
  │                   ▲  │  ▲
  │                   │  ▼  │
  │                   │ unknown ──▶ succeeded | failed      back: it is answered again
  │                   │ failed ◀── processing      the money goes to the buyer's wallet or,
 ask                  │                            when that is closed, to suspense
  ▼                   │
requested ──approve───┘
  └──reject──▶ rejected

A refund that would bring the merchant's debt above its limit is only *requested*: it moves nothing
until another operator approves it, and never once one has rejected it.

A refund of a payment of several legs has a part for each leg it takes from: channels first, the
wallet last. Each part ends alone; the refund has succeeded when all of them have.
"""

from collections.abc import Callable, Sequence
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import REFUND_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.member.persons import refuse_same
from domain.payment.plan import Share, numbered
from domain.refusals import Code, Refused

Ending = Literal["", "succeeded", "failed"]


class Requested(Fact, frozen=True):
    """`parts`: what is given back of each leg."""

    transaction_id: str
    buyer: str
    amount_fen: int
    parts: tuple[Share, ...]


class ApprovalRequested(Fact, frozen=True):
    """The refund would bring the merchant's debt to `debt_fen`, above its limit; `maker` asked."""

    transaction_id: str
    buyer: str
    channel: str
    amount_fen: int
    debt_fen: int
    limit_fen: int
    maker: str


class Approved(Fact, frozen=True):
    """From here on it is a refund like any other, on its way to the buyer."""

    amount_fen: int
    checker: str
    parts: tuple[Share, ...]


class Rejected(Fact, frozen=True):
    reason: str
    checker: str


class Succeeded(Fact, frozen=True):
    entry: Entry


class Failed(Fact, frozen=True):
    reason: str
    entry: Entry


class PartSucceeded(Fact, frozen=True, omit_defaults=True):
    """One of several parts has reached the buyer; `whole`: what the refund ended as with it, ""
    while others are under way; `reason`: why it has failed as a whole, by an earlier part."""

    part: int
    amount_fen: int
    whole: Ending
    entry: Entry
    reason: str = ""


class PartFailed(Fact, frozen=True):
    """One of several parts could not be given back; its entry says where the money is kept."""

    part: int
    amount_fen: int
    reason: str
    whole: Ending
    entry: Entry


class BecameUnknown(Fact, frozen=True):
    reason: str


class BecameKnown(Fact, frozen=True):
    """No part is unknown any more: the channels work on it. `reason`: why a part has failed, ""
    while none has."""

    reason: str


Event = (
    Requested
    | ApprovalRequested
    | Approved
    | Rejected
    | Succeeded
    | Failed
    | PartSucceeded
    | PartFailed
    | BecameUnknown
    | BecameKnown
)
Status = Literal["none", "requested", "rejected", "processing", "unknown", "succeeded", "failed"]


class State(Struct, frozen=True, gc=False):
    """`requested` is what is on its way, or was; `asked` what needed an approval. `waits` is where
    the money of each part lies: in transit, in suspense, or "" when nothing lies anywhere."""

    status: Status = "none"
    requested: Requested | None = None
    waits: tuple[str, ...] = ()
    failed: bool = False  # One of its parts has,
    failure: str = ""  # for this reason.
    asked: ApprovalRequested | None = None
    rejected: str = ""  # Why.


def stream(refund_no: str) -> "Stream[State]":
    return Stream(f"refund-{refund_no}")


def number_of(stream: str) -> str:
    """The refund's number, from its stream."""
    return key(stream)


def instruction_id(refund_no: str, part: int = 0, parts: int = 1) -> str:
    """Of the instruction that asks a channel to pay the buyer back."""
    return numbered("refund", refund_no, part, parts)


def instruction_ids(refund_no: str, parts: Sequence[Share]) -> list[str]:
    """Of the instructions of all parts that a channel gives back."""
    return [
        instruction_id(refund_no, place, len(parts))
        for place, part in enumerate(parts)
        if part.kind == "channel"
    ]


def request(
    state: State, transaction_id: str, buyer: str, amount_fen: int, parts: tuple[Share, ...]
) -> list[Event]:
    """The same refund again returns []. Another one under its number: REFUND_EXISTS."""
    if is_repeat(state, transaction_id, amount_fen):
        return []
    return [Requested(transaction_id, buyer, amount_fen, parts)]


def is_repeat(state: State, transaction_id: str, amount_fen: int) -> bool:
    """Whether this very refund was requested before. Raises REFUND_EXISTS for another one."""
    known = state.requested or state.asked
    if known is None:
        return False
    if (known.transaction_id, known.amount_fen) == (transaction_id, amount_fen):
        return True
    raise Refused(
        Code.REFUND_EXISTS,
        "refund_no",
        f"it refunds {known.amount_fen} fen of {known.transaction_id}",
    )


def ask(
    state: State,
    transaction_id: str,
    buyer: str,
    channel: str,
    amount_fen: int,
    *,
    debt_fen: int,
    limit_fen: int,
    maker: str,
) -> list[Event]:
    """Ask for an approval: the debt would be `debt_fen`. The same refund again returns [].
    Another one under its number: REFUND_EXISTS."""
    if is_repeat(state, transaction_id, amount_fen):
        return []
    return [
        ApprovalRequested(transaction_id, buyer, channel, amount_fen, debt_fen, limit_fen, maker)
    ]


def approve(state: State, checker: str, parts: Callable[[], tuple[Share, ...]]) -> list[Event]:
    """Four eyes: who asked may not approve. Approving again returns []. `parts` of which legs it
    takes, as the transaction stands now.

    Raises REFUND_NOT_FOUND, REFUND_STATE_WRONG, REFUND_REJECTED, CHECKER_IS_MAKER.
    """
    asked = _need_asked(state)
    if state.status == "rejected":
        raise Refused(Code.REFUND_REJECTED, "refund_no", state.rejected)
    if state.status != "requested":
        return []
    _need_other(asked, checker)
    return [Approved(asked.amount_fen, checker, parts())]


def reject(state: State, reason: str, checker: str) -> list[Event]:
    """Final; the first reason stays. Rejecting again returns [].

    Raises REFUND_NOT_FOUND, REFUND_STATE_WRONG, CHECKER_IS_MAKER.
    """
    asked = _need_asked(state)
    if state.status == "rejected":
        return []
    if state.status != "requested":
        raise Refused(Code.REFUND_STATE_WRONG, "refund_no", "it was approved")
    _need_other(asked, checker)
    return [Rejected(reason, checker)]


def _need_asked(state: State) -> ApprovalRequested:
    if state.status == "none":
        raise Refused(Code.REFUND_NOT_FOUND, "refund_no")
    if state.asked is None:
        raise Refused(Code.REFUND_STATE_WRONG, "refund_no", "it needs no approval")
    return state.asked


def _need_other(asked: ApprovalRequested, checker: str) -> None:
    refuse_same(asked.maker, checker)


def needed(state: State, stream: str) -> Requested:
    """What was requested. Raises REFUND_NOT_FOUND."""
    if state.requested is None:
        raise Refused(Code.REFUND_NOT_FOUND, "refund_no", number_of(stream))
    return state.requested


def is_under_way(state: State, part: int) -> bool:
    return part < len(state.waits) and state.waits[part] == REFUND_IN_TRANSIT


def succeed(state: State, part: int, entry: Entry) -> list[Event]:
    """A part has reached the buyer. One that has ended before returns []."""
    if not is_under_way(state, part) or state.requested is None:
        return []
    if len(state.waits) == 1:
        return [Succeeded(entry)]
    amount_fen = state.requested.parts[part].amount_fen
    if not _is_last(state, part):
        return [PartSucceeded(part, amount_fen, "", entry)]
    whole: Ending = "failed" if state.failed else "succeeded"
    return [PartSucceeded(part, amount_fen, whole, entry, state.failure)]


def fail(state: State, part: int, reason: str, entry: Entry) -> list[Event]:
    """A part could not be given back. One that has ended before returns []."""
    if not is_under_way(state, part) or state.requested is None:
        return []
    if len(state.waits) == 1:
        return [Failed(reason, entry)]
    amount_fen = state.requested.parts[part].amount_fen
    return [PartFailed(part, amount_fen, reason, "failed" if _is_last(state, part) else "", entry)]


def _is_last(state: State, part: int) -> bool:
    return not any(is_under_way(state, one) for one in range(len(state.waits)) if one != part)


def become_unknown(state: State, reason: str) -> list[Event]:
    return [BecameUnknown(reason)] if state.status == "processing" else []


def become_known(state: State) -> list[Event]:
    return [BecameKnown(state.failure)] if state.status == "unknown" else []


def open_items(state: State) -> OpenItems:
    """Money that is on its way to the buyer, or lies in suspense."""
    if state.requested is None:
        return NONE
    items: dict[str, int] = {}
    for part, account in zip(state.requested.parts, state.waits, strict=True):
        if account:
            items[account] = items.get(account, 0) + part.amount_fen
    return items or NONE


def evolve(state: State, event: Event) -> State:
    match event:
        case Requested():
            return State("processing", event, (REFUND_IN_TRANSIT,) * len(event.parts))
        case ApprovalRequested():
            return State("requested", asked=event)
        case Approved():
            sent = _sent(state, event)
            waits = (REFUND_IN_TRANSIT,) * len(sent.parts)
            return replace(state, status="processing", requested=sent, waits=waits)
        case Rejected(reason=reason):
            return replace(state, status="rejected", rejected=reason)
        case Succeeded():
            return replace(state, status="succeeded", waits=("",))
        case Failed(entry=entry):
            return replace(state, status="failed", waits=(suspense_of(entry),), failed=True)
        case PartSucceeded(part=part, whole=whole):
            return _ended(state, part, "", whole)
        case PartFailed(part=part, entry=entry, whole=whole, reason=reason):
            ended = _ended(state, part, suspense_of(entry), whole)
            return replace(ended, failed=True, failure=reason)
        case BecameUnknown():
            return replace(state, status="unknown")
        case BecameKnown():
            return replace(state, status="processing")
        case _:
            assert_never(event)


def _ended(state: State, part: int, account: str, whole: Ending) -> State:
    waits = (*state.waits[:part], account, *state.waits[part + 1 :])
    return replace(state, waits=waits, status=whole or state.status)


def _sent(state: State, approved: Approved) -> Requested:
    """What goes to the buyer once it is approved."""
    asked = state.asked
    assert asked is not None
    # Before payments had legs an approval named none: there was one, the channel it was asked for.
    parts = approved.parts or (Share(0, "channel", asked.channel, asked.amount_fen),)
    return Requested(asked.transaction_id, asked.buyer, asked.amount_fen, parts)
