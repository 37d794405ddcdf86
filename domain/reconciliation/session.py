"""Clearing session (清算场次): one net sum that a clearing network pays for a day, over all of its
channels, against what the channels' bills say.

    (none) ──settle──▶ underway | settled | short | over ──settle──▶ …

What each channel owes for the day follows from its newest bill: payments less refunds less fees, of
a gross settler the payments alone. What has arrived follows from the bank's statements, in one line
or several, over days. `settle` computes what should be posted of both, and posts what differs from
what was; so a bill that is issued again, or comes later than its money, ends in the same entries.

Until all bills are there what arrives stands on 1122.02 of the channel that leads; so does what has
not arrived. Amounts are fen; what is below zero we pay.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import RESERVE
from domain.accounting.rules import funds
from domain.kernel import Entry, Fact, Stream


class Expected(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a channel owes for a day, by version `version` of its bill (0: none is there yet).
    `restored_fen`: refunds of earlier days that came to nothing after the channel had taken them
    off, and the fee that it takes for them again. `gross`: its refunds leave the reserve one by
    one, and its fees are invoiced."""

    channel: str
    version: int
    paid_fen: int = 0
    refunded_fen: int = 0
    fee_fen: int = 0
    restored_fen: int = 0
    restored_fee_fen: int = 0
    gross: bool = False

    @property
    def due_fen(self) -> int:
        if self.gross:
            return self.paid_fen
        came_fen = self.paid_fen + self.restored_fen - self.refunded_fen
        return came_fen - self.fee_fen - self.restored_fee_fen


class Arrival(Struct, frozen=True, gc=False):
    """What a day's statement shows of the session: so many lines, the first of them at `line`."""

    day: date
    line: int
    lines: int
    amount_fen: int


class Settled(Fact, frozen=True, omit_defaults=True):
    """From here on the session is what it says. `lead`: whose account has what is lacking;
    `booked_fen` of what arrived is posted by it, the rest by a difference; of the fees that the
    channels took, `there_fen` came out of own money in the reserve, `own_fen` out of own funds.
    `entry`: what that changes, None for nothing."""

    shares: tuple[Expected, ...]
    arrived: tuple[Arrival, ...]
    lead: str
    due_fen: int
    booked_fen: int
    there_fen: int = 0
    own_fen: int = 0
    entry: Entry | None = None


Event = Settled
Status = Literal["none", "awaited", "partly", "settled", "short", "over"]


class State(Struct, frozen=True, gc=False):
    last: Settled | None = None


def stream(clearing: str, day: date) -> "Stream[State]":
    return Stream(f"session-{clearing}.{day.isoformat()}")


def of_stream(stream: str) -> tuple[str, date]:
    """Clearing network and day of a session's stream."""
    clearing, _, day = stream.partition("-")[2].partition(".")
    return clearing, date.fromisoformat(day)


class Target(Struct, frozen=True, gc=False):
    """What a session should be: `due_fen` and `arrived_fen` as the sides say, less what a
    difference that persons have ended keeps. `complete`: every channel's bill is there."""

    shares: tuple[Expected, ...]
    arrived: tuple[Arrival, ...]
    lead: str
    due_fen: int
    arrived_fen: int

    @property
    def complete(self) -> bool:
        return all(share.version for share in self.shares)

    @property
    def lacking_fen(self) -> int:
        """What is owed and has not come, below zero what came above it; 0 as long as that is not
        known. Until something came, what we are to pay is not too much: nobody has taken it yet."""
        if not self.complete:
            return 0
        waits_fen = 0 if self.arrived else min(sum(one.due_fen for one in self.shares), 0)
        return self.due_fen - waits_fen - self.arrived_fen

    @property
    def short_fen(self) -> int:
        return max(self.lacking_fen, 0)

    @property
    def over_fen(self) -> int:
        return max(-self.lacking_fen, 0)

    @property
    def booked_fen(self) -> int:
        return self.arrived_fen - self.over_fen

    @property
    def fees_fen(self) -> int:
        """What the channels took out of it for themselves."""
        if not self.arrived:
            return 0
        return sum(one.fee_fen + one.restored_fee_fen for one in self.shares if not one.gross)


