"""Lines of a statement that move the institution's own funds: by how their reference begins, by the
number of a sweep that was instructed, or because an operator has booked just that line."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from api.operations.bills import bank_lines
from api.operations.bills.bank_lines import Statement
from domain.accounting import mirror, own_funds
from domain.accounting.owning import PostOwnFunds, ShowSweep, ShowTopUp
from domain.channel.channels import PAYOUT_CHANNEL
from domain.fields import checked_number
from domain.kernel import Command
from domain.ledger.ledger import Ledger
from domain.reconciliation.placing import Booked, Part, Way
from domain.reconciliation.statement import POSTED_BY_OWNERS
from domain.refusals import Refused
from projections.models import own_movements, top_ups
from projections.models.own_movements import Movement

Shown = Literal["interest", "buffer"]
SWEEP, TOP_UP = "SWEEP", "TOPUP"
SHOWN: dict[str, Shown] = {"INTEREST": "interest", "BUFFER": "buffer"}
# Of what a line of the reserve account can be. Capital is paid into the own account.
KINDS: dict[Way, tuple[own_funds.Kind, ...]] = {"in": ("interest", "buffer"), "out": ("sweep",)}


class Telling(Struct, frozen=True):
    """A command to an owner, and how much of a line it posts."""

    command: Command
    amount_fen: int


class Own(Struct, frozen=True):
    """What of a line is own funds, and what posts it: nothing for what is posted. `by_hand_fen`:
    what of it an operator has booked; that was not told by the statement."""

    part: Part
    told: tuple[Telling, ...] = ()
    by_hand_fen: int = 0


class OwnLines:
    """Lines of one statement. A movement or top-up is shown once, whatever else of its number or
    amount there is."""

    def __init__(self, ledger: Ledger, statement: Statement) -> None:
        self._ledger, self._statement = ledger, statement
        self._taken: set[str] = set()
        self._booked: defaultdict[str, list[Movement]] = defaultdict(list)

    def look_up(self, connection: Connection, references: Iterable[str]) -> None:
        """What operators have booked with the references of some lines (a few hundred)."""
        self._booked.clear()
        for one in own_movements.shown_by(connection, sorted(set(references))):
            self._booked[one.statement].append(one)

    def place(self, connection: Connection, line: Booked) -> Own | None:
        """None if it is none of them, or not as it should be."""
        if (found := self._by_hand(connection, line)) is not None:
            return found
        try:
            number = checked_number(line.number, "number")
        except Refused:
            return None
        return self._by_number(connection, line, number)

    def _by_hand(self, connection: Connection, line: Booked) -> Own | None:
        """Booked by an operator, with the line's serial or number for the statement's reference."""
        booked = [one for name in (line.serial, line.number) for one in self._booked.get(name, ())]
        for one in booked:
            kind: Any = one.kind
            fits = kind in KINDS[line.way] and one.amount_fen == line.amount_fen
            if fits and self._is_free(connection, one.movement_no):
                found = self._own(kind, one.movement_no, line)
                return replace(found, by_hand_fen=line.amount_fen)
        if line.serial and self._shown_fen(connection, line, line.serial) == line.amount_fen:
            about = line.number or line.serial
            part = Part("top_up", PAYOUT_CHANNEL, about, line.amount_fen)
            return Own(part, by_hand_fen=line.amount_fen)
        return None

    def _is_free(self, connection: Connection, number: str) -> bool:
        """Whether no line before this one was that movement."""
        if number in self._taken:
            return False
        before = bank_lines.shown_before(connection, self._statement, [number]).get(number, {})
        return not any(before.get(what) for what in POSTED_BY_OWNERS)

    def _own(
        self, kind: Shown | Literal["sweep"], number: str, line: Booked, *told: Command
    ) -> Own:
        self._taken.add(number)
        part = Part(kind, PAYOUT_CHANNEL, number, line.amount_fen)
        return Own(part, tuple(Telling(one, line.amount_fen) for one in told))

    def _by_number(self, connection: Connection, line: Booked, number: str) -> Own | None:
        one = self._statement
        said = bank_lines.said_of(one.channel, one.day, line.serial or line.line)
        state = self._ledger.state(own_funds.stream(number))
        if line.way == "out" and (number.startswith(SWEEP) or state.kind == "sweep"):
            return self._sweep(line, number, said, state)
        for start, kind in SHOWN.items():
            if line.way == "in" and number.startswith(start):
                return self._shown(line, number, kind, said, state)
        if number.startswith(TOP_UP):
            return self._top_up(connection, line, number, said)
        return None

    def _shown(
        self, line: Booked, number: str, kind: Shown, said: str, state: own_funds.State
    ) -> Own | None:
        if self._is_posted(state, kind, line):
            return self._again(kind, line, state)
        if state.status != "none" or self._is_used(line):
            return None
        return self._own(kind, number, line, PostOwnFunds(number, kind, line.amount_fen, said))

    def _sweep(self, line: Booked, number: str, said: str, state: own_funds.State) -> Own | None:
        """One that took more than fees is none."""
        if self._is_posted(state, "sweep", line):
            return self._again("sweep", line, state)
        asked = (state.status, state.amount_fen) == ("instructed", line.amount_fen)
        inside_fen = self._ledger.state(mirror.OF).available_fen
        unasked = state.status == "none" and inside_fen >= line.amount_fen
        if not (asked or unasked) or self._is_used(line):
            return None
        return self._own("sweep", number, line, ShowSweep(number, line.amount_fen, said))

    def _is_used(self, line: Booked) -> bool:
        """Whether a line of this number was taken, or something else was booked as this line."""
        booked = [*self._booked.get(line.serial, ()), *self._booked.get(line.number, ())]
        fits: tuple[str, ...] = KINDS[line.way]
        return line.number in self._taken or any(one.kind in fits for one in booked)

    def _is_posted(self, state: own_funds.State, kind: own_funds.Kind, line: Booked) -> bool:
        """Whether a statement of this day has posted it: of one that is issued again the line may
        stand elsewhere, with another amount."""
        posted = (state.status, state.kind) == ("posted", kind)
        one = self._statement
        mine = state.statement.startswith(bank_lines.said_of(one.channel, one.day))
        return posted and mine and line.number not in self._taken

    def _again(self, kind: Shown | Literal["sweep"], line: Booked, state: own_funds.State) -> Own:
        """As much of the line as is posted."""
        own = self._own(kind, line.number, line)
        return Own(replace(own.part, amount_fen=min(line.amount_fen, state.amount_fen)))

    def _top_up(self, connection: Connection, line: Booked, number: str, said: str) -> Own | None:
        """Those that this line has shown before; of what is left one of just that amount, else the
        oldest ones that together are it."""
        part = Part("top_up", PAYOUT_CHANNEL, number, line.amount_fen)
        hand_fen = self._shown_fen(connection, line, line.serial) if line.serial else 0
        hand_fen = min(hand_fen, line.amount_fen)
        known_fen = min(self._shown_fen(connection, line, said) + hand_fen, line.amount_fen)
        left_fen = line.amount_fen - known_fen
        if not left_fen:
            return Own(part, by_hand_fen=hand_fen)
        underway = [
            one
            for one in top_ups.underway(connection, line.way)
            if one.reference not in self._taken
        ]
        chosen = [one for one in underway if one.amount_fen == left_fen][:1]
        chosen = chosen or _oldest(underway, left_fen)
        if not chosen:
            known = replace(part, amount_fen=known_fen)
            return Own(known, by_hand_fen=hand_fen) if known_fen else None
        self._taken.update(one.reference for one in chosen)
        told = [Telling(ShowTopUp(one.reference, said), one.amount_fen) for one in chosen]
        return Own(part, tuple(told), hand_fen)

    def _shown_fen(self, connection: Connection, line: Booked, said: str) -> int:
        shown = top_ups.shown_by(connection, said)
        return sum(one.amount_fen for one in shown if one.direction == line.way)


def _oldest(underway: list[top_ups.TopUp], amount_fen: int) -> list[top_ups.TopUp]:
    total_fen = 0
    for count, one in enumerate(underway, 1):
        total_fen += one.amount_fen
        if total_fen == amount_fen:
            return underway[:count]
    return []
