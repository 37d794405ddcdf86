"""Verdict (对账结论) on a channel's bill of one day: how much of it the books have too.

    (none) ──reach──▶ verdict 1 ──reach──▶ verdict 2 …

A verdict is found by matching (`match.py`) and says what was found: how many lines matched, their
sums, a digest of who matched whom. It posts one entry, never one per line: what it found, less what
earlier verdicts on that day have posted. Found again and the same, nothing is recorded. A bill that
is issued again, or a line that another day's bill brought, makes a new one beside the old.
"""

from datetime import date

from msgspec import Struct

from domain.accounting.rules.matching import Sums, bill_matched
from domain.kernel import Entry, Fact, Stream
from domain.refusals import Code, Refused


class Found(Struct, frozen=True, omit_defaults=True, gc=False):
    """What matching found in version `bill` of a bill. `lines`: all it has; `matched` of them the
    books have too, payments of `paid_fen`, refunds of `refunded_fen`, as far as both sides say the
    same. `fee_milli_fen`: of the whole bill. `digest`: SHA-256 of the pairs, in the bill's order.
    """

    bill: int
    lines: int
    matched: int
    paid_fen: int
    refunded_fen: int
    fee_milli_fen: int
    digest: str

    @property
    def sums(self) -> Sums:
        return Sums(self.paid_fen, self.refunded_fen, self.fee_milli_fen)


class Reached(Fact, frozen=True, omit_defaults=True):
    """`position`: that of the facts it was found in. No `entry`: it adds nothing to what the ones
    before have posted."""

    found: Found
    position: int
    entry: Entry | None = None


Event = Reached


class State(Struct, frozen=True, gc=False):
    """`revision` counts the verdicts; `found` is what the newest says, and what is posted."""

    revision: int = 0
    found: Found | None = None


def stream(channel: str, day: date) -> "Stream[State]":
    return Stream(f"verdict-{channel}.{day.isoformat()}")


def of_stream(stream: str) -> tuple[str, date]:
    """Channel and day of a verdict's stream."""
    channel, day = stream.partition("-")[2].split(".")
    return channel, date.fromisoformat(day)


def reach(
    state: State, found: Found, position: int, channel: str, on: date, *, gross: bool
) -> list[Event]:
    """[] when the newest says the same."""
    if state.found == found:
        return []
    before = state.found.sums if state.found is not None else Sums(0, 0, 0)
    return [Reached(found, position, bill_matched(on, channel, before, found.sums, gross=gross))]


def refuse_stale(state: State, revision: int) -> None:
    """Raises RECONCILIATION_STALE when another verdict was reached meanwhile."""
    if state.revision != revision:
        detail = f"it was found beside verdict {revision}, there are {state.revision} by now"
        raise Refused(Code.RECONCILIATION_STALE, "revision", detail)


def evolve(state: State, event: Event) -> State:
    return State(state.revision + 1, event.found)
