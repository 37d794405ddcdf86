"""Business day (营业日): one open accounting date at a time, its cut-off, and its net positions.

    (none) ──open──▶ open ──cut off──▶ cut off ──close──▶ closed, and the next day is open

Cut-off (日切) ends the *clearing* date: what is released from then on clears with the next day,
while the accounting date stays open so that settlement of what was cleared still posts to it.
Nothing posts to a closed day. The stream is one for the ledger; its state is two dates.
"""

from datetime import date, timedelta
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused


class Position(Struct, frozen=True):
    """What a channel owes us (received) and we owe it (paid) for one date, netted, in fen."""

    channel: str
    network: str
    received_fen: int
    paid_fen: int
    net_fen: int


class Opened(Fact, frozen=True):
    date: date


class CutOff(Fact, frozen=True):
    date: date


class Closed(Fact, frozen=True):
    date: date
    positions: tuple[Position, ...]


Event = Opened | CutOff | Closed


class State(Struct, frozen=True, gc=False):
    """`open_date` takes postings; `clearing_date` collects releases (the same, or the next day)."""

    open_date: date | None = None
    clearing_date: date | None = None
    first_date: date | None = None


STREAM: "Stream[State]" = Stream("day-books")


def open_first(state: State, day: date) -> list[Event]:
    """Open the ledger's first day. Opening it again returns [], whichever day is open by then.
    Raises DAY_ALREADY_OPEN."""
    if state.first_date == day:
        return []
    if state.open_date is not None:
        raise Refused(Code.DAY_ALREADY_OPEN, "date", f"{state.open_date} is open")
    return [Opened(day)]


def cut_off(state: State, day: date) -> list[Event]:
    """End the clearing date. Doing it again, or for a closed day, returns []."""
    if is_over(state, day):
        return []
    return [] if state.clearing_date != day else [CutOff(day)]


def close(state: State, day: date, positions: tuple[Position, ...]) -> list[Event]:
    """Close the open day, cutting it off first if need be, and open the next calendar day."""
    if is_over(state, day):
        return []
    return [*cut_off(state, day), Closed(day, positions), Opened(day + timedelta(days=1))]


def is_over(state: State, day: date) -> bool:
    """Whether a date was closed before. Raises DAY_NOT_OPEN, DAY_NOT_THE_OPEN_ONE."""
    if state.open_date is None or state.first_date is None:
        raise Refused(Code.DAY_NOT_OPEN, "date")
    if day > state.open_date or day < state.first_date:
        raise Refused(Code.DAY_NOT_THE_OPEN_ONE, "date", f"{state.open_date} is open, not {day}")
    return day < state.open_date


def evolve(state: State, event: Event) -> State:
    match event:
        case Opened(date=day):
            return State(day, day, state.first_date or day)
        case CutOff(date=day):
            return replace(state, clearing_date=day + timedelta(days=1))
        case Closed():
            return replace(state, open_date=None)
        case _:
            assert_never(event)