def target(
    shares: tuple[Expected, ...],
    arrived: tuple[Arrival, ...],
    *,
    short_ended_fen: int = 0,
    over_ended_fen: int = 0,
    decided: str = "",
) -> Target:
    """`short_ended_fen`, `over_ended_fen`: of differences of the session that persons have ended:
    that money does not wait for it any more. `decided`: the channel on whose account they have
    decided about what is lacking: it leads on. At least one share is needed."""
    lead = decided or max(shares, key=lambda one: (abs(one.due_fen), one.channel)).channel
    due_fen = sum(one.due_fen for one in shares) - short_ended_fen
    arrived_fen = sum(one.amount_fen for one in arrived) - over_ended_fen
    return Target(shares, arrived, lead, due_fen, arrived_fen)


def moved(
    shares: tuple[Expected, ...],
    arrived: tuple[Arrival, ...],
    lead: str,
    booked_fen: int,
    there_fen: int,
    own_fen: int,
) -> dict[str, int]:
    """What is posted of a session as a whole: fen by account, debits above zero. As long as nothing
    has arrived it is nothing but what differences of it book that were ended in vain; then all
    channels are settled but what is lacking."""
    if not arrived:
        return funds.together({RESERVE: booked_fen}, funds.session_lacks(lead, -booked_fen))
    parts = [_settled(one) for one in shares]
    lacking_fen = sum(one.due_fen for one in shares) - booked_fen
    return funds.together(
        {RESERVE: booked_fen},
        funds.session_lacks(lead, lacking_fen),
        funds.fees_borne(there_fen, own_fen),
        *parts,
    )


def _settled(one: Expected) -> dict[str, int]:
    """Of a gross settler neither refunds nor fees have to do with its sessions."""
    if one.gross:
        return funds.share_settled(one.channel, reconciled_fen=one.paid_fen, fee_fen=0)
    return funds.share_settled(
        one.channel,
        reconciled_fen=one.paid_fen - one.refunded_fen,
        fee_fen=one.fee_fen,
        restored_fen=one.restored_fen,
        restored_fee_fen=one.restored_fee_fen,
    )


def posted(last: Settled | None) -> dict[str, int]:
    """What has been posted of a session."""
    if last is None:
        return {}
    there_fen, own_fen = last.there_fen, last.own_fen
    return moved(last.shares, last.arrived, last.lead, last.booked_fen, there_fen, own_fen)


def settle(state: State, wanted: Target, available_fen: int, on: date) -> list[Event]:
    """Brings what is posted to what should be. `available_fen`: own money that lies in the reserve
    now, and can bear fees; what it cannot comes out of own funds. [] if nothing changes."""
    last = state.last
    there_fen, own_fen = (last.there_fen, last.own_fen) if last else (0, 0)
    more_fen = wanted.fees_fen - there_fen - own_fen
    if more_fen > 0:
        bears_fen = min(more_fen, max(available_fen, 0))
        there_fen, own_fen = there_fen + bears_fen, own_fen + more_fen - bears_fen
    else:
        given_fen = min(-more_fen, own_fen)  # What own funds had borne they have back first.
        there_fen, own_fen = there_fen + more_fen + given_fen, own_fen - given_fen
    after = moved(wanted.shares, wanted.arrived, wanted.lead, wanted.booked_fen, there_fen, own_fen)
    entry = funds.session_settled(on, posted(last), after)
    event = Settled(
        wanted.shares,
        wanted.arrived,
        wanted.lead,
        wanted.due_fen,
        wanted.booked_fen,
        there_fen,
        own_fen,
        entry,
    )
    same = last is not None and replace(last, entry=None) == event
    nothing = last is None and not wanted.arrived and not wanted.due_fen
    return [] if same or nothing else [event]


def status_of(last: Settled | None) -> Status:
    """How it stands: by what is due, and what arrived."""
    if last is None:
        return "none"
    arrived_fen = sum(one.amount_fen for one in last.arrived)
    if arrived_fen == last.due_fen and all(one.version for one in last.shares):
        return "settled"
    if not last.arrived:
        return "awaited"
    if not all(one.version for one in last.shares):
        return "partly"
    return "short" if arrived_fen < last.due_fen else "over"


def evolve(_state: State, event: Event) -> State:
    match event:
        case Settled():
            return State(event)
        case _:
            assert_never(event)
