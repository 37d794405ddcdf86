"""Settlement batch (结算批次): what is owed to one merchant for one clearing date.

    (none) ──open──▶ collecting ──seal──▶ closed ──review──▶ reviewed ──settle──▶ instructed
                                                                │                   │
                                     nothing due: carried_forward        partly_paid ├─▶ settled
                                                                    failed ◀─────────┤    │
                                                          retry: a new instruction   │    ▼
                                                                                  returned ─┘

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
from typing import Any, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Entry, Fact, MergeableFact
from domain.refusals import Code, Refused

MAX_TRANSFERS = 25  # Of one batch, not counting retries; what they cannot carry is carried over.
Status = Literal[
    "none",
    "collecting",
    "closed",
    "reviewed",
    "instructed",
    "partly_paid",
    "failed",
    "returned",
    "settled",
    "carried_forward",
]


class Opened(Fact, frozen=True):
    merchant: str
    clearing_date: date
    cycle: str
    max_transfer_fen: int | None


class Collected(MergeableFact, frozen=True):
    """Items added; `digest` chains all items of the batch so far (hex SHA-256)."""

    count: int
    gross_fen: int
    fee_fen: int
    refund_fen: int
    net_fen: int
    digest: str

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
        )


class Closed(Fact, frozen=True):
    """Sealed. The due date is kept for ever: a calendar published later never moves it."""

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


class Payout(Struct, frozen=True):
    """One transfer of a batch; `payout_no` is the instruction's id."""

    payout_no: str
    amount_fen: int
    status: Literal["instructed", "succeeded", "failed", "returned", "retried"] = "instructed"


class Instructed(Fact, frozen=True):
    payouts: tuple[Payout, ...]
    entry: Entry


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


Event = (
    Opened
    | Collected
    | Closed
    | Reviewed
    | Matured
    | CarriedForward
    | Instructed
    | PayoutSucceeded
    | PayoutFailed
    | PayoutReturned
    | PayoutRetried
    | Settled
)


class LivePayout(Payout, frozen=True):
    """A payout that no other has replaced; `replaces` is the payout it is the retry of, if any."""

    replaces: str = ""


class State(Struct, frozen=True, gc=False):
    """`payout_count` counts all payouts ever instructed, retried ones too: it numbers the next."""

    status: Status = "none"
    merchant: str = ""
    clearing_date: date | None = None
    cycle: str = ""
    max_transfer_fen: int | None = None
    count: int = 0
    net_fen: int = 0
    digest: str = ""
    due_date: date | None = None
    maker: str = ""
    payouts: tuple[LivePayout, ...] = ()
    payout_count: int = 0


def stream(batch_id: str) -> str:
    return f"settlement-{batch_id}"


def collect(
    state: State, item: str, *, gross_fen: int, fee_fen: int, refund_fen: int, net_fen: int
) -> list[Event]:
    """Add an item, named by the fact that clears it. Raises BATCH_NOT_COLLECTING."""
    if state.status != "collecting":
        raise Refused(Code.BATCH_NOT_COLLECTING, "batch_id")
    digest = hashlib.sha256(f"{state.digest}|{item}|{net_fen}".encode()).hexdigest()
    return [Collected(1, gross_fen, fee_fen, refund_fen, net_fen, digest)]


def is_to_seal(state: State) -> bool:
    """False if that already happened. Raises BATCH_NOT_FOUND."""
    _need(state)
    return state.status == "collecting"


def seal(state: State, due_date: date, calendar_version: int, maker: str) -> list[Event]:
    """Sealing again says nothing new."""
    if not is_to_seal(state):
        return []
    return [Closed(due_date, calendar_version, state.count, state.net_fen, state.digest, maker)]


def review(state: State, checker: str) -> list[Event]:
    """Four eyes: who sealed it may not review it. Raises CHECKER_IS_MAKER, BATCH_STATE_WRONG."""
    _need(state)
    if state.status == "collecting":
        raise Refused(Code.BATCH_STATE_WRONG, "batch_id", "it is still collecting")
    if state.status != "closed":
        return []
    if checker == state.maker:
        raise Refused(Code.CHECKER_IS_MAKER, "actor", checker)
    return [Reviewed(checker)]


def is_to_settle(state: State, today: date) -> bool:
    """True if the batch is to be settled now, False if that already happened.

    Raises BATCH_NOT_FOUND, BATCH_STATE_WRONG, BATCH_NOT_DUE.
    """
    _need(state)
    if state.status in ("collecting", "closed"):
        raise Refused(Code.BATCH_STATE_WRONG, "batch_id", f"it is {state.status}, not reviewed")
    if state.status != "reviewed":
        return False
    assert state.due_date is not None
    if today < state.due_date:
        raise Refused(Code.BATCH_NOT_DUE, "batch_id", f"it is due on {state.due_date}")
    return True


