"""Screening (名单筛查) of one member: the entries of lists it matches, and what became of each.

    (none) ──match──▶ open ──confirm──▶ confirmed ──clear──▶ cleared
                        └──────clear──────────────────────────▲  │
                      open ◀──match, once the entry has changed──┘

An open match that says stop, and a confirmed one, stop all the member's money. One that says review
stops nothing before a person has confirmed it. A match that was cleared does not strike again for
the same entry, in whatever version of its list, as long as the entry says the same.
"""

from collections.abc import Sequence
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream, key
from domain.refusals import Code, Refused
from domain.screening.entries import Action, By, Hit

Status = Literal["open", "confirmed", "cleared"]
MOST = 50  # Matches that are kept of a member; what is cleared goes first.


class Matched(Fact, frozen=True):
    """`again`: it was cleared before, and the entry has changed."""

    list_name: str
    version: int
    entry_no: str
    digest: str
    by: By
    action: Action
    again: bool


class Confirmed(Fact, frozen=True):
    list_name: str
    entry_no: str
    person: str
    reason: str


class Cleared(Fact, frozen=True):
    list_name: str
    entry_no: str
    person: str
    reason: str


Event = Matched | Confirmed | Cleared


class Match(Struct, frozen=True, gc=False):
    list_name: str
    entry_no: str
    digest: str
    action: Action
    status: Status

    @property
    def stops(self) -> bool:
        return self.status == "confirmed" or (self.status, self.action) == ("open", "stop")


class State(Struct, frozen=True, gc=False):
    matches: tuple[Match, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether the member's money is to be stopped."""
        return any(one.stops for one in self.matches)

    def of(self, list_name: str, entry_no: str) -> Match | None:
        place = (list_name, entry_no)
        return next((one for one in self.matches if (one.list_name, one.entry_no) == place), None)


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"screening-{member_id}")


def member_of(stream: str) -> str:
    return key(stream)


def match(state: State, hits: Sequence[Hit]) -> list[Event]:
    """What a look has found. What is known, as it is: []. With MOST open ones the member's money
    has a reason already: no more are noted."""
    found: list[Event] = []
    waiting = sum(one.status != "cleared" for one in state.matches)
    for hit in hits:
        before = state.of(hit.list_name, hit.entry_no)
        if before is not None and (before.status != "cleared" or before.digest == hit.digest):
            continue
        if waiting + len(found) >= MOST:
            break
        found.append(
            Matched(
                hit.list_name,
                hit.version,
                hit.entry_no,
                hit.digest,
                hit.by,
                hit.action,
                before is not None,
            )
        )
    return found


def confirm(state: State, list_name: str, entry_no: str, person: str, reason: str) -> list[Event]:
    """It is who the list means. Again: []. Raises LIST_MATCH_NOT_FOUND, LIST_MATCH_STATE_WRONG."""
    if _needed(state, list_name, entry_no).status == "confirmed":
        return []
    _refuse_cleared(state, list_name, entry_no)
    return [Confirmed(list_name, entry_no, person, reason)]


def clear(state: State, list_name: str, entry_no: str, person: str, reason: str) -> list[Event]:
    """It is somebody else. Again: []. Raises LIST_MATCH_NOT_FOUND."""
    if _needed(state, list_name, entry_no).status == "cleared":
        return []
    return [Cleared(list_name, entry_no, person, reason)]


def _needed(state: State, list_name: str, entry_no: str) -> Match:
    found = state.of(list_name, entry_no)
    if found is None:
        raise Refused(Code.LIST_MATCH_NOT_FOUND, "entry_no", f"{list_name}: {entry_no}"[:120])
    return found


def _refuse_cleared(state: State, list_name: str, entry_no: str) -> None:
    if _needed(state, list_name, entry_no).status == "cleared":
        raise Refused(Code.LIST_MATCH_STATE_WRONG, "entry_no", "it was cleared")


def evolve(state: State, event: Event) -> State:
    match event:
        case Matched():
            made = Match(event.list_name, event.entry_no, event.digest, event.action, "open")
            return _kept(_without(state, made), made)
        case Confirmed(list_name=name, entry_no=entry_no):
            return _with_status(state, name, entry_no, "confirmed")
        case Cleared(list_name=name, entry_no=entry_no):
            return _with_status(state, name, entry_no, "cleared")
        case _:
            assert_never(event)


def _with_status(state: State, list_name: str, entry_no: str, status: Status) -> State:
    place = (list_name, entry_no)
    return State(
        tuple(
            replace(one, status=status) if (one.list_name, one.entry_no) == place else one
            for one in state.matches
        )
    )


def _without(state: State, made: Match) -> tuple[Match, ...]:
    place = (made.list_name, made.entry_no)
    return tuple(one for one in state.matches if (one.list_name, one.entry_no) != place)


def _kept(others: tuple[Match, ...], made: Match) -> State:
    """The oldest of those that were cleared makes room."""
    if len(others) >= MOST:
        gone = next(one for one in others if one.status == "cleared")
        others = tuple(one for one in others if one is not gone)
    return State((*others, made))
