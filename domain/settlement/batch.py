"""Settlement batch (结算批次): what is owed to one merchant for one clearing date; by a weekly or
monthly cycle for all those between two pay days.

    (none) ──open──▶ collecting ──seal──▶ sealed ──review──▶ reviewed ──settle──▶ matured
                                                                │                  │  │
                                      nothing due: carried_forward     instructed ◀┘  └▶ settled
                                                                          │      (debt took all)
                                       retry: a new instruction ◀── failed ◀──┤
                                                        ▲      partly_paid ◀──┤
                                                        └───── returned ◀── settled

Sealing fixes totals, a count and a digest; which transaction belongs to the batch is said by the
transaction's own clearing fact. A sealed batch never collects again: a late refund falls into the
next date's batch, so a figure a merchant has seen can never change. Amounts are fen; a batch's net
is what it adds to the merchant's pending money, and may be negative. A batch without items is there
for what is carried: to try again to pay what an earlier one had to leave.

State keeps the payouts that count. One that was retried counts no more: its place is taken by the
one that replaces it, so a batch may be retried for ever and stays as small as it is.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.open_items import OpenItems, suspense_of
from domain.kernel import Entry, Fact, MergeableFact, Stream, key
from domain.member.persons import refuse_same
from domain.member.terms import SettlementTerms
from domain.refusals import Code, Refused
from domain.settlement.maturity import Maturity
from domain.settlement.payouts import (
    LivePayout,
    Paying,
    Payout,
    PayoutStatus,
    overall,
    payout_number,
    waiting,
)

Status = Literal["none", "collecting", "sealed", "reviewed", "carried_forward", "matured"] | Paying


class Opened(Fact, frozen=True, omit_defaults=True):
    """`clearing_date` is the last one that it collects: the only one, but for weekly and monthly
    cycles."""

    merchant: str
    clearing_date: date
    cycle: str
    max_transfer_fen: int | None
    min_payout_fen: int = 0


class Collected(MergeableFact, frozen=True, omit_defaults=True):
    """Items added; `digest` chains all items of the batch so far (hex SHA-256). `withheld_fen` went
    to the merchant's reserve, less what refunds took out of it, and is no part of the net."""

    count: int
    gross_fen: int
    fee_fen: int
    refund_fen: int
    net_fen: int
    digest: str
    withheld_fen: int = 0

    def merge_key(self) -> object:
        return "collected"

    @classmethod
    def merged(cls, facts: Sequence[Any]) -> "Collected":
        return Collected(
            sum(fact.count for fact in facts),
            sum(fact.gross_fen for fact in facts),
            sum(fact.fee_fen for fact in facts),
            sum(fact.refund_fen for fact in facts),
            sum(fact.net_fen for fact in facts),
            facts[-1].digest,
            sum(fact.withheld_fen for fact in facts),
        )


class Sealed(Fact, frozen=True):
    """The due date is kept for ever: a calendar published later never moves it."""

    due_date: date
    calendar_version: int
    count: int
    net_fen: int
    digest: str
    maker: str


class Reviewed(Fact, frozen=True):
    checker: str


class Matured(Fact, frozen=True):
    """Due: pending money became available. `carry_*` is what is owed over batches: what an earlier
    batch could not take (negative) or had to leave (positive)."""

    carry_in_fen: int
    due_fen: int
    recovered_fen: int
    carry_out_fen: int
    entry: Entry


class CarriedForward(Fact, frozen=True):
    carry_in_fen: int
    carry_out_fen: int


class Instructed(Fact, frozen=True, omit_defaults=True):
    """`released_fen` of it was available already: reserve that was released, deposits given back;
    the rest has just matured."""

    payouts: tuple[Payout, ...]
    entry: Entry
    released_fen: int = 0


class PayoutSucceeded(Fact, frozen=True):
    payout_no: str
    amount_fen: int
    entry: Entry


class PayoutFailed(Fact, frozen=True):
    payout_no: str
    amount_fen: int
    reason: str
    entry: Entry


class PayoutReturned(Fact, frozen=True):
    payout_no: str
    amount_fen: int
    reason: str
    entry: Entry


class PayoutRetried(Fact, frozen=True):
    payout_no: str
    new_payout_no: str
    amount_fen: int
    entry: Entry


class Settled(Fact, frozen=True):
    paid_fen: int


PayoutEvent = Instructed | PayoutSucceeded | PayoutFailed | PayoutReturned | PayoutRetried
Event = Opened | Collected | Sealed | Reviewed | Matured | CarriedForward | PayoutEvent | Settled


