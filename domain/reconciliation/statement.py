"""Statement (对账单) of the reserve account for a day, matched: what of its lines is ours, as sums.

    (none) ──match──▶ matched ──match, by another version or with more that is known──▶ matched

One entry for all payouts, returns and single refunds that it shows; sessions, own funds and what
nobody knows are posted by their own aggregates. Which line is which is not a fact: it follows from
the bank's file and the facts about what was instructed.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.rules import funds
from domain.kernel import Entry, Fact, Stream

# What lines of a statement are. `returned`: the bank had told of it; `came_back`: the line alone
# says so, and the owner's own fact posts it.
What = Literal[
    "payout", "refund", "returned", "came_back", "session", "sweep", "interest", "buffer", "top_up",
    "in_doubt",
]  # fmt: skip
POSTED_HERE: tuple[What, ...] = ("payout", "refund", "returned")
POSTED_BY_OWNERS: tuple[What, ...] = ("came_back", "sweep", "interest", "buffer", "top_up")


class Group(Struct, frozen=True, gc=False):
    """Lines of one kind and channel: how many, and what they add up to, in fen above zero."""

    what: What
    channel: str
    lines: int
    amount_fen: int


class Told(Struct, frozen=True, gc=False):
    """What an owner was told by the statement, and has posted. `about`: an instruction, the number
    of a movement of own funds, of a top-up the line's serial. `amount_fen`: below zero, what went
    out."""

    what: What
    channel: str
    about: str
    amount_fen: int


class Matched(Fact, frozen=True, omit_defaults=True):
    """`version`: of the bill; `digest`: SHA-256 over each line and what it is. `gap_fen`: by how
    much its opening balance is not the closing one of the day before, None if that is not there.
    `entry`: what the sums change, None for nothing. `told`: by this version or one before it, for
    owners keep what they were told."""

    version: int
    groups: tuple[Group, ...]
    digest: str
    gap_fen: int | None = None
    entry: Entry | None = None
    told: tuple[Told, ...] = ()


Event = Matched


class State(Struct, frozen=True, gc=False):
    last: Matched | None = None


def stream(channel: str, day: date) -> "Stream[State]":
    return Stream(f"statement-{channel}.{day.isoformat()}")


def of_stream(stream: str) -> tuple[str, date]:
    """Channel and day of a statement's stream."""
    channel, _, day = stream.partition("-")[2].partition(".")
    return channel, date.fromisoformat(day)


def moved(groups: tuple[Group, ...]) -> dict[str, int]:
    """What is posted of them here: fen by account, debits above zero."""
    return funds.together(
        *(
            funds.returns_shown(one.channel, one.amount_fen)
            if one.what == "returned"
            else funds.payouts_shown(one.channel, one.amount_fen)
            for one in groups
            if one.what in POSTED_HERE
        )
    )


def kept(before: tuple[Told, ...], now: tuple[Told, ...]) -> tuple[Told, ...]:
    """What was told, and what is: of each the most that it was."""
    most: dict[tuple[str, str, bool], Told] = {}
    for one in (*before, *now):
        at = (one.what, one.about, one.amount_fen < 0)
        if at not in most or abs(one.amount_fen) > abs(most[at].amount_fen):
            most[at] = one
    return tuple(most[at] for at in sorted(most))


def match(
    state: State,
    version: int,
    groups: tuple[Group, ...],
    digest: str,
    gap_fen: int | None,
    on: date,
    told: tuple[Told, ...] = (),
) -> list[Event]:
    """Brings what is posted of the statement to what its lines are now. [] if that is so. `told`:
    what its lines tell owners now."""
    last = state.last
    entry = funds.statement_matched(on, moved(last.groups) if last else {}, moved(groups))
    told = kept(last.told if last else (), told)
    found = Matched(version, groups, digest, gap_fen, entry, told)
    same = last is not None and replace(last, entry=None) == found
    return [] if same else [found]


def evolve(_state: State, event: Event) -> State:
    match event:
        case Matched():
            return State(event)
        case _:
            assert_never(event)