def payable_fen(state: State, amount_fen: int) -> int:
    """How much of an amount the batch may pay out: what its transfers can carry."""
    if state.max_transfer_fen is None:
        return amount_fen
    return min(amount_fen, MAX_TRANSFERS * state.max_transfer_fen)


def split_payout(state: State, batch_id: str, amount_fen: int) -> tuple[Payout, ...]:
    """The transfers of a payable amount, each at most the batch's `max_transfer_fen`."""
    most = state.max_transfer_fen or amount_fen
    parts = [min(most, amount_fen - sent) for sent in range(0, amount_fen, most)]
    return tuple(Payout(_payout_no(batch_id, n), part) for n, part in enumerate(parts, 1))


def payout_of(state: State, payout_no: str, *statuses: str) -> LivePayout:
    """The payout, if it is in one of the states. Raises BATCH_NOT_FOUND, PAYOUT_NOT_FOUND."""
    _need(state)
    for payout in state.payouts:
        if payout.payout_no == payout_no and payout.status in statuses:
            return payout
    raise Refused(Code.PAYOUT_NOT_FOUND, "payout_no", f"{payout_no[:80]} is not {statuses}")


def replacement_of(state: State, payout_no: str) -> str:
    """The payout that a payout was retried as, or "". It is known until that one is retried too."""
    return next((one.payout_no for one in state.payouts if one.replaces == payout_no), "")


def next_payout_no(state: State, batch_id: str) -> str:
    return _payout_no(batch_id, state.payout_count + 1)


def finish(state: State) -> list[Event]:
    """Settled, once every payout that counts has succeeded."""
    if state.status == "settled" or any(one.status != "succeeded" for one in state.payouts):
        return []
    return [Settled(sum(payout.amount_fen for payout in state.payouts))]


def _payout_no(batch_id: str, count: int) -> str:
    return f"payout-{batch_id}-{count}"


def _need(state: State) -> None:
    if state.status == "none":
        raise Refused(Code.BATCH_NOT_FOUND, "batch_id")


def _with(state: State, payout_no: str, status: Any) -> State:
    """The state with one payout changed."""
    return _paying(
        state,
        *(
            replace(payout, status=status) if payout.payout_no == payout_no else payout
            for payout in state.payouts
        ),
    )


def _paying(state: State, *payouts: LivePayout) -> State:
    """The state with these payouts, and the status that all of them together give it."""
    live = {payout.status for payout in payouts}
    overall: Status = "instructed"
    if "returned" in live:
        overall = "returned"
    elif "failed" in live:
        overall = "failed"
    elif "succeeded" in live:
        overall = "partly_paid"
    return replace(state, payouts=payouts, status=overall)


def evolve(state: State, event: Event) -> State:
    match event:
        case Collected(count=count, net_fen=net_fen, digest=digest):
            total_fen = state.net_fen + net_fen
            return replace(state, count=state.count + count, net_fen=total_fen, digest=digest)
        case Opened():
            return State(
                "collecting",
                event.merchant,
                event.clearing_date,
                event.cycle,
                event.max_transfer_fen,
            )
        case Closed(due_date=due_date, maker=maker):
            return replace(state, status="closed", due_date=due_date, maker=maker)
        case Reviewed():
            return replace(state, status="reviewed")
        case Matured():
            return replace(state, status="instructed")
        case CarriedForward():
            return replace(state, status="carried_forward")
        case Instructed(payouts=payouts):
            live = tuple(LivePayout(one.payout_no, one.amount_fen) for one in payouts)
            return replace(state, payouts=live, payout_count=len(live))
        case PayoutSucceeded(payout_no=payout_no):
            return _with(state, payout_no, "succeeded")
        case PayoutFailed(payout_no=payout_no):
            return _with(state, payout_no, "failed")
        case PayoutReturned(payout_no=payout_no):
            return _with(state, payout_no, "returned")
        case PayoutRetried(payout_no=payout_no, new_payout_no=new_no, amount_fen=fen):
            others = (one for one in state.payouts if one.payout_no != payout_no)
            again = LivePayout(new_no, fen, replaces=payout_no)
            counted = replace(state, payout_count=state.payout_count + 1)
            return _paying(counted, *others, again)
        case Settled():
            return replace(state, status="settled")
        case _:
            assert_never(event)