class Sums(NamedTuple):
    """What an item adds to a batch, in fen; `net_fen` is what it adds to pending money."""

    gross_fen: int
    fee_fen: int
    refund_fen: int
    net_fen: int
    withheld_fen: int = 0


class State(Struct, frozen=True, gc=False):
    """`payout_count` counts all payouts ever instructed, retried ones too: it numbers the next."""

    status: Status = "none"
    merchant: str = ""
    clearing_date: date | None = None
    cycle: str = ""
    max_transfer_fen: int | None = None
    min_payout_fen: int = 0
    count: int = 0
    net_fen: int = 0
    digest: str = ""
    due_date: date | None = None
    maker: str = ""
    payouts: tuple[LivePayout, ...] = ()
    payout_count: int = 0


def stream(batch_id: str) -> "Stream[State]":
    return Stream(f"settlement-{batch_id}")


def id_of(stream: str) -> str:
    """The batch's id, from its stream."""
    return key(stream)


def open_batch(
    state: State, merchant: str, clearing_date: date, terms: SettlementTerms
) -> list[Event]:
    """Opening it again returns []."""
    if state.status != "none":
        return []
    most, least = terms.max_transfer_fen, terms.min_payout_fen
    return [Opened(merchant, clearing_date, terms.cycle, most, least)]


def collect(state: State, item: str, sums: Sums) -> list[Event]:
    """Add an item, named by the fact that clears it. Raises BATCH_NOT_COLLECTING."""
    if state.status != "collecting":
        raise Refused(Code.BATCH_NOT_COLLECTING, "batch_id")
    digest = hashlib.sha256(f"{state.digest}|{item}|{sums.net_fen}".encode()).hexdigest()
    return [Collected(1, *sums[:4], digest, sums.withheld_fen)]


def is_to_seal(state: State) -> bool:
    """False if that already happened. Raises BATCH_NOT_FOUND."""
    _need(state)
    return state.status == "collecting"


def seal(state: State, due_date: date, calendar_version: int, maker: str) -> list[Event]:
    """Sealing again returns []."""
    if not is_to_seal(state):
        return []
    return [Sealed(due_date, calendar_version, state.count, state.net_fen, state.digest, maker)]


def review(state: State, checker: str) -> list[Event]:
    """Four eyes. Raises BATCH_STATE_WRONG, and what `persons.refuse_same` does of who sealed it."""
    _need(state)
    if state.status == "collecting":
        raise Refused(Code.BATCH_STATE_WRONG, "batch_id", "it is still collecting")
    if state.status != "sealed":
        return []
    refuse_same(state.maker, checker)
    return [Reviewed(checker)]


def is_to_settle(state: State, today: date) -> bool:
    """True if the batch is to be settled now, False if that already happened.

    Raises BATCH_NOT_FOUND, BATCH_STATE_WRONG, BATCH_NOT_DUE.
    """
    _need(state)
    if state.status in ("collecting", "sealed"):
        said = "closed" if state.status == "sealed" else state.status  # As kept with requests.
        raise Refused(Code.BATCH_STATE_WRONG, "batch_id", f"it is {said}, not reviewed")
    if state.status != "reviewed":
        return False
    assert state.due_date is not None
    if today < state.due_date:
        raise Refused(Code.BATCH_NOT_DUE, "batch_id", f"it is due on {state.due_date}")
    return True


def mature(state: State, share: Maturity, entry: Entry | None) -> list[Event]:
    """The batch is settled: `share` falls due with its entry, or nothing does and all is carried.

    Only a batch that `is_to_settle` says True of may be given.
    """
    assert state.status == "reviewed"
    if entry is None:
        return [CarriedForward(share.carry_in_fen, share.carry_out_fen)]
    due_fen, recovered_fen = share.due_fen, share.recovered_fen
    return [Matured(share.carry_in_fen, due_fen, recovered_fen, share.carry_out_fen, entry)]


def instruct(
    batch_id: str, amounts_fen: tuple[int, ...], entry: Entry, released_fen: int = 0
) -> list[Event]:
    """One payout for each amount, numbered from 1; `released_fen` of them was available before."""
    numbers = (payout_number(batch_id, n) for n in range(1, len(amounts_fen) + 1))
    return [Instructed(tuple(map(Payout, numbers, amounts_fen)), entry, released_fen)]


