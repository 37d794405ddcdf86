"""Matching (勾对): lines of bills with what stands of one instruction. Pure.

A group is all lines and all of ours that can have to do with each other: one number's. Each line
and each movement of ours ends in exactly one place: in a pair, or in a difference. The order in
which they are given changes nothing. First by our number, then by the channel's serial; several
lines that add up to one of ours are a split, one line for all of ours is a combined order.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from domain.accounting.rules.differences import Lacks
from domain.channel.costs import Terms, cost_fen
from domain.kernel import shanghai_date
from domain.money import CURRENCY
from domain.reconciliation.bills.line import MILLI
from domain.reconciliation.difference import About, Cause, Kind
from domain.reconciliation.ended import Ended, beside
from domain.reconciliation.judging import Finding
from domain.reconciliation.ours import Flow, Ours, Stand

WAIT = ("missing_here", "refund_missing_here")  # For our side, which may yet hear of it.


class BillLine(Struct, frozen=True, gc=False):
    """A line of a bill that is in force. `sought`: what its number is looked for by."""

    bill: str
    day: date
    line: int
    flow: Flow
    number: str
    sought: str
    serial: str
    amount_fen: int
    fee_milli_fen: int
    state: str
    currency: str
    at_us: int | None = None

    @property
    def moves(self) -> bool:
        """Whether its money moved, or is moving: a refund is taken when it is accepted."""
        return self.state == "succeeded" or (self.state == "processing" and self.flow == "refund")


class Pair(NamedTuple):
    """A line and what it is of ours; `taken_fen`: as far as both say the same."""

    line: BillLine
    stand: Stand
    taken_fen: int


class Judged(NamedTuple):
    """Every line is in a pair, in a difference, or void: nothing moved by it, and nothing stands.
    What an ended difference has is found no more; what it has too much of is."""

    pairs: list[Pair]
    found: list[Finding]


class Rules(NamedTuple):
    """Of a channel: how it settles on a day; whether all bills that may bring what a day lacks are
    in."""

    channel: str
    terms: Callable[[date], Terms]
    complete: Callable[[date], bool]


def fee_differs(line: BillLine, terms: Terms) -> bool:
    """Whether its fee is another than was agreed; less than a fen is rounding."""
    return abs(line.fee_milli_fen - fee_due(line, terms)) >= MILLI


def fee_due(line: BillLine, terms: Terms) -> int:
    """The agreed fee in milli-fen, below zero on a refund."""
    due = cost_fen(terms, line.amount_fen) * MILLI
    return -due if line.flow == "refund" else due


def judge(
    lines: Sequence[BillLine], ours: Ours | None, ended: Sequence[Ended], rules: Rules
) -> Judged:
    """Who is whose in one group, and what differs, beside what persons have ended."""
    pairs, found = _Judging(lines, ours, rules).judged()
    return Judged(pairs, beside(found, ended, rules.complete))


class _Judging:
    """One group under way: what is left on each side, and what was found."""

    def __init__(self, lines: Sequence[BillLine], ours: Ours | None, rules: Rules) -> None:
        self.ours = ours
        self.rules = rules
        self.lines = sorted(lines, key=lambda one: (one.day, one.line, one.bill))
        stands = ours.stands if ours is not None else ()
        self.stands = sorted(stands, key=lambda one: (one.place, one.serial, one.number))
        self.pairs: list[Pair] = []
        self.found: list[Finding] = []
        self.seen: set[str] = set()  # Serials of lines whose money has a place.

    def judged(self) -> Judged:
        good = [one for one in self.lines if one.moves and one.currency == CURRENCY]
        self.lines = [one for one in self.lines if one not in good]
        left = self._pair(self._split(good))
        for line in self.lines:
            self._void(line)
        for line in left:
            self._lacks_here(line)
        for stand in self.stands:
            if stand.expected:
                self._lacks_there(stand)
        return Judged(self.pairs, self.found)

    def _split(self, good: list[BillLine]) -> list[BillLine]:
        """Several lines of one number that add up to one of ours: none alone is it."""
        for stand in list(self.stands):
            mine = [one for one in good if one.sought in stand.sought]
            if len(mine) < 2 or any(one.amount_fen >= stand.amount_fen for one in mine):
                continue
            if sum(one.amount_fen for one in mine) == stand.amount_fen:
                for line in mine:
                    self._take(line, stand, line.amount_fen)
                self.stands.remove(stand)
                good = [one for one in good if one not in mine]
        return good

    def _pair(self, good: list[BillLine]) -> list[BillLine]:
        earlier = self.ours.earlier if self.ours is not None else frozenset()

        def by_number(line: BillLine, stand: Stand) -> bool:
            return line.sought in stand.sought

        def by_serial(line: BillLine, stand: Stand) -> bool:
            return bool(line.serial) and line.serial == stand.serial

        def same_amount(line: BillLine, stand: Stand) -> bool:
            return line.amount_fen == stand.amount_fen

        def by_earlier(line: BillLine, _stand: Stand) -> bool:
            return line.number in earlier

        steps: tuple[tuple[Callable[[BillLine, Stand], bool], ...], ...] = (
            (by_number, by_serial),
            (by_number, same_amount),
            (by_number,),
            (by_earlier, by_serial),
            (by_earlier,),
            (by_serial,),
        )
        for step in steps:
            for line in list(good):
                fits = [one for one in self.stands if all(test(line, one) for test in step)]
                if fits:
                    good.remove(line)
                    self._match(line, fits[0])
        return self._combined(good)

    def _combined(self, good: list[BillLine]) -> list[BillLine]:
        """One line for all that is left of a combined order."""
        ours = self.ours
        whole = ours.sought if ours is not None and ours.combined else frozenset()
        for line in list(good):
            due_fen = sum(one.amount_fen for one in self.stands)
            if line.sought in whole and len(self.stands) > 1 and line.amount_fen == due_fen:
                good.remove(line)
                self._take(line, self.stands[0], line.amount_fen)
                self.stands.clear()
        return good

    def _match(self, line: BillLine, stand: Stand) -> None:
        self.stands.remove(stand)
        self._take(line, stand, min(line.amount_fen, stand.amount_fen))
        over_fen = line.amount_fen - stand.amount_fen
        if over_fen:
            lacks: Lacks = "here" if over_fen > 0 else "there"
            self._find(
                "amount", line.day, lacks, abs(over_fen), "", line=line, ours_fen=stand.amount_fen
            )

    def _take(self, line: BillLine, stand: Stand, taken_fen: int) -> None:
        self.pairs.append(Pair(line, stand, taken_fen))
        self.seen.add(line.serial)
        terms = self.rules.terms(line.day)
        if fee_differs(line, terms):
            due = fee_due(line, terms)
            self._find("fee", line.day, "here", 0, "", line=line, ours_fen=due)

    def _void(self, line: BillLine) -> None:
        """A line by which nothing moved, or in other money: what stands of ours is missing."""
        fits = [one for one in self.stands if line.sought in one.sought]
        stand = fits[0] if fits else None
        if stand is not None:
            self.stands.remove(stand)
        ours_fen = stand.amount_fen if stand is not None else 0
        expected = stand is not None and stand.expected
        if line.moves:
            waits_fen = ours_fen if expected else 0
            self._find("currency", line.day, "there", waits_fen, "", line=line, ours_fen=ours_fen)
        elif expected:
            self._find("status", line.day, "there", ours_fen, "", line=line, ours_fen=ours_fen)

    def _lacks_here(self, line: BillLine) -> None:
        ours, amount_fen = self.ours, line.amount_fen
        if self.seen or (ours is not None and ours.stands):
            again = bool(line.serial) and line.serial not in self.seen
            cause: Cause = "second_charge" if again else ""
            self._find("duplicate", line.day, "here", amount_fen, cause, line=line)
        elif ours is not None and ours.declined:
            ended = ours.ended_at_us
            late = line.at_us is not None and ended is not None and line.at_us > ended
            cause = "late_success" if late else ours.here
            self._find("status", line.day, "here", amount_fen, cause, line=line)
        else:
            kind: Kind = "missing_here" if line.flow == "payment" else "refund_missing_here"
            cause = ours.here if ours is not None else "not_ours"
            self._find(kind, line.day, "here", amount_fen, cause, line=line)
        self.seen.add(line.serial)

    def _place(self, about: About, base: str) -> str:
        """Tells apart what has one number, however often the bill is issued again."""
        named = (about.kind, about.number, about.on)
        same = [
            one
            for one in self.found
            if (one.about.kind, one.about.number, one.about.on) == named
            and one.place.partition("/")[0] == base
        ]
        return f"{base}/{len(same)}" if same else base

    def _lacks_there(self, stand: Stand) -> None:
        ours = self.ours
        assert ours is not None
        flow = ours.flow
        kind: Kind = "missing_at_channel" if flow == "payment" else "refund_missing_at_channel"
        on = shanghai_date(stand.at_us)
        about = About(
            kind,
            self.rules.channel,
            stand.number,
            on,
            flow,
            "there",
            stand.amount_fen,
            0,
            stand.amount_fen,
            self.rules.terms(on).gross,
            stand.serial,
            instruction_id=ours.instruction_id,
        )
        certain = self.rules.complete(on)
        place = self._place(about, stand.place)
        self.found.append(Finding(about, ours.there, certain, place))

    def _find(
        self,
        kind: Kind,
        on: date,
        lacks: Lacks,
        amount_fen: int,
        cause: Cause,
        *,
        line: BillLine,
        ours_fen: int = 0,
    ) -> None:
        """What a line says otherwise than the books. A payment or refund that only the bill has may
        yet be heard of here; all else is certain at once."""
        bill_fen = line.amount_fen
        if kind == "fee":
            bill_fen = line.fee_milli_fen
        elif kind == "status" and lacks == "there":
            bill_fen = 0
        about = About(
            kind,
            self.rules.channel,
            line.number,
            on,
            line.flow,
            lacks,
            ours_fen,
            bill_fen,
            amount_fen,
            self.rules.terms(on).gross,
            line.serial,
            line.bill,
            line.line,
            self.ours.instruction_id if self.ours is not None else "",
        )
        certain = kind not in WAIT or self.rules.complete(on)
        base = line.serial if kind in ("fee", "duplicate") else ""
        self.found.append(Finding(about, cause, certain, self._place(about, base)))
