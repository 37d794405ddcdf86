"""Reversal (冲正): an entry turned round, once. The stream is named after the entry it reverses.

(none) ──reverse──▶ reversed
"""

from typing import assert_never

from msgspec import Struct

from domain.kernel import Entry, Fact
from domain.refusals import Code, Refused


class Reversed(Fact, frozen=True):
    reference: str  # <stream>#<version> of the fact whose entry is turned round.
    reason: str
    entry: Entry


Event = Reversed


class State(Struct, frozen=True):
    reference: str = ""


def stream(reference: str) -> str:
    return f"reversal-{reference}"


def reverse(state: State, reference: str, reason: str, entry: Entry) -> list[Event]:
    if state.reference:
        raise Refused(Code.ENTRY_ALREADY_REVERSED, "reference", reference)
    return [Reversed(reference, reason, entry)]


def evolve(_state: State, event: Event) -> State:
    match event:
        case Reversed(reference=reference):
            return State(reference)
        case _:
            assert_never(event)