def payout_of(state: State, payout_no: str, *statuses: str) -> LivePayout:
    """The payout, if it is in one of the states. Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND."""
    _need(state)
    for payout in state.payouts:
        if payout.payout_no == payout_no and payout.status in statuses:
            return payout
    raise Refused(Code.PAYOUT_NOT_FOUND, "payout_no", f"not {' or '.join(statuses)}")


def replacement_of(state: State, payout_no: str) -> str:
    """The payout that a payout was retried as, or "". It is known until that one is retried too."""
    return next((one.payout_no for one in state.payouts if one.replaces == payout_no), "")


def payout_succeeded(
    state: State, payout_no: str, entry: Entry, after: PayoutStatus = "instructed"
) -> list[Event]:
    """The channel paid; with the last payout that counts the batch is settled.

    Like the next two, raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND.
    """
    paid = payout_of(state, payout_no, after)
    fact = PayoutSucceeded(payout_no, paid.amount_fen, entry)
    return [fact, *finish(evolve(state, fact))]


def payout_failed(state: State, payout_no: str, reason: str, entry: Entry) -> list[Event]:
    """The channel did not pay."""
    asked = payout_of(state, payout_no, "instructed")
    return [PayoutFailed(payout_no, asked.amount_fen, reason, entry)]


def payout_returned(state: State, payout_no: str, reason: str, entry: Entry) -> list[Event]:
    """The receiving bank sent a paid payout back."""
    paid = payout_of(state, payout_no, "succeeded")
    return [PayoutReturned(payout_no, paid.amount_fen, reason, entry)]


def retry(state: State, batch_id: str, no: str, entry: Entry) -> list[Event]:
    """Instruct a payout anew, under the next number, once it is known that its money came back.

    Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND: one that is on its way, or unknown, may still pay.
    """
    back = payout_of(state, no, "failed", "returned")
    again = payout_number(batch_id, state.payout_count + 1)
    return [PayoutRetried(no, again, back.amount_fen, entry)]


def open_items(state: State) -> OpenItems:
    """Payouts that are on their way, and the money of those that lies in suspense."""
    return waiting(state.payouts)


def finish(state: State) -> list[Event]:
    """Settled, once every payout that counts has succeeded."""
    if state.status == "settled" or any(one.status != "succeeded" for one in state.payouts):
        return []
    return [Settled(sum(payout.amount_fen for payout in state.payouts))]


def _need(state: State) -> None:
    if state.status == "none":
        raise Refused(Code.BATCH_NOT_FOUND, "batch_id")


def _with(state: State, payout_no: str, status: PayoutStatus, entry: Entry) -> State:
    """The state with one payout changed."""
    suspense = suspense_of(entry)
    return _paying(
        state,
        *(
            replace(one, status=status, suspense=suspense) if one.payout_no == payout_no else one
            for one in state.payouts
        ),
    )


def _paying(state: State, *payouts: LivePayout) -> State:
    """The state with these payouts, and the status that all of them together give it."""
    return replace(state, payouts=payouts, status=overall(payouts))


def evolve(state: State, event: Event) -> State:
    match event:
        case Collected(count=count, net_fen=net_fen, digest=digest):
            total_fen = state.net_fen + net_fen
            return replace(state, count=state.count + count, net_fen=total_fen, digest=digest)
        case Opened():
            on, most, least = event.clearing_date, event.max_transfer_fen, event.min_payout_fen
            return State("collecting", event.merchant, on, event.cycle, most, least)
        case Sealed(due_date=due_date, maker=maker):
            return replace(state, status="sealed", due_date=due_date, maker=maker)
        case Reviewed():
            return replace(state, status="reviewed")
        case Matured():
            return replace(state, status="matured")
        case CarriedForward():
            return replace(state, status="carried_forward")
        case Instructed(payouts=payouts):
            live = tuple(LivePayout(one.payout_no, one.amount_fen) for one in payouts)
            return replace(state, status="instructed", payouts=live, payout_count=len(live))
        case PayoutSucceeded(payout_no=no, entry=entry):
            return _with(state, no, "succeeded", entry)
        case PayoutFailed(payout_no=no, entry=entry):
            return _with(state, no, "failed", entry)
        case PayoutReturned(payout_no=no, entry=entry):
            return _with(state, no, "returned", entry)
        case PayoutRetried(payout_no=no, new_payout_no=new_no, amount_fen=fen):
            others = (one for one in state.payouts if one.payout_no != no)
            again = LivePayout(new_no, fen, replaces=no)
            counted = replace(state, payout_count=state.payout_count + 1)
            return _paying(counted, *others, again)
        case Settled():
            return replace(state, status="settled")
        case _:
            assert_never(event)
