"""Reserve proof (备付金证明): what a closed business day came to, certified, one for each day.

    (none) ──certify──▶ certified

The day's closing fact is the last of its date: what every code of the chart had come to there never
changes again. The certificate names that position and the hash of its commit, each side of the
identity, and how long what is unmatched or in suspense has waited. Amounts are fen, each on
its account's normal side. Source: sections 4 and 4a of the domain notes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, assert_never

from msgspec import Struct

from domain.accounting.chart import CHART, FEE_EARNED, OWN_IN_RESERVE, RESERVE_IDENTITY
from domain.kernel import Fact, Stream, key
from domain.refusals import Code, Refused

# Days waited, and what that is called; the last is everything older.
BANDS = ((0, "0"), (1, "1"), (3, "2-3"), (7, "4-7"), (30, "8-30"))
OLDER = "31+"


class Total(Struct, frozen=True, array_like=True):
    """What all accounts of a code come to."""

    code: str
    balance_fen: int


class Aged(Struct, frozen=True, array_like=True):
    """What waits on a code for so many days. `items` is 0 where money waits as a balance, of which
    what came last is taken to be there still."""

    code: str
    days: str
    items: int
    amount_fen: int


class Section(Struct, frozen=True):
    name: str
    rows: tuple[Aged, ...]


class Certified(Fact, frozen=True):
    """`head_hash` is the hash (hex) of the commit that `position` stands in."""

    position: int
    head_hash: str
    totals: tuple[Total, ...]
    sections: tuple[Section, ...]


Event = Certified


class State(Struct, frozen=True, gc=False):
    certified: bool = False


class Waiting(NamedTuple):
    """Money that waits on a code since a date: an item, or what is left of a balance (no item)."""

    code: str
    since: date
    amount_fen: int
    items: int


def stream(on: date) -> "Stream[State]":
    return Stream(f"certificate-{on.isoformat()}")


def date_of(stream: str) -> date:
    """The accounting date, from the certificate's stream."""
    return date.fromisoformat(key(stream))


def certify(
    state: State,
    position: int,
    head_hash: str,
    totals: tuple[Total, ...],
    sections: tuple[Section, ...],
) -> list[Event]:
    """Once; again: []. Raises RESERVE_PROOF_WRONG for totals that prove nothing."""
    if state.certified:
        return []
    if wrong := fault_of(totals):
        raise Refused(Code.RESERVE_PROOF_WRONG, "totals", wrong)
    return [Certified(position, head_hash, totals, sections)]


def totals_of(debits_fen: Mapping[str, int]) -> tuple[Total, ...]:
    """Totals by code, from debits less credits; codes that come to nothing are left out."""
    return tuple(
        Total(code, fen if CHART[code].debit_normal else -fen)
        for code, fen in sorted(debits_fen.items())
        if fen
    )


def fault_of(totals: Sequence[Total], *, mirrored: bool = True) -> str:
    """What does not hold: debits equal credits, the identity, the mirror (`mirrored`: the books
    have one); "" when all do."""
    by_code = {one.code: _debit_fen(one) for one in totals}
    off_fen = sum(by_code.values())
    if off_fen:
        return f"the books are off by {off_fen} fen"
    off_fen = sum(fen for code, fen in by_code.items() if code in RESERVE_IDENTITY)
    if off_fen:
        return f"the reserve identity is off by {off_fen} fen"
    inside_fen, mirror_fen = -by_code.get(FEE_EARNED, 0), by_code.get(OWN_IN_RESERVE, 0)
    if mirrored and inside_fen != mirror_fen:
        return f"{FEE_EARNED} is at {inside_fen} fen, {OWN_IN_RESERVE} at {mirror_fen}"
    return ""


def sides_of(totals: Sequence[Total]) -> tuple[int, int]:
    """The two sides of the identity: what there is for customers (what channels are owed taken
    off), and what customers and the institution are owed out of it."""
    inside = [one for one in totals if one.code in RESERVE_IDENTITY]
    there_fen = sum(_debit_fen(one) for one in inside if not _is_owed(one.code))
    return there_fen, -sum(_debit_fen(one) for one in inside if _is_owed(one.code))


def section_of(name: str, on: date, waiting: Iterable[Waiting]) -> Section:
    """What waits, by code and by how many days it has on a date."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    order = [*(band for _, band in BANDS), OLDER]
    for one in waiting:
        at = one.code, _band(on, one.since)
        items, fen = sums.get(at, (0, 0))
        sums[at] = items + one.items, fen + one.amount_fen
    rows = sorted(sums.items(), key=lambda row: (row[0][0], order.index(row[0][1])))
    return Section(name, tuple(Aged(*at, *counted) for at, counted in rows if any(counted)))


def left_of(
    code: str, balance_fen: int, moves: Iterable[tuple[date, int, int]], oldest: date
) -> list[Waiting]:
    """Since when a balance waits, what came last being there still. `moves` are the dates, newest
    first, with what came and went on the normal side; what is older than all is of `oldest`."""
    left_fen, sign, found = abs(balance_fen), 1 if balance_fen >= 0 else -1, []
    for on, came_fen, went_fen in moves:
        if not left_fen:
            break
        took_fen = min(left_fen, came_fen if sign > 0 else went_fen)
        if took_fen:
            found.append(Waiting(code, on, sign * took_fen, 0))
            left_fen -= took_fen
    if left_fen:
        found.append(Waiting(code, oldest, sign * left_fen, 0))
    return found


def _debit_fen(total: Total) -> int:
    return total.balance_fen if CHART[total.code].debit_normal else -total.balance_fen


def _is_owed(code: str) -> bool:
    return code == FEE_EARNED or code.startswith("2241.")


def _band(on: date, since: date) -> str:
    days = (on - since).days
    return next((band for most, band in BANDS if days <= most), OLDER)


def evolve(_state: State, event: Event) -> State:
    match event:
        case Certified():
            return State(True)
        case _:
            assert_never(event)
