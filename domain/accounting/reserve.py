"""Rolling reserve (滚动准备金): what was withheld of a merchant's releases until one date.

    (none) ──open──▶ held ──release──▶ released ──collect──▶ held again (after an early release)
                     │  ▲
                     └──┘ collect

One bucket for each merchant and release date, so its state is sums, however many sales are in it. A
refund of a sale takes the sale's share out again, as long as the bucket it lies in was not released
since: that is what `round` tells. The money is on 2241.06, apart from deposits; each bucket is an
open item there. Amounts are fen, dates accounting dates in Shanghai.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import MERCHANT_DEPOSIT, account_id
from domain.accounting.open_items import NONE, OpenItems
from domain.kernel import Entry, Fact, MergeableFact, Stream, key
from domain.money import BASIS, round_half_up
from domain.refusals import Code, Refused


class Opened(Fact, frozen=True):
    merchant: str
    release_on: date


class Collected(MergeableFact, frozen=True):
    """Shares of sales withheld, and shares given back for refunds; their entries are those of the
    release and of the refund."""

    withheld_fen: int
    returned_fen: int

    def merge_key(self) -> object:
        return "collected"

    @classmethod
    def merged(cls, facts: Sequence[Any]) -> "Collected":
        return Collected(
            sum(fact.withheld_fen for fact in facts), sum(fact.returned_fen for fact in facts)
        )


class Released(Fact, frozen=True):
    """All that was held is the merchant's, less what it owed. `by` and `reason` are of a release
    before its date, and empty for one on it."""

    amount_fen: int
    recovered_fen: int
    by: str
    reason: str
    entry: Entry


Event = Opened | Collected | Released


class State(Struct, frozen=True, gc=False):
    """`rounds`: how often it was released."""

    merchant: str = ""
    release_on: date | None = None
    held_fen: int = 0
    rounds: int = 0


class Share(Struct, frozen=True):
    """What of one release was withheld: until when, at which rate, how much, in which round."""

    release_on: date
    bps: int
    amount_fen: int
    round: int = 0


def stream(merchant: str, release_on: date) -> "Stream[State]":
    return Stream(f"reserve-{merchant}-{release_on.isoformat()}")


def id_of(stream: str) -> str:
    """The bucket's id, `<merchant>-<release date>`, from its stream."""
    return key(stream)


def share_fen(bps: int, net_fen: int) -> int:
    """What is withheld of a net amount, in fen: half up, and never more than there is."""
    return round_half_up(net_fen * bps, BASIS) if net_fen > 0 else 0


def released_on(clearing_date: date, days: int) -> date:
    """The date on which a reserve withheld on a clearing date is released: calendar days later, or
    the last date there is."""
    left = (date.max - clearing_date).days
    return clearing_date + timedelta(days=min(days, left))


def left_of(state: State, share: Share | None) -> int:
    """What of a share may still be held: nothing, once its bucket was released."""
    if share is None or share.round != state.rounds:
        return 0
    return share.amount_fen


def open_bucket(state: State, merchant: str, release_on: date) -> list[Event]:
    """Opening it again returns []."""
    return [] if state.merchant else [Opened(merchant, release_on)]


def collect(withheld_fen: int, returned_fen: int) -> list[Event]:
    """What a release puts in, or a refund takes out."""
    return [Collected(withheld_fen, returned_fen)] if withheld_fen or returned_fen else []


def is_to_release(state: State, today: date, *, early: bool) -> bool:
    """Whether there is something to release now. Raises RESERVE_NOT_FOUND, RESERVE_NOT_DUE."""
    if state.release_on is None:
        raise Refused(Code.RESERVE_NOT_FOUND, "release_on")
    if today < state.release_on and not early:
        detail = f"it is released on {state.release_on}"
        raise Refused(Code.RESERVE_NOT_DUE, "release_on", detail)
    return state.held_fen > 0


def release(state: State, recovered_fen: int, by: str, reason: str, entry: Entry) -> list[Event]:
    """Only what `is_to_release` says True of. Again, before anything new is withheld: []."""
    if not state.held_fen:
        return []
    return [Released(state.held_fen, recovered_fen, by, reason, entry)]


def open_items(state: State) -> OpenItems:
    """What is held of it, on the merchant's account."""
    if not state.held_fen:
        return NONE
    return {account_id(MERCHANT_DEPOSIT, state.merchant): state.held_fen}


def evolve(state: State, event: Event) -> State:
    match event:
        case Opened(merchant=merchant, release_on=release_on):
            return State(merchant, release_on)
        case Collected(withheld_fen=withheld_fen, returned_fen=returned_fen):
            return replace(state, held_fen=state.held_fen + withheld_fen - returned_fen)
        case Released():
            return replace(state, held_fen=0, rounds=state.rounds + 1)
        case _:
            assert_never(event)
